//! `[tags]` and `[variants]`: which tags a version gets.

use std::fmt;

use serde::{Deserialize, Serialize};

/// `[tags]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct TagPolicy {
    /// Templates of tags that never move.
    pub fixed: Vec<String>,
    /// Templates of tags that follow the newest version of their line.
    pub moving: Vec<String>,
    /// Templates of the tags of a pre-release.
    pub prerelease: Vec<String>,
    /// strftime format of `{date}` and `{commit_date}`, UTC.
    pub date: String,
    /// When `latest` moves.
    pub latest: Latest,
    /// Keep the tag `0` while major is 0.
    pub zero_major: bool,
    /// Move a channel's tag on to the stable release that follows.
    pub channel_follows: bool,
    /// What decides where a registry refuses its tags list.
    pub guard: TagListFallback,
}

/// The lists of templates in `[tags]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TemplateList {
    /// `tags.fixed`: tags that never move.
    Fixed,
    /// `tags.moving`: tags that move forward with the versions of their line.
    Moving,
    /// `tags.prerelease`: the tags of a pre-release.
    Prerelease,
}

impl TemplateList {
    /// The key of the list inside `[tags]`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Moving => "moving",
            Self::Prerelease => "prerelease",
        }
    }
}

impl fmt::Display for TemplateList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// When `latest` moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Latest {
    /// To the highest stable version.
    #[default]
    Highest,
    /// The same, and only from a stable branch.
    Branch,
    /// Never.
    Never,
}

/// What decides whether a moving tag may move where the registry refuses its tags list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TagListFallback {
    /// Git tags and what the registry shows; refuse where neither is known.
    #[default]
    Registry,
    /// Git tags are enough.
    Git,
}

/// `[variants.NAME]`: a second image of the same release.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct VariantPolicy {
    /// Its stage in the Dockerfile.
    pub target: Option<String>,
    /// Its Dockerfile, where it has one of its own.
    pub dockerfile: Option<String>,
    /// Its layout, where it is not built.
    pub layout: Option<String>,
    /// Added to each of its tags, e.g. `-alpine`; unset: `-NAME`.
    pub suffix: Option<String>,
    /// `latest-alpine` (true, the default) or `alpine`.
    pub latest_suffix: Option<bool>,
}

impl VariantPolicy {
    /// The suffix of the variant called `name`.
    #[must_use]
    pub fn suffix(&self, name: &str) -> String {
        self.suffix.clone().unwrap_or_else(|| format!("-{name}"))
    }
}

impl Default for TagPolicy {
    fn default() -> Self {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            fixed: list(&["{version}", "sha-{sha}"]),
            moving: list(&["{major}.{minor}", "{major}", "latest", "{date}"]),
            prerelease: list(&["{version}", "{channel}"]),
            date: "%Y-%m-%d".into(),
            latest: Latest::Highest,
            zero_major: false,
            channel_follows: false,
            guard: TagListFallback::Registry,
        }
    }
}
