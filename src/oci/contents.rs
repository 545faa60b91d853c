//! What an image holds, as data: its layers and the entries in them.

use chrono::{DateTime, Utc};

use super::{Digest, Platform};

/// One image that can run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contents {
    /// What it runs on.
    pub platform: Option<Platform>,
    /// The user that it runs as; `None` or empty for root.
    pub user: Option<String>,
    /// The image that it was built on, by its labels or annotations.
    pub base: Option<BaseImage>,
    /// When the lowest layer was made, by the image's history: where there is a base image, that is its age.
    pub lowest_created: Option<DateTime<Utc>>,
    /// The distribution's name for people, from `os-release`: `Debian GNU/Linux 12 (bookworm)`.
    pub distribution: Option<String>,
    /// The layers, lowest first.
    pub layers: Vec<LayerContents>,
}

/// The image that an image was built on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseImage {
    /// Its reference, as whoever built the image wrote it: `debian:12`.
    pub name: Option<String>,
    /// The digest that the build was told to use, or that the builder has recorded.
    pub digest: Option<Digest>,
}

/// One layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerContents {
    /// The packed layer's digest.
    pub digest: Digest,
    /// The digest of the unpacked layer.
    pub diff_id: Digest,
    /// Size of the packed layer in bytes.
    pub size: u64,
    /// The instruction that made it.
    pub created_by: Option<String>,
    /// The type of a layer whose files hoist cannot read, such as an encrypted one.
    pub unread: Option<String>,
    /// Files, links and directories in the layer's own order.
    pub entries: Vec<LayerEntry>,
}

/// A file, link or directory of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerEntry {
    /// The path without a leading or trailing `/`.
    pub path: String,
    /// Size of a file in bytes; 0 for everything else.
    pub size: u64,
    /// What it is.
    pub kind: LayerEntryKind,
    /// What a file holds, or where a symbolic link points; `None` where it was not read.
    pub content: Option<ContentHash>,
    /// Whether a file begins like a private key (`-----BEGIN … PRIVATE KEY-----`).
    pub private_key: bool,
}

/// What an entry of a layer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LayerEntryKind {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A further name of a file, which is the path in it.
    HardLink(String),
    /// A symbolic link, with its target.
    SymbolicLink(String),
    /// A device or a pipe.
    Special,
}

/// Tells contents of files apart: the first 16 bytes of their SHA-256. Millions of them are kept in
/// memory, so they are not whole digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash(u128);

impl ContentHash {
    /// The hash of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_digest(&Digest::of(bytes))
    }

    /// The hash of the bytes that have this digest.
    #[must_use]
    pub fn from_digest(digest: &Digest) -> Self {
        let half = digest.hex().get(..32);
        let number = half.and_then(|half| u128::from_str_radix(half, 16).ok());
        Self(number.expect("a digest has 64 hexadecimal digits"))
    }
}
