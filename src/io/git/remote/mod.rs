//! A git remote as the publish transaction sees it: refs that change all at once, and only from
//! the values that were expected.

mod follow;
mod local;
mod lock_file;
mod mark;
mod push;
mod tag;
mod tags;
mod target;

use std::fmt;

use async_trait::async_trait;

use crate::git::{CommitId, ObjectId, RefName};

pub(crate) use crate::io::git::objects::create_ref;

pub use crate::io::git::error::{RemoteError, RemoteErrorKind};
pub use crate::io::git::remote::follow::follow;
pub use crate::io::git::remote::local::LocalOnly;
pub use crate::io::git::remote::mark::{KeptMark, keep_marks};
pub use crate::io::git::remote::push::GitRemote;
pub use crate::io::git::remote::tag::{MadeTag, NewTag, committer, make_tag};
pub use crate::io::git::remote::tags::{RemoteLook, RemoteTag, RemoteTags};
pub(crate) use crate::io::git::remote::target::missing_remote;

/// One change of one ref, with what the ref must be before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefEdit {
    /// The ref that changes.
    pub name: RefName,
    /// The change, and its precondition.
    pub change: RefChange,
}

/// What happens to a ref, and what it must be for that. There is no way to say "whatever it is".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefChange {
    /// The ref must not exist, and is created.
    Create {
        /// The object that it is to show.
        new: ObjectId,
    },
    /// The ref must show one object, and is to show another.
    Update {
        /// The object that it must show before.
        expected: ObjectId,
        /// The object that it is to show.
        new: ObjectId,
    },
    /// The ref must show an object, and is deleted.
    Delete {
        /// The object that it must show before.
        expected: ObjectId,
    },
}

impl RefEdit {
    /// Creates the ref `name`, which must not exist.
    pub fn create(name: &RefName, new: impl Into<ObjectId>) -> Self {
        Self {
            name: name.clone(),
            change: RefChange::Create { new: new.into() },
        }
    }

    /// Moves the ref `name` from `expected` to `new`.
    pub fn update(name: &RefName, expected: impl Into<ObjectId>, new: impl Into<ObjectId>) -> Self {
        Self {
            name: name.clone(),
            change: RefChange::Update {
                expected: expected.into(),
                new: new.into(),
            },
        }
    }

    /// Deletes the ref `name`, which must show `expected`.
    pub fn delete(name: &RefName, expected: impl Into<ObjectId>) -> Self {
        Self {
            name: name.clone(),
            change: RefChange::Delete {
                expected: expected.into(),
            },
        }
    }

    /// The object that the ref must show before; `None`: it must not exist.
    #[must_use]
    pub fn expected(&self) -> Option<&ObjectId> {
        match &self.change {
            RefChange::Create { .. } => None,
            RefChange::Update { expected, .. } | RefChange::Delete { expected } => Some(expected),
        }
    }

    /// The object that the ref shows afterwards; `None`: it does not exist any more.
    #[must_use]
    pub fn result(&self) -> Option<&ObjectId> {
        match &self.change {
            RefChange::Create { new } | RefChange::Update { new, .. } => Some(new),
            RefChange::Delete { .. } => None,
        }
    }

    /// Whether the ref exists afterwards.
    #[must_use]
    pub fn keeps_ref(&self) -> bool {
        self.result().is_some()
    }

    /// The edit that takes this one back.
    #[must_use]
    pub fn undone(self) -> Self {
        let change = match self.change {
            RefChange::Create { new } => RefChange::Delete { expected: new },
            RefChange::Update { expected, new } => RefChange::Update {
                expected: new,
                new: expected,
            },
            RefChange::Delete { expected } => RefChange::Create { new: expected },
        };
        Self {
            name: self.name,
            change,
        }
    }
}

/// The remote that a release's lock and tag live on.
#[async_trait]
pub trait Remote: Send + Sync {
    /// The remote's name, for messages: `origin`.
    fn name(&self) -> &str;

    /// Whether there is none: refs stay in this clone (`git.push = false`).
    fn is_local(&self) -> bool {
        false
    }

    /// Tries `edits` without carrying them out; a ref that is not what is expected is a conflict. The user's
    /// pre-push hook is run.
    async fn check(&self, edits: &[RefEdit]) -> Result<(), RemoteError>;

    /// The refs that match one of `patterns`, with their values. A ref whose name is not a valid
    /// [`RefName`] is left out.
    async fn refs(&self, patterns: &[RefPattern]) -> Result<Vec<(RefName, ObjectId)>, RemoteError>;

    /// Carries out all `edits` at once, or none. Where the server cannot do that, they are carried out
    /// in the order given, deletions last, so that a crash in between leaves the lock.
    async fn swap(&self, edits: &[RefEdit]) -> Result<(), RemoteError>;

    /// Stores a lock object that holds `journal`; nothing is sent yet. `title` is read by people who
    /// find it.
    async fn write_lock(&self, title: &str, journal: &str) -> Result<ObjectId, RemoteError>;

    /// The journal in the lock object that the ref `name` holds.
    async fn read_lock(&self, name: &RefName, id: &ObjectId) -> Result<String, RemoteError>;

    /// The bytes of the journal in the lock object that the ref `name` holds, whatever they are; of an
    /// object that has none, the object's own. For a person who looks into a lock that hoist cannot read.
    async fn lock_bytes(&self, name: &RefName, id: &ObjectId) -> Result<Vec<u8>, RemoteError>;

    /// The bytes of a lock file that cannot be read as one; `None`: it can, or the locks are refs.
    async fn damaged_locks(&self) -> Result<Option<Vec<u8>>, RemoteError> {
        Ok(None)
    }

    /// Empties the lock file that [`Remote::damaged_locks`] has shown as `seen`.
    ///
    /// # Errors
    /// A conflict where it is another one now, or another process holds it.
    async fn clear_damaged_locks(&self, _seen: &[u8]) -> Result<(), RemoteError> {
        Ok(())
    }

    /// Brings `commit` into this clone, where it is only on the remote.
    async fn fetch_commit(&self, _commit: CommitId) -> Result<(), RemoteError> {
        Ok(())
    }

    /// Whether the ref `name`, which shows `tip`, has `commit` in its history.
    async fn contains(
        &self,
        name: &RefName,
        tip: &ObjectId,
        commit: CommitId,
    ) -> Result<bool, RemoteError>;

    /// Stores a tag object, byte for byte; nothing is sent yet. `commit` is the commit that it names.
    async fn write_tag(&self, object: &[u8], commit: CommitId) -> Result<ObjectId, RemoteError>;

    /// Stores a commit object whose tree is empty, byte for byte; nothing is sent yet.
    async fn write_mark(&self, object: &[u8]) -> Result<ObjectId, RemoteError>;
}

/// Which refs are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefPattern {
    /// The ref of this name.
    Name(RefName),
    /// Every ref whose full name begins with this text: `refs/tags/`.
    Below(String),
}

impl RefPattern {
    /// One pattern for each name.
    pub fn names<'a>(names: impl IntoIterator<Item = &'a RefName>) -> Vec<Self> {
        names.into_iter().cloned().map(Self::Name).collect()
    }

    /// Whether the ref is one of those that `patterns` ask for.
    pub(crate) fn any(patterns: &[Self], name: &RefName) -> bool {
        patterns.iter().any(|pattern| match pattern {
            Self::Name(wanted) => wanted == name,
            Self::Below(prefix) => name.as_str().starts_with(prefix),
        })
    }
}

/// As `git ls-remote` reads patterns.
impl fmt::Display for RefPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Below(prefix) => write!(f, "{prefix}*"),
        }
    }
}
