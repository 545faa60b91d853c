//! The transitions of a roll back.

use crate::{
    policy::OnFailure,
    publish::protocol::{
        action::back_tags,
        observation::{LockSeen, PutBackSeen, Shows},
        state::{
            Direction, End, Goal, State, Stop, TagClass, TagProgress, Transaction, TransactionSpec,
        },
    },
};

pub(super) fn settled(spec: &TransactionSpec, mut txn: Transaction, tags: &[Shows]) -> Transaction {
    for (index, shows) in tags.iter().enumerate() {
        match (txn.progress[index], shows) {
            // The answer to its request was clear, so it is not to be waited for.
            (TagProgress::Offered, Shows::Before) => txn.progress[index] = TagProgress::Untouched,
            (TagProgress::Offered, Shows::Ours) => txn.progress[index] = TagProgress::Ours,
            (TagProgress::Offered, Shows::Unreadable) => {
                txn.progress[index] = TagProgress::Intended;
            }
            (TagProgress::Intended | TagProgress::Ours | TagProgress::Refused, Shows::Ours) => {
                txn.progress[index] = TagProgress::Ours;
            }
            (
                TagProgress::Intended
                | TagProgress::Offered
                | TagProgress::Ours
                | TagProgress::Refused,
                Shows::Other,
            ) => txn.is_foreign(index),
            // Not seen to have moved: still to be put back, since an answer may lag.
            (
                TagProgress::Intended | TagProgress::Ours | TagProgress::Refused,
                Shows::Before | Shows::Unreadable,
            ) => {}
            (
                TagProgress::Untouched
                | TagProgress::Already
                | TagProgress::Foreign
                | TagProgress::Restored
                | TagProgress::Left,
                Shows::Ours | Shows::Before | Shows::Other | Shows::Unreadable,
            ) => {}
        }
    }
    if !txn.has_begun() && !txn.resumed {
        return txn.to(State::Confirming(End::NotBegun));
    }
    if spec.on_failure == OnFailure::Hold && !txn.resumed {
        return txn.to(State::Stopped(Stop::Held));
    }
    go_back(spec, txn, None)
}

/// In reverse: what people follow first, the version last.
fn go_back(spec: &TransactionSpec, txn: Transaction, after: Option<TagClass>) -> Transaction {
    let next = [TagClass::Moving, TagClass::Fixed, TagClass::Version]
        .into_iter()
        .filter(|&kind| after.is_none_or(|after| kind < after))
        .find(|&kind| !back_tags(spec, &txn.progress, kind).is_empty());
    if let Some(kind) = next {
        return txn.to(State::CheckingLock(Direction::Back(kind)));
    }
    let open = [TagClass::Moving, TagClass::Fixed, TagClass::Version]
        .into_iter()
        .any(|kind| !back_tags(spec, &txn.progress, kind).is_empty());
    let left = txn
        .progress
        .iter()
        .any(|mark| matches!(mark, TagProgress::Left | TagProgress::Foreign));
    if open {
        txn.to(State::Stopped(Stop::Unsettled))
    } else if left {
        txn.to(State::Confirming(End::Leftover))
    } else {
        txn.to(State::Confirming(End::RolledBack))
    }
}

/// The last look before the lock is given back: what shows the release after all is put back again.
pub(super) fn confirmed(
    spec: &TransactionSpec,
    mut txn: Transaction,
    end: End,
    tags: &[Shows],
    settled: bool,
) -> Transaction {
    match end {
        End::RolledBack | End::Leftover | End::NotBegun => {}
        End::Unpushed if tags.iter().any(|shows| *shows != Shows::Ours) => {
            return txn.to(State::Unlocking(End::Elsewhere));
        }
        // The tag may be out all the same, and then its page on the forge is still to be made public.
        End::Unpushed if spec.has_forge => return txn.to(State::Recovering(Goal::Forward)),
        End::Unpushed | End::Hidden | End::Published | End::Elsewhere => {
            return txn.to(State::Unlocking(end));
        }
    }
    let (mut landed, mut unread) = (false, false);
    for (index, shows) in tags.iter().enumerate() {
        match (txn.progress[index], shows) {
            (TagProgress::Already | TagProgress::Left | TagProgress::Foreign, _)
            | (_, Shows::Before) => {}
            (_, Shows::Unreadable) => unread = true,
            (_, Shows::Ours) => {
                txn.progress[index] = TagProgress::Ours;
                landed = true;
            }
            (_, Shows::Other) => txn.is_foreign(index),
        }
    }
    if landed {
        return go_back(spec, txn, None);
    }
    if unread {
        return txn.to(State::Stopped(Stop::Unreadable));
    }
    if !settled {
        return txn.to(State::Stopped(Stop::Unconfirmed));
    }
    let is_left = |mark: &TagProgress| matches!(mark, TagProgress::Left | TagProgress::Foreign);
    if txn.progress.iter().any(is_left) && end == End::RolledBack {
        return txn.to(State::Unlocking(End::Leftover));
    }
    txn.to(State::Unlocking(end))
}

/// The lock is gone, and a push of this run may have done that. It has if the tags show what was
/// decided; else another run has worked since.
pub(super) fn judged(txn: Transaction, end: End, tags: &[Shows]) -> Transaction {
    let fits = |(mark, shows): (&TagProgress, &Shows)| match (end, mark) {
        (End::Published | End::Unpushed | End::Hidden, _) | (_, TagProgress::Already) => {
            *shows == Shows::Ours
        }
        (_, TagProgress::Left) => matches!(shows, Shows::Ours | Shows::Before),
        (_, TagProgress::Foreign) => *shows == Shows::Other,
        (_, _) => *shows == Shows::Before,
    };
    if txn.progress.iter().zip(tags).all(fits) {
        txn.to(State::Ended(end))
    } else {
        txn.to(State::Stopped(Stop::LockLost))
    }
}

/// What a run that writes has to stop for; `None`: the lock is its own.
pub(super) fn lock_gone(lock: LockSeen) -> Option<Stop> {
    match lock {
        LockSeen::Ours => None,
        LockSeen::Taken | LockSeen::Absent => Some(Stop::LockLost),
        LockSeen::Partly | LockSeen::Refused | LockSeen::Advanced | LockSeen::Unreachable => {
            Some(Stop::LockUnknown)
        }
    }
}

/// Why a run stops that may not write any more.
pub(super) fn lock_stop(is_lost: bool) -> Stop {
    if is_lost {
        Stop::LockLost
    } else {
        Stop::LockUnknown
    }
}

pub(super) fn put_back(
    spec: &TransactionSpec,
    mut txn: Transaction,
    kind: TagClass,
    answers: &[(usize, PutBackSeen)],
) -> Transaction {
    let mut lost = None;
    for &(index, answer) in answers {
        match answer {
            PutBackSeen::LockLost | PutBackSeen::LockUnknown => {
                lost = lost.max(Some(answer == PutBackSeen::LockLost));
            }
            PutBackSeen::Restored => txn.progress[index] = TagProgress::Restored,
            PutBackSeen::Left => txn.progress[index] = TagProgress::Left,
            PutBackSeen::Foreign => txn.is_foreign(index),
            PutBackSeen::Unclear => {}
        }
    }
    if let Some(lost) = lost {
        return txn.to(State::Stopped(lock_stop(lost)));
    }
    go_back(spec, txn, Some(kind))
}
