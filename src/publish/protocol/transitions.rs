//! The transitions.

use crate::{
    policy::OnFailure,
    publish::protocol::{
        action::round_tags,
        forge::{drafted, on_forge, revealed},
        lockless::{relocked, without_lock},
        observation::{ContentSeen, GitSeen, GitTagSeen, LockSeen, Observation, PutSeen, Shows},
        recovery::recovered,
        rollback::{confirmed, judged, lock_gone, lock_stop, put_back, settled},
        state::{
            Cause, Direction, End, Round, RoundStep, State, Stop, TagProgress, Transaction,
            TransactionSpec,
        },
    },
};

/// An answer that no action of this state can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the answer {seen} does not belong to the state {state}")]
pub struct OutOfOrder {
    state: String,
    seen: String,
}

impl Transaction {
    pub(super) fn blame(mut self, cause: Cause) -> Self {
        self.cause = self.cause.or(Some(cause));
        self
    }

    /// Before anything moved: the lock goes, nothing else is to do.
    pub(super) fn give_up(self, cause: Cause) -> Self {
        self.blame(cause).to(State::Unlocking(End::NotBegun))
    }

    /// The commit failed.
    pub(super) fn fail(self, spec: &TransactionSpec, cause: Cause) -> Self {
        let txn = self.blame(cause);
        // An earlier run may have sent requests that are still under way.
        if !txn.has_begun() && !txn.resumed {
            return txn.to(State::Unlocking(End::NotBegun));
        }
        match spec.on_failure {
            OnFailure::Hold if txn.has_surely_begun() => txn.to(State::Stopped(Stop::Held)),
            // A look tells whether any tag has moved at all.
            OnFailure::Hold | OnFailure::Rollback => txn.to(State::Settling),
        }
    }
}

fn next_round(
    spec: &TransactionSpec,
    progress: &[TagProgress],
    after: Option<Round>,
) -> Option<Round> {
    let last = spec.tags.iter().map(|slot| slot.group).max()?;
    let steps = [
        RoundStep::Batch,
        RoundStep::Version,
        RoundStep::Fixed,
        RoundStep::Moving,
    ];
    (0..=last)
        .flat_map(|group| steps.map(|step| Round { group, step }))
        .find(|&round| {
            after.is_none_or(|after| round > after) && !round_tags(spec, progress, round).is_empty()
        })
}

/// Where the answer to the state's action leads.
///
/// # Errors
/// The answer is to another action: a bug in the caller.
pub fn next(
    spec: &TransactionSpec,
    txn: Transaction,
    seen: Observation,
) -> Result<Transaction, OutOfOrder> {
    let from = txn.state;
    answered(spec, txn, seen).map(|txn| on_forge(spec, from, txn))
}

fn answered(
    spec: &TransactionSpec,
    txn: Transaction,
    seen: Observation,
) -> Result<Transaction, OutOfOrder> {
    let seen = match seen {
        Observation::JournalFailed => {
            return Ok(without_journal(spec, txn.clone()).unwrap_or(txn));
        }
        Observation::Interrupted if txn.can_stop_clean() => {
            return Ok(txn.give_up(Cause::Interrupted));
        }
        // In mid commit a signal only shortens the time that is left.
        Observation::Interrupted => return Ok(txn),
        answer => answer,
    };
    match (txn.state, seen) {
        (State::Locking, Observation::Lock(lock)) => Ok(locked(spec, txn, lock)),
        (State::Drafting, Observation::Forge(seen)) => Ok(drafted(txn, seen)),
        (
            State::Observing,
            Observation::World {
                tags,
                git_tag,
                lock,
            },
        ) => Ok(observed(spec, txn, &tags, git_tag, lock)),
        (State::CheckingLock(direction), Observation::Lock(lock)) => {
            Ok(lock_checked(spec, txn, direction, lock))
        }
        (State::Committing(round), Observation::Put(answers)) => {
            Ok(put(spec, txn, round, &answers))
        }
        (State::Verifying, Observation::LastLook { tags, settled }) => {
            Ok(verified(spec, txn, &tags, settled))
        }
        (State::Confirming(end), Observation::LastLook { tags, settled }) => {
            Ok(confirmed(spec, txn, end, &tags, settled))
        }
        (State::Judging(end), Observation::Tags(tags)) => Ok(judged(txn, end, &tags)),
        (
            State::WithoutLock(lockless),
            Observation::World {
                tags,
                git_tag,
                lock,
            },
        ) => Ok(without_lock(spec, txn, lockless, &tags, git_tag, lock)),
        (State::Relocking(goal), Observation::Lock(lock)) => Ok(relocked(txn, goal, lock)),
        (State::Finishing, Observation::Git(git)) => Ok(finished(spec, txn, git)),
        (State::Revealing, Observation::Forge(seen)) => Ok(revealed(txn, seen)),
        // That the draft stays is a warning.
        (State::Withdrawing(end), Observation::Forge(_)) => Ok(txn.to(State::Unlocking(end))),
        (
            State::Recovering(goal),
            Observation::World {
                tags,
                git_tag,
                lock,
            },
        ) => Ok(recovered(spec, txn, goal, &tags, git_tag, lock)),
        (State::Staging, Observation::Content(content)) => Ok(staged(spec, txn, content)),
        (State::Settling, Observation::Tags(tags)) => Ok(settled(spec, txn, &tags)),
        (State::RollingBack(kind), Observation::PutBack(answers)) => {
            Ok(put_back(spec, txn, kind, &answers))
        }
        (State::Unlocking(end), Observation::Git(git)) => Ok(unlocked(txn, end, git)),
        (
            State::Locking
            | State::Drafting
            | State::Observing
            | State::CheckingLock(_)
            | State::Committing(_)
            | State::Verifying
            | State::Finishing
            | State::Revealing
            | State::Recovering(_)
            | State::Staging
            | State::Settling
            | State::RollingBack(_)
            | State::Confirming(_)
            | State::Withdrawing(_)
            | State::Unlocking(_)
            | State::Judging(_)
            | State::WithoutLock(_)
            | State::Relocking(_)
            | State::Stopped(_)
            | State::Ended(_),
            seen,
        ) => Err(OutOfOrder {
            state: format!("{:?}", txn.state),
            seen: format!("{seen:?}"),
        }),
    }
}

/// Whether the transaction turns from its way where its state cannot be written to the journal.
pub fn needs_journal(spec: &TransactionSpec, txn: &Transaction) -> bool {
    without_journal(spec, txn.clone()).is_some()
}

/// Nothing moves that is not in the journal. What was begun is put back by what the journal
/// already says; where all tags have moved there is nothing left to protect, and the way goes on
/// (`None`).
fn without_journal(spec: &TransactionSpec, txn: Transaction) -> Option<Transaction> {
    let turned = match txn.state {
        State::Locking | State::Drafting | State::Observing => txn.give_up(Cause::Journal),
        // The round's intent is not in the journal and was not acted on; earlier rounds are.
        State::CheckingLock(Direction::Forward(_)) | State::Committing(_) => {
            txn.fail(spec, Cause::Journal)
        }
        State::Recovering(_) | State::Staging | State::WithoutLock(_) | State::Relocking(_) => {
            txn.blame(Cause::Journal).to(State::Stopped(Stop::Journal))
        }
        State::CheckingLock(Direction::Back(_))
        | State::Verifying
        | State::Finishing
        | State::Revealing
        | State::Settling
        | State::RollingBack(_)
        | State::Confirming(_)
        | State::Withdrawing(_)
        | State::Unlocking(_)
        | State::Judging(_)
        | State::Stopped(_)
        | State::Ended(_) => return None,
    };
    Some(turned)
}

fn finished(spec: &TransactionSpec, txn: Transaction, git: GitSeen) -> Transaction {
    match git {
        GitSeen::Done | GitSeen::BranchLeft if spec.has_forge => txn.to(State::Revealing),
        GitSeen::Done | GitSeen::BranchLeft => txn.to(State::Ended(End::Published)),
        // The lock was to stay.
        GitSeen::Gone if spec.has_forge => txn.to(State::Stopped(Stop::LockLost)),
        GitSeen::Taken => txn.to(State::Stopped(Stop::LockLost)),
        GitSeen::Gone => txn.to(State::Judging(End::Published)),
        GitSeen::Refused => txn.to(State::Unlocking(End::Unpushed)),
        GitSeen::Unreachable => txn.to(State::Stopped(Stop::Unfinished)),
    }
}

fn unlocked(txn: Transaction, end: End, git: GitSeen) -> Transaction {
    match git {
        GitSeen::Done => txn.to(State::Ended(end)),
        // It never had the lock, or lost it before it sent anything: nothing is left to give back.
        GitSeen::Taken | GitSeen::Gone if !txn.has_begun() && !txn.resumed => {
            txn.to(State::Ended(end))
        }
        GitSeen::Taken => txn.to(State::Stopped(Stop::LockLost)),
        GitSeen::Gone => txn.to(State::Judging(end)),
        GitSeen::BranchLeft => txn.to(State::Ended(End::Leftover)),
        GitSeen::Refused | GitSeen::Unreachable => txn.to(State::Stopped(Stop::LockUnknown)),
    }
}

fn locked(spec: &TransactionSpec, txn: Transaction, lock: LockSeen) -> Transaction {
    match lock {
        LockSeen::Ours if spec.takes_draft => txn.to(State::Drafting),
        LockSeen::Ours => txn.to(State::Observing),
        LockSeen::Taken | LockSeen::Absent => {
            txn.blame(Cause::Busy).to(State::Ended(End::NotBegun))
        }
        LockSeen::Partly => txn.give_up(Cause::Busy),
        LockSeen::Refused => txn.blame(Cause::Lock).to(State::Ended(End::NotBegun)),
        // A server without atomic pushes may have given the lock all the same.
        LockSeen::Advanced => txn.give_up(Cause::Branch),
        // It may have been taken: try to delete it.
        LockSeen::Unreachable => txn.give_up(Cause::Lock),
    }
}

fn observed(
    spec: &TransactionSpec,
    mut txn: Transaction,
    tags: &[Shows],
    git_tag: GitTagSeen,
    lock: LockSeen,
) -> Transaction {
    match lock {
        LockSeen::Ours => {}
        LockSeen::Taken | LockSeen::Absent => {
            return txn.blame(Cause::Busy).to(State::Ended(End::NotBegun));
        }
        LockSeen::Partly | LockSeen::Refused | LockSeen::Advanced | LockSeen::Unreachable => {
            return txn.give_up(Cause::Lock);
        }
    }
    match git_tag {
        GitTagSeen::Absent | GitTagSeen::Ours => {}
        GitTagSeen::Other => return txn.give_up(Cause::GitTag),
    }
    for (index, shows) in tags.iter().enumerate() {
        match shows {
            Shows::Ours => txn.progress[index] = TagProgress::Already,
            Shows::Before => {}
            Shows::Other => return txn.give_up(Cause::Foreign(index)),
            Shows::Unreadable => return txn.give_up(Cause::Unreadable),
        }
    }
    // The look above read the lock as well, so the first round needs no look of its own.
    match next_round(spec, &txn.progress, None) {
        Some(round) => begin_round(spec, txn, round),
        None => txn.to(State::Verifying),
    }
}

fn begin_round(spec: &TransactionSpec, mut txn: Transaction, round: Round) -> Transaction {
    for index in round_tags(spec, &txn.progress, round) {
        txn.progress[index] = TagProgress::Intended;
    }
    txn.to(State::Committing(round))
}

fn lock_checked(
    spec: &TransactionSpec,
    txn: Transaction,
    direction: Direction,
    lock: LockSeen,
) -> Transaction {
    if let Some(stop) = lock_gone(lock) {
        return txn.to(State::Stopped(stop));
    }
    match direction {
        Direction::Forward(round) => begin_round(spec, txn, round),
        Direction::Back(kind) => txn.to(State::RollingBack(kind)),
    }
}

fn put(
    spec: &TransactionSpec,
    mut txn: Transaction,
    round: Round,
    answers: &[(usize, PutSeen)],
) -> Transaction {
    let mut cause = None;
    let mut lost = None;
    for &(index, answer) in answers {
        let (mark, wrong) = match answer {
            PutSeen::Ours => (TagProgress::Ours, None),
            PutSeen::NotTaken if !txn.resumed => (TagProgress::Offered, None),
            PutSeen::NotTaken | PutSeen::Pending => (TagProgress::Intended, None),
            PutSeen::LockLost | PutSeen::LockUnknown => {
                lost = lost.max(Some(answer == PutSeen::LockLost));
                (TagProgress::Intended, None)
            }
            PutSeen::Refused => (TagProgress::Refused, Some(Cause::Refused(index))),
            PutSeen::Foreign | PutSeen::Overwritten => {
                txn.overwritten |= answer == PutSeen::Overwritten;
                (TagProgress::Foreign, Some(Cause::Foreign(index)))
            }
            PutSeen::Unclear => (TagProgress::Intended, Some(Cause::Unclear(index))),
        };
        txn.progress[index] = mark;
        cause = cause.or(wrong);
    }
    if let Some(lost) = lost {
        return txn.to(State::Stopped(lock_stop(lost)));
    }
    if let Some(cause) = cause {
        return txn.fail(spec, cause);
    }
    match next_round(spec, &txn.progress, Some(round)) {
        Some(round) => txn.to(State::CheckingLock(Direction::Forward(round))),
        None => txn.to(State::Verifying),
    }
}

fn verified(
    spec: &TransactionSpec,
    mut txn: Transaction,
    tags: &[Shows],
    settled: bool,
) -> Transaction {
    let mut lagging = false;
    let mut cause = None;
    for (index, shows) in tags.iter().enumerate() {
        match shows {
            Shows::Ours => {}
            Shows::Before | Shows::Unreadable => lagging = true,
            Shows::Other => {
                txn.is_foreign(index);
                cause = cause.or(Some(Cause::Foreign(index)));
            }
        }
    }
    match cause {
        Some(cause) => txn.fail(spec, cause),
        None if lagging => txn.to(State::Stopped(Stop::Lagging)),
        None if !settled => txn.to(State::Stopped(Stop::Unconfirmed)),
        None => txn.to(State::Finishing),
    }
}

fn staged(spec: &TransactionSpec, txn: Transaction, content: ContentSeen) -> Transaction {
    let moved = txn.progress.contains(&TagProgress::Ours);
    match content {
        ContentSeen::Ready => match next_round(spec, &txn.progress, None) {
            Some(round) => txn.to(State::CheckingLock(Direction::Forward(round))),
            None => txn.to(State::Verifying),
        },
        ContentSeen::Gone if moved => txn
            .blame(Cause::Content)
            .to(State::Stopped(Stop::ContentGone)),
        // None shows the release, yet an answer may lag: made sure of on the way back.
        ContentSeen::Gone if txn.has_begun() || txn.resumed => {
            txn.blame(Cause::Content).to(State::Settling)
        }
        ContentSeen::Gone => txn.give_up(Cause::Content),
        ContentSeen::Failed => txn
            .blame(Cause::Content)
            .to(State::Stopped(Stop::Unreadable)),
    }
}
