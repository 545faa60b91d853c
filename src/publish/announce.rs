//! The steps as people see them: the states of the protocol, told as few steps that start and end.

use crate::{
    event::{Finished, Running, Started, Step},
    publish::{
        protocol::state::{Direction, End, State},
        run::Run,
    },
};

/// Tells of the step that a run is in.
pub(super) struct Announcer {
    current: Option<CurrentStep>,
}

struct CurrentStep {
    step: Step,
    running: Running,
    /// What is told when its result is there.
    finished: Finished,
}

impl Announcer {
    /// A run begins in `state`.
    pub(super) fn new(run: &Run, state: State) -> Self {
        let mut announcer = Self { current: None };
        announcer.entered(run, state);
        announcer
    }

    /// The transaction came to `state`.
    pub(super) fn entered(&mut self, run: &Run, state: State) {
        let before = self.current.as_ref().map(|current| current.step);
        let now = step_of(before, state);
        if now == before {
            return;
        }
        if let Some(current) = self.current.take()
            && is_result(current.step, state)
        {
            current.running.finish(current.finished);
        }
        if let Some(step) = now
            && let Some((started, finished)) = told(run, step)
        {
            let running = run.world.events.start(started);
            self.current = Some(CurrentStep {
                step,
                running,
                finished,
            });
        }
    }
}

/// The step that `state` belongs to. Giving the lock back is the end of the roll back before it, and
/// where nothing had moved no step of its own; staging tells of itself, one repository at a time.
fn step_of(before: Option<Step>, state: State) -> Option<Step> {
    match state {
        State::Locking | State::Relocking(_) => Some(Step::Lock),
        State::Drafting => Some(Step::Draft),
        State::Observing | State::Recovering(_) | State::WithoutLock(_) => Some(Step::Observe),
        State::Committing(_) | State::CheckingLock(Direction::Forward(_)) => Some(Step::Commit),
        State::Verifying => Some(Step::Verify),
        State::Finishing => Some(Step::Finish),
        State::Revealing => Some(Step::Forge),
        State::Settling | State::RollingBack(_) | State::CheckingLock(Direction::Back(_)) => {
            Some(Step::RollBack)
        }
        State::Confirming(_) | State::Withdrawing(_) | State::Unlocking(_) | State::Judging(_) => {
            before.filter(|step| *step == Step::RollBack)
        }
        State::Staging | State::Stopped(_) | State::Ended(_) => None,
    }
}

/// Whether coming to `state` is what `step` was done for.
fn is_result(step: Step, state: State) -> bool {
    match step {
        Step::Lock => matches!(state, State::Drafting | State::Observing),
        Step::Draft => state == State::Observing,
        // Reading is done where something follows from it, be it the way back.
        Step::Observe => !matches!(
            state,
            State::Unlocking(_) | State::Stopped(_) | State::Ended(_)
        ),
        Step::Commit => state == State::Verifying,
        Step::Verify => state == State::Finishing,
        Step::RollBack => state == State::Ended(End::RolledBack),
        Step::Finish => matches!(state, State::Ended(End::Published) | State::Revealing),
        Step::Forge => state == State::Unlocking(End::Published),
        Step::Plan | Step::Preflight | Step::Build | Step::Stage | Step::Hooks | Step::Sign => {
            false
        }
    }
}

/// What is told of a step before it and after it; `None`: it is told by whoever does it.
fn told(run: &Run, step: Step) -> Option<(Started, Finished)> {
    let version = run.prepared.version.clone();
    let taken_back = run.prepared.mark.is_some();
    match step {
        Step::Lock => {
            let remote = run.world.remote.name().to_owned();
            let started = Started::Lock {
                remote: remote.clone(),
            };
            Some((started, Finished::Lock { remote }))
        }
        Step::Observe => Some((
            Started::Observe {
                version: version.clone(),
                taken_back,
            },
            Finished::Observe {
                version,
                taken_back,
            },
        )),
        Step::Commit => Some((
            Started::Commit {
                version: version.clone(),
                taken_back,
            },
            Finished::Commit {
                version,
                tags: run.prepared.tags.len(),
                taken_back,
            },
        )),
        Step::Verify => Some((
            Started::Verify {
                version: version.clone(),
                taken_back,
            },
            Finished::Verify {
                version,
                taken_back,
            },
        )),
        Step::RollBack => Some((
            Started::RollBack {
                version: version.clone(),
            },
            Finished::RollBack { version },
        )),
        Step::Finish => Some((
            Started::Finish {
                version: version.clone(),
                taken_back,
            },
            Finished::Finish {
                version,
                taken_back,
            },
        )),
        Step::Forge => {
            let page = run.prepared.forge.as_ref()?.url.clone();
            let started = Started::Forge { page: page.clone() };
            Some((started, Finished::Forge { page }))
        }
        Step::Draft => {
            let forge = run.prepared.forge.as_ref()?;
            let page = forge.url.clone();
            let started = Started::Draft { page: page.clone() };
            let files = forge.added.len();
            Some((started, Finished::Draft { page, files }))
        }
        Step::Plan | Step::Preflight | Step::Build | Step::Stage | Step::Hooks | Step::Sign => None,
    }
}
