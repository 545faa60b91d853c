//! The whole order of a release, and the only place that knows it.
//!
//! [`Release::open`] reads policy and repository; [`Release::plan`] says what would be done and
//! touches nothing; [`Release::release`] does it. Calls block: they bring their own runtime, so
//! they must not be made from inside another one.

mod all;
mod build;
mod check;
mod errors;
mod execute;
mod gather;
mod inspect;
mod log;
mod observe;
mod open;
mod promote;
mod recheck;
mod release_commit;
mod repair;
mod rollback;
mod tag_set;
mod tags;
mod unfinished;
mod verify;
mod world;

use std::sync::Arc;

use crate::{
    error::{Error, Result},
    event::{Events, Step},
    io::{environment::Environment, git::read as git, registry::Registries},
    outcome::Outcome,
    plan::{
        Plan,
        version::next::{self, Next, Request},
    },
    policy::Policy,
};

use gather::Purpose;

pub use crate::release::rollback::RollbackResult;
pub use all::{ImageResult, ReleaseSet};
pub use check::{Check, first_problem};
pub use gather::{NothingToRelease, Planned, ReleaseRequest};
pub use inspect::{InspectOptions, inspect_path};
pub use log::PastRelease;
pub use open::Options;
pub use repair::{DriftReport, RepositoryDrift};
pub use tag_set::Tags;
pub use verify::{Finding, Verified, VerifyOptions};

pub use crate::publish::{Recovery, Unfinished};

/// A repository, its policy, and the outside world that they name.
pub struct Release {
    loaded: open::Loaded,
    git: git::Repository,
    remote_url: Option<String>,
    environment: Environment,
    events: Events,
    cancel: tokio_util::sync::CancellationToken,
    registries: Arc<Registries>,
    /// Whose turn it is in the work tree: held for writing while a command makes an image there,
    /// for reading while one is read from there. Releases of one [`All`] share it.
    work_tree: Arc<tokio::sync::RwLock<()>>,
    runtime: Background,
}

/// The runtime, which is left behind at the end: a `git` that hangs must not keep the program from
/// ending.
struct Background(Option<tokio::runtime::Runtime>);

impl Background {
    fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        let runtime = self.0.as_ref().expect("it is taken by drop alone");
        runtime.block_on(work)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// What a release came to.
#[derive(Debug)]
pub enum ReleaseResult {
    /// There was nothing to release.
    Nothing(NothingToRelease),
    /// It ended like this.
    Ended(Box<Outcome>),
}

impl Release {
    /// Reads the policy and opens the repository. Asks nobody outside this machine.
    ///
    /// # Errors
    /// Usage (exit 2) for the policy, refused (exit 4) for the repository.
    pub fn open(options: Options) -> Result<Self> {
        open::open(options)
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.loaded.policy
    }

    /// The next version, from the local history alone.
    ///
    /// # Errors
    /// As [`next::next`]; a history that cannot be read.
    pub fn next(&self, request: &Request) -> Result<Next> {
        next::next(self.policy(), &self.facts(request, Vec::new())?, request)
    }

    /// Everything that a release would do. Touches nothing.
    ///
    /// # Errors
    /// Refused (exit 4) where facts say no; failed (exit 6) where a registry or the remote cannot
    /// be read.
    pub fn plan(&self, ask: &ReleaseRequest) -> Result<Planned> {
        self.wait(self.gather(ask, Purpose::Show))
    }

    /// Plans and proves that nothing would stop the release. Touches nothing.
    ///
    /// # Errors
    /// As [`Release::plan`]; what preflight finds.
    pub fn dry_run(&self, ask: &ReleaseRequest) -> Result<Planned> {
        self.wait(self.or_signal(async {
            let planned = self.gather(ask, Purpose::Try).await?;
            if let Planned::Release(plan) = &planned {
                self.gate(ask)?;
                self.preflight(&self.world(), plan).await?;
                self.check_builds(plan).await?;
            }
            Ok(planned)
        }))
    }

    /// Releases: builds once, and moves every tag or none. With `reviewed`, only if the plan comes
    /// out the same again; its instant is kept.
    ///
    /// # Errors
    /// Whatever stood in the way before the transaction began. What came of the transaction itself
    /// is the outcome.
    pub fn release(&self, ask: &ReleaseRequest, reviewed: Option<&Plan>) -> Result<ReleaseResult> {
        let mut ask = ask.clone();
        ask.instant = reviewed.map(|plan| plan.instant).or(ask.instant);
        self.wait(async {
            let planned = self.or_signal(self.ready(&ask)).await?;
            if let Some(reviewed) = reviewed {
                same_plan(reviewed, &planned)?;
            }
            self.carry_out_planned(planned).await
        })
    }

    /// Everything before the first thing is done: nothing stands in the way, and the plan.
    async fn ready(&self, ask: &ReleaseRequest) -> Result<Planned> {
        self.events.started(Step::Plan, "the release");
        self.refuse_unfinished().await?;
        for note in self.gate(ask)? {
            self.events.note(note);
        }
        self.gather(ask, Purpose::Do).await
    }

    async fn carry_out_planned(&self, planned: Planned) -> Result<ReleaseResult> {
        match planned {
            Planned::NothingToRelease(nothing) => Ok(ReleaseResult::Nothing(nothing)),
            Planned::Release(plan) => {
                let outcome = self.carry_out(&plan).await?;
                Ok(ReleaseResult::Ended(Box::new(outcome)))
            }
        }
    }

    /// What is done before any tag moves ends at the first signal.
    async fn or_signal<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            done = work => done,
            () = self.cancel.cancelled() => Err(errors::interrupted()),
        }
    }

    fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }
}

fn same_plan(reviewed: &Plan, planned: &Planned) -> Result<()> {
    let changed = match planned {
        Planned::Release(now) => reviewed.differences(now),
        Planned::NothingToRelease(nothing) => vec![nothing.why.clone()],
    };
    if changed.is_empty() {
        return Ok(());
    }
    let error = Error::refused("the plan is out of date")
        .state("nothing was built or moved")
        .hint("make a new one: `hoist plan --json > plan.json`");
    Err(changed.into_iter().fold(error, Error::cause))
}
