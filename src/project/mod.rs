//! From a directory to the next version: where the repository, the policy file and the pure
//! decision meet. Every verb that needs a version starts here.

pub mod commit_check;
pub mod notes;
mod policies;

use std::path::{Path, PathBuf};

use crate::{
    error::{Error, Result},
    io::{environment::Environment, git::read::Repository},
    oci,
    plan::{
        history::facts::Facts,
        version::next::{self, Next, Request},
    },
    policy::Policy,
};

pub use crate::project::policies::{Histories, History, NamedPolicy, Policies, policies};

/// The policy file's name, beside `.git`.
pub const POLICY_FILE: &str = "release.toml";

/// The changelog's name.
pub const CHANGELOG: &str = "CHANGELOG.md";

/// Where to look, and what stands in for the policy file.
#[derive(Debug, Clone)]
pub struct Location {
    /// The directory to start in (`-C`); the repository is the one it lies in.
    pub directory: PathBuf,
    /// The policy file (`--config`), relative to `directory`; unset: `release.toml` at the top of
    /// the working tree.
    pub config: Option<PathBuf>,
    /// Repositories that stand in for those of the file (`--image`).
    pub images: Vec<oci::Repository>,
}

impl Default for Location {
    /// The current directory and its own policy.
    fn default() -> Self {
        Self {
            directory: ".".into(),
            config: None,
            images: Vec::new(),
        }
    }
}

/// A repository with its policy, and what it said; nothing is decided yet.
pub struct ProjectFacts {
    /// The repository.
    pub repository: Repository,
    /// Its policy.
    pub policy: Policy,
    /// What the repository said.
    pub facts: Facts,
}

impl ProjectFacts {
    /// Opens the repository, reads the policy, and asks the repository.
    ///
    /// # Errors
    /// Usage (exit 2) for the policy and the request; refused (exit 4) where the repository says
    /// no.
    pub fn read(place: &Location, request: &Request, env: &Environment) -> Result<Self> {
        let repository = Repository::open(&place.directory)?;
        let policy = load(place, &repository)?;
        Self::of(repository, policy, request, env)
    }

    /// The same for a repository and a policy that were read already.
    ///
    /// # Errors
    /// As [`Seen::read`].
    pub fn of(
        repository: Repository,
        policy: Policy,
        request: &Request,
        env: &Environment,
    ) -> Result<Self> {
        let branch = repository.branch(request.branch.as_deref(), env)?;
        let question = next::question(&policy, request, branch.as_deref())?;
        let facts = repository.read(&question)?;
        Ok(Self {
            repository,
            policy,
            facts,
        })
    }

    /// What follows from it.
    ///
    /// # Errors
    /// As [`next::next`].
    pub fn next(&self, request: &Request) -> Result<Next> {
        next::next(&self.policy, &self.facts, request)
    }
}

/// The policy of a repository: `--config`, else `release.toml` at the top of the working tree,
/// else nothing but defaults (then `--image` has to say where a release goes).
///
/// # Errors
/// Usage (exit 2): a file that was named and cannot be read, or that is no policy.
pub fn load(place: &Location, repository: &Repository) -> Result<Policy> {
    let mut policy = match &place.config {
        Some(file) => parse(&place.directory.join(file))?,
        None => match repository.directory().map(|top| top.join(POLICY_FILE)) {
            Some(file) if file.exists() => parse(&file)?,
            _ => Policy::default(),
        },
    };
    if !place.images.is_empty() {
        policy.image.repository = None;
        policy.image.repositories.clone_from(&place.images);
    }
    Ok(policy)
}

/// The path inside the repository of the changelog: beside the policy file, else at the top.
#[must_use]
pub fn changelog(place: &Location, repository: &Repository) -> String {
    let beside = || {
        let top = repository.directory()?.canonicalize().ok()?;
        let file = place.directory.join(place.config.as_ref()?);
        let directory = file.parent()?.canonicalize().ok()?;
        Some(directory.strip_prefix(top).ok()?.join(CHANGELOG))
    };
    let path = beside().unwrap_or_else(|| CHANGELOG.into());
    path.to_string_lossy().into_owned()
}

fn parse(file: &Path) -> Result<Policy> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Error::usage(format!("cannot read `{name}`")).because(&error))?;
    let short = file
        .file_name()
        .map_or(name, |n| n.to_string_lossy().into());
    Policy::parse(&text, &short)
}
