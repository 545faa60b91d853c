//! From a directory and flags to a policy, a repository and the registries.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio_util::sync::CancellationToken;

use super::Release;
use crate::{
    error::{Error, Result},
    event::Events,
    io::{
        environment::Environment,
        git::read as git,
        registry::{HostOptions, Registries, Settings},
    },
    oci::{Digest, Repository},
    policy::Policy,
    project::{self, Location},
};

/// Where to look, and who listens.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The repository and the policy file.
    pub place: Location,
    /// The environment, as data.
    pub environment: Environment,
    /// Who hears what happens.
    pub events: Events,
    /// Ends a run in a named state.
    pub cancel: CancellationToken,
}

/// A policy and where it came from.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    pub(super) policy: Policy,
    /// Of what the policy says, however it is written.
    pub(super) digest: Digest,
    /// Where relative paths of the policy start.
    pub(super) base: PathBuf,
    /// The changelog's path inside the repository.
    pub(super) changelog: String,
}

/// As [`Release::open`].
pub(super) fn open(options: Options) -> Result<Release> {
    let git = git::Repository::open(&options.place.directory)?;
    let policy = project::load(&options.place, &git)?;
    with_policy(git, policy, options)
}

/// The same with a policy that was read already.
pub(super) fn with_policy(
    git: git::Repository,
    policy: Policy,
    options: Options,
) -> Result<Release> {
    let base = git
        .directory()
        .unwrap_or_else(|| git.common_directory())
        .to_owned();
    let registries = Registries::new(settings(&policy, &base, &options), &policy.image.all());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Error::failed("cannot start the runtime").because(&error))?;
    let changelog = project::changelog(&options.place, &git);
    Ok(Release {
        remote_url: git.remote_url(&policy.git.remote),
        git,
        loaded: Loaded {
            digest: Digest::of(format!("{policy:?}").as_bytes()),
            policy,
            changelog,
            base,
        },
        environment: options.environment,
        events: options.events,
        cancel: options.cancel,
        registries: Arc::new(registries),
        work_tree: Arc::default(),
        runtime: super::Background(Some(runtime)),
    })
}

fn settings(policy: &Policy, base: &Path, options: &Options) -> Settings {
    let hosts = policy.registry.iter();
    Settings {
        hosts: hosts
            .map(|(host, policy)| (host.clone(), HostOptions::new(policy, base)))
            .collect(),
        environment: options.environment.clone(),
        events: options.events.clone(),
        push: true,
        ..Settings::default()
    }
}

impl Loaded {
    /// All repositories of the policy.
    pub(super) fn repositories(&self) -> Result<Vec<Repository>> {
        let all = self.policy.image.all();
        if !all.is_empty() {
            return Ok(all);
        }
        Err(Error::usage("nothing says where a release goes: `image.repository` is not set")
            .cause(format!("looked for `{}` in `{}`", project::POLICY_FILE, self.base.display()))
            .hint("`hoist init` writes a policy; or name the repository: `--image docker.io/acme/api`"))
    }
}
