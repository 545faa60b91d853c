//! The states of a transaction, and what is known of its tags: what the journal keeps.

use serde::{Deserialize, Serialize};

use crate::policy::OnFailure;

/// What a tag is to its readers, and so when it moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TagClass {
    /// The exact version. Moves alone and first: a refusal (it exists, it is immutable) is likely
    /// here, and nothing that anybody follows has moved yet.
    Version,
    /// Another tag that never moves again.
    Fixed,
    /// A tag that people follow. All of them move at once, so that they disagree for one round
    /// trip and not for one each.
    Moving,
}

/// One tag of the transaction, as far as the protocol must know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TagSpec {
    /// Index of its repository.
    pub repository: usize,
    /// Index of its image; variants have their own.
    pub image: usize,
    /// Repositories of a lower group commit first: the strictest alone, then the others together.
    pub group: u8,
    /// What it is to its readers, which decides when it moves.
    pub kind: TagClass,
}

/// What never changes during a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionSpec {
    /// The tags, in the order in which everything else names them.
    pub tags: Vec<TagSpec>,
    /// What a failed commit leads to.
    pub on_failure: OnFailure,
}

/// What is known of one tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TagProgress {
    /// No request was sent.
    Untouched,
    /// It showed the release before the release began; never put back.
    Already,
    /// A request may have been sent, and what came of it is not known.
    Intended,
    /// Accepted, or seen to show the release.
    Ours,
    /// Refused for good; it was seen to show what it showed before.
    Refused,
    /// Somebody else's digest. Never touched again.
    Foreign,
    /// It was put back.
    Restored,
    /// The registry does not let it be put back.
    Left,
}

/// One round of the commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Round {
    /// Which repositories: their [`TagSpec::group`].
    pub group: u8,
    /// Which tags of those repositories.
    pub step: RoundStep,
}

/// The rounds of one group, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoundStep {
    /// All tags of an image in the request that puts its manifest by digest. A registry that does
    /// not know the form takes none.
    Batch,
    /// The version tags that were not taken.
    Version,
    /// The other fixed tags that were not taken.
    Fixed,
    /// The moving tags that were not taken.
    Moving,
}

/// The state of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The journal is written; the lock may or may not be taken.
    Locking,
    /// This run has the lock. Has another writer been here since the plan?
    Observing,
    /// Does this run still have the lock? Asked before each round. On disk the state is called
    /// `guarding`, which is older than its name here.
    #[serde(rename = "guarding")]
    CheckingLock(Direction),
    /// The tags of this round move.
    Committing(Round),
    /// Every tag was accepted; do all of them show it?
    Verifying,
    /// The release is complete; the git tag appears and the lock goes.
    Finishing,
    /// Taken over after a crash or a stop: what is where?
    Recovering(Goal),
    /// Content is made present once more before the commit goes on.
    Staging,
    /// The release is given up: what do the tags show that may have moved?
    Settling,
    /// The tags of this kind are put back.
    RollingBack(TagClass),
    /// The lock goes; then the end that was decided.
    Unlocking(End),
    /// This run is over, the transaction is not: `resume` or `rollback` goes on.
    Stopped(Stop),
    /// The transaction is over.
    Ended(End),
}

/// What a checked lock allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// A round of the commit.
    Forward(Round),
    /// A round of the roll back.
    Back(TagClass),
}

/// Where a recovery is to lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// To the release's digest.
    Forward,
    /// To what was before.
    Back,
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// All tags show the release, and git knows it.
    Published,
    /// All tags show the release; git's server refuses the tag for good.
    Unpushed,
    /// All tags are as they were.
    RolledBack,
    /// Given up, but some tags could not be put back or are somebody else's, or the release commit
    /// stays on its branch.
    Leftover,
    /// Given up before any tag moved.
    NotBegun,
    /// Finished or undone by somebody who took it over.
    Elsewhere,
}

/// Why a run stopped with the transaction open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// A failed commit is held by policy.
    Held,
    /// Every tag was accepted, but not all show it yet.
    Lagging,
    /// Somebody else holds the lock now, and decides.
    LockLost,
    /// Whether this run still has the lock cannot be found out, or the lock cannot be deleted.
    LockUnknown,
    /// Git's server cannot be reached; all tags show the release.
    Unfinished,
    /// Some tags could neither be put back nor be given up.
    Unsettled,
    /// A registry cannot be read.
    Unreadable,
    /// The image's content is neither here nor in the registry.
    ContentGone,
    /// The journal cannot be written.
    Journal,
}

/// What went wrong first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A registry refused this tag.
    Refused(usize),
    /// Somebody else moved this tag.
    Foreign(usize),
    /// What this tag shows could not be found out in time.
    Unclear(usize),
    /// Somebody else made the version's git tag.
    GitTag,
    /// The branch that the release commit belongs on has advanced.
    Branch,
    /// Somebody else holds the lock.
    Busy,
    /// Git's server refused the lock, or could not be reached.
    Lock,
    /// A registry could not be read.
    Unreadable,
    /// The image's content is gone, or could not be sent.
    Content,
    /// The journal could not be written.
    Journal,
    /// A signal came before anything had moved.
    Interrupted,
}

/// A transaction as the journal keeps it: the state, and what is known of each tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Transaction {
    /// The state that was entered last.
    pub state: State,
    /// What is known of each tag, in the order of [`TransactionSpec::tags`].
    #[serde(rename = "marks")]
    pub progress: Vec<TagProgress>,
    /// What went wrong first, if anything did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// An earlier run may have sent requests of which nothing is known: a tag that is not taken now
    /// may have been taken then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resumed: bool,
}

impl Transaction {
    /// The beginning. `already` tells the tags that show the release before it begins.
    #[must_use]
    pub fn new(already: impl IntoIterator<Item = bool>) -> Self {
        let mark = |same| {
            if same {
                TagProgress::Already
            } else {
                TagProgress::Untouched
            }
        };
        Self {
            state: State::Locking,
            progress: already.into_iter().map(mark).collect(),
            cause: None,
            resumed: false,
        }
    }

    /// The same transaction in another state.
    pub(super) fn to(mut self, state: State) -> Self {
        self.state = state;
        self
    }

    /// Whether a request that moves a tag may have been sent.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.progress.iter().any(|mark| match mark {
            TagProgress::Intended
            | TagProgress::Ours
            | TagProgress::Restored
            | TagProgress::Left => true,
            TagProgress::Untouched
            | TagProgress::Already
            | TagProgress::Refused
            | TagProgress::Foreign => false,
        })
    }

    /// Whether a signal here still means: stop clean, as if nothing had been begun.
    #[must_use]
    pub fn can_stop_clean(&self) -> bool {
        !self.has_begun()
            && matches!(
                self.state,
                State::Locking | State::Observing | State::CheckingLock(Direction::Forward(_))
            )
    }
}
