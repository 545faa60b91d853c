//! What a repository shows, and what a release does to it.

use std::collections::BTreeMap;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::oci::{Observed, Repository, Tag};

/// What is known of one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Where.
    pub repository: Repository,
    /// Its list of tags.
    pub tags: Listing,
    /// What tags showed when they were looked at. A tag that is missing here was not looked at.
    pub shows: BTreeMap<Tag, Observed>,
    /// The version label of the image behind a moving tag; read where the list is refused.
    pub labels: BTreeMap<Tag, Version>,
}

/// A repository's list of tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// Complete; empty for a repository that does not exist yet.
    Known(Vec<Tag>),
    /// The registry does not hand it out.
    Refused,
    /// `--offline`
    NotAsked,
}

impl Published {
    /// A repository that nobody asked.
    #[must_use]
    pub fn not_asked(repository: Repository) -> Self {
        Self {
            repository,
            tags: Listing::NotAsked,
            shows: BTreeMap::new(),
            labels: BTreeMap::new(),
        }
    }

    pub(super) fn has(&self, tag: &Tag) -> bool {
        matches!(&self.tags, Listing::Known(tags) if tags.contains(tag))
    }
}

/// What a release does to a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is not there yet.
    Create,
    /// It shows another image and moves on.
    Move,
    /// It stays: another version has it.
    Keep,
    /// It shows this image.
    Same,
    /// The registry was not asked, or could not tell.
    Unknown,
    /// The repositories differ.
    Mixed,
}

impl Action {
    /// As in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Move => "move",
            Self::Keep => "keep",
            Self::Same => "same",
            Self::Unknown => "unknown",
            Self::Mixed => "mixed",
        }
    }
}

/// The decision on one tag in one repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Where.
    pub repository: Repository,
    /// What happens.
    pub action: Action,
    /// Why.
    pub why: String,
    /// A tag that is kept and not there: the exact tag of the version that has its line, whose
    /// image it is to show. Only of a channel that stable versions follow: the first pre-release
    /// of a label can come after them.
    #[serde(rename = "owed", skip_serializing_if = "Option::is_none")]
    pub successor: Option<Tag>,
}
