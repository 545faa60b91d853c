//! What a journal says of the release on a forge.

use serde::{Deserialize, Serialize};

use crate::{
    git::{RefName, tag_name},
    policy::ForgeService,
};

/// The release on a forge that is made public when the git tag is out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgeRecord {
    /// Which forge it is.
    #[serde(rename = "kind")]
    pub service: ForgeService,
    /// The page of the release.
    pub url: String,
    /// The draft, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// What its text holds, so that it is known for this release's own.
    pub marker: String,
    /// The git tag, which a document names without `refs/tags/`.
    #[serde(with = "tag_name")]
    pub tag: RefName,
    /// Its title.
    pub title: String,
    /// Its text, where no draft holds it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Its files, where no draft holds them: name and address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<(String, String)>,
    /// The package that has them, whose name no other run uses. Without one it is that of the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// Whether it is marked as a pre-release.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prerelease: bool,
    /// Whether it becomes the project's latest release.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub latest: bool,
    /// The files that the release has put into a draft of somebody else: name and SHA-256.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<(String, String)>,
    /// Whether the draft was somebody's own before: it is not deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
}

impl ForgeRecord {
    /// Whether the sixth version of the format is needed.
    pub(super) fn is_of_format_6(&self) -> bool {
        self.package.is_some() || self.adopted
    }
}
