//! `[version]` and `[branches]`: how history becomes a version.

use std::{collections::BTreeMap, fmt, str::FromStr};

use semver::Version;
use serde::{Deserialize, Serialize};

/// `[version]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct VersionPolicy {
    /// The git tag of a version.
    pub tag: TagTemplate,
    /// The version of the first release.
    pub initial: Version,
    /// What a change means while major is 0.
    pub zero: ZeroMajor,
    /// Globs; only commits that touch one of them count. `!` negates. Empty: all.
    pub paths: Vec<String>,
    /// Own rules, before the defaults; the first that matches a commit decides it.
    pub rules: Vec<Rule>,
    /// What counts in a squash merge.
    pub squash: Squash,
    /// What a commit without a conventional header counts as.
    pub unconventional: Unconventional,
    /// Files that carry the version, written and committed before the build.
    pub files: Vec<VersionFile>,
}

/// A file that carries the version.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct VersionFile {
    /// Path inside the repository.
    pub path: String,
    /// A regular expression whose first group is the version; unset: by the file's name.
    pub pattern: Option<String>,
}

/// A file whose version is found without a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// `Cargo.toml`, and the `Cargo.lock` of its workspace.
    Cargo,
    /// `package.json`, and npm's lock file beside it.
    Npm,
    /// `pyproject.toml`
    Python,
    /// `Chart.yaml`: `version` and `appVersion`.
    Chart,
    /// `VERSION`, `version.txt`: nothing but the version.
    Whole,
}

impl VersionFile {
    /// What the file's name says.
    #[must_use]
    pub fn kind(&self) -> Option<FileKind> {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        match name {
            "Cargo.toml" => Some(FileKind::Cargo),
            "package.json" => Some(FileKind::Npm),
            "pyproject.toml" => Some(FileKind::Python),
            "Chart.yaml" => Some(FileKind::Chart),
            _ => matches!(
                &*name.to_ascii_lowercase(),
                "version" | "version.txt" | ".version"
            )
            .then_some(FileKind::Whole),
        }
    }
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
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rule {
    /// The commit's type, compared without case.
    #[serde(rename = "type")]
    pub type_: Option<String>,
    /// A glob on the commit's scope, compared without case.
    pub scope: Option<String>,
    /// A regular expression on the whole message.
    #[serde(rename = "match")]
    pub match_: Option<String>,
    /// Only breaking changes, or only others.
    pub breaking: Option<bool>,
    /// The level of a commit that matches.
    pub bump: RuleBump,
}

/// The level that a rule gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Squash {
    /// The title, plus BREAKING lines in the body.
    #[default]
    Title,
    /// Each `* type: …` bullet of the body is a change of its own.
    Body,
}

/// What a commit without a conventional header counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
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

/// The git tag of a version: text with one `{version}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TagTemplate {
    pub(super) prefix: String,
    pub(super) suffix: String,
}

impl TagTemplate {
    /// The tag's name for `version`.
    #[must_use]
    pub fn name(&self, version: &Version) -> String {
        format!("{}{version}{}", self.prefix, self.suffix)
    }

    /// The version that `name` stands for: the template is matched whole, with a strict semantic
    /// version inside.
    #[must_use]
    pub fn version(&self, name: &str) -> Option<Version> {
        let inner = name
            .strip_prefix(&*self.prefix)?
            .strip_suffix(&*self.suffix)?;
        Version::parse(inner).ok()
    }

    /// The version that `name` would stand for without the leading zeros of its numbers, which
    /// semantic versions do not have (`v2026.07.2` is meant as 2026.7.2); `None` where there are
    /// none, or where more is wrong.
    #[must_use]
    pub fn without_leading_zeros(&self, name: &str) -> Option<Version> {
        let inner = name
            .strip_prefix(&*self.prefix)?
            .strip_suffix(&*self.suffix)?;
        let (version, build) = match inner.split_once('+') {
            Some((version, build)) => (version, Some(build)),
            None => (inner, None),
        };
        let mut out = String::new();
        for part in version.split_inclusive(['.', '-']) {
            let digits = part.trim_end_matches(['.', '-']);
            if digits.len() > 1 && digits.bytes().all(|b| b.is_ascii_digit()) {
                let number = digits.trim_start_matches('0');
                out += if number.is_empty() { "0" } else { number };
                out += &part[digits.len()..];
            } else {
                out += part;
            }
        }
        if out == version {
            return None;
        }
        if let Some(build) = build {
            out = format!("{out}+{build}");
        }
        Version::parse(&out).ok()
    }

    /// What stands before the version.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl FromStr for TagTemplate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || format!("`{text}` needs `{{version}}` exactly once");
        let (prefix, suffix) = text.split_once("{version}").ok_or_else(error)?;
        if suffix.contains("{version}") {
            return Err(error());
        }
        // git-check-ref-format(1), for what can stand around a version.
        let legal = |c: char| !c.is_control() && !" ~^:?*[\\{}".contains(c);
        if !text.replace("{version}", "").chars().all(legal)
            || text.contains("..")
            || text.contains("//")
            || prefix.starts_with(['-', '/', '.'])
            || suffix.ends_with(['.', '/'])
            || suffix.ends_with(".lock")
        {
            return Err(format!("`{text}` cannot be the name of a git tag"));
        }
        Ok(Self {
            prefix: prefix.to_owned(),
            suffix: suffix.to_owned(),
        })
    }
}

impl TryFrom<String> for TagTemplate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for TagTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{{version}}{}", self.prefix, self.suffix)
    }
}

/// `[branches]`: which branches release what.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct BranchPolicy {
    /// Globs of branches that release stable versions.
    pub stable: Vec<String>,
    /// Patterns of maintenance branches: `{major}.x`, `{major}.{minor}.x`.
    pub maintenance: Vec<String>,
    /// Glob of a branch → pre-release label.
    pub prerelease: BTreeMap<String, String>,
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

impl Default for BranchPolicy {
    fn default() -> Self {
        Self {
            stable: vec!["main".into(), "master".into()],
            maintenance: vec!["{major}.x".into(), "{major}.{minor}.x".into()],
            prerelease: BTreeMap::from([
                ("next".to_owned(), "rc".to_owned()),
                ("beta/*".to_owned(), "beta".to_owned()),
            ]),
        }
    }
}
