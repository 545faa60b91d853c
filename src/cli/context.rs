//! What every verb gets: the terminal, the global flags, and the ways to open what they name.

use std::path::{Path, PathBuf};

use super::{
    args::Global, policy_file::PolicyFile, progress::Screen, recorder::Recorder, render::Terminal,
};
use crate::{
    error::Result,
    project::{Environment, Project, ProjectSet},
    release::{
        Cancel,
        blocking::{Release, ReleaseSet},
    },
};

/// What every verb gets.
pub(super) struct Context {
    pub(super) terminal: Terminal,
    pub(super) global: Global,
    /// Cancelled at the first signal.
    pub(super) cancel: Cancel,
    /// Hears what happens, for a report.
    pub(super) recorder: Recorder,
    /// The definition of the whole command line, for the verbs that describe it.
    pub(super) command_line: fn() -> clap::Command,
}

impl Context {
    /// The directory that relative paths on the command line start from.
    pub(super) fn directory(&self) -> &Path {
        self.global.directory.as_deref().unwrap_or(Path::new("."))
    }

    /// A path of the command line, as [`Global::path`] has it.
    pub(super) fn path(&self, given: &Path) -> PathBuf {
        self.global.path(given)
    }

    /// The project that the global flags name.
    pub(super) fn project(&self) -> Result<Project> {
        Project::open(&self.global.location()?, &Environment::from_process())
    }

    /// With `all` the projects of every policy file, else the one that the global flags name.
    pub(super) fn projects(&self, all: bool) -> Result<ProjectSet> {
        let (location, environment) = (self.global.location()?, Environment::from_process());
        let projects = match all {
            true => ProjectSet::all(&location, &environment)?,
            false => ProjectSet::one(&location, &environment)?,
        };
        if let (true, Some(first)) = (all, projects.projects().first()) {
            self.terminal.name_from_top(first.top());
        }
        for file in projects.passed_over() {
            self.terminal.note(&format!(
                "`{file}` belongs to cargo-release and is passed over"
            ));
        }
        Ok(projects)
    }

    /// A release of the project, for a verb that only looks.
    pub(super) fn release(&self) -> Result<Release> {
        let events = Screen::new(&self.terminal).remarks(PolicyFile::new(None));
        Release::new(self.project()?, events, &self.cancel)
    }

    /// A release of the project, for a verb that publishes, with progress shown.
    pub(super) fn release_for_work(&self) -> Result<Release> {
        let project = self.project()?;
        let events = Screen::new(&self.terminal).events(PolicyFile::new(None));
        let release = Release::new(project, self.recorder.before(events), &self.cancel)?;
        Ok(release.for_publishing())
    }

    /// A release of the project, for a verb that works and prints one document.
    pub(super) fn release_for_document(&self) -> Result<Release> {
        let events = Screen::new(&self.terminal).beside_document(PolicyFile::new(None));
        Release::new(self.project()?, events, &self.cancel)
    }

    /// The releases of the projects, for a verb that only looks.
    pub(super) fn releases(&self, all: bool) -> Result<ReleaseSet> {
        let screen = Screen::new(&self.terminal);
        ReleaseSet::new(self.projects(all)?, &self.cancel, |config| {
            screen.remarks(PolicyFile::new(config))
        })
    }

    /// The same, with progress shown.
    pub(super) fn releases_for_work(&self, all: bool) -> Result<ReleaseSet> {
        let projects = self.projects(all)?;
        let screen = Screen::new(&self.terminal);
        ReleaseSet::new(projects, &self.cancel, |config| {
            let events = screen.events(PolicyFile::new(config));
            self.recorder.before(events)
        })
    }
}
