//! Several images of one repository, side by side: each is a release of its own, with its own
//! policy, lock and journal, and the failure of one does not stop the others. One image is a list
//! of one.

use std::sync::Arc;

use futures_util::future::join_all;
use semver::Version;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    error::{Error, Result},
    event::Events,
    oci::Repository,
    outcome::Outcome,
    plan::{inspect::Report, version::VersionRequest},
    project::{ImageResult, Project, ProjectSet, Withdrawn},
    publish::Unfinished,
    release::{
        cancel::Cancel,
        check::Check,
        facade::Release,
        inspect::InspectOptions,
        lock_check::LockCheck,
        ready::{Ready, carry_out_ready},
        repair::DriftReport,
        request::{Planned, ReleaseRequest, ReleaseResult},
        tags::TagsResult,
        verified::{Verified, VerifyOptions},
    },
};

/// Images worked on at once: builds and uploads share one machine.
const AT_ONCE: usize = 4;

/// The releases of a [`ProjectSet`]. Results are in its order.
///
/// ```no_run
/// use hoist::{Cancel, Environment, Events, Location, ProjectSet, ReleaseRequest, ReleaseSet};
///
/// # async fn all() -> hoist::Result<()> {
/// let projects = ProjectSet::all(&Location::default(), &Environment::from_process())?;
/// let set = ReleaseSet::new(projects, &Cancel::new(), |_label| Events::none());
/// for image in set.release(&ReleaseRequest::default()).await {
///     println!("{:?}: {}", image.config, image.result.is_ok());
/// }
/// # Ok(())
/// # }
/// ```
pub struct ReleaseSet {
    members: Vec<Arc<Release>>,
}

/// A member with its place in the list and what it has to do.
type Task<T> = (usize, Arc<Release>, T);

impl ReleaseSet {
    /// A release of each project. `listener` gets the path of a project's policy file, and answers who hears of that
    /// image; `cancel` ends all of them. Asks nobody.
    #[must_use]
    pub fn new(
        projects: ProjectSet,
        cancel: &Cancel,
        listener: impl Fn(Option<&str>) -> Events,
    ) -> Self {
        let work_tree = Arc::default();
        let projects = projects.into_projects();
        // A password that names no host is for the only registry of all images.
        let all = projects.iter().flat_map(|p| p.policy().repositories());
        let all: Vec<Repository> = all.collect();
        let member = |project: Project| {
            let events = listener(project.config());
            let mut release = Release::beside(project, &all, events, cancel);
            release.work_tree = Arc::clone(&work_tree);
            Arc::new(release)
        };
        Self {
            members: projects.into_iter().map(member).collect(),
        }
    }

    /// [`Release::for_publishing`] of each.
    #[must_use]
    pub fn for_publishing(self) -> Self {
        self.publish();
        self
    }

    /// [`Release::with_hooks`] of each.
    #[must_use]
    pub fn with_hooks(self, wanted: bool) -> Self {
        for release in &self.members {
            release.want_hooks(wanted);
        }
        self
    }

    fn publish(&self) {
        for release in &self.members {
            release.registries.publish();
        }
    }

    /// The releases, in the order of all results.
    #[must_use]
    pub fn members(&self) -> &[Arc<Release>] {
        &self.members
    }

    /// [`Release::tags`] of each.
    pub async fn tags(
        &self,
        request: &VersionRequest,
        of: Option<&Version>,
        offline: bool,
    ) -> Vec<ImageResult<TagsResult>> {
        let asked = (request.clone(), of.cloned());
        self.each(asked, move |release, (request, of)| async move {
            release.tags(&request, of.as_ref(), offline).await
        })
        .await
    }

    /// [`Release::plan`] of each.
    pub async fn plan(&self, request: &ReleaseRequest) -> Vec<ImageResult<Planned>> {
        self.each(request.clone(), |release, request| async move {
            release.plan(&request).await
        })
        .await
    }

    /// [`Release::dry_run`] of each.
    pub async fn dry_run(&self, request: &ReleaseRequest) -> Vec<ImageResult<Planned>> {
        self.each(request.clone(), |release, request| async move {
            release.dry_run(&request).await
        })
        .await
    }

    /// [`Release::status`] of each.
    pub async fn status(&self) -> Vec<ImageResult<Vec<Unfinished>>> {
        self.each((), |release, ()| async move { release.status().await })
            .await
    }

    /// [`Release::verify`] of each.
    pub async fn verify(
        &self,
        version: Option<&Version>,
        options: &VerifyOptions,
    ) -> Vec<ImageResult<Vec<Verified>>> {
        let asked = (version.cloned(), options.clone());
        self.each(asked, |release, (version, options)| async move {
            release.verify(version.as_ref(), &options).await
        })
        .await
    }

    /// [`Release::check`] of each.
    pub async fn check(&self, locks: LockCheck) -> Vec<ImageResult<Vec<Check>>> {
        self.each(locks, |release, locks| async move {
            let checked = async { Ok(release.check(locks).await) };
            release.or_signal(checked).await
        })
        .await
    }

    /// [`Release::withdrawn_or_known`] of each.
    pub async fn withdrawn_or_known(&self) -> Vec<ImageResult<Vec<Withdrawn>>> {
        self.each((), |release, ()| async move {
            Ok(release.withdrawn_or_known().await)
        })
        .await
    }

    /// [`Release::drift`] of each.
    pub async fn drift(&self) -> Vec<ImageResult<DriftReport>> {
        self.each((), |release, ()| async move { release.drift().await })
            .await
    }

    /// [`Release::inspect`] of each; with [`InspectOptions::every_image`] a result for each of its images.
    pub async fn inspect(&self, options: &InspectOptions) -> Vec<ImageResult<Report>> {
        let all = self.each(options.clone(), |release, options| async move {
            Ok(release.inspect_each(&options).await)
        });
        let all = all.await.into_iter();
        all.flat_map(ImageResult::apart).collect()
    }

    /// [`Release::repair`] of each whose drift is known: `reports` are those of
    /// [`ReleaseSet::drift`]. What failed there stays failed.
    pub async fn repair(
        &self,
        reports: Vec<ImageResult<DriftReport>>,
    ) -> Vec<ImageResult<Option<Outcome>>> {
        let tasks = self.tasks(reports.into_iter().map(|report| report.result));
        let done = run(
            lanes(tasks),
            |release, report: Result<DriftReport>| async move { release.repair(&report?).await },
        );
        self.labelled(done.await)
    }

    /// [`Release::release`] of each, side by side.
    ///
    /// All are planned before the first is built: what a build leaves in the working tree must not
    /// stand in another's way. Releases that make a commit come last, one after another: each
    /// changes the branch that the next one starts from.
    pub async fn release(&self, request: &ReleaseRequest) -> Vec<ImageResult<ReleaseResult>> {
        self.publish();
        let tasks = self.tasks(self.members.iter().map(|_| request.clone()));
        let (one_by_one, side_by_side) = partition(tasks);
        let ready = run(apart(side_by_side), |release, request| async move {
            if let Some(ended) = release.make_way(&request).await? {
                return Ok((Ready::Ended(Box::new(ended)), request));
            }
            let planned = release.or_signal(release.ready(&request)).await?;
            Ok((Ready::Planned(planned), request))
        });
        let ready = self.with_members(ready.await);
        let done = run(lanes(ready), carry_out_ready);
        let mut done = done.await;
        let rest = run(vec![one_by_one], |release, request| async move {
            release.release(&request).await
        });
        done.extend(rest.await);
        self.labelled(done)
    }

    /// [`Release::execute`] of each that has a plan: `planned` are those of [`ReleaseSet::propose`],
    /// for the same request. What failed there stays failed.
    ///
    /// The order is that of [`ReleaseSet::release`]. A plan with a release commit is carried out as
    /// shown only as the first on its branch. Each later one keeps its version, and stands on the
    /// commit that the one before it has made.
    pub async fn execute(
        &self,
        planned: Vec<ImageResult<Planned>>,
        request: &ReleaseRequest,
    ) -> Vec<ImageResult<ReleaseResult>> {
        self.publish();
        let shown = planned
            .into_iter()
            .map(|image| (image.result, request.clone()));
        let (one_by_one, side_by_side) = partition(self.tasks(shown));
        let ready = run(
            apart(side_by_side),
            |release, (planned, request)| async move {
                let planned = planned?;
                if let Planned::Release(plan) = &planned
                    && let Some(ended) = release.make_way(&request.for_plan(plan)).await?
                {
                    return Ok((Ready::Ended(Box::new(ended)), request));
                }
                // A plan that was shown is not made anew.
                let request = ReleaseRequest {
                    wait: None,
                    ..request
                };
                if let Planned::Release(plan) = &planned {
                    let checked = release.still_true(plan, &request);
                    release.or_signal(checked).await?;
                }
                Ok((Ready::Planned(planned), request))
            },
        );
        let ready = self.with_members(ready.await);
        let done = run(lanes(ready), carry_out_ready);
        let mut done = done.await;
        done.extend(self.execute_one_by_one(one_by_one).await);
        self.labelled(done)
    }

    async fn execute_one_by_one(
        &self,
        tasks: Vec<Task<(Result<Planned>, ReleaseRequest)>>,
    ) -> Vec<(usize, Result<ReleaseResult>)> {
        let mut done = Vec::new();
        let mut moved = false;
        for (index, release, (planned, request)) in tasks {
            let work = async move {
                match planned? {
                    Planned::Release(plan) => release.execute_next(&plan, &request, moved).await,
                    nothing @ Planned::NothingToRelease(_) => {
                        let options = release.image_options(&request)?;
                        release.carry_out_planned(nothing, options).await
                    }
                }
            };
            let result = caught(work).await;
            moved |= matches!(&result, Ok(ReleaseResult::Ended(ended)) if ended.branch.is_some());
            done.push((index, result));
        }
        done
    }

    /// The same work on all, a few at once.
    pub(super) async fn each<I, T, W>(
        &self,
        input: I,
        work: impl Fn(Arc<Release>, I) -> W,
    ) -> Vec<ImageResult<T>>
    where
        I: Clone,
        T: Send + 'static,
        W: Future<Output = Result<T>> + Send + 'static,
    {
        let inputs = self.members.iter().map(|_| input.clone());
        let done = run(apart(self.tasks(inputs)), work).await;
        self.labelled(done)
    }

    fn tasks<I>(&self, inputs: impl IntoIterator<Item = I>) -> Vec<Task<I>> {
        let members = self.members.iter().cloned().enumerate();
        let both = members.zip(inputs);
        both.map(|((index, member), input)| (index, member, input))
            .collect()
    }

    fn with_members<T>(&self, results: Vec<(usize, T)>) -> Vec<Task<T>> {
        let task = |(index, result): (usize, T)| {
            let member = self.members.get(index)?;
            Some((index, Arc::clone(member), result))
        };
        results.into_iter().filter_map(task).collect()
    }

    fn labelled<T>(&self, mut results: Vec<(usize, Result<T>)>) -> Vec<ImageResult<T>> {
        results.sort_by_key(|(index, _)| *index);
        let config = |index: usize| self.members.get(index)?.project().config();
        results
            .into_iter()
            .map(|(index, result)| ImageResult::new(config(index).map(str::to_owned), result))
            .collect()
    }
}

/// Those that make a release commit, and the others.
fn partition<I>(tasks: Vec<Task<I>>) -> (Vec<Task<I>>, Vec<Task<I>>) {
    tasks
        .into_iter()
        .partition(|(_, release, _)| release.project().policy().makes_commit())
}

/// Everything side by side.
fn apart<I>(tasks: Vec<Task<I>>) -> Vec<Vec<Task<I>>> {
    tasks.into_iter().map(|task| vec![task]).collect()
}

/// Transactions side by side. Without a remote one file of this clone is the lock of all images, so
/// those go one after another.
fn lanes<I>(tasks: Vec<Task<I>>) -> Vec<Vec<Task<I>>> {
    let (remote, local) = tasks
        .into_iter()
        .partition(|(_, release, _)| release.project().policy().git.push);
    let mut lanes = apart(remote);
    lanes.push(local);
    lanes
}

/// The tasks of a lane one after another, the lanes side by side, a few at once.
async fn run<I, T, W>(
    lanes: Vec<Vec<Task<I>>>,
    work: impl Fn(Arc<Release>, I) -> W,
) -> Vec<(usize, Result<T>)>
where
    T: Send + 'static,
    W: Future<Output = Result<T>> + Send + 'static,
{
    let permits = Semaphore::new(AT_ONCE);
    let (permits, work) = (&permits, &work);
    let lane = |tasks: Vec<Task<I>>| async move {
        let mut results = Vec::new();
        for (index, release, input) in tasks {
            let _permit = permits.acquire().await;
            results.push((index, caught(work(release, input)).await));
        }
        results
    };
    let results = join_all(lanes.into_iter().map(lane)).await;
    results.into_iter().flatten().collect()
}

/// Runs the work of one image as a task of its own: a panic is that image's result, and dropping
/// the caller drops the work.
async fn caught<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let mut task = JoinSet::new();
    task.spawn(work);
    match task.join_next().await {
        Some(Ok(result)) => result,
        Some(Err(_)) | None => Err(Error::bug("this release panicked")
            .hint("`hoist status` shows whether it is unfinished")),
    }
}
