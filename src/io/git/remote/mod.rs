//! A git remote as the publish transaction sees it: refs that change all at once, and only from
//! the values that were expected.

mod follow;
mod local;
mod push;
mod tag;
mod tags;

use async_trait::async_trait;

pub use crate::io::git::error::{RemoteError, RemoteErrorKind};
pub use crate::io::git::remote::follow::follow;
pub use crate::io::git::remote::local::LocalOnly;
pub use crate::io::git::remote::push::GitRemote;
pub use crate::io::git::remote::tag::{MadeTag, NewTag, committer, make_tag};
pub use crate::io::git::remote::tags::{RemoteTag, RemoteTags};

/// A git object's id, in hex.
pub type ObjectId = String;

/// One change of one ref, with what the ref must be before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefEdit {
    /// The ref's full name: `refs/tags/v1.3.0`.
    pub name: String,
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
    pub fn create(name: impl Into<String>, new: impl Into<ObjectId>) -> Self {
        Self {
            name: name.into(),
            change: RefChange::Create { new: new.into() },
        }
    }

    /// Moves the ref `name` from `expected` to `new`.
    pub fn update(
        name: impl Into<String>,
        expected: impl Into<ObjectId>,
        new: impl Into<ObjectId>,
    ) -> Self {
        Self {
            name: name.into(),
            change: RefChange::Update {
                expected: expected.into(),
                new: new.into(),
            },
        }
    }

    /// Deletes the ref `name`, which must show `expected`.
    pub fn delete(name: impl Into<String>, expected: impl Into<ObjectId>) -> Self {
        Self {
            name: name.into(),
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

    /// Tries `edits` without carrying them out. The user's pre-push hook is run.
    async fn check(&self, edits: &[RefEdit]) -> Result<(), RemoteError>;

    /// The refs that match `patterns` (full names, or prefixes that end with `*`), with their values.
    async fn refs(&self, patterns: &[String]) -> Result<Vec<(String, ObjectId)>, RemoteError>;

    /// Carries out all `edits` at once, or none. Where the server cannot do that, they are carried out
    /// in the order given, deletions last, so that a crash in between leaves the lock.
    async fn swap(&self, edits: &[RefEdit]) -> Result<(), RemoteError>;

    /// Stores a lock object that holds `journal`; nothing is sent yet. `title` is read by people who
    /// find it.
    async fn write_lock(&self, title: &str, journal: &str) -> Result<ObjectId, RemoteError>;

    /// The journal in the lock object that the ref `name` holds.
    async fn read_lock(&self, name: &str, id: &ObjectId) -> Result<String, RemoteError>;

    /// Whether the ref `name`, which shows `tip`, has `commit` in its history.
    async fn contains(
        &self,
        name: &str,
        tip: &ObjectId,
        commit: &ObjectId,
    ) -> Result<bool, RemoteError>;

    /// Stores a tag object, byte for byte; nothing is sent yet. `commit` is the commit that it names.
    async fn write_tag(&self, object: &[u8], commit: &str) -> Result<ObjectId, RemoteError>;
}

/// Whether a ref's name is one of `patterns`: a full name, or a prefix that ends with `*`.
pub(crate) fn is_meant(name: &str, patterns: &[String]) -> bool {
    let fits = |pattern: &String| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => pattern == name,
    };
    patterns.iter().any(fits)
}
