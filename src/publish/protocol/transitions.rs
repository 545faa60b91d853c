//! The transitions.

use crate::{
    policy::OnFailure,
    publish::protocol::{
        action::round_tags,
        observation::{ContentSeen, GitSeen, GitTagSeen, LockSeen, Observation, PutSeen, Shows},
        rollback::{put_back, settled},
        state::{
            Cause, Direction, End, Goal, Round, RoundStep, State, Stop, TagProgress, Transaction,
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
    fn blame(mut self, cause: Cause) -> Self {
        self.cause = self.cause.or(Some(cause));
        self
    }

    /// Before anything moved: the lock goes, nothing else is to do.
    fn give_up(self, cause: Cause) -> Self {
        self.blame(cause).to(State::Unlocking(End::NotBegun))
    }

    /// The commit failed.
    fn fail(self, spec: &TransactionSpec, cause: Cause) -> Self {
        let txn = self.blame(cause);
        if !txn.has_begun() {
            return txn.to(State::Unlocking(End::NotBegun));
        }
        match spec.on_failure {
            OnFailure::Rollback => txn.to(State::Settling),
            OnFailure::Hold => txn.to(State::Stopped(Stop::Held)),
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
    let seen = match seen {
        Observation::JournalFailed => return Ok(without_journal(spec, txn)),
        Observation::Interrupted if txn.can_stop_clean() => {
            return Ok(txn.give_up(Cause::Interrupted));
        }
        // In mid commit a signal only shortens the time that is left.
        Observation::Interrupted => return Ok(txn),
        answer => answer,
    };
    match (txn.state, seen) {
        (State::Locking, Observation::Lock(lock)) => Ok(locked(txn, lock)),
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
        (State::Verifying, Observation::Tags(tags)) => Ok(verified(spec, txn, &tags)),
        (State::Finishing, Observation::Git(git)) => Ok(finished(txn, git)),
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
            | State::Observing
            | State::CheckingLock(_)
            | State::Committing(_)
            | State::Verifying
            | State::Finishing
            | State::Recovering(_)
            | State::Staging
            | State::Settling
            | State::RollingBack(_)
            | State::Unlocking(_)
            | State::Stopped(_)
            | State::Ended(_),
            seen,
        ) => Err(OutOfOrder {
            state: format!("{:?}", txn.state),
            seen: format!("{seen:?}"),
        }),
    }
}

/// Nothing moves that is not in the journal. What was begun is put back by what the journal
/// already says; where all tags have moved there is nothing left to protect.
fn without_journal(spec: &TransactionSpec, txn: Transaction) -> Transaction {
    match txn.state {
        State::Locking | State::Observing => txn.give_up(Cause::Journal),
        // The round's intent is not in the journal and was not acted on; earlier rounds are.
        State::CheckingLock(Direction::Forward(_)) | State::Committing(_) => {
            txn.fail(spec, Cause::Journal)
        }
        State::Recovering(_) | State::Staging => {
            txn.blame(Cause::Journal).to(State::Stopped(Stop::Journal))
        }
        State::CheckingLock(Direction::Back(_))
        | State::Verifying
        | State::Finishing
        | State::Settling
        | State::RollingBack(_)
        | State::Unlocking(_)
        | State::Stopped(_)
        | State::Ended(_) => txn,
    }
}

fn finished(txn: Transaction, git: GitSeen) -> Transaction {
    match git {
        GitSeen::Done | GitSeen::BranchLeft => txn.to(State::Ended(End::Published)),
        GitSeen::Taken => txn.to(State::Stopped(Stop::LockLost)),
        GitSeen::Refused => txn.to(State::Unlocking(End::Unpushed)),
        GitSeen::Unreachable => txn.to(State::Stopped(Stop::Unfinished)),
    }
}

fn unlocked(txn: Transaction, end: End, git: GitSeen) -> Transaction {
    match git {
        // Gone, or another run's: either way there is nothing left for this run to delete.
        GitSeen::Done | GitSeen::Taken => txn.to(State::Ended(end)),
        GitSeen::BranchLeft => txn.to(State::Ended(End::Leftover)),
        GitSeen::Refused | GitSeen::Unreachable => txn.to(State::Stopped(Stop::LockUnknown)),
    }
}

fn locked(txn: Transaction, lock: LockSeen) -> Transaction {
    match lock {
        LockSeen::Ours => txn.to(State::Observing),
        LockSeen::Taken => txn.blame(Cause::Busy).to(State::Ended(End::NotBegun)),
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
        LockSeen::Taken => return txn.blame(Cause::Busy).to(State::Ended(End::NotBegun)),
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
        Some(round) => enter(spec, txn, round),
        None => txn.to(State::Verifying),
    }
}

fn enter(spec: &TransactionSpec, mut txn: Transaction, round: Round) -> Transaction {
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
    match lock {
        LockSeen::Ours => match direction {
            Direction::Forward(round) => enter(spec, txn, round),
            Direction::Back(kind) => txn.to(State::RollingBack(kind)),
        },
        LockSeen::Taken => txn.to(State::Stopped(Stop::LockLost)),
        LockSeen::Partly | LockSeen::Refused | LockSeen::Advanced | LockSeen::Unreachable => {
            txn.to(State::Stopped(Stop::LockUnknown))
        }
    }
}

fn put(
    spec: &TransactionSpec,
    mut txn: Transaction,
    round: Round,
    answers: &[(usize, PutSeen)],
) -> Transaction {
    let mut cause = None;
    for &(index, answer) in answers {
        let (mark, wrong) = match answer {
            PutSeen::Ours => (TagProgress::Ours, None),
            PutSeen::NotTaken if !txn.resumed => (TagProgress::Untouched, None),
            PutSeen::NotTaken | PutSeen::Pending => (TagProgress::Intended, None),
            PutSeen::Refused => (TagProgress::Refused, Some(Cause::Refused(index))),
            PutSeen::Foreign => (TagProgress::Foreign, Some(Cause::Foreign(index))),
            PutSeen::Unclear => (TagProgress::Intended, Some(Cause::Unclear(index))),
        };
        txn.progress[index] = mark;
        cause = cause.or(wrong);
    }
    if let Some(cause) = cause {
        return txn.fail(spec, cause);
    }
    match next_round(spec, &txn.progress, Some(round)) {
        Some(round) => txn.to(State::CheckingLock(Direction::Forward(round))),
        None => txn.to(State::Verifying),
    }
}

fn verified(spec: &TransactionSpec, mut txn: Transaction, tags: &[Shows]) -> Transaction {
    let mut lagging = false;
    let mut cause = None;
    for (index, shows) in tags.iter().enumerate() {
        match shows {
            Shows::Ours => {}
            Shows::Before | Shows::Unreadable => lagging = true,
            Shows::Other => {
                txn.progress[index] = TagProgress::Foreign;
                cause = cause.or(Some(Cause::Foreign(index)));
            }
        }
    }
    match cause {
        Some(cause) => txn.fail(spec, cause),
        None if lagging => txn.to(State::Stopped(Stop::Lagging)),
        None => txn.to(State::Finishing),
    }
}

fn recovered(
    spec: &TransactionSpec,
    mut txn: Transaction,
    goal: Goal,
    tags: &[Shows],
    git_tag: GitTagSeen,
    lock: LockSeen,
) -> Transaction {
    match lock {
        LockSeen::Ours => {}
        LockSeen::Taken => return txn.to(State::Stopped(Stop::LockLost)),
        LockSeen::Partly | LockSeen::Refused | LockSeen::Advanced | LockSeen::Unreachable => {
            return txn.to(State::Stopped(Stop::LockUnknown));
        }
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
    match (goal, git_tag) {
        // Its git tag is out: the release is complete, and only the lock is left.
        (Goal::Forward | Goal::Back, GitTagSeen::Ours) => txn.to(State::Finishing),
        (Goal::Back, GitTagSeen::Absent | GitTagSeen::Other) => txn.to(State::Settling),
        (Goal::Forward, GitTagSeen::Other) => txn.fail(spec, Cause::GitTag),
        (Goal::Forward, GitTagSeen::Absent) => {
            txn.cause = None;
            match foreign {
                Some(cause) => txn.fail(spec, cause),
                None if tags.iter().all(|shows| *shows == Shows::Ours) => txn.to(State::Finishing),
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
        ContentSeen::Gone if txn.has_begun() => txn.blame(Cause::Content).to(State::Settling),
        ContentSeen::Gone => txn.give_up(Cause::Content),
        ContentSeen::Failed => txn
            .blame(Cause::Content)
            .to(State::Stopped(Stop::Unreadable)),
    }
}
