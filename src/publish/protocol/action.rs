//! What is to be done in each state: exactly one thing.

use crate::publish::protocol::state::{
    Round, RoundStep, State, TagClass, TagProgress, Transaction, TransactionSpec,
};

/// What is to be done in a state. Tags are named by their index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Take the lock. Answer: `Observation::Lock`.
    TakeLock,
    /// Give the draft of somebody else what the release adds to it. Answer: `Observation::Forge`.
    TakeDraft,
    /// HEAD every tag, read the version's git tag and the lock. Answer: `Observation::World`.
    Observe,
    /// Read the lock. Answer: `Observation::Lock`.
    CheckLock,
    /// Put these tags, each image's in one request where the registry can. Answer: `Observation::Put`.
    PutTogether(Vec<usize>),
    /// Put these tags at once in parallel. Answer: `Observation::Put`.
    PutEach(Vec<usize>),
    /// HEAD every tag until all show the release or the time is up; then wait until no request can be
    /// under way any more, and HEAD every tag once more. Answer: `Observation::LastLook`.
    AwaitVisible,
    /// Make the image's content present everywhere. Answer: `Observation::Content`.
    Stage,
    /// HEAD these tags until each shows something that was not there before, or the time is up:
    /// the answer to a request that was sent may lag. Answer: `Observation::Tags` for all tags.
    AwaitLanding(Vec<usize>),
    /// Put these tags back. Answer: `Observation::PutBack`.
    PutBack(Vec<usize>),
    /// Wait until no request can be under way any more, then HEAD every tag. Answer:
    /// `Observation::LastLook`.
    LookLast,
    /// HEAD every tag, read the git tag and the refs of the lock, without having the lock. Answer:
    /// `Observation::World`.
    LookWithoutLock,
    /// HEAD every tag. Answer: `Observation::Tags`.
    Look,
    /// Create the git tag and delete the lock; where a forge's release is still to be made public, let
    /// the lock say instead that all tags are done. Answer: `Observation::Git`.
    Finish,
    /// Delete the lock, and where the release is given up take its commit off the branch. Answer:
    /// `Observation::Git`.
    Unlock,
    /// Make the forge's release public. Answer: `Observation::Forge`.
    Reveal,
    /// Delete what the forge has of a release that is given up. Answer: `Observation::Forge`.
    Withdraw,
    /// Nothing: the run is over.
    Rest,
}

/// The tags of one round of the commit that are still to move.
#[must_use]
pub fn round_tags(spec: &TransactionSpec, progress: &[TagProgress], round: Round) -> Vec<usize> {
    let pending = |index: usize| match progress[index] {
        TagProgress::Untouched
        | TagProgress::Intended
        | TagProgress::Offered
        | TagProgress::Refused
        | TagProgress::Restored
        | TagProgress::Left => true,
        TagProgress::Already | TagProgress::Ours | TagProgress::Foreign => false,
    };
    let mine = |index: usize| pending(index) && spec.tags[index].group == round.group;
    let kind = |index: usize, kind| mine(index) && spec.tags[index].kind == kind;
    let all = 0..spec.tags.len();
    match round.step {
        // A batch of one saves nothing.
        RoundStep::Batch => all
            .clone()
            .filter(|&a| {
                let same = |b: usize| {
                    spec.tags[a].repository == spec.tags[b].repository
                        && spec.tags[a].image == spec.tags[b].image
                };
                mine(a) && all.clone().filter(|&b| mine(b) && same(b)).count() > 1
            })
            .collect(),
        RoundStep::Version => all.filter(|&i| kind(i, TagClass::Version)).collect(),
        RoundStep::Fixed => all.filter(|&i| kind(i, TagClass::Fixed)).collect(),
        RoundStep::Moving => all.filter(|&i| kind(i, TagClass::Moving)).collect(),
    }
}

/// The tags of one kind that are to be put back.
#[must_use]
pub fn back_tags(spec: &TransactionSpec, progress: &[TagProgress], kind: TagClass) -> Vec<usize> {
    let touched = |index: usize| match progress[index] {
        // Refused ones are looked at once more: a refusal can arrive after the deed.
        TagProgress::Intended | TagProgress::Offered | TagProgress::Ours | TagProgress::Refused => {
            true
        }
        TagProgress::Untouched
        | TagProgress::Already
        | TagProgress::Foreign
        | TagProgress::Restored
        | TagProgress::Left => false,
    };
    (0..spec.tags.len())
        .filter(|&index| spec.tags[index].kind == kind && touched(index))
        .collect()
}

/// What to do in the transaction's state.
#[must_use]
pub fn action(spec: &TransactionSpec, txn: &Transaction) -> Action {
    match txn.state {
        State::Locking | State::Relocking(_) => Action::TakeLock,
        State::Drafting => Action::TakeDraft,
        State::Observing | State::Recovering(_) => Action::Observe,
        State::CheckingLock(_) => Action::CheckLock,
        // The round's tags are marked as intended by now, and only they are pending in it.
        State::Committing(round) => {
            let tags = round_tags(spec, &txn.progress, round);
            match round.step {
                RoundStep::Batch => Action::PutTogether(tags),
                RoundStep::Version | RoundStep::Fixed | RoundStep::Moving => Action::PutEach(tags),
            }
        }
        State::Verifying => Action::AwaitVisible,
        State::Finishing => Action::Finish,
        State::Staging => Action::Stage,
        State::Settling => Action::AwaitLanding(
            (0..txn.progress.len())
                .filter(|&index| {
                    matches!(
                        txn.progress[index],
                        TagProgress::Intended | TagProgress::Ours
                    )
                })
                .collect(),
        ),
        State::RollingBack(kind) => Action::PutBack(back_tags(spec, &txn.progress, kind)),
        State::Confirming(_) => Action::LookLast,
        State::Judging(_) => Action::Look,
        State::WithoutLock(_) => Action::LookWithoutLock,
        State::Revealing => Action::Reveal,
        State::Withdrawing(_) => Action::Withdraw,
        State::Unlocking(_) => Action::Unlock,
        State::Stopped(_) | State::Ended(_) => Action::Rest,
    }
}
