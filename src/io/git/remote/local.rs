//! Stands in for a remote where there is none: a lock of the operating system beside the journals,
//! which is released when its process dies, and tags in the repository at hand.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use crate::{
    git::{CommitId, ObjectId, RefName},
    io::{
        file_lock::FileLock,
        git::{
            error::{RemoteError, RemoteErrorKind},
            objects::Objects,
            remote::{
                RefChange, RefEdit, RefPattern, Remote,
                lock_file::{LockContent, LockFiles},
                mark::write_mark,
            },
            run::{Git, object_id},
        },
    },
    oci::Digest,
};

/// The repository at hand in place of a remote.
#[derive(Debug)]
pub struct LocalOnly {
    git: Git,
    files: LockFiles,
    /// The lock, while this process holds it. It ends with this value, as it would with the process.
    held: Mutex<Option<FileLock>>,
    /// Journals of locks that were made but not taken yet.
    made: Mutex<BTreeMap<ObjectId, String>>,
}

fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LocalOnly {
    /// The repository at `dir`, with its lock at `path`, and what the lock holds in a file beside it.
    pub fn new(dir: impl Into<PathBuf>, path: impl Into<PathBuf>) -> Self {
        Self {
            git: Git::new(dir),
            files: LockFiles::new(path.into()),
            held: Mutex::default(),
            made: Mutex::default(),
        }
    }

    /// Compares and swaps the lock refs under the lock of the operating system.
    fn swap_locks(&self, edits: &[RefEdit]) -> Result<(), RemoteError> {
        let mut held = open(&self.held);
        let was_held = held.is_some();
        let lock = match held.take() {
            Some(lock) => lock,
            None => self.files.take()?.ok_or_else(|| {
                let message = "another process of this machine holds the lock";
                RemoteError::new(RemoteErrorKind::Conflict, message)
            })?,
        };
        let swapped = self.replace(&lock, edits);
        let stays = match &swapped {
            Ok(()) => edits.iter().any(|edit| edit.keeps_ref()),
            // It may be there already.
            Err(error) if error.is_final() || error.kind == RemoteErrorKind::Conflict => was_held,
            Err(_) => was_held || edits.iter().any(RefEdit::keeps_ref),
        };
        if stays {
            *held = Some(lock);
        }
        swapped
    }

    fn replace(&self, lock: &FileLock, edits: &[RefEdit]) -> Result<(), RemoteError> {
        let mut content = self.files.read()?;
        let as_expected = |edit: &RefEdit| content.refs.get(&edit.name) == edit.expected();
        if !edits.iter().all(as_expected) {
            let message = "the lock is not what was expected";
            return Err(RemoteError::new(RemoteErrorKind::Conflict, message));
        }
        for edit in edits {
            match edit.result() {
                Some(id) => content.refs.insert(edit.name.clone(), id.clone()),
                None => content.refs.remove(&edit.name),
            };
        }
        for (id, journal) in open(&self.made).iter() {
            content.journals.insert(id.clone(), journal.clone());
        }
        let LockContent { refs, journals, .. } = &mut content;
        journals.retain(|id, _| refs.values().any(|there| there == id));
        self.files.write(lock, content)
    }

    /// Compares and swaps tags and branches, all of them or none.
    async fn swap_refs(&self, edits: &[RefEdit]) -> Result<(), RemoteError> {
        let line = |edit: &RefEdit| {
            let name = &edit.name;
            match &edit.change {
                RefChange::Create { new } => format!("create {name} {new}\n"),
                RefChange::Update { expected, new } => format!("update {name} {new} {expected}\n"),
                RefChange::Delete { expected } => format!("delete {name} {expected}\n"),
            }
        };
        let input: String = edits.iter().map(line).collect();
        let output = self
            .git
            .run(
                ["update-ref", "-m", "hoist", "--stdin"],
                input.as_bytes(),
                &[],
            )
            .await?;
        if output.success {
            return Ok(());
        }
        Err(RemoteError::new(
            RemoteErrorKind::Conflict,
            output.error_text(),
        ))
    }
}

/// Whether the repository itself has this ref, and not the lock file.
fn is_ref(edit: &RefEdit) -> bool {
    !edit.name.is_lock()
}

#[async_trait]
impl Remote for LocalOnly {
    fn name(&self) -> &str {
        "this repository"
    }

    fn is_local(&self) -> bool {
        true
    }

    async fn check(&self, edits: &[RefEdit]) -> Result<(), RemoteError> {
        self.files.check()?;
        let names = RefPattern::names(edits.iter().map(|edit| &edit.name));
        let there = self.refs(&names).await?;
        let shown = |edit: &RefEdit| there.iter().find(|(name, _)| *name == edit.name);
        let is_other = |edit: &&RefEdit| shown(edit).map(|(_, id)| id) != edit.expected();
        match edits.iter().find(is_other) {
            Some(edit) => {
                let message = format!("{} is not what was expected", edit.name);
                Err(RemoteError::new(RemoteErrorKind::Conflict, message))
            }
            None => Ok(()),
        }
    }

    async fn refs(&self, patterns: &[RefPattern]) -> Result<Vec<(RefName, ObjectId)>, RemoteError> {
        let list = ["for-each-ref", "--format=%(objectname) %(refname)"];
        let text = self.git.run_local("list the refs", list, b"").await?;
        let mut found: Vec<(RefName, ObjectId)> = Vec::new();
        for (id, name) in text.lines().filter_map(|line| line.split_once(' ')) {
            if let Ok(name) = name.parse() {
                found.push((name, object_id(id)?));
            }
        }
        // Another remote's locks, as a mirror has them, are none of this repository.
        found.retain(|(name, _)| !name.is_lock());
        found.extend(self.files.read()?.refs);
        found.retain(|(name, _)| RefPattern::any(patterns, name));
        Ok(found)
    }

    async fn swap(&self, edits: &[RefEdit]) -> Result<(), RemoteError> {
        let (refs, locks): (Vec<_>, Vec<_>) = edits.iter().cloned().partition(is_ref);
        // Under the lock from its first to its last moment.
        let (taken, given): (Vec<_>, Vec<_>) = locks.into_iter().partition(|edit| edit.keeps_ref());
        if !taken.is_empty() {
            self.swap_locks(&taken)?;
        }
        let swapped = if refs.is_empty() {
            Ok(())
        } else {
            self.swap_refs(&refs).await
        };
        if let Err(error) = swapped {
            if !taken.is_empty() {
                let back: Vec<_> = taken.into_iter().map(RefEdit::undone).collect();
                self.swap_locks(&back)?;
            }
            return Err(error);
        }
        if given.is_empty() {
            return Ok(());
        }
        self.swap_locks(&given)
    }

    async fn write_lock(&self, _title: &str, journal: &str) -> Result<ObjectId, RemoteError> {
        let id = object_id(&Digest::of(journal.as_bytes()).hex()[..40])?;
        open(&self.made).insert(id.clone(), journal.to_owned());
        Ok(id)
    }

    async fn read_lock(&self, _name: &RefName, id: &ObjectId) -> Result<String, RemoteError> {
        let missing = || RemoteError::new(RemoteErrorKind::Local, "the lock is gone");
        self.files.read()?.journals.remove(id).ok_or_else(missing)
    }

    async fn lock_bytes(&self, name: &RefName, id: &ObjectId) -> Result<Vec<u8>, RemoteError> {
        self.read_lock(name, id).await.map(String::into_bytes)
    }

    async fn damaged_locks(&self) -> Result<Option<Vec<u8>>, RemoteError> {
        self.files.damaged()
    }

    async fn clear_damaged_locks(&self, seen: &[u8]) -> Result<(), RemoteError> {
        let conflict = |message: &str| RemoteError::new(RemoteErrorKind::Conflict, message);
        let Some(lock) = self.files.take()? else {
            return Err(conflict("another process of this machine holds the lock"));
        };
        if self.files.damaged()?.as_deref() != Some(seen) {
            return Err(conflict("the lock file has changed"));
        }
        self.files.write(&lock, LockContent::default())
    }

    async fn contains(
        &self,
        _name: &RefName,
        tip: &ObjectId,
        commit: CommitId,
    ) -> Result<bool, RemoteError> {
        self.git.is_ancestor(commit, tip).await
    }

    async fn write_tag(&self, object: &[u8], _commit: CommitId) -> Result<ObjectId, RemoteError> {
        Objects::open(self.git.dir())?.write_tag("write the git tag's object", object)
    }

    async fn write_mark(&self, object: &[u8]) -> Result<ObjectId, RemoteError> {
        write_mark(&self.git, object)
    }
}
