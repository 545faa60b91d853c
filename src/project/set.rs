//! The images of a repository as one list. One image is a list of one.

use chrono::NaiveDate;

use crate::{
    error::Result,
    io::{environment::Environment, git::read::GitRepository},
    plan::{notes::ReleaseNotes, version::VersionRequest},
    project::{
        commit_check::CheckedMessage,
        history::NextVersion,
        location::Location,
        log::PastRelease,
        notes::Wanted,
        open::Project,
        policies::{Policies, policies},
    },
};

/// What an operation came to for one image.
#[derive(Debug)]
#[non_exhaustive]
pub struct ImageResult<T> {
    /// The image's policy file, from the top of the tree. `None` where only one image was asked
    /// for, so that nothing has to be told apart.
    pub config: Option<String>,
    /// What it came to. The failure of one image does not stop the others.
    pub result: Result<T>,
}

impl<T> ImageResult<Vec<Result<T>>> {
    /// A result for each of the several that a policy file came to.
    pub(crate) fn apart(self) -> impl Iterator<Item = ImageResult<T>> {
        let results = self.result.unwrap_or_else(|error| vec![Err(error)]);
        let config = self.config;
        let one = move |result| ImageResult::new(config.clone(), result);
        results.into_iter().map(one)
    }
}

impl<T> ImageResult<T> {
    /// The result of one image.
    #[must_use]
    pub fn new(config: Option<String>, result: Result<T>) -> Self {
        Self { config, result }
    }

    /// The same image with what `work` makes of its value.
    pub fn and_then<U>(self, work: impl FnOnce(T) -> Result<U>) -> ImageResult<U> {
        ImageResult::new(self.config, self.result.and_then(work))
    }
}

/// Projects of one repository: the one that a [`Location`] names, or one for each policy file.
pub struct ProjectSet {
    projects: Vec<Project>,
    passed_over: Vec<String>,
}

impl ProjectSet {
    /// The one project that `location` names; its results do not name their policy file.
    ///
    /// # Errors
    /// As [`Project::open`].
    pub fn one(location: &Location, environment: &Environment) -> Result<Self> {
        Project::open(location, environment).map(Self::from)
    }

    /// A project for each policy file of the repository: every file of HEAD's tree that has the
    /// name of `location.config`, else `release.toml`. Each project's `config` is the file's path, and
    /// they are sorted by it.
    ///
    /// # Errors
    /// Usage (exit 2): no policy, one that cannot be read, or two that could write the same tags.
    /// Refused (exit 4) for the repository.
    pub fn all(location: &Location, environment: &Environment) -> Result<Self> {
        let open = || GitRepository::open(&location.directory);
        let first = open()?;
        let Policies { all, passed_over } = policies(location, &first)?;
        // A handle for each image, so that histories can be read side by side.
        let mut first = Some(first);
        let mut projects = Vec::new();
        for named in all {
            let git = first.take().map_or_else(open, Ok)?;
            projects.push(Project::one_of_several(git, named, environment));
        }
        Ok(Self {
            projects,
            passed_over,
        })
    }

    /// Files of the policy's name that belong to another tool, and were left alone.
    #[must_use]
    pub fn passed_over(&self) -> &[String] {
        &self.passed_over
    }

    /// The projects, sorted by the path of their policy file.
    #[must_use]
    pub fn projects(&self) -> &[Project] {
        &self.projects
    }

    /// The projects by value, sorted by the path of their policy file.
    #[must_use]
    pub fn into_projects(self) -> Vec<Project> {
        self.projects
    }

    /// Asks every project the same, one after another.
    pub fn each<T>(&self, ask: impl Fn(&Project) -> Result<T>) -> Vec<ImageResult<T>> {
        let one =
            |project: &Project| ImageResult::new(project.config().map(str::to_owned), ask(project));
        self.projects.iter().map(one).collect()
    }

    /// [`Project::next`] of each.
    #[must_use]
    pub fn next(&self, request: &VersionRequest) -> Vec<ImageResult<NextVersion>> {
        self.each(|project| project.next(request))
    }

    /// [`Project::notes`] of each.
    #[must_use]
    pub fn notes(
        &self,
        wanted: &Wanted,
        request: &VersionRequest,
        today: NaiveDate,
    ) -> Vec<ImageResult<ReleaseNotes>> {
        self.each(|project| project.notes(wanted, request, today))
    }

    /// [`Project::check_commits`] of each.
    #[must_use]
    pub fn check_commits(&self, range: &str) -> Vec<ImageResult<Vec<CheckedMessage>>> {
        self.each(|project| project.check_commits(range))
    }

    /// [`Project::log`] of each.
    #[must_use]
    pub fn log(&self) -> Vec<ImageResult<Vec<PastRelease>>> {
        self.each(Project::log)
    }
}

impl From<Project> for ProjectSet {
    fn from(project: Project) -> Self {
        Self {
            projects: vec![project],
            passed_over: Vec::new(),
        }
    }
}
