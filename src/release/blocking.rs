//! The facade for callers without an async runtime: each method runs the async one of the same name
//! to its end, on a runtime that is shared by all images.
//!
//! Must not be called from inside another runtime, which would panic.

use std::{num::NonZero, sync::Arc, thread};

use semver::Version;

use crate::{
    error::{Error, Result},
    event::Events,
    io::environment::Environment,
    outcome::Outcome,
    plan::{Plan, inspect::Report, version::VersionRequest},
    project::{ImageResult, Location, Project, ProjectSet, Withdrawn},
    publish::{MissingGitTag, Recovery, Unfinished},
    release::{
        self, BuildOptions, BuiltImages, Cancel, Check, Consent, DriftReport, InspectOptions,
        LockCheck, Planned, ReleaseRequest, ReleaseResult, ReleasedImage, RollbackPlan, TagsResult,
        TakenBack, UnlockChoice, UnlockPlan, Verified, VerifyOptions,
    },
};

/// The stack of a thread, in bytes. In a debug build, waiting for a request of a release takes more than the half of
/// the usual 2 MiB.
const STACK: usize = 4 << 20;

/// A runtime that is left behind at the end: a build context that is still being read on another
/// thread must not keep an interrupted program from ending.
struct Runtime(Option<tokio::runtime::Runtime>);

impl Runtime {
    fn new() -> Result<Self> {
        // Reading a history keeps a thread busy; another one serves the network meanwhile.
        let threads = thread::available_parallelism().map_or(2, NonZero::get);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads.max(2))
            .thread_stack_size(STACK)
            .enable_all()
            .build()
            .map_err(|error| Error::failed("cannot start the runtime").because(&error))?;
        Ok(Self(Some(runtime)))
    }

    fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        let runtime = self.0.as_ref().expect("only drop takes it");
        runtime.block_on(work)
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Methods that run the async one of the same name to its end.
macro_rules! blocking {
    ($type:literal: $($name:ident($($argument:ident: $kind:ty),*) -> $result:ty;)*) => {
        $(
            #[doc = concat!("Runs [`", $type, "::", stringify!($name), "`](crate::", $type, "::", stringify!($name), ") to its end.")]
            pub fn $name(&self, $($argument: $kind),*) -> $result {
                self.runtime.block_on(self.inner.$name($($argument),*))
            }
        )*
    };
}

/// [`crate::Release`] for callers without an async runtime.
///
/// ```no_run
/// use hoist::{Environment, Events, Location, ReleaseRequest, ReleaseResult, blocking::Release};
///
/// let here = Location::default();
/// let release = Release::open(&here, &Environment::from_process(), Events::none())?;
/// if let ReleaseResult::Ended(outcome) = release.release(&ReleaseRequest::default())? {
///     println!("{} {:?}", outcome.version, outcome.kind);
/// }
/// # Ok::<(), hoist::Error>(())
/// ```
pub struct Release {
    runtime: Runtime,
    inner: release::Release,
}

impl Release {
    /// [`crate::Release::open`], with a runtime.
    pub fn open(location: &Location, environment: &Environment, events: Events) -> Result<Self> {
        let project = Project::open(location, environment)?;
        Self::new(project, events, &Cancel::new())
    }

    /// [`crate::Release::new`], with a runtime.
    pub fn new(project: Project, events: Events, cancel: &Cancel) -> Result<Self> {
        Ok(Self {
            runtime: Runtime::new()?,
            inner: release::Release::new(project, events, cancel),
        })
    }

    /// [`crate::Release::with_hooks`].
    #[must_use]
    pub fn with_hooks(self, wanted: bool) -> Self {
        Self {
            inner: self.inner.with_hooks(wanted),
            ..self
        }
    }

    /// [`crate::Release::for_publishing`].
    #[must_use]
    pub fn for_publishing(self) -> Self {
        Self {
            inner: self.inner.for_publishing(),
            ..self
        }
    }

    /// The project.
    #[must_use]
    pub fn project(&self) -> &Project {
        self.inner.project()
    }

    /// [`crate::Release::last_plan`].
    #[must_use]
    pub fn last_plan(&self) -> Option<Arc<Plan>> {
        self.inner.last_plan()
    }

    /// [`crate::Release::must_be_prerelease`].
    ///
    /// # Errors
    /// As there.
    pub fn must_be_prerelease(&self, candidate: &Version) -> Result<()> {
        self.inner.must_be_prerelease(candidate)
    }

    blocking! { "Release":
        tags(request: &VersionRequest, of: Option<&Version>, offline: bool) -> Result<TagsResult>;
        plan(request: &ReleaseRequest) -> Result<Planned>;
        propose(request: &ReleaseRequest) -> Result<Planned>;
        hindrance() -> Result<Option<Error>>;
        dry_run(request: &ReleaseRequest) -> Result<Planned>;
        release(request: &ReleaseRequest) -> Result<ReleaseResult>;
        execute(plan: &Plan, request: &ReleaseRequest) -> Result<Outcome>;
        build(options: &BuildOptions) -> Result<BuiltImages>;
        plan_promotion(candidate: &Version) -> Result<Plan>;
        propose_promotion(candidate: &Version, request: &ReleaseRequest) -> Result<Plan>;
        promote(candidate: &Version, request: &ReleaseRequest) -> Result<Outcome>;
        execute_promotion(candidate: &Version, shown: &Plan, request: &ReleaseRequest) -> Result<Outcome>;
        status() -> Result<Vec<Unfinished>>;
        missing_git_tags() -> Result<Vec<MissingGitTag>>;
        resume(how: Recovery, consent: &Consent) -> Result<Option<Outcome>>;
        roll_back_unfinished(how: Recovery, consent: &Consent) -> Result<Option<Outcome>>;
        plan_unlock(choice: UnlockChoice) -> Result<Option<UnlockPlan>>;
        unlock(plan: &UnlockPlan) -> Result<()>;
        plan_take_back(version: &Version) -> Result<RollbackPlan>;
        take_back(plan: &RollbackPlan, why: Option<&str>) -> Result<TakenBack>;
        undo_take_back(version: &Version) -> Result<Option<Withdrawn>>;
        withdrawn() -> Result<Vec<Withdrawn>>;
        verify(version: Option<&Version>, options: &VerifyOptions) -> Result<Vec<Verified>>;
        check(locks: LockCheck) -> Vec<Check>;
        drift() -> Result<DriftReport>;
        repair(drift: &DriftReport) -> Result<Option<Outcome>>;
        inspect(options: &InspectOptions) -> Result<Report>;
        released(outcome: &Outcome, before: Option<&Version>) -> Result<Vec<ReleasedImage>>;
    }
}

/// [`crate::ReleaseSet`] for callers without an async runtime.
pub struct ReleaseSet {
    runtime: Runtime,
    inner: release::ReleaseSet,
}

impl ReleaseSet {
    /// [`crate::ReleaseSet::new`], with a runtime for all images.
    ///
    /// # Errors
    /// Failed (exit 6) where the runtime cannot be started.
    pub fn new(
        projects: ProjectSet,
        cancel: &Cancel,
        listener: impl Fn(Option<&str>) -> Events,
    ) -> Result<Self> {
        Ok(Self {
            runtime: Runtime::new()?,
            inner: release::ReleaseSet::new(projects, cancel, listener),
        })
    }

    /// [`crate::ReleaseSet::with_hooks`].
    #[must_use]
    pub fn with_hooks(self, wanted: bool) -> Self {
        Self {
            inner: self.inner.with_hooks(wanted),
            ..self
        }
    }

    /// [`crate::ReleaseSet::for_publishing`].
    #[must_use]
    pub fn for_publishing(self) -> Self {
        Self {
            inner: self.inner.for_publishing(),
            ..self
        }
    }

    /// The releases, in the order of all results.
    #[must_use]
    pub fn members(&self) -> &[Arc<release::Release>] {
        self.inner.members()
    }

    blocking! { "ReleaseSet":
        tags(request: &VersionRequest, of: Option<&Version>, offline: bool) -> Vec<ImageResult<TagsResult>>;
        plan(request: &ReleaseRequest) -> Vec<ImageResult<Planned>>;
        propose(request: &ReleaseRequest) -> Vec<ImageResult<Planned>>;
        hindrance() -> Vec<ImageResult<Option<Error>>>;
        dry_run(request: &ReleaseRequest) -> Vec<ImageResult<Planned>>;
        release(request: &ReleaseRequest) -> Vec<ImageResult<ReleaseResult>>;
        execute(planned: Vec<ImageResult<Planned>>, request: &ReleaseRequest) -> Vec<ImageResult<ReleaseResult>>;
        status() -> Vec<ImageResult<Vec<Unfinished>>>;
        missing_git_tags() -> Vec<ImageResult<Vec<MissingGitTag>>>;
        verify(version: Option<&Version>, options: &VerifyOptions) -> Vec<ImageResult<Vec<Verified>>>;
        check(locks: LockCheck) -> Vec<ImageResult<Vec<Check>>>;
        withdrawn_or_known() -> Vec<ImageResult<Vec<Withdrawn>>>;
        drift() -> Vec<ImageResult<DriftReport>>;
        repair(reports: Vec<ImageResult<DriftReport>>) -> Vec<ImageResult<Option<Outcome>>>;
        inspect(options: &InspectOptions) -> Vec<ImageResult<Report>>;
    }
}
