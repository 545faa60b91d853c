//! Several images of one repository, side by side: each is a release of its own, with its own
//! policy, lock and journal, and one's failure does not stop the others.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use super::{Options, Planned, Release, ReleaseRequest, ReleaseResult, Unfinished, open};
use crate::{
    error::{Error, Result},
    event::Events,
    io::git::read as git,
    project,
};

/// Images worked on at once: builds and uploads share one machine.
const AT_ONCE: usize = 4;

/// Every image of a repository, one for each of its policy files.
///
/// ```no_run
/// use hoist::{event::Events, release::{All, Ask, Options}};
///
/// let mut all = All::open(&Options::default(), |_config| Events::none())?;
/// for image in all.release(&Ask::default()) {
///     println!("{}: {}", image.config, image.result.is_ok());
/// }
/// # Ok::<(), hoist::error::Error>(())
/// ```
pub struct ReleaseSet {
    members: Vec<Member>,
    passed_over: Vec<String>,
}

struct Member {
    config: String,
    release: Release,
}

/// What came of one image.
#[derive(Debug)]
pub struct ImageResult<T> {
    /// Its policy file, from the top of the tree.
    pub config: String,
    /// What came of it.
    pub result: Result<T>,
}

impl ReleaseSet {
    /// Reads every policy of the repository: see [`project::policies`] for which files are meant.
    /// `listener` gets a policy file's path and answers who hears of that image; `options.events`
    /// hears nothing. Asks nobody outside this machine.
    ///
    /// # Errors
    /// Usage (exit 2): no policy, one that cannot be read, or two that cannot be told apart.
    /// Refused (exit 4) for the repository.
    pub fn open(options: &Options, listener: impl Fn(&str) -> Events) -> Result<Self> {
        let repository = || git::Repository::open(&options.place.directory);
        let found = project::policies(&options.place, &repository()?)?;
        let work_tree = Arc::default();
        let mut members = Vec::new();
        for project::NamedPolicy { config, policy } in found.all {
            let options = Options {
                events: listener(&config),
                ..options.clone()
            };
            let mut release = open::with_policy(repository()?, policy, options)?;
            release.work_tree = Arc::clone(&work_tree);
            let changelog = Path::new(&config).with_file_name(project::CHANGELOG);
            release.loaded.changelog = changelog.to_string_lossy().into_owned();
            members.push(Member { config, release });
        }
        Ok(Self {
            members,
            passed_over: found.passed_over,
        })
    }

    /// Files of the policy's name that are another tool's.
    #[must_use]
    pub fn passed_over(&self) -> &[String] {
        &self.passed_over
    }

    /// [`Release::plan`] of each.
    pub fn plan(&mut self, ask: &ReleaseRequest) -> Vec<ImageResult<Planned>> {
        self.each(|release| release.plan(ask))
    }

    /// [`Release::dry_run`] of each.
    pub fn dry_run(&mut self, ask: &ReleaseRequest) -> Vec<ImageResult<Planned>> {
        self.each(|release| release.dry_run(ask))
    }

    /// [`Release::status`] of each.
    pub fn status(&mut self) -> Vec<ImageResult<Vec<Unfinished>>> {
        self.each(Release::status)
    }

    /// [`Release::release`] of each, side by side; the results are in the policies' order.
    ///
    /// All are planned before the first is built: what a build leaves in the work tree must not
    /// stand in another's way. Releases that make a commit come last, one after another: each
    /// changes the branch that the next one starts from.
    pub fn release(&mut self, ask: &ReleaseRequest) -> Vec<ImageResult<ReleaseResult>> {
        let (one_by_one, side_by_side): (Vec<_>, Vec<_>) = self
            .members
            .iter_mut()
            .partition(|member| member.release.policy().makes_commit());
        let ready = parallel(side_by_side, |member| {
            let planned = caught(|| {
                let release = &member.release;
                release.wait(release.or_signal(release.ready(ask)))
            });
            (member, planned)
        });
        let done = parallel(lanes(ready), |lane| {
            let carry_out = |(member, planned): (&mut Member, Result<Planned>)| ImageResult {
                config: member.config.clone(),
                result: planned.and_then(|planned| {
                    let release = &member.release;
                    caught(|| release.wait(release.carry_out_planned(planned)))
                }),
            };
            lane.into_iter().map(carry_out).collect::<Vec<_>>()
        });
        let mut done: Vec<_> = done.into_iter().flatten().collect();
        done.extend(one_by_one.into_iter().map(|member| ImageResult {
            config: member.config.clone(),
            result: caught(|| member.release.release(ask, None)),
        }));
        done.sort_by(|a, b| a.config.cmp(&b.config));
        done
    }

    fn each<T: Send>(
        &mut self,
        work: impl Fn(&Release) -> Result<T> + Sync,
    ) -> Vec<ImageResult<T>> {
        parallel(self.members.iter_mut().collect(), |member| ImageResult {
            config: member.config.clone(),
            result: caught(|| work(&member.release)),
        })
    }
}

/// What may run beside each other: everything, but without a remote one file of this clone is the
/// lock of all, so that those go one after another.
fn lanes<T>(ready: Vec<(&mut Member, T)>) -> Vec<Vec<(&mut Member, T)>> {
    let (remote, local): (Vec<_>, Vec<_>) = ready
        .into_iter()
        .partition(|(member, _)| member.release.policy().git.push);
    remote
        .into_iter()
        .map(|one| vec![one])
        .chain([local])
        .collect()
}

/// A bug in one release is that one's result.
fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    // What the work has touched is not looked at again.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Error::bug("this release panicked")
            .hint("`hoist status` shows whether it is unfinished"))
    })
}

/// The same work on all, a few at once; the results in the order of the items.
fn parallel<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let count = items.len();
    let queue = Mutex::new(items.into_iter().enumerate());
    let results = Mutex::new(Vec::with_capacity(count));
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    thread::scope(|scope| {
        for _ in 0..count.min(AT_ONCE) {
            scope.spawn(|| {
                while let Some((place, item)) = next() {
                    let result = work(item);
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    results.push((place, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}
