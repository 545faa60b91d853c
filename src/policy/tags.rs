//! `[tags]`: which tags a version gets.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::policy::{placeholder::DateFormat, tag_template::TagTemplate};

/// `[tags]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct TagPolicy {
    /// Tags that never move.
    pub fixed: Vec<TagTemplate>,
    /// Tags that follow the highest version of their line.
    pub moving: Vec<TagTemplate>,
    /// Tags of a pre-release.
    pub prerelease: Vec<TagTemplate>,
    /// The format of `{date}` and `{commit_date}`, in UTC.
    pub date: DateFormat,
    /// When `latest` moves.
    pub latest: Latest,
    /// Whether there is a tag `0` while major is 0.
    pub zero_major: bool,
    /// Whether a channel's tag moves on to the stable release that follows.
    pub channel_follows: bool,
    /// What decides where a registry refuses to list its tags. The key is older than the name of its
    /// type, and stays.
    pub guard: TagListFallback,
}

/// The lists of templates in `[tags]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TemplateList {
    /// `tags.fixed`: tags that never move.
    Fixed,
    /// `tags.moving`: tags that move forward with the versions of their line.
    Moving,
    /// `tags.prerelease`: the tags of a pre-release.
    Prerelease,
}

impl TagPolicy {
    /// Every template with the list that it stands in, in the order of the lists.
    pub fn templates(&self) -> impl Iterator<Item = (TemplateList, &TagTemplate)> {
        let lists = [
            (TemplateList::Fixed, &self.fixed),
            (TemplateList::Moving, &self.moving),
            (TemplateList::Prerelease, &self.prerelease),
        ];
        lists
            .into_iter()
            .flat_map(|(list, templates)| templates.iter().map(move |template| (list, template)))
    }
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Latest {
    /// To the highest stable version.
    #[default]
    Highest,
    /// The same, but only in a release from a stable branch.
    Branch,
    /// Never.
    Never,
}

/// What decides whether a moving tag may move where a registry refuses to list its tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TagListFallback {
    /// Git tags and what the registry shows; a release is refused where neither is known.
    #[default]
    Registry,
    /// Git tags alone.
    Git,
}

impl Default for TagPolicy {
    fn default() -> Self {
        let list = |templates: &[&str]| templates.iter().map(|text| parsed(text)).collect();
        Self {
            fixed: list(&["{version}", "sha-{sha}"]),
            moving: list(&["{major}.{minor}", "{major}", "latest", "{date}"]),
            prerelease: list(&["{version}", "{channel}"]),
            date: parsed("%Y-%m-%d"),
            latest: Latest::Highest,
            zero_major: false,
            channel_follows: false,
            guard: TagListFallback::Registry,
        }
    }
}

fn parsed<T: FromStr<Err = String>>(text: &str) -> T {
    text.parse().expect("the defaults are legal")
}
