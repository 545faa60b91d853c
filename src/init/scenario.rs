//! What is released, and by which event: the situation in which workflows are read.
//!
//! The version is a real one, because conditions and patterns look into it. What no condition
//! looks into (the commit, the dates) stands as the placeholder that it will be in a template.

use chrono::{DateTime, Utc};
use semver::Version;

use crate::init::term::{Object, Term};

/// What starts a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ReleaseEvent {
    /// A git tag is pushed.
    TagPush,
    /// A release is published on GitHub.
    Release,
    /// A push to the default branch, in which another step makes the release.
    BranchPush,
    /// Somebody starts it by hand.
    Dispatch,
}

/// A release in the making.
#[derive(Debug, Clone)]
pub(super) struct Scenario<'a> {
    pub(super) version: &'a Version,
    /// What stands before the version in the git tag.
    pub(super) prefix: &'a str,
    pub(super) event: ReleaseEvent,
    /// `owner/name` on GitHub.
    pub(super) repository: Option<&'a str>,
    pub(super) default_branch: &'a str,
}

impl Scenario<'_> {
    /// The name of the git tag.
    pub(super) fn tag(&self) -> String {
        format!("{}{}", self.prefix, self.version)
    }

    /// The full name of the ref that started the workflow.
    pub(super) fn git_ref(&self) -> String {
        match self.event {
            ReleaseEvent::TagPush | ReleaseEvent::Release => format!("refs/tags/{}", self.tag()),
            ReleaseEvent::BranchPush | ReleaseEvent::Dispatch => {
                format!("refs/heads/{}", self.default_branch)
            }
        }
    }

    pub(super) fn event_name(&self) -> &'static str {
        match self.event {
            ReleaseEvent::TagPush | ReleaseEvent::BranchPush => "push",
            ReleaseEvent::Release => "release",
            ReleaseEvent::Dispatch => "workflow_dispatch",
        }
    }

    /// The context `github`.
    pub(super) fn github(&self) -> Object {
        let git_ref = self.git_ref();
        let is_tag = git_ref.starts_with("refs/tags/");
        let name = git_ref.splitn(3, '/').nth(2).unwrap_or_default().to_owned();
        let mut github = Object::open()
            .with("ref", git_ref.clone())
            .with("ref_name", name)
            .with("ref_type", if is_tag { "tag" } else { "branch" })
            .with("event_name", self.event_name())
            .with("sha", "{sha:full}")
            .with("head_ref", "")
            .with("base_ref", "")
            .with("server_url", "https://github.com")
            .with("event", self.payload(&git_ref));
        if let Some(repository) = self.repository {
            let owner = repository.split('/').next().unwrap_or_default();
            github.set("repository", repository);
            github.set("repository_owner", owner);
        }
        github
    }

    /// What the event says, as far as a condition can ask for it.
    fn payload(&self, git_ref: &str) -> Object {
        let mut repository = Object::open()
            .with("default_branch", self.default_branch)
            .with("fork", false)
            .with("private", false);
        if let Some(full) = self.repository {
            repository.set("full_name", full);
            repository.set("name", full.split('/').nth(1).unwrap_or_default());
        }
        let mut event = Object::open()
            .with("ref", git_ref)
            .with("repository", repository)
            .with("pull_request", Term::Null)
            .with("number", Term::Null)
            .with("schedule", Term::Null)
            .with("inputs", Term::Null)
            .with("workflow_run", Term::Null);
        match self.event {
            ReleaseEvent::Release => {
                let release = Object::open()
                    .with("tag_name", self.tag())
                    .with("prerelease", !self.version.pre.is_empty())
                    .with("draft", false)
                    .with("target_commitish", self.default_branch);
                event.set("release", release);
                event.set("action", "published");
                event.set("ref", Term::Null);
            }
            _ => {
                event.set("release", Term::Null);
                event.set("action", Term::Null);
                event.set("deleted", false);
            }
        }
        event
    }
}

/// The values that stand for the placeholders where a tag is shown.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) sha: &'static str,
    pub(super) instant: DateTime<Utc>,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            sha: "3f2a91c0d4e5f60718293a4b5c6d7e8f90a1b2c3",
            instant: DateTime::from_timestamp(1_767_258_000, 0).expect("it is in range"),
        }
    }
}

impl Sample {
    /// Fills in the placeholders of a tag.
    pub(super) fn expand(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(start) = rest.find('{') {
            let Some(end) = rest[start..].find('}') else {
                break;
            };
            out.push_str(&rest[..start]);
            let inner = &rest[start + 1..start + end];
            match inner.split_once(':').unwrap_or((inner, "")) {
                ("sha", "full") => out.push_str(self.sha),
                ("sha", length) => {
                    let length = length.parse().unwrap_or(7).min(self.sha.len());
                    out.push_str(&self.sha[..length]);
                }
                ("date" | "commit_date", format) => {
                    out.push_str(&self.instant.format(format).to_string());
                }
                _ => out.push_str(&rest[start..=start + end]),
            }
            rest = &rest[start + end + 1..];
        }
        out + rest
    }
}
