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
    /// Whether the last push makes a ref that tells that the transaction is complete: the version's git
    /// tag, or the mark of a version that is taken back.
    pub makes_git_tag: bool,
    /// Whether a release on a forge belongs to it, which is made public when the last push is done.
    pub has_forge: bool,
    /// Whether that release is the draft of somebody else, which is taken under the lock before any tag moves.
    pub takes_draft: bool,
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
    /// It was one of several in a request that was accepted, and the answer does not name it: most
    /// registries do not know such requests, but some that do have answers that lose the names.
    Offered,
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

impl TagProgress {
    /// Whether a request that moves the tag may have been sent.
    fn has_begun(self) -> bool {
        match self {
            Self::Intended | Self::Offered | Self::Ours | Self::Restored | Self::Left => true,
            Self::Untouched | Self::Already | Self::Refused | Self::Foreign => false,
        }
    }
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
    /// This run has the lock. The draft that somebody else has made on the forge gets what the release adds to it.
    Drafting,
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
    /// The git tag is out, and the lock says that the tags are done: the forge's release is made public.
    Revealing,
    /// Taken over after a crash or a stop: what is where?
    Recovering(Goal),
    /// Content is made present once more before the commit goes on.
    Staging,
    /// The release is given up: what do the tags show that may have moved?
    Settling,
    /// The tags of this kind are put back.
    RollingBack(TagClass),
    /// The release is given up and nothing is left to put back: do all tags show that, now that no
    /// request can still be under way?
    Confirming(End),
    /// The release is given up: what the forge has of it is deleted.
    Withdrawing(End),
    /// The lock goes; then the end that was decided.
    Unlocking(End),
    /// The lock is gone, and a push of this run may have done that: do the tags show this end?
    Judging(End),
    /// The lock was gone when a recovery began: what do the tags, the git tag and the branch show?
    WithoutLock(Lockless),
    /// Nobody has ended the transaction whose lock was gone: the lock is taken anew.
    Relocking(Goal),
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

/// A recovery that found no lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Lockless {
    /// Where it is to lead.
    pub goal: Goal,
    /// The user says that nobody else works on this release: what shows it may be put back although
    /// other tags have moved on since.
    pub take_over: bool,
    /// The lock had not been taken when the journal ends.
    pub never_locked: bool,
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// All tags show the release, and git knows it.
    Published,
    /// All tags show the release; git's server refuses the tag for good.
    Unpushed,
    /// All tags show the release, and git knows it; the forge refuses to make its own public.
    Hidden,
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
    /// The tags show what they should, but a request without an answer may still be carried out.
    Unconfirmed,
    /// The lock is gone, and tags show what neither this release nor its past had: another release
    /// has gone over it.
    Overtaken,
    /// Somebody else holds the lock now, and decides.
    LockLost,
    /// Whether this run still has the lock cannot be found out, or the lock cannot be deleted.
    LockUnknown,
    /// Git's server cannot be reached; all tags show the release.
    Unfinished,
    /// The forge cannot be reached; all tags show the release, and git knows it.
    Unrevealed,
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
    /// The draft of somebody else on the forge could not be taken.
    Draft,
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
    /// A tag that a request had moved, or may have moved, is somebody else's now: that the tag is
    /// [`TagProgress::Foreign`] does not tell that the transaction had begun.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overwritten: bool,
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
            overwritten: false,
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
        self.overwritten || self.progress.iter().any(|mark| mark.has_begun())
    }

    /// The tag shows somebody else's digest.
    pub(super) fn is_foreign(&mut self, index: usize) {
        let mark = &mut self.progress[index];
        // A request that was offered and not taken is no proof of anything.
        self.overwritten |= *mark != TagProgress::Offered && mark.has_begun();
        *mark = TagProgress::Foreign;
    }

    /// Whether a request was sent that has moved a tag, or may have, for all that its answer said.
    #[must_use]
    pub(super) fn has_surely_begun(&self) -> bool {
        let mut without = self.clone();
        for mark in &mut without.progress {
            if *mark == TagProgress::Offered {
                *mark = TagProgress::Untouched;
            }
        }
        without.has_begun()
    }

    /// Whether a request that moves a tag may have been sent whose answer the journal does not tell.
    #[must_use]
    pub fn may_be_under_way(&self) -> bool {
        self.progress.contains(&TagProgress::Intended)
            || matches!(self.state, State::Committing(_) | State::RollingBack(_))
    }

    /// Whether an older hoist would not know this state or one of these marks.
    pub(super) fn is_of_format_3(&self) -> bool {
        self.progress.contains(&TagProgress::Offered)
            || matches!(
                self.state,
                State::Confirming(_)
                    | State::Judging(_)
                    | State::WithoutLock(_)
                    | State::Relocking(_)
                    | State::Stopped(Stop::Unconfirmed | Stop::Overtaken)
            )
    }

    /// Whether only a hoist that knows forges would know this state.
    pub(super) fn is_of_format_5(&self) -> bool {
        matches!(
            self.state,
            State::Revealing
                | State::Withdrawing(_)
                | State::Unlocking(End::Hidden)
                | State::Confirming(End::Hidden)
                | State::Judging(End::Hidden)
                | State::Stopped(Stop::Unrevealed)
                | State::Ended(End::Hidden)
        )
    }

    /// Whether only a hoist that takes drafts under the lock would know this state or this cause.
    pub(super) fn is_of_format_6(&self) -> bool {
        self.state == State::Drafting || self.cause == Some(Cause::Draft)
    }

    /// Whether a signal here still means: stop clean, as if nothing had been begun.
    #[must_use]
    pub fn can_stop_clean(&self) -> bool {
        !self.has_begun()
            && !self.resumed
            && matches!(
                self.state,
                State::Locking
                    | State::Drafting
                    | State::Observing
                    | State::CheckingLock(Direction::Forward(_))
            )
    }
}
