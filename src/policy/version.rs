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
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct VersionPolicy {
    /// How a version becomes the name of a git tag.
    pub tag: GitTagTemplate,
    /// The version of the first release.
    pub initial: Version,
    /// What a change means while major is 0.
    pub zero: ZeroMajor,
    /// Only commits that touch one of these files count; without a pattern, all commits do.
    pub paths: Vec<PathPattern>,
    /// Rules that are asked before the built-in ones; the first that matches a commit decides its level.
    pub rules: Vec<CommitRule>,
    /// What counts in a squash merge.
    pub squash: Squash,
    /// Taken off a commit's title before it is read, one after another.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub strip: Vec<Regex>,
    /// What a commit without a conventional header counts as.
    pub unconventional: Unconventional,
    /// Files that a release writes the version into and commits before the build.
    pub files: Vec<VersionFile>,
}

/// Which number of a version a change raises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// The third number: the change fixes something.
    Patch,
    /// The second number: the change adds a feature.
    Minor,
    /// The first number: the change breaks users.
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

/// `[[version.rules]]`: which commits a rule matches, and the level that it gives them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(extend("anyOf" = [{ "required": ["type"] }, { "required": ["scope"] }, { "required": ["match"] }, { "required": ["breaking"] }])))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CommitRule {
    /// Matches the commit's type.
    #[serde(rename = "type")]
    pub type_: Option<CommitGlob>,
    /// Matches the commit's scope.
    pub scope: Option<CommitGlob>,
    /// Matches somewhere in the commit's message.
    #[serde(rename = "match")]
    pub match_: Option<Regex>,
    /// Whether the rule is for breaking changes alone, or for others alone.
    pub breaking: Option<bool>,
    /// The level that a matching commit gets.
    pub bump: RuleBump,
}

/// The level that a rule gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RuleBump {
    /// The commit does not count.
    None,
    /// The commit counts as a fix.
    Patch,
    /// The commit counts as a feature.
    Minor,
    /// The commit counts as a breaking change.
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Squash {
    /// The title, and lines in the body that say what breaks.
    #[default]
    Title,
    /// The title, and each `* type: …` line of the body as a change of its own, with what is indented
    /// below it.
    Body,
}

/// What a commit without a conventional header counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Unconventional {
    /// The commit does not count.
    #[default]
    Ignore,
    /// The commit counts as a fix.
    Patch,
    /// A release is refused, and the commit is named.
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
            strip: Vec::new(),
            unconventional: Unconventional::Ignore,
            files: Vec::new(),
        }
    }
}
