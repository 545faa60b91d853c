//! `[version]`: how history becomes a version.

use std::fmt;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::policy::{
    git_tag_template::GitTagTemplate,
    path::PathPattern,
    pattern::{CommitGlob, Regex},
    version_file::VersionFile,
};

/// `[version]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct VersionPolicy {
    /// The git tag of a version.
    pub tag: GitTagTemplate,
    /// The version of the first release.
    pub initial: Version,
    /// What a change means while major is 0.
    pub zero: ZeroMajor,
    /// Globs; only commits that touch one of them count. `!` negates. Empty: all.
    pub paths: Vec<PathPattern>,
    /// Own rules, before the defaults; the first that matches a commit decides it.
    pub rules: Vec<Rule>,
    /// What counts in a squash merge.
    pub squash: Squash,
    /// What a commit without a conventional header counts as.
    pub unconventional: Unconventional,
    /// Files that carry the version, written and committed before the build.
    pub files: Vec<VersionFile>,
}

/// How much of a version a change moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// A fix.
    Patch,
    /// A feature.
    Minor,
    /// A breaking change.
    Major,
}

impl Level {
    /// `patch`, `minor`, `major`
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `[[version.rules]]`: which commits it matches, and the level it gives them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rule {
    /// The commit's type, compared without case.
    #[serde(rename = "type")]
    pub type_: Option<CommitGlob>,
    /// A glob on the commit's scope, compared without case.
    pub scope: Option<CommitGlob>,
    /// A regular expression on the whole message.
    #[serde(rename = "match")]
    pub match_: Option<Regex>,
    /// Only breaking changes, or only others.
    pub breaking: Option<bool>,
    /// The level of a commit that matches.
    pub bump: RuleBump,
}

/// The level that a rule gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleBump {
    /// Does not count.
    None,
    /// A fix.
    Patch,
    /// A feature.
    Minor,
    /// A breaking change.
    Major,
}

impl RuleBump {
    /// The level, or `None` where the commit does not count.
    #[must_use]
    pub fn level(self) -> Option<Level> {
        match self {
            Self::None => None,
            Self::Patch => Some(Level::Patch),
            Self::Minor => Some(Level::Minor),
            Self::Major => Some(Level::Major),
        }
    }
}

/// What a change means while major is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZeroMajor {
    /// breaking → minor, feature → minor, fix → patch.
    #[default]
    Minor,
    /// breaking → minor, feature and fix → patch, as Cargo reads 0.x.
    Cargo,
    /// breaking → 1.0.0, feature → minor, fix → patch.
    Strict,
}

/// What counts in a squash merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Squash {
    /// The title, plus BREAKING lines in the body.
    #[default]
    Title,
    /// Each `* type: …` bullet of the body is a change of its own.
    Body,
}

/// What a commit without a conventional header counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unconventional {
    /// Nothing.
    #[default]
    Ignore,
    /// A patch.
    Patch,
    /// An error that names the commit.
    Error,
}

impl Default for VersionPolicy {
    fn default() -> Self {
        Self {
            tag: "v{version}".parse().expect("the default template is legal"),
            initial: Version::new(0, 1, 0),
            zero: ZeroMajor::Minor,
            paths: Vec::new(),
            rules: Vec::new(),
            squash: Squash::Title,
            unconventional: Unconventional::Ignore,
            files: Vec::new(),
        }
    }
}
