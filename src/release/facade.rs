//! A project with the outside world: what every verb of this folder is a method of.

use std::{
    path::Path,
    sync::{Arc, Mutex, OnceLock, PoisonError, atomic::AtomicBool},
};

use tokio_util::sync::CancellationToken;

use crate::{
    error::Result,
    event::Events,
    io::{
        environment::Environment,
        layout::Store,
        registry::{HostOptions, Registries, Settings},
    },
    oci::{Digest, Repository},
    plan::Plan,
    policy::Policy,
    project::{Location, Project},
    release::{cancel::Cancel, errors, remote_memory::RemoteMemory},
};

/// A [`Project`], the registries and the git remote that its policy names, and a listener for events.
///
/// Making one is cheap and asks nobody; each method asks what it needs. Methods are async and
/// `Send`, and run inside the caller's tokio runtime; [`blocking::Release`](crate::blocking::Release)
/// brings its own.
pub struct Release {
    project: Project,
    pub(super) remote_url: Option<String>,
    pub(super) events: Events,
    pub(super) cancel: CancellationToken,
    pub(super) registries: Arc<Registries>,
    /// Whose turn it is in the working tree: held for writing while a command makes an image there,
    /// for reading while one is read from there. All releases of one set share it.
    pub(super) work_tree: Arc<tokio::sync::RwLock<()>>,
    /// The images on disk, and which of them this release uses; made when they are first asked for.
    pub(super) store: OnceLock<Store>,
    /// Whether the policy's hooks are left out.
    pub(super) skip_hooks: AtomicBool,
    /// The git remote, and what it showed when this release looked at it for the first time.
    pub(super) remote_memory: RemoteMemory,
    /// What was carried out last.
    last_plan: Mutex<Option<Arc<Plan>>>,
}

impl Release {
    /// Opens the project at `location`; see [`Release::new`].
    ///
    /// # Errors
    /// As [`Project::open`].
    pub fn open(location: &Location, environment: &Environment, events: Events) -> Result<Self> {
        let project = Project::open(location, environment)?;
        Ok(Self::new(project, events, &Cancel::new()))
    }

    /// A release of `project`. `events` hears what happens, `cancel` ends it early.
    #[must_use]
    pub fn new(project: Project, events: Events, cancel: &Cancel) -> Self {
        let repositories = project.policy().repositories();
        Self::beside(project, &repositories, events, cancel)
    }

    /// A release that is made together with others: `repositories` are those of all of them.
    pub(super) fn beside(
        project: Project,
        repositories: &[Repository],
        events: Events,
        cancel: &Cancel,
    ) -> Self {
        let settings = settings(&project, &events);
        let registries = Registries::new(settings, repositories);
        Self {
            remote_url: project.remote_url(),
            project,
            events,
            cancel: cancel.0.clone(),
            registries: Arc::new(registries),
            work_tree: Arc::default(),
            store: OnceLock::new(),
            skip_hooks: AtomicBool::new(false),
            remote_memory: RemoteMemory::default(),
            last_plan: Mutex::default(),
        }
    }

    /// Says that this release is made in order to publish, so that what is read before that may use
    /// all credentials. Without `HOIST_REGISTRY_HOST`, `HOIST_REGISTRY_USERNAME` and
    /// `HOIST_REGISTRY_PASSWORD` are used for nothing else. Methods that publish say it by themselves.
    #[must_use]
    pub fn for_publishing(self) -> Self {
        self.registries.publish();
        self
    }

    /// The project.
    #[must_use]
    pub fn project(&self) -> &Project {
        &self.project
    }

    /// The plan that was carried out last, whatever came of it; `None` where nothing was carried out, or
    /// where an unfinished release was gone on with, which has no plan here.
    #[must_use]
    pub fn last_plan(&self) -> Option<Arc<Plan>> {
        let last = self.last_plan.lock();
        last.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers what is carried out now.
    pub(super) fn remember_plan(&self, plan: &Plan) {
        let mut last = self
            .last_plan
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *last = Some(Arc::new(plan.clone()));
    }

    pub(super) fn policy(&self) -> &Policy {
        self.project.policy()
    }

    pub(super) fn environment(&self) -> &Environment {
        self.project.environment()
    }

    /// All repositories of the policy.
    pub(super) fn repositories(&self) -> Result<Vec<Repository>> {
        let all = self.policy().repositories();
        if !all.is_empty() {
            return Ok(all);
        }
        Err(self.project.without_repository())
    }

    /// Where relative paths of the policy start, and where `git` runs.
    pub(super) fn top(&self) -> &Path {
        self.project.top()
    }

    /// Whatever is done before a tag moves ends at the first signal.
    pub(super) async fn or_signal<T>(
        &self,
        work: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        tokio::select! {
            biased;
            done = work => done,
            () = self.cancel.cancelled() => Err(errors::interrupted()),
        }
    }

    /// The images of this policy: those of others in this clone come and go as they please.
    pub(super) fn store(&self) -> &Store {
        self.store.get_or_init(|| self.new_store())
    }

    fn new_store(&self) -> Store {
        let names: Vec<String> = self
            .policy()
            .repositories()
            .iter()
            .map(ToString::to_string)
            .collect();
        let folder = Digest::of(names.join("\n").as_bytes());
        Store::new(self.state_directory()).apart(folder.short())
    }
}

fn settings(project: &Project, events: &Events) -> Settings {
    let hosts = project.policy().registry.iter();
    Settings {
        hosts: hosts
            .map(|(host, policy)| (host.clone(), HostOptions::new(policy, project.top())))
            .collect(),
        environment: project.environment().clone(),
        events: events.clone(),
        push: true,
        looks_first: true,
        ..Settings::default()
    }
}

#[cfg(test)]
mod tests {
    use semver::Version;

    use super::*;
    use crate::{
        publish::Recovery,
        release::{
            consent::Consent, inspect::InspectOptions, repair::DriftReport,
            request::ReleaseRequest, rollback::RollbackPlan, unlock::UnlockPlan,
            verified::VerifyOptions,
        },
    };

    fn send<T: Send>(_: T) {}

    /// Never called: that it compiles is the test.
    #[expect(dead_code, reason = "only the compiler looks at it")]
    fn every_operation_can_be_moved_between_threads(
        release: &Release,
        version: &Version,
        plan: &Plan,
        drift: &DriftReport,
        rollback: &RollbackPlan,
        unlock: &UnlockPlan,
    ) {
        let request = ReleaseRequest::default();
        send(release.plan(&request));
        send(release.dry_run(&request));
        send(release.release(&request));
        send(release.execute(plan, &request));
        send(release.tags(&request.request, None, false));
        send(release.plan_promotion(version));
        send(release.propose(&request));
        send(release.hindrance());
        send(release.propose_promotion(version, &request));
        send(release.promote(version, &request));
        send(release.execute_promotion(version, plan, &request));
        send(release.status());
        send(release.missing_git_tags());
        send(release.resume(Recovery::IfAbandoned, &Consent::Missing));
        send(release.roll_back_unfinished(Recovery::IfAbandoned, &Consent::Missing));
        send(release.plan_unlock(crate::release::UnlockChoice::Discard));
        send(release.unlock(unlock));
        send(release.plan_take_back(version));
        send(release.take_back(rollback, None));
        send(release.undo_take_back(version));
        send(release.withdrawn());
        send(release.verify(None, &VerifyOptions::default()));
        send(release.check(crate::release::LockCheck::Read));
        send(release.drift());
        send(release.repair(drift));
        send(release.inspect(&InspectOptions::default()));
    }
}
