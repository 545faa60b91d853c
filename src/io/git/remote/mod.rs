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

/// One change of a ref: the whole precondition and the result, so no caller can forget what it
/// expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefEdit {
    /// The full name: `refs/tags/v1.3.0`.
    pub name: String,
    /// What it must be; `None`: it must not exist.
    pub expected: Option<ObjectId>,
    /// What it is to be; `None`: deleted.
    pub new: Option<ObjectId>,
}

impl RefEdit {
    /// The edit that takes this one back.
    #[must_use]
    pub fn undone(self) -> Self {
        Self {
            name: self.name,
            expected: self.new,
            new: self.expected,
        }
    }
}

/// The remote that a release's lock and tag live on.
#[async_trait]
pub trait Remote: Send + Sync {
    /// For messages: `origin`.
    fn name(&self) -> &str;

    /// Tries `edits` without doing them, with the user's pre-push hook.
    async fn check(&self, edits: &[RefEdit]) -> Result<(), RemoteError>;

    /// The refs that match `patterns` (full names, or prefixes that end with `*`), with their values.
    async fn refs(&self, patterns: &[String]) -> Result<Vec<(String, ObjectId)>, RemoteError>;

    /// Does all `edits` at once, or none. Where the server cannot do that, creations come first and
    /// deletions last, in the order given, so that a crash in between leaves the lock.
    async fn swap(&self, edits: &[RefEdit]) -> Result<(), RemoteError>;

    /// Stores a lock object that holds `journal`; nothing is sent yet. `title` is for people who
    /// come across it.
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

    /// Stores a tag object, byte for byte; nothing is sent yet. `commit` is what it names.
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
