//! What hoist writes for the CI service that runs it: outputs for later steps and jobs, a summary
//! for people, and annotations for errors.
//!
//! The service is found by its variables, and `--no-ci` turns all of it off. Nothing here can fail
//! a release, and no credential is part of it.

mod dotenv;
mod files;
mod github;
mod report;
mod summary;

use std::path::PathBuf;

pub(super) use self::{
    report::{RunEnd, RunReport},
    summary::{failure, heading, limited},
};
use crate::error::Error;

/// Where the CI service takes what hoist writes for it; nowhere, outside of such a service.
#[derive(Debug, Clone, Default)]
pub(super) struct Ci {
    /// Lines of the log can be commands to the service: GitHub's `::error::`.
    commands: bool,
    /// `GITHUB_OUTPUT`: what later steps can read.
    output: Option<PathBuf>,
    /// `GITHUB_STEP_SUMMARY`: markdown on the page of the run.
    summary: Option<PathBuf>,
    /// `HOIST_DOTENV`: variables, as GitLab's `artifacts:reports:dotenv` hands them to later jobs.
    dotenv: Option<PathBuf>,
}

impl Ci {
    /// What the environment names.
    pub(super) fn from_process() -> Self {
        Self::of(|name| std::env::var_os(name).map(PathBuf::from))
    }

    fn of(variable: impl Fn(&str) -> Option<PathBuf>) -> Self {
        let file = |name| variable(name).filter(|value| !value.as_os_str().is_empty());
        // Forgejo and Gitea set the variables of GitHub, too.
        let github = file("GITHUB_ACTIONS").is_some();
        let of_github = |name| file(name).filter(|_| github);
        Self {
            commands: github,
            output: of_github("GITHUB_OUTPUT"),
            summary: of_github("GITHUB_STEP_SUMMARY"),
            dotenv: file("HOIST_DOTENV"),
        }
    }

    /// Whether release notes would be shown.
    pub(super) fn wants_notes(&self) -> bool {
        self.summary.is_some()
    }

    /// The line of the log that puts an error on the page of the run.
    pub(super) fn error(&self, error: &Error) -> Option<String> {
        self.commands.then(|| github::error(error))
    }

    /// The same of a warning.
    pub(super) fn warning(&self, text: &str) -> Option<String> {
        self.commands.then(|| github::command("warning", text))
    }

    /// The lines of the log for the errors that `--json` shows on standard output alone.
    pub(super) fn errors_in_json(&self, reports: &[RunReport<'_>]) -> Vec<String> {
        let errors = reports.iter().filter_map(RunReport::error_in_json);
        errors.filter_map(|error| self.error(error)).collect()
    }

    /// Adds Markdown to the page of the run. What could not be written is the answer.
    pub(super) fn summary(&self, text: &str) -> Option<String> {
        let written = files::append(self.summary.as_ref()?, text);
        let error = written.err()?;
        Some(format!(
            "cannot write the file in `GITHUB_STEP_SUMMARY`: {error}"
        ))
    }

    /// Tells how a run ended, for one image or for several. What could not be written is the answer.
    pub(super) fn report(&self, reports: &[RunReport<'_>]) -> Vec<String> {
        let mut problems = Vec::new();
        let mut write = |name: &str, result: std::io::Result<()>| {
            if let Err(error) = result {
                problems.push(format!("cannot write the file in `{name}`: {error}"));
            }
        };
        if let Some(file) = &self.output {
            write(
                "GITHUB_OUTPUT",
                files::append(file, &github::outputs(reports)),
            );
        }
        if let Some(file) = &self.summary {
            write(
                "GITHUB_STEP_SUMMARY",
                files::append(file, &summary::markdown(reports)),
            );
        }
        if let Some(file) = &self.dotenv {
            write("HOIST_DOTENV", files::replace(file, &dotenv::text(reports)));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_service_gets_files() {
        let of = |variables: &[(&str, &str)]| {
            Ci::of(|name| {
                let found = variables.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| PathBuf::from(value))
            })
        };
        let nothing = of(&[("GITHUB_OUTPUT", "/o"), ("GITHUB_STEP_SUMMARY", "/s")]);
        assert!(nothing.output.is_none() && nothing.summary.is_none() && !nothing.commands);
        let github = of(&[("GITHUB_ACTIONS", "true"), ("GITHUB_OUTPUT", "/o")]);
        assert_eq!(github.output, Some("/o".into()));
        assert!(github.commands && github.summary.is_none());
        let gitlab = of(&[("GITLAB_CI", "true"), ("HOIST_DOTENV", "hoist.env")]);
        assert_eq!(gitlab.dotenv, Some("hoist.env".into()));
        assert!(of(&[("HOIST_DOTENV", "")]).dotenv.is_none());
    }
}
