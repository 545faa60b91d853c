//! One decision about the next version under way: what it is made from, and what it comes to.

use semver::Version;

use crate::{
    error::{Error, Result},
    plan::{
        history::{
            facts::{Facts, VersionTag},
            levels::{JudgedChange, Judgement},
        },
        version::{bump::bumped, request::VersionRequest},
    },
    policy::{Level, MaintenanceLine, VersionPolicy},
};

/// One decision under way.
pub(crate) struct VersionDecision<'a> {
    pub(crate) policy: &'a VersionPolicy,
    pub(crate) facts: &'a Facts,
    pub(crate) request: &'a VersionRequest,
    pub(crate) judgement: &'a Judgement,
    /// `--bump`, else the highest level of the range.
    pub(crate) level: Option<Level>,
    pub(crate) line: Option<MaintenanceLine>,
    pub(crate) notes: Vec<String>,
}

/// A version or none, and why.
pub(crate) struct ComputedVersion {
    pub(crate) version: Option<Version>,
    pub(crate) on_head: Option<VersionTag>,
    pub(crate) why: String,
}

impl ComputedVersion {
    pub(crate) fn none(why: impl Into<String>) -> Self {
        Self {
            version: None,
            on_head: None,
            why: why.into(),
        }
    }

    pub(crate) fn of(version: Version, why: impl Into<String>) -> Self {
        Self {
            version: Some(version),
            on_head: None,
            why: why.into(),
        }
    }
}

impl VersionDecision<'_> {
    /// `version` moved by `level`.
    pub(crate) fn bumped(&self, version: &Version, level: Level) -> Result<Version> {
        bumped(version, level, self.policy.zero).ok_or_else(|| {
            Error::refused(format!(
                "no version follows `{version}`: the version number would overflow ({})",
                u64::MAX
            ))
            .hint("name the version with `--version`")
        })
    }

    /// The change that decides, in words.
    pub(crate) fn because(&self) -> String {
        if let Some(level) = self.request.bump {
            return format!("`--bump {level}`");
        }
        let decider = self.level.and_then(|level| self.judgement.decider(level));
        decider.map_or_else(String::new, named)
    }

    /// Why there is nothing to release.
    pub(crate) fn nothing(&self) -> String {
        let since = match &self.facts.stable {
            Some(tag) => format!("since `{}`", tag.name),
            None => "so far".to_owned(),
        };
        match self.facts.commits.len() {
            0 => format!("no commits {since}"),
            1 => format!("the one commit {since} does not count"),
            count => format!("none of the {count} commits {since} counts"),
        }
    }
}

/// A change as a person finds it again.
pub(crate) fn named(entry: &JudgedChange) -> String {
    let summary = crate::text::sanitize_line(&entry.summary, 72);
    format!("{} {summary}", entry.id.short())
}
