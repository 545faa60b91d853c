//! What `hoist inspect` finds, as data.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    oci::Digest,
    plan::inspect::{layer_tree::LayerTree, omitted::Omitted},
    text::sanitize_line,
};

/// What `hoist inspect` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Report {
    /// Format of this document.
    pub v: u8,
    /// What was looked at.
    pub image: String,
    /// The image of the policy that it is, such as `worker` or `main/alpine`; `None`: none of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it runs on.
    pub platform: Option<String>,
    /// The other platforms of the image. The figures are of one platform, the budget is judged for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_platforms: Vec<String>,
    /// Bytes to pull: the compressed size of all layers, each once.
    pub size: u64,
    /// Bytes of all files in all layers.
    pub unpacked: u64,
    /// Bytes of the files that can be seen, a file with several names once.
    pub visible: u64,
    /// The number of paths that can be seen and are not directories.
    pub files: usize,
    /// The layers, the lowest first.
    pub layers: Vec<Layer>,
    /// Bytes of files that a later layer deletes or overwrites: what is unpacked and not visible.
    pub wasted: u64,
    /// The largest of them, at most 20.
    pub waste: Vec<Waste>,
    /// How many more there are, and their bytes.
    #[serde(skip_serializing_if = "Omitted::is_none")]
    pub omitted_waste: Omitted,
    /// The largest files that can be seen.
    pub largest: Vec<LargeFile>,
    /// Bytes of further copies of files that can be seen.
    pub duplicated: u64,
    /// Contents that are there several times, the largest loss first, at most 20.
    pub duplicates: Vec<Duplicate>,
    /// How many more there are, and the bytes of their further copies.
    #[serde(skip_serializing_if = "Omitted::is_none")]
    pub omitted_duplicates: Omitted,
    /// Caches and lists that nothing needs when the image runs, the largest first, at most 20.
    pub caches: Vec<LeftoverCache>,
    /// How many more there are, and their bytes.
    #[serde(skip_serializing_if = "Omitted::is_none")]
    pub omitted_caches: Omitted,
    /// All caches below 1 MB, about which there is no advice.
    #[serde(skip_serializing_if = "Omitted::is_none")]
    pub small_caches: Omitted,
    /// Bytes of package managers' caches.
    #[serde(skip)]
    pub(crate) package_caches: u64,
    /// Files that look like secrets, also those that a later layer deletes: they can be pulled all the same; at most 20.
    pub secrets: Vec<SecretFile>,
    /// How many more there are, and their bytes.
    #[serde(skip_serializing_if = "Omitted::is_none")]
    pub omitted_secrets: Omitted,
    /// The image that it was built on, where that is known.
    pub base: Option<BaseReport>,
    /// The user that it runs as.
    pub user: ImageUser,
    /// Compared with another image, where one was given.
    pub changes: Option<Changes>,
    /// What the registry lists as being about the image, such as signatures and lists of parts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub referrers: Vec<ReferrerReport>,
    /// The sizes of past releases, the oldest first, where they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<PastSize>,
    /// What would help: several stages, a smaller base, merged layers, leftovers, a pinned base, then the rest.
    pub advice: Vec<Advice>,
    /// Where the image is over `[image.budget]` of the policy, if one was looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub over_budget: Vec<Excess>,
    /// The files of each layer, for the page.
    #[serde(skip)]
    pub(crate) tree: Vec<LayerTree>,
}

impl Report {
    /// What the figures leave out, a sentence each: other platforms, and layers whose files cannot be read.
    pub(crate) fn left_out(&self) -> Vec<String> {
        let mut all = Vec::new();
        if !self.other_platforms.is_empty() {
            let others = self.other_platforms.iter();
            let others: Vec<_> = others.map(|other| sanitize_line(other, 60)).collect();
            all.push(format!("Not shown: its images for {}.", others.join(", ")));
        }
        for (index, layer) in self.layers.iter().enumerate() {
            all.extend(layer.unread.as_ref().map(|media_type| {
                let media_type = sanitize_line(media_type, 80);
                format!(
                    "Not read: the files of layer {}, whose type is {media_type}.",
                    index + 1
                )
            }));
        }
        all
    }
}

/// A manifest that is about the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ReferrerReport {
    /// Its own manifest.
    pub digest: Digest,
    /// The type of the artifact, where one is named.
    pub artifact_type: Option<String>,
    /// What it is about: the index, or the image of one platform.
    pub subject: Digest,
    /// Its annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// One layer of the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Layer {
    /// The packed layer's digest.
    pub digest: Digest,
    /// Compressed size, in bytes.
    pub size: u64,
    /// Bytes of its files.
    pub unpacked: u64,
    /// The number of entries in it that are not directories.
    pub files: usize,
    /// The instruction that made it.
    pub created_by: Option<String>,
    /// Bytes in it that a later layer deletes or overwrites.
    pub wasted: u64,
    /// Whether the image that it is compared with has it too.
    pub shared: Option<bool>,
    /// Its type, where its files cannot be read, as those of an encrypted layer: it counts as one without files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
}

/// A file that is in the image and cannot be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Waste {
    /// The path in the image, without a leading slash.
    pub path: String,
    /// The size of the file, in bytes.
    pub size: u64,
    /// The layer that holds it, counted from 0.
    pub layer: usize,
    /// The layer that hides it: a later one, or the same where it holds the path twice.
    pub hidden_by: usize,
    /// Whether the later layer deletes or overwrites it.
    pub how: Hidden,
    /// Whether it was overwritten with the content that it had, as `chown` does.
    pub same_content: bool,
}

/// How a later layer hides a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Hidden {
    /// The later layer deletes it.
    Deleted,
    /// The later layer has another file of this name.
    Overwritten,
}

/// A file that can be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LargeFile {
    /// The path in the image, without a leading slash.
    pub path: String,
    /// The size of the file, in bytes.
    pub size: u64,
    /// The layer that holds it, counted from 0.
    pub layer: usize,
}

/// The same content in several files that are not links to each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Duplicate {
    /// The size of one of them, in bytes.
    pub size: u64,
    /// Bytes that all but one of them take.
    pub extra: u64,
    /// How many there are.
    pub copies: usize,
    /// Some of their paths, without a leading slash.
    pub paths: Vec<String>,
}

/// A cache that was left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LeftoverCache {
    /// The directory, without a leading slash.
    pub path: String,
    /// The program that left it behind.
    pub what: &'static str,
    /// Bytes of its files that can be seen.
    pub size: u64,
    /// What leaves it out.
    pub fix: &'static str,
    /// Whether a package manager made it.
    pub package: bool,
}

/// A file that looks like a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SecretFile {
    /// The path in the image, without a leading slash.
    pub path: String,
    /// The layer that holds it, counted from 0.
    pub layer: usize,
    /// The layer that deletes or overwrites it, which keeps nobody from reading it.
    pub hidden_by: Option<usize>,
}

/// The image that the image was built on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BaseReport {
    /// Its reference.
    pub name: Option<String>,
    /// Its digest, where it is known.
    pub digest: Option<Digest>,
    /// Whether the digest is known; `None` where only the distribution is.
    pub pinned: Option<bool>,
    /// The distribution's name for people.
    pub distribution: Option<String>,
    /// When its lowest layer was made, by the image's history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<DateTime<Utc>>,
}

/// The user that the image runs as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ImageUser {
    /// As the image says; `None` where it says nothing, which means root.
    pub name: Option<String>,
    /// Whether that is root.
    pub root: bool,
}

/// What is different from another image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Changes {
    /// The name of the image that this one is compared with.
    pub since: String,
    /// This image's size minus the other one's, in bytes to pull.
    pub size: i64,
    /// This image's visible bytes minus the other one's: the sum over all changed files.
    pub visible: i64,
    /// Bytes to pull for who has the other image.
    pub to_pull: u64,
    /// How many files came, went and changed.
    pub files: FileChangeCount,
    /// The largest of them, at most 20.
    pub largest: Vec<FileChange>,
    /// How many more there are, and by how many bytes they differ, each counted without its sign.
    #[serde(skip_serializing_if = "Omitted::is_none")]
    pub omitted: Omitted,
}

/// Counts of changed files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FileChangeCount {
    /// Files that only this image has.
    pub added: usize,
    /// Files that only the other image has.
    pub removed: usize,
    /// Files of both images whose content is different.
    pub changed: usize,
}

/// One file that is different. The bytes of a file with several names count at the first of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FileChange {
    /// The path in the image, without a leading slash.
    pub path: String,
    /// Bytes before; `None`: it is new.
    pub before: Option<u64>,
    /// Bytes now; `None`: it went.
    pub now: Option<u64>,
}

/// The size of a past release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PastSize {
    /// Its version.
    pub name: String,
    /// Bytes to pull.
    pub size: u64,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Advice {
    /// Which one, for programs.
    pub kind: AdviceKind,
    /// The advice itself: what to change.
    pub text: String,
    /// Why: what was found.
    pub why: String,
    /// Bytes that the image loses before packing, where that can be said. No byte counts in two pieces of advice.
    pub saves: Option<u64>,
}

/// The kinds of advice, in the order in which they are worth following.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AdviceKind {
    /// Build in one stage, and copy what runs into another one.
    MultiStage,
    /// Start from a smaller base.
    SmallerBase,
    /// Delete files in the instruction that makes them.
    MergeLayers,
    /// Set owner and mode while copying.
    CopyOnce,
    /// Fewer layers.
    FewerLayers,
    /// Leave a cache or temporary files out.
    Leftovers,
    /// Leave the history of a repository out.
    IgnoreFile,
    /// Keep one copy of a content.
    Duplicates,
    /// Name the base by its digest.
    PinBase,
    /// Leave secrets out.
    Secrets,
    /// Run as another user than root.
    ImageUser,
}

/// One rule of the budget that an image breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Excess {
    /// The rule: `max`, `growth`, `waste`, `layers`, or what `deny` names.
    pub rule: String,
    /// The figures, for people.
    pub text: String,
    /// What made it, the largest first.
    pub causes: Vec<String>,
}
