//! What the caller decides once more under the lock, before the first tag moves.

use std::{fmt, sync::Arc};

use crate::{
    error::Result,
    git::RefName,
    oci::{Repository, Tag},
};

/// Repositories with their lists of tags.
pub type Lists = Vec<(Repository, Option<Vec<Tag>>)>;

/// What is published now, as it is read under the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedNow {
    /// Each repository with its list of tags; `None`: the registry does not hand it out.
    pub repositories: Lists,
    /// The names of the remote's git tags.
    pub git: Vec<String>,
    /// The marks of the versions that are withdrawn.
    pub marks: Vec<RefName>,
}

/// A tag that must no longer move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overtaken {
    /// The repository of the tag.
    pub repository: Repository,
    /// The name of the tag.
    pub tag: Tag,
    /// What holds it: `2.0.0 is newer`.
    pub why: String,
}

/// The decision, made by whoever planned the tags.
pub type Decide = dyn Fn(&PublishedNow) -> Result<Vec<Overtaken>> + Send + Sync;

/// Asked under the lock, as the last thing before the first tag moves.
#[derive(Clone)]
pub struct Recheck(Arc<Decide>);

impl Recheck {
    /// A recheck that decides by `decide`.
    pub fn new(
        decide: impl Fn(&PublishedNow) -> Result<Vec<Overtaken>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(decide))
    }

    /// The tags that must no longer move.
    pub(super) fn decide(&self, now: &PublishedNow) -> Result<Vec<Overtaken>> {
        (self.0)(now)
    }
}

impl fmt::Debug for Recheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recheck")
    }
}
