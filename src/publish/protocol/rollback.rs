//! The transitions of a roll back.

use crate::publish::protocol::{
    observation::{PutBackSeen, Shows},
    state::{End, Leg, Mark, Shape, State, Stop, TagKind, Txn, back_tags},
};

pub(super) fn settled(shape: &Shape, mut txn: Txn, tags: &[Shows]) -> Txn {
    for (index, shows) in tags.iter().enumerate() {
        match (txn.marks[index], shows) {
            (Mark::Intended | Mark::Ours | Mark::Refused, Shows::Ours) => {
                txn.marks[index] = Mark::Ours;
            }
            (Mark::Intended | Mark::Ours | Mark::Refused, Shows::Other) => {
                txn.marks[index] = Mark::Foreign;
            }
            // Not seen to have moved: still to be put back, since an answer may lag.
            (Mark::Intended | Mark::Ours | Mark::Refused, Shows::Before | Shows::Unreadable) => {}
            (
                Mark::Untouched | Mark::Already | Mark::Foreign | Mark::Restored | Mark::Left,
                Shows::Ours | Shows::Before | Shows::Other | Shows::Unreadable,
            ) => {}
        }
    }
    go_back(shape, txn, None)
}

/// In reverse: what people follow first, the version last.
fn go_back(shape: &Shape, txn: Txn, after: Option<TagKind>) -> Txn {
    let next = [TagKind::Moving, TagKind::Fixed, TagKind::Version]
        .into_iter()
        .filter(|&kind| after.is_none_or(|after| kind < after))
        .find(|&kind| !back_tags(shape, &txn.marks, kind).is_empty());
    if let Some(kind) = next {
        return txn.to(State::Guarding(Leg::Back(kind)));
    }
    let open = [TagKind::Moving, TagKind::Fixed, TagKind::Version]
        .into_iter()
        .any(|kind| !back_tags(shape, &txn.marks, kind).is_empty());
    let left = txn
        .marks
        .iter()
        .any(|mark| matches!(mark, Mark::Left | Mark::Foreign));
    if open {
        txn.to(State::Stopped(Stop::Unsettled))
    } else if left {
        txn.to(State::Unlocking(End::Leftover))
    } else {
        txn.to(State::Unlocking(End::RolledBack))
    }
}

pub(super) fn put_back(
    shape: &Shape,
    mut txn: Txn,
    kind: TagKind,
    answers: &[(usize, PutBackSeen)],
) -> Txn {
    for &(index, answer) in answers {
        match answer {
            PutBackSeen::Restored => txn.marks[index] = Mark::Restored,
            PutBackSeen::Left => txn.marks[index] = Mark::Left,
            PutBackSeen::Foreign => txn.marks[index] = Mark::Foreign,
            PutBackSeen::Unclear => {}
        }
    }
    go_back(shape, txn, Some(kind))
}
