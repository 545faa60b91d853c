//! From a journal's records back to the transaction. Pure: records in, state out.

use chrono::{DateTime, TimeDelta, Utc};

use crate::publish::protocol::{
    journal::{Owner, Prepared, Record},
    state::{Direction, End, Goal, State, Stop, TagProgress, Transaction},
};

/// How long a lock protects its owner from being taken over without a word.
pub const LOCK_AGE: TimeDelta = TimeDelta::hours(1);

/// A transaction as its journal tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Replayed {
    /// All that was written down before the first step.
    pub prepared: Prepared,
    /// The state as far as it was written down.
    pub txn: Transaction,
    /// The process that has it now.
    pub owner: Owner,
    /// When the owner prepared or took over the transaction.
    pub since: DateTime<Utc>,
}

impl Replayed {
    /// Nothing is left to do.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.txn.state, State::Ended(_))
    }
}

/// Replays a journal. `None`: nothing whole was written, so nothing was done.
#[must_use]
pub fn replay(records: Vec<Record>) -> Option<Replayed> {
    let mut records = records.into_iter();
    let Some(Record::Prepared(prepared)) = records.next() else {
        return None;
    };
    let mut replayed = Replayed {
        txn: prepared.transaction(),
        owner: prepared.owner.clone(),
        since: prepared.started,
        prepared: *prepared,
    };
    for record in records {
        match record {
            // Only the first record of a journal is one.
            Record::Prepared(_) => {}
            Record::Step { txn, .. } => replayed.txn = txn,
            Record::TakenOver { at, owner } => {
                replayed.owner = owner;
                replayed.since = at;
            }
        }
    }
    Some(replayed)
}

/// A journal that was read from the lock holds no steps: whatever could have moved may have moved.
#[must_use]
pub fn suspect_all(prepared: &Prepared) -> Transaction {
    let mut txn = prepared.transaction();
    for mark in &mut txn.progress {
        if *mark == TagProgress::Untouched {
            *mark = TagProgress::Intended;
        }
    }
    txn.state = State::Recovering(Goal::Forward);
    txn
}

/// Where a recovery begins.
#[must_use]
pub fn enter(mut txn: Transaction, goal: Goal) -> Transaction {
    txn.state = match txn.state {
        State::Locking
        | State::Observing
        | State::CheckingLock(Direction::Forward(_) | Direction::Back(_))
        | State::Committing(_)
        | State::Verifying
        | State::Finishing
        | State::Recovering(_)
        | State::Staging
        | State::Settling
        | State::RollingBack(_)
        | State::Stopped(
            Stop::Held
            | Stop::Lagging
            | Stop::LockLost
            | Stop::LockUnknown
            | Stop::Unfinished
            | Stop::Unsettled
            | Stop::Unreadable
            | Stop::ContentGone
            | Stop::Journal,
        ) => State::Recovering(goal),
        // The end was decided and reached; only the lock was left.
        State::Unlocking(end) => State::Unlocking(end),
        State::Ended(
            end @ (End::Published
            | End::Unpushed
            | End::RolledBack
            | End::Leftover
            | End::NotBegun
            | End::Elsewhere),
        ) => State::Ended(end),
    };
    txn
}

/// Whether a transaction may be taken from its owner without the user's word.
///
/// `alive` tells whether the owner's process runs, and is asked only when it can be known: on the
/// same machine, boot and process namespace.
#[must_use]
pub fn may_take_over(
    owner: &Owner,
    since: DateTime<Utc>,
    me: &Owner,
    now: DateTime<Utc>,
    alive: impl FnOnce(u32) -> bool,
) -> bool {
    let here = owner.host == me.host && owner.boot == me.boot;
    // A start in the future (another machine's clock) counts as young.
    (here && (owner.pid == me.pid || !alive(owner.pid))) || now - since > LOCK_AGE
}
