//! The description of a leg: a JSON object that travels beside the content, in a file or as an
//! annotation of a layout's entry. Its words are claims, and each of them is checked.

use chrono::{DateTime, Utc};
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::{
    git::{CommitId, ObjectId},
    oci::{Digest, ImageName, MediaType, Platform, Repository},
};

/// The version of the format that this program writes. A reader refuses a newer one.
pub const LEG_FORMAT: u64 = 1;

/// What one machine has made for an image, and what it was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Leg {
    /// The version of the format: [`LEG_FORMAT`] in every leg that this program writes.
    pub v: u64,
    /// Always `leg`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The image that it belongs to.
    #[serde(flatten)]
    pub image: ImageName,
    /// The version that it was built as.
    pub version: Version,
    /// The commit that it was built from.
    pub commit: CommitId,
    /// The tree of that commit.
    #[cfg_attr(test, schemars(with = "String"))]
    pub tree: ObjectId,
    /// The identity of the policy that it was built under.
    pub policy: Digest,
    /// The release's instant on the machine that built it.
    pub instant: DateTime<Utc>,
    /// Whether it was built from a working tree with uncommitted changes, so that no commit has its files.
    #[serde(default)]
    pub dirty: bool,
    /// What its images run on, as `os/architecture[/variant]`.
    pub platforms: Vec<String>,
    /// The manifest or index.
    pub digest: Digest,
    /// The type of the manifest or index.
    #[cfg_attr(test, schemars(with = "String"))]
    pub media_type: MediaType,
    /// The size of the manifest or index in bytes.
    pub size: u64,
    /// The images that it was built on, as far as its own annotations and labels tell.
    #[serde(default)]
    pub base: Vec<LegBase>,
    /// Who built it, in words for a person.
    #[serde(default)]
    pub builder: String,
    /// The repositories that hold its content by digest; empty where the content lies in a layout.
    #[serde(default)]
    pub staged: Vec<Repository>,
}

/// An image that another one was built on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LegBase {
    /// Its reference.
    pub name: String,
    /// The digest of its manifest or index, where it is known.
    #[serde(default)]
    pub digest: Option<Digest>,
}

impl Leg {
    /// The `type` of every leg.
    pub(crate) const TYPE: &str = "leg";

    /// What its images run on, those that can be read.
    pub(crate) fn parsed_platforms(&self) -> Vec<Platform> {
        self.platforms
            .iter()
            .filter_map(|text| text.parse().ok())
            .collect()
    }
}
