//! The transitions of a recovery that found no lock. That the lock is gone proves nothing: the release
//! may have been finished or undone from another place, or somebody has deleted the lock. What the tags
//! and the git tag show decides.

use crate::publish::protocol::{
    observation::{GitTagSeen, LockSeen, Shows},
    rollback::lock_gone,
    state::{End, Goal, Lockless, State, Stop, Transaction, TransactionSpec},
};

/// What was made of a transaction whose lock is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was published; tags may have moved on since.
    Published,
    /// All tags are as they were.
    Undone,
    /// Another release has gone over it: tags show what neither it nor its past had.
    Overtaken,
    /// Nobody has ended it.
    Open,
    /// A tag could not be read.
    Unknown,
}

/// Judges by what the tags and the git tag show.
#[must_use]
pub fn fate(spec: &TransactionSpec, tags: &[Shows], git_tag: GitTagSeen) -> Fate {
    let all = |wanted| tags.iter().all(|shows| *shows == wanted);
    if tags.contains(&Shows::Unreadable) {
        return Fate::Unknown;
    }
    match git_tag {
        GitTagSeen::Ours => Fate::Published,
        GitTagSeen::Absent if !spec.makes_git_tag && all(Shows::Ours) => Fate::Published,
        GitTagSeen::Absent | GitTagSeen::Other if all(Shows::Before) => Fate::Undone,
        GitTagSeen::Other => Fate::Overtaken,
        GitTagSeen::Absent if tags.contains(&Shows::Other) => Fate::Overtaken,
        GitTagSeen::Absent => Fate::Open,
    }
}

pub(super) fn without_lock(
    spec: &TransactionSpec,
    txn: Transaction,
    lockless: Lockless,
    tags: &[Shows],
    git_tag: GitTagSeen,
    lock: LockSeen,
) -> Transaction {
    match lock {
        LockSeen::Absent => {}
        // An earlier try has taken it.
        LockSeen::Ours => return txn.to(State::Recovering(lockless.goal)),
        LockSeen::Taken => return txn.to(State::Stopped(Stop::LockLost)),
        LockSeen::Partly | LockSeen::Refused | LockSeen::Advanced | LockSeen::Unreachable => {
            return txn.to(State::Stopped(Stop::LockUnknown));
        }
    }
    match fate(spec, tags, git_tag) {
        Fate::Published => txn.to(State::Ended(End::Elsewhere)),
        // As far as the journal knows it never had the lock; another clone may have undone it all the
        // same, for the answer to its push may have been lost.
        Fate::Undone if lockless.never_locked => txn.to(State::Ended(End::NotBegun)),
        Fate::Undone => txn.to(State::Ended(End::Elsewhere)),
        Fate::Overtaken if lockless.take_over && lockless.goal == Goal::Back => {
            txn.to(State::Relocking(Goal::Back))
        }
        Fate::Overtaken => txn.to(State::Stopped(Stop::Overtaken)),
        Fate::Open => txn.to(State::Relocking(lockless.goal)),
        Fate::Unknown => txn.to(State::Stopped(Stop::Unreadable)),
    }
}

pub(super) fn relocked(txn: Transaction, goal: Goal, lock: LockSeen) -> Transaction {
    // Whatever of it was given is found by the next recovery.
    match lock_gone(lock) {
        None => txn.to(State::Recovering(goal)),
        Some(stop) => txn.to(State::Stopped(stop)),
    }
}
