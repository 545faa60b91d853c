//! The project itself: opened once, asked by everybody.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    error::Result,
    git::CommitId,
    io::{environment::Environment, git::read::GitRepository},
    oci::{Digest, Repository},
    policy::Policy,
    project::{
        location::{CHANGELOG, Location, changelog, load, nearest, policy_path, stand_in},
        policies::NamedPolicy,
    },
};

/// A git repository, one image's policy in it, and the environment. Cheap: it asks nobody outside
/// this machine and starts no runtime.
///
/// ```no_run
/// use hoist::{Environment, Location, Project};
///
/// let project = Project::open(&Location::default(), &Environment::from_process())?;
/// let next = project.next(&Default::default())?;
/// println!("{:?}", next.decision.version);
/// # Ok::<(), hoist::Error>(())
/// ```
pub struct Project {
    config: Option<String>,
    policy: Policy,
    environment: Environment,
    changelog: String,
    /// The policy file that was read; `None`: there is none.
    policy_file: Option<PathBuf>,
    /// The policy file's path inside the repository, where it lies there.
    policy_path: Option<String>,
    /// Repositories that stand in for those of any policy (`--image`).
    images: Vec<Repository>,
    /// The way from where the person stands up to the top of the tree: empty, or `../` some times.
    way_up: String,
    directory: Option<PathBuf>,
    common_directory: PathBuf,
    /// libgit2's handle serves one thread at a time.
    git: Mutex<GitRepository>,
}

impl Project {
    /// Opens the repository that contains `location.directory`, and reads the policy.
    ///
    /// # Errors
    /// Usage (exit 2) for the policy, refused (exit 4) for the repository.
    pub fn open(location: &Location, environment: &Environment) -> Result<Self> {
        let git = GitRepository::open(&location.directory)?;
        let location = &nearest(location, &git);
        let (policy, file) = load(location, &git)?;
        let changelog = changelog(location, &git);
        let path = policy_path(location, &git);
        let mut project = Self::new(git, None, policy, changelog, environment);
        project.policy_file = file;
        project.policy_path = path.map(|path| path.to_string_lossy().into_owned());
        project.images.clone_from(&location.images);
        project.way_up = way_up(&location.directory, project.top());
        Ok(project)
    }

    /// The same project, opened once more.
    ///
    /// # Errors
    /// Refused (exit 4) where the repository cannot be opened any more.
    pub(crate) fn again(&self) -> Result<Self> {
        Ok(Self {
            config: self.config.clone(),
            policy: self.policy.clone(),
            environment: self.environment.clone(),
            changelog: self.changelog.clone(),
            policy_file: self.policy_file.clone(),
            policy_path: self.policy_path.clone(),
            images: self.images.clone(),
            way_up: self.way_up.clone(),
            directory: self.directory.clone(),
            common_directory: self.common_directory.clone(),
            git: Mutex::new(GitRepository::open(self.top())?),
        })
    }

    /// The same project with the policy that `commit` has; `None`: it has none.
    ///
    /// # Errors
    /// Usage (exit 2) for that policy; refused (exit 4) where the commit cannot be read.
    pub(crate) fn with_policy_of(&self, commit: CommitId) -> Result<Option<Self>> {
        let Some(path) = &self.policy_path else {
            return Ok(None);
        };
        let Some(text) = self.git().file_at(commit, path)? else {
            return Ok(None);
        };
        let mut policy = Policy::parse(&text, path)?;
        stand_in(&mut policy, &self.images);
        let mut project = self.again()?;
        project.policy = policy;
        Ok(Some(project))
    }

    /// One of several images: `named` says which policy is meant, and where it was read from.
    pub(super) fn one_of_several(
        git: GitRepository,
        named: NamedPolicy,
        environment: &Environment,
    ) -> Self {
        let changelog = Path::new(&named.config).with_file_name(CHANGELOG);
        let changelog = changelog.to_string_lossy().into_owned();
        let config = named.config.clone();
        let mut project = Self::new(git, Some(config), named.policy, changelog, environment);
        project.policy_file = Some(project.top().join(&named.config));
        project.policy_path = Some(named.config);
        project
    }

    fn new(
        git: GitRepository,
        config: Option<String>,
        policy: Policy,
        changelog: String,
        environment: &Environment,
    ) -> Self {
        Self {
            config,
            policy,
            environment: environment.clone(),
            changelog,
            policy_file: None,
            policy_path: None,
            images: Vec::new(),
            way_up: String::new(),
            directory: git.directory().map(Path::to_owned),
            common_directory: git.common_directory().to_owned(),
            git: Mutex::new(git),
        }
    }

    /// The policy file's path from the top of the tree, where the project is one of several images.
    #[must_use]
    pub fn config(&self) -> Option<&str> {
        self.config.as_deref()
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The identity of what the policy says: a plan stores it, to see that the policy is the same
    /// when the plan is carried out.
    pub(crate) fn policy_digest(&self) -> Digest {
        self.policy.identity()
    }

    /// The policy file that was read; `None`: there is none.
    pub(crate) fn policy_file(&self) -> Option<&Path> {
        self.policy_file.as_deref()
    }

    /// The policy file's path inside the repository; `None`: it lies elsewhere.
    pub(crate) fn policy_path(&self) -> Option<&str> {
        self.policy_path.as_deref()
    }

    /// A path from the top of the tree as `--config` takes it from where the person stands.
    pub(super) fn path_from_here(&self, path: &str) -> String {
        format!("{}{path}", self.way_up)
    }

    /// The same as git takes it.
    pub(crate) fn pathspec(&self, path: &str) -> String {
        match self.way_up.is_empty() {
            true => path.to_owned(),
            false => format!(":/{path}"),
        }
    }

    /// Repositories that stand in for those of any policy (`--image`).
    pub(super) fn images(&self) -> &[Repository] {
        &self.images
    }

    /// The environment that was given to [`Project::open`].
    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The repository, for one question. Never held while something is awaited.
    pub(crate) fn git(&self) -> MutexGuard<'_, GitRepository> {
        // A panic cannot leave the handle half changed: every question only reads.
        self.git.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where relative paths of the policy start, and where `git` runs: the top of the working
    /// tree, or the git directory of a bare repository.
    pub(crate) fn top(&self) -> &Path {
        self.directory.as_deref().unwrap_or(&self.common_directory)
    }

    /// The git directory that all linked working trees share.
    pub(crate) fn common_directory(&self) -> &Path {
        &self.common_directory
    }

    /// The changelog's path inside the repository.
    pub(crate) fn changelog(&self) -> &str {
        &self.changelog
    }

    /// The address of the policy's remote, as git's configuration says it. It can hold credentials.
    pub(crate) fn remote_url(&self) -> Option<String> {
        self.git().remote_url(&self.policy.git.remote)
    }
}

/// `../` for each folder between; empty where the directory is the top, or lies elsewhere.
fn way_up(directory: &Path, top: &Path) -> String {
    let (Ok(from), Ok(top)) = (directory.canonicalize(), top.canonicalize()) else {
        return String::new();
    };
    let below = from.strip_prefix(top);
    "../".repeat(below.map_or(0, |below| below.components().count()))
}
