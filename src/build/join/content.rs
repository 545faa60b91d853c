//! The documents of one leg, as they were read.

use std::collections::BTreeMap;

use crate::{
    build::join::leg::Leg,
    oci::{Digest, Manifest},
    text::sanitize_line,
};

/// One leg: its manifests and configurations byte for byte, and what it says of itself.
#[derive(Debug, Clone)]
pub(crate) struct LegContent {
    /// The file, the directory or the description that it comes from: refusals name it.
    pub(crate) file: String,
    /// Its description, where it has one. A layout of another program does not.
    pub(crate) claims: Option<Leg>,
    /// The annotations that the `index.json` of its layout has for it.
    pub(crate) listed: BTreeMap<String, String>,
    /// The annotations of that `index.json` itself.
    pub(crate) of_layout: BTreeMap<String, String>,
    /// The manifest or index.
    pub(crate) manifest: Manifest,
    /// Everything below an index, in any order.
    pub(crate) children: Vec<Manifest>,
    /// The configurations of its images by digest.
    pub(crate) configs: BTreeMap<Digest, Vec<u8>>,
}

impl LegContent {
    /// The manifest or index of this digest, with the bytes that were read for it.
    pub(crate) fn document(&self, digest: &Digest) -> Option<&Manifest> {
        std::iter::once(&self.manifest)
            .chain(&self.children)
            .find(|manifest| manifest.digest() == digest)
    }

    /// A sentence where it says that no commit has its files.
    pub(crate) fn of_uncommitted_files(&self) -> Option<String> {
        let is_dirty = self.claims.as_ref().is_some_and(|claims| claims.dirty);
        let file = sanitize_line(&self.file, 200);
        is_dirty.then(|| format!("the leg `{file}` was built from uncommitted files"))
    }
}
