//! The transition of a recovery's first look, made under the lock.

use crate::publish::protocol::{
    observation::{GitTagSeen, LockSeen, Shows},
    rollback::lock_gone,
    state::{Cause, End, Goal, State, Stop, TagProgress, Transaction, TransactionSpec},
};

pub(super) fn recovered(
    spec: &TransactionSpec,
    mut txn: Transaction,
    goal: Goal,
    tags: &[Shows],
    git_tag: GitTagSeen,
    lock: LockSeen,
) -> Transaction {
    if let Some(stop) = lock_gone(lock) {
        return txn.to(State::Stopped(stop));
    }
    if tags.contains(&Shows::Unreadable) {
        return txn.to(State::Stopped(Stop::Unreadable));
    }
    txn.resumed = true;
    let mut foreign = None;
    for (index, shows) in tags.iter().enumerate() {
        txn.progress[index] = after_look(txn.progress[index], *shows);
        if *shows == Shows::Other {
            foreign = foreign.or(Some(Cause::Foreign(index)));
        }
    }
    let is_complete = tags.iter().all(|shows| *shows == Shows::Ours);
    match (goal, git_tag) {
        // Its git tag is out: the release is complete, and only the lock is left.
        (Goal::Forward | Goal::Back, GitTagSeen::Ours) if is_complete => txn.to(State::Verifying),
        // The forge is all that is missing, whatever others have done to the tags since.
        (Goal::Forward | Goal::Back, GitTagSeen::Ours) if spec.has_forge => {
            txn.to(State::Revealing)
        }
        // It was complete, and tags have changed since: nothing is this run's to move.
        (Goal::Forward | Goal::Back, GitTagSeen::Ours) => txn.to(State::Unlocking(End::Elsewhere)),
        (Goal::Back, GitTagSeen::Absent | GitTagSeen::Other) => txn.to(State::Settling),
        (Goal::Forward, GitTagSeen::Other) => txn.fail(spec, Cause::GitTag),
        (Goal::Forward, GitTagSeen::Absent) => {
            txn.cause = None;
            match foreign {
                Some(cause) => txn.fail(spec, cause),
                // Tags that have moved show that the draft was taken before.
                None if is_complete
                    && (!spec.takes_draft || txn.progress.contains(&TagProgress::Ours)) =>
                {
                    txn.to(State::Verifying)
                }
                None => txn.to(State::Staging),
            }
        }
    }
}

/// What is known of a tag after it was read, where the journal says `mark`. The journal may have lost its
/// end, and another machine may have worked on since: what is seen counts.
fn after_look(mark: TagProgress, shows: Shows) -> TagProgress {
    match (shows, mark) {
        (Shows::Ours, TagProgress::Already) => TagProgress::Already,
        (
            Shows::Ours,
            TagProgress::Untouched
            | TagProgress::Intended
            | TagProgress::Offered
            | TagProgress::Ours
            | TagProgress::Refused
            | TagProgress::Foreign
            | TagProgress::Restored
            | TagProgress::Left,
        ) => TagProgress::Ours,
        // A request that was sent may still arrive.
        (
            Shows::Before,
            TagProgress::Intended
            | TagProgress::Offered
            | TagProgress::Ours
            | TagProgress::Refused
            | TagProgress::Left
            | TagProgress::Foreign,
        ) => TagProgress::Intended,
        (Shows::Before, TagProgress::Restored | TagProgress::Untouched | TagProgress::Already) => {
            mark
        }
        (Shows::Other, _) => TagProgress::Foreign,
        (Shows::Unreadable, _) => mark,
    }
}
