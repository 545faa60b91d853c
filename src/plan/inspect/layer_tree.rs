//! The files of each layer as data for the page.

/// The files of one layer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct LayerTree {
    /// The largest parts first.
    pub(crate) parts: Vec<TreePart>,
}

/// A file, a directory, or what is left of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreePart {
    /// The path, without a leading slash.
    pub(crate) path: String,
    /// Bytes of it in this layer.
    pub(crate) size: u64,
    /// How many of them a later layer hides.
    pub(crate) wasted: u64,
    /// What it consists of; empty for a file.
    pub(crate) parts: Vec<TreePart>,
}
