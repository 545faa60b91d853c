//! What an image holds, as data: its layers and the entries in them.

use super::{Digest, Platform};

/// One image that can run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contents {
    /// What it runs on.
    pub platform: Option<Platform>,
    /// The user that it runs as; `None` or empty: root.
    pub user: Option<String>,
    /// Lowest first.
    pub layers: Vec<LayerContents>,
}

/// One layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerContents {
    /// The packed layer's digest.
    pub digest: Digest,
    /// The digest of what is in it.
    pub diff_id: Digest,
    /// Packed, in bytes.
    pub size: u64,
    /// The instruction that made it.
    pub created_by: Option<String>,
    /// In the layer's own order.
    pub entries: Vec<LayerEntry>,
}

/// One entry of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerEntry {
    /// Without a leading or trailing `/`.
    pub path: String,
    /// Of a file, in bytes.
    pub size: u64,
    /// A directory.
    pub directory: bool,
}
