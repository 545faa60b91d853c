//! A git remote in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;

use crate::{
    git::{CommitId, ObjectId, RefName},
    io::git::remote::{RefEdit, RefPattern, Remote, RemoteError, RemoteErrorKind},
    oci::Digest,
    testing::{Faults, Order, open},
};

/// A git object's id: `word` itself where it is one, else an id that stands for this word alone.
#[must_use]
pub fn object_id(word: &str) -> ObjectId {
    word.parse().unwrap_or_else(|_| of_content(word.as_bytes()))
}

fn of_content(content: &[u8]) -> ObjectId {
    let id = Digest::of(content).hex()[..40].parse();
    id.expect("40 digits of a digest are an id")
}

fn ref_name(name: &str) -> RefName {
    name.parse().expect("the caller names a ref in full")
}

/// A git remote in memory; all clones of one value are the same remote.
#[derive(Clone)]
pub struct FakeRemote {
    state: Arc<Mutex<RemoteState>>,
    faults: Faults,
    /// Whether it does all edits of a push at once.
    pub atomic: bool,
}

#[derive(Default)]
struct RemoteState {
    refs: BTreeMap<RefName, ObjectId>,
    objects: BTreeMap<ObjectId, Vec<u8>>,
    /// Commits and their parents, as far as somebody told.
    parents: BTreeMap<ObjectId, ObjectId>,
}

impl FakeRemote {
    /// A remote without refs.
    #[must_use]
    pub fn new(faults: &Faults) -> Self {
        Self {
            state: Arc::default(),
            faults: faults.clone(),
            atomic: true,
        }
    }

    /// All refs.
    #[must_use]
    pub fn all_refs(&self) -> BTreeMap<RefName, ObjectId> {
        open(&self.state).refs.clone()
    }

    /// Sets a ref, as another writer would, to what [`object_id`] makes of `id`.
    ///
    /// # Panics
    /// `name` is not the full name of a ref.
    pub fn set(&self, name: &str, id: &str) {
        let name = ref_name(name);
        open(&self.state).refs.insert(name, object_id(id));
    }

    /// Somebody pushes `id` on top of what the branch `name` shows.
    ///
    /// # Panics
    /// As [`FakeRemote::set`].
    pub fn push_on_top(&self, name: &str, id: &str) {
        let state = &mut *open(&self.state);
        let id = object_id(id);
        if let Some(parent) = state.refs.insert(ref_name(name), id.clone()) {
            state.parents.insert(id, parent);
        }
    }

    /// Deletes a ref, as another writer would.
    pub fn remove(&self, name: &str) {
        open(&self.state).refs.remove(name);
    }

    /// The content of an object.
    #[must_use]
    pub fn object(&self, id: &ObjectId) -> Option<Vec<u8>> {
        open(&self.state).objects.get(id).cloned()
    }

    /// Stores an object, as another writer would.
    pub fn store(&self, content: &[u8]) -> ObjectId {
        let id = of_content(content);
        open(&self.state)
            .objects
            .insert(id.clone(), content.to_vec());
        id
    }

    fn apply(&self, edits: &[RefEdit]) -> Result<(), RemoteError> {
        let refs = &mut open(&self.state).refs;
        as_expected(refs, edits)?;
        for edit in edits {
            match edit.result() {
                Some(id) => refs.insert(edit.name.clone(), id.clone()),
                None => refs.remove(&edit.name),
            };
        }
        Ok(())
    }
}

fn as_expected(refs: &BTreeMap<RefName, ObjectId>, edits: &[RefEdit]) -> Result<(), RemoteError> {
    for edit in edits {
        if refs.get(&edit.name) != edit.expected() {
            let message = format!("{} is not what was expected", edit.name);
            return Err(RemoteError::new(RemoteErrorKind::Conflict, message));
        }
    }
    Ok(())
}

fn failure(order: Order) -> Result<(), RemoteError> {
    let error = |kind, message: &str| Err(RemoteError::new(kind, message));
    match order {
        Order::Do | Order::DoAndCrash => Ok(()),
        Order::Refuse | Order::NotFound => error(RemoteErrorKind::Refused, "the server refuses"),
        Order::NoConnection | Order::Fail | Order::DoAndLose | Order::DoLate(_) => {
            error(RemoteErrorKind::Unreachable, "the server does not answer")
        }
    }
}

#[async_trait]
impl Remote for FakeRemote {
    fn name(&self) -> &str {
        "origin"
    }

    async fn check(&self, edits: &[RefEdit]) -> Result<(), RemoteError> {
        failure(self.faults.ask("git check".into()).await)?;
        as_expected(&open(&self.state).refs, edits)
    }

    async fn refs(&self, patterns: &[RefPattern]) -> Result<Vec<(RefName, ObjectId)>, RemoteError> {
        let order = self.faults.ask("git refs".into()).await;
        let refs = self.all_refs();
        self.faults.finish(order).await;
        failure(order)?;
        Ok(refs
            .into_iter()
            .filter(|(name, _)| RefPattern::any(patterns, name))
            .collect())
    }

    async fn swap(&self, edits: &[RefEdit]) -> Result<(), RemoteError> {
        // Without atomic pushes each edit is a request of its own, creations first.
        let (create, delete): (Vec<_>, Vec<_>) =
            edits.iter().cloned().partition(|edit| edit.keeps_ref());
        let parts: Vec<Vec<RefEdit>> = if self.atomic {
            vec![edits.to_vec()]
        } else {
            create
                .into_iter()
                .chain(delete)
                .map(|edit| vec![edit])
                .collect()
        };
        for part in parts {
            let order = self.faults.ask("git swap".into()).await;
            if let Order::Do | Order::DoAndLose | Order::DoAndCrash = order {
                self.apply(&part)?;
            }
            self.faults.finish(order).await;
            failure(order)?;
        }
        Ok(())
    }

    async fn write_lock(&self, title: &str, journal: &str) -> Result<ObjectId, RemoteError> {
        let order = self.faults.ask("git write".into()).await;
        self.faults.finish(order).await;
        failure(order)?;
        Ok(self.store(format!("{title}\n{journal}").as_bytes()))
    }

    async fn read_lock(&self, name: &RefName, id: &ObjectId) -> Result<String, RemoteError> {
        let order = self.faults.ask("git read".into()).await;
        self.faults.finish(order).await;
        failure(order)?;
        let missing = || RemoteError::new(RemoteErrorKind::Local, "there is no such object");
        // A ref brings its own object only.
        if self.all_refs().get(name) != Some(id) {
            return Err(missing());
        }
        let text = String::from_utf8(self.object(id).ok_or_else(missing)?);
        let text = text.map_err(|_| missing())?;
        Ok(text
            .split_once('\n')
            .map_or("", |(_, journal)| journal)
            .to_owned())
    }

    async fn lock_bytes(&self, name: &RefName, id: &ObjectId) -> Result<Vec<u8>, RemoteError> {
        self.read_lock(name, id).await.map(String::into_bytes)
    }

    async fn contains(
        &self,
        _name: &RefName,
        tip: &ObjectId,
        commit: CommitId,
    ) -> Result<bool, RemoteError> {
        let order = self.faults.ask("git read".into()).await;
        self.faults.finish(order).await;
        failure(order)?;
        let state = open(&self.state);
        let mut line = std::iter::successors(Some(tip), |id| state.parents.get(*id));
        Ok(line.any(|id| *id == commit))
    }

    async fn write_tag(&self, object: &[u8], _commit: CommitId) -> Result<ObjectId, RemoteError> {
        let order = self.faults.ask("git write".into()).await;
        self.faults.finish(order).await;
        failure(order)?;
        Ok(self.store(object))
    }

    async fn write_mark(&self, object: &[u8]) -> Result<ObjectId, RemoteError> {
        let order = self.faults.ask("git write".into()).await;
        self.faults.finish(order).await;
        failure(order)?;
        Ok(self.store(object))
    }
}
