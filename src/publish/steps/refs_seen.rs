//! What the git refs of a transaction show.

use crate::{
    io::git::remote::ObjectId,
    publish::protocol::observation::{GitTagSeen, LockSeen},
};

/// The refs of a transaction as they are.
pub(in crate::publish) struct RefsSeen {
    /// The lock.
    pub(in crate::publish) lock: LockSeen,
    /// The version's git tag.
    pub(in crate::publish) git_tag: GitTagSeen,
    /// The branch of the release commit.
    pub(in crate::publish) branch: BranchSeen,
    /// Lock refs that hold this run's object.
    pub(in crate::publish) ours: Vec<String>,
    /// Somebody else holds one of them.
    pub(in crate::publish) others: bool,
    /// The git tags' names, where the guard asked for them.
    pub(in crate::publish) git_tags: Vec<String>,
}

/// What the branch shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::publish) enum BranchSeen {
    /// The release makes no commit.
    None,
    /// What it showed before.
    Before,
    /// The release commit.
    Ours,
    /// Another commit, or the branch is gone.
    Other(Option<ObjectId>),
}
