//! What an image holds, as data: its layers and the entries in them.

use super::{Digest, Platform};

/// One image that can run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contents {
    /// What it runs on.
    pub platform: Option<Platform>,
    /// The user that it runs as; `None` or empty for root.
    pub user: Option<String>,
    /// The layers, lowest first.
    pub layers: Vec<LayerContents>,
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
    /// Files, links and directories in the layer's own order.
    pub entries: Vec<LayerEntry>,
}

/// A file, link or directory of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerEntry {
    /// The path without a leading or trailing `/`.
    pub path: String,
    /// Size of a file in bytes.
    pub size: u64,
    /// Whether it is a directory.
    pub directory: bool,
}
