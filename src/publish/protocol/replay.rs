//! From a journal's records back to the transaction. Pure: records in, state out.

use chrono::{DateTime, Utc};

use crate::publish::protocol::{
    journal::{Owner, Prepared, Record},
    lock_way::LockWay,
    state::{Direction, End, Goal, State, Stop, TagProgress, Transaction},
};

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
    /// When the last record was written.
    pub last: DateTime<Utc>,
    /// Where the lock says that the tags are led.
    pub way: LockWay,
}

impl Replayed {
    /// Where the holder was leading the tags.
    #[must_use]
    pub fn way(&self) -> Goal {
        match self.txn.state {
            State::CheckingLock(Direction::Back(_))
            | State::Recovering(Goal::Back)
            | State::Settling
            | State::RollingBack(_)
            | State::Confirming(End::RolledBack | End::Leftover)
            | State::Withdrawing(End::RolledBack | End::Leftover)
            | State::Unlocking(End::RolledBack | End::Leftover)
            | State::Stopped(Stop::Unsettled) => Goal::Back,
            _ => self.way.goal(),
        }
    }

    /// Whether the push that completes the release is known to have been done: only the forge and the
    /// lock are left.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.way == LockWay::Done || is_revealing(self.txn.state)
    }

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
        last: prepared.started,
        way: LockWay::Forward,
        prepared: *prepared,
    };
    for record in records {
        match record {
            // Only the first record of a journal is one.
            Record::Prepared(_) => {}
            Record::Step { txn, at } => {
                replayed.txn = txn;
                replayed.last = at;
            }
            Record::Directed { way, at } => {
                replayed.way = way;
                replayed.last = at;
            }
            Record::TakenOver { at, owner } => {
                replayed.owner = owner;
                replayed.since = at;
                replayed.last = at;
                replayed.way = LockWay::Forward;
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

fn is_revealing(state: State) -> bool {
    matches!(
        state,
        State::Revealing
            | State::Stopped(Stop::Unrevealed)
            | State::Unlocking(End::Published | End::Hidden)
    )
}

/// Where a recovery begins that has the lock of a release which is complete but for the forge.
#[must_use]
pub fn recover_done(mut txn: Transaction) -> Transaction {
    txn.state = match txn.state {
        State::Ended(end) => State::Ended(end),
        _ => State::Revealing,
    };
    txn
}

/// Where a recovery begins that has the lock.
#[must_use]
pub fn recover(mut txn: Transaction, goal: Goal) -> Transaction {
    txn.state = match txn.state {
        state if is_revealing(state) => State::Revealing,
        State::Withdrawing(end) => State::Confirming(end),
        State::Locking
        | State::Drafting
        | State::Observing
        | State::CheckingLock(Direction::Forward(_) | Direction::Back(_))
        | State::Committing(_)
        | State::Verifying
        | State::Finishing
        | State::Revealing
        | State::Recovering(_)
        | State::Staging
        | State::Settling
        | State::RollingBack(_)
        | State::Confirming(_)
        | State::Judging(_)
        | State::WithoutLock(_)
        | State::Relocking(_)
        | State::Stopped(
            Stop::Held
            | Stop::Lagging
            | Stop::Unconfirmed
            | Stop::Overtaken
            | Stop::LockLost
            | Stop::LockUnknown
            | Stop::Unfinished
            | Stop::Unrevealed
            | Stop::Unsettled
            | Stop::Unreadable
            | Stop::ContentGone
            | Stop::Journal,
        ) => State::Recovering(goal),
        // The end was decided and reached; only the lock was left. Whether it still is so, a look tells.
        State::Unlocking(end) => State::Confirming(end),
        State::Ended(
            end @ (End::Published
            | End::Unpushed
            | End::Hidden
            | End::RolledBack
            | End::Leftover
            | End::NotBegun
            | End::Elsewhere),
        ) => State::Ended(end),
    };
    txn
}

/// Why a transaction may be taken from its owner without the user's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abandoned {
    /// Its process is dead, or it is this one. What it has sent last may still be carried out.
    Dead,
    /// The attempt of the CI job that it belongs to is over. Requests that it was permitted to send may
    /// still be under way.
    JobOver,
}

/// Whether a transaction may be taken from its owner without the user's word. Time alone does not prove
/// death, and clocks lie.
///
/// `alive` tells whether the owner's process runs, and is asked only where it can be known: on the
/// same machine, boot and process namespace.
#[must_use]
pub fn abandoned(
    owner: &Owner,
    me: &Owner,
    alive: impl FnOnce(&Owner) -> bool,
) -> Option<Abandoned> {
    let is_here = owner.host == me.host && owner.boot == me.boot;
    let is_me =
        owner.pid == me.pid && (owner.pid_started.is_none() || owner.pid_started == me.pid_started);
    if is_here {
        return (is_me || !alive(owner)).then_some(Abandoned::Dead);
    }
    let jobs = owner.ci.as_ref().zip(me.ci.as_ref());
    jobs.is_some_and(|(owner, me)| owner.is_before(me))
        .then_some(Abandoned::JobOver)
}
