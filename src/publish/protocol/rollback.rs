//! The transitions of a roll back.

use crate::publish::protocol::{
    action::back_tags,
    observation::{PutBackSeen, Shows},
    state::{Direction, End, State, Stop, TagClass, TagProgress, Transaction, TransactionSpec},
};

pub(super) fn settled(spec: &TransactionSpec, mut txn: Transaction, tags: &[Shows]) -> Transaction {
    for (index, shows) in tags.iter().enumerate() {
        match (txn.progress[index], shows) {
            (TagProgress::Intended | TagProgress::Ours | TagProgress::Refused, Shows::Ours) => {
                txn.progress[index] = TagProgress::Ours;
            }
            (TagProgress::Intended | TagProgress::Ours | TagProgress::Refused, Shows::Other) => {
                txn.progress[index] = TagProgress::Foreign;
            }
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
        txn.to(State::Unlocking(End::Leftover))
    } else {
        txn.to(State::Unlocking(End::RolledBack))
    }
}

pub(super) fn put_back(
    spec: &TransactionSpec,
    mut txn: Transaction,
    kind: TagClass,
    answers: &[(usize, PutBackSeen)],
) -> Transaction {
    for &(index, answer) in answers {
        match answer {
            PutBackSeen::Restored => txn.progress[index] = TagProgress::Restored,
            PutBackSeen::Left => txn.progress[index] = TagProgress::Left,
            PutBackSeen::Foreign => txn.progress[index] = TagProgress::Foreign,
            PutBackSeen::Unclear => {}
        }
    }
    go_back(spec, txn, Some(kind))
}
