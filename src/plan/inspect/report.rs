//! What `hoist inspect` finds, as data.

use serde::Serialize;

use crate::oci::Digest;

/// How many of the largest findings of each kind are listed.
pub(super) const LISTED: usize = 20;

/// What `hoist inspect` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Format of this document.
    pub v: u8,
    /// What was looked at.
    pub image: String,
    /// What it runs on.
    pub platform: Option<String>,
    /// Compressed size of all layers, in bytes.
    pub size: u64,
    /// Bytes of all files in all layers.
    pub unpacked: u64,
    /// The layers, the lowest first.
    pub layers: Vec<Layer>,
    /// Bytes of files that a later layer deletes or overwrites.
    pub wasted: u64,
    /// The largest of them.
    pub waste: Vec<Waste>,
    /// Caches and lists that nothing needs when the image runs.
    pub caches: Vec<LeftoverCache>,
    /// Compared with another image, where one was given.
    pub changes: Option<Changes>,
    /// What would help, the largest saving first.
    pub advice: Vec<Advice>,
}

/// One layer of the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Layer {
    /// The packed layer's digest.
    pub digest: Digest,
    /// Compressed size, in bytes.
    pub size: u64,
    /// Bytes of its files.
    pub unpacked: u64,
    /// The number of files in it.
    pub files: usize,
    /// The instruction that made it.
    pub created_by: Option<String>,
    /// Bytes in it that a later layer deletes or overwrites.
    pub wasted: u64,
    /// Whether the image that it is compared with has it too.
    pub shared: Option<bool>,
}

/// A file that is in the image and cannot be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waste {
    /// The path in the image, without a leading slash.
    pub path: String,
    /// The size of the file, in bytes.
    pub size: u64,
    /// The layer that holds it, counted from 0.
    pub layer: usize,
    /// The layer that hides it.
    pub hidden_by: usize,
    /// Whether the later layer deletes or overwrites it.
    pub how: Hidden,
}

/// How a later layer hides a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hidden {
    /// The later layer deletes it.
    Deleted,
    /// The later layer has another file of this name.
    Overwritten,
}

/// A cache that was left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftoverCache {
    /// The directory, without a leading slash.
    pub path: String,
    /// The program that left it behind.
    pub what: &'static str,
    /// Bytes of its files that can be seen.
    pub size: u64,
    /// What leaves it out.
    pub fix: &'static str,
}

/// What is different from another image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// The name of the image that this one is compared with.
    pub since: String,
    /// This image's size minus the other one's, in bytes to pull.
    pub size: i64,
    /// Bytes to pull for who has the other image.
    pub to_pull: u64,
    /// How many files came, went and changed their size.
    pub files: FileChangeCount,
    /// The largest of them.
    pub largest: Vec<FileChange>,
}

/// Counts of changed files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct FileChangeCount {
    /// Files that only this image has.
    pub added: usize,
    /// Files that only the other image has.
    pub removed: usize,
    /// Files of both images that lie in a layer that the other image does not have.
    pub changed: usize,
}

/// One file that is different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// The path in the image, without a leading slash.
    pub path: String,
    /// Bytes before; `None`: it is new.
    pub before: Option<u64>,
    /// Bytes now; `None`: it went.
    pub now: Option<u64>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// The advice itself: what to change.
    pub text: String,
    /// Why: what was found.
    pub why: String,
    /// Bytes that it saves before packing, where that can be said.
    pub saves: Option<u64>,
}
