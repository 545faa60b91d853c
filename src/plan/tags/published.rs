//! What a repository shows, and what a release does to it.

use std::collections::BTreeMap;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::oci::{Observed, Repository, Tag};

/// What is known of one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The repository's name.
    pub repository: Repository,
    /// Its list of tags.
    pub tags: Listing,
    /// What tags showed when they were looked at. A tag that is missing here was not looked at.
    pub shows: BTreeMap<Tag, Observed>,
    /// The version of the image behind a moving tag, by its label or by a receipt: read where the list is
    /// refused, and where git knows a version that no list has.
    pub labels: BTreeMap<Tag, Version>,
    /// Those of its tags that the registry has and its own list lacks.
    pub unlisted: Vec<Tag>,
}

/// A repository's list of tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// Complete; empty for a repository that does not exist yet.
    Known(Vec<Tag>),
    /// The registry refuses to list them.
    Refused,
    /// The registry was not asked (`--offline`), or its answer is not needed here.
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
            unlisted: Vec::new(),
        }
    }

    pub(super) fn has(&self, tag: &Tag) -> bool {
        matches!(&self.tags, Listing::Known(tags) if tags.contains(tag))
    }
}

/// What a release does to a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TagAction {
    /// The tag is not there yet and is created.
    Create,
    /// The tag shows another image and moves to this one.
    Move,
    /// The tag stays where it is, because another version has it.
    Keep,
    /// The tag shows this image already.
    Same,
    /// The registry was not asked or could not tell, or only the build can tell.
    Unknown,
    /// The repositories do not all get the same action.
    Mixed,
}

impl TagAction {
    /// The action's name, as JSON has it.
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Verdict {
    /// The repository that the decision is for.
    pub repository: Repository,
    /// What the release does to the tag there.
    pub action: TagAction,
    /// The reason, for people.
    pub why: String,
    /// For the tag of a channel that is kept although it is not there yet: the exact tag of the stable
    /// version that has its line already. The channel's tag is created with the image of that version.
    /// It happens where the first pre-release of a label comes after such a version.
    #[serde(rename = "owed", skip_serializing_if = "Option::is_none")]
    pub successor: Option<Tag>,
}
