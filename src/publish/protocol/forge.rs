//! The transitions of the release on the forge: a draft of somebody else is taken when the lock is, the release is made
//! public when the git tag is out, and what the forge has of a release that is given up is deleted before the lock goes.

use crate::publish::protocol::{
    observation::ForgeSeen,
    rollback::lock_stop,
    state::{Cause, End, State, Stop, Transaction, TransactionSpec},
};

pub(super) fn revealed(txn: Transaction, seen: ForgeSeen) -> Transaction {
    match seen {
        ForgeSeen::Done => txn.to(State::Unlocking(End::Published)),
        // Nobody can do more for it with the lock than without.
        ForgeSeen::Refused => txn.to(State::Unlocking(End::Hidden)),
        ForgeSeen::Unreachable => txn.to(State::Stopped(Stop::Unrevealed)),
        ForgeSeen::LockLost => txn.to(State::Stopped(lock_stop(true))),
        ForgeSeen::LockUnknown => txn.to(State::Stopped(lock_stop(false))),
    }
}

pub(super) fn drafted(txn: Transaction, seen: ForgeSeen) -> Transaction {
    match seen {
        ForgeSeen::Done => txn.to(State::Observing),
        ForgeSeen::Refused | ForgeSeen::Unreachable => txn.give_up(Cause::Draft),
        ForgeSeen::LockLost => txn.blame(Cause::Busy).to(State::Ended(End::NotBegun)),
        ForgeSeen::LockUnknown => txn.give_up(Cause::Lock),
    }
}

/// Puts the deletion of the draft before the end of every way back, with the lock or without one.
pub(super) fn on_forge(spec: &TransactionSpec, from: State, txn: Transaction) -> Transaction {
    let is_withdrawn = matches!(from, State::Withdrawing(_) | State::Unlocking(_));
    if !spec.has_forge || is_withdrawn {
        return txn;
    }
    match txn.state {
        State::Unlocking(end @ (End::RolledBack | End::Leftover | End::NotBegun))
        | State::Ended(end @ End::NotBegun) => txn.to(State::Withdrawing(end)),
        _ => txn,
    }
}
