//! An image on disk.

use std::{collections::BTreeMap, path::PathBuf};

use super::{Descriptor, Digest, Manifest};

/// One image, complete on disk: an OCI layout directory and what it holds.
///
/// Before a value of this type is made, every blob in `dir/blobs/sha256/<hex>` has been verified
/// against its digest. The exception is an image that was adopted from a registry: it has no
/// directory, and its blobs stay on the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The OCI layout directory.
    pub dir: PathBuf,
    /// The manifest or index that tags will point at.
    pub manifest: Manifest,
    /// Manifests below an index in the order in which they must be pushed: a child before the index
    /// that names it. Empty if `manifest` is not an index.
    pub children: Vec<Manifest>,
    /// Configs and layers of all manifests, each once.
    pub blobs: Vec<Descriptor>,
    /// The annotations that the `index.json` of the layout had for it from which it was taken.
    pub listed: BTreeMap<String, String>,
    /// The annotations of that `index.json` itself.
    pub of_layout: BTreeMap<String, String>,
}

impl Image {
    /// The file of a blob of this image.
    #[must_use]
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.dir.join("blobs").join("sha256").join(digest.hex())
    }

    /// The size of all blobs together in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.blobs.iter().map(|blob| blob.size).sum()
    }
}
