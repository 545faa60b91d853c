//! What the clone knows against a pipeline's own word.

use crate::git::CommitId;

/// A pipeline whose branch HEAD is not of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OtherPipeline {
    /// It is for another commit than the one that is checked out.
    OfCommit {
        /// The branch that it is for.
        branch: String,
        /// The commit that it is for.
        commit: CommitId,
    },
    /// Its branch, as it was last fetched, does not have HEAD, and another one does.
    OfBranch {
        /// The branch that it is for.
        branch: String,
        /// The remote that both branches are of.
        remote: String,
        /// A branch that has HEAD.
        holder: String,
    },
}
