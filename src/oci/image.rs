//! An image on disk.

use std::path::PathBuf;

use super::{Descriptor, Digest, Manifest};

/// One image, complete on disk: an OCI layout directory and what it holds.
///
/// `children` are in push order (a child before the index that names it). Blobs lie at
/// `dir/blobs/sha256/<hex>`, each verified against its digest before this value exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The OCI layout directory.
    pub dir: PathBuf,
    /// The manifest or index that tags will point at.
    pub manifest: Manifest,
    /// Manifests below an index, children first; empty for a single manifest.
    pub children: Vec<Manifest>,
    /// Configs and layers of all manifests, each once.
    pub blobs: Vec<Descriptor>,
}

impl Image {
    /// Where a blob of this image lies.
    #[must_use]
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.dir.join("blobs").join("sha256").join(digest.hex())
    }

    /// Bytes of all blobs.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.blobs.iter().map(|blob| blob.size).sum()
    }
}
