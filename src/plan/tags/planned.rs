//! One tag of the set, with what happens to it in each repository.

use serde::{Deserialize, Serialize};

use crate::{
    oci::{ImageName, Repository, Tag},
    plan::tags::published::{TagAction, Verdict},
    policy::TagTemplate,
};

/// Whether a tag ever moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TagKind {
    /// The tag never moves.
    Fixed,
    /// The tag moves forward only.
    Moving,
}

impl TagKind {
    /// The kind's name, as JSON has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Moving => "moving",
        }
    }
}

/// One tag of the set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedTag {
    /// The tag's name.
    pub tag: Tag,
    /// The image that it shows.
    pub image: ImageName,
    /// Whether the tag may ever move.
    pub kind: TagKind,
    /// Whether this is the version's own tag: the first of its image that names the whole version.
    pub is_version: bool,
    /// The template that gave the name.
    pub template: TagTemplate,
    /// What happens in each repository of the image, in the order of the policy.
    pub verdicts: Vec<Verdict>,
}

impl PlannedTag {
    /// Whether `repository` is one of the image's.
    #[must_use]
    pub fn is_for(&self, repository: &Repository) -> bool {
        let mut verdicts = self.verdicts.iter();
        verdicts.any(|verdict| verdict.repository == *repository)
    }

    /// What happens to the tag: `Mixed` where the repositories do not agree.
    #[must_use]
    pub fn action(&self) -> TagAction {
        let mut actions = self.verdicts.iter().map(|verdict| verdict.action);
        let Some(first) = actions.next() else {
            return TagAction::Unknown;
        };
        if actions.all(|action| action == first) {
            first
        } else {
            TagAction::Mixed
        }
    }

    /// The one reason that all repositories share, or the reason of each.
    #[must_use]
    pub fn why(&self) -> String {
        let Some(first) = self.verdicts.first() else {
            return "no repository is named".to_owned();
        };
        if self.verdicts.iter().all(|verdict| verdict.why == first.why) {
            return first.why.clone();
        }
        let each: Vec<String> = self
            .verdicts
            .iter()
            .map(|v| format!("{}: {}, {}", v.repository, v.action.as_str(), v.why))
            .collect();
        each.join("; ")
    }

    /// Whether the release leaves the tag alone in at least one repository.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.verdicts
            .iter()
            .any(|verdict| verdict.action == TagAction::Keep)
    }
}
