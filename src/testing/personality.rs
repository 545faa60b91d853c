//! How real registries differ, and what a repository in memory holds.

use std::{collections::BTreeMap, path::Path, time::Duration};

use bytes::Bytes;
use tokio::time::Instant;

use crate::{
    io::registry::RegistryErrorKind,
    oci::{Descriptor, Digest, ImageDocument, Manifest, Tag},
};

/// How a registry behaves where real ones differ.
#[derive(Debug, Clone)]
pub struct Personality {
    /// `?tag=` on a PUT by digest.
    pub multi_tag: MultiTag,
    /// Deletes tags.
    pub delete_tags: bool,
    /// Deletes digests.
    pub delete_digests: bool,
    /// Deletes digests only while no tag shows them.
    pub delete_untagged_only: bool,
    /// Takes manifests without a tag.
    pub digest_puts: bool,
    /// Answers 409 to a manifest that it has, under a digest.
    pub conflict_on_second_put: bool,
    /// Tags that nobody may change once they are there, not even to the same digest.
    pub immutable: Vec<Tag>,
    /// Tags that it refuses.
    pub refused: Vec<Tag>,
    /// How old its answers to reads of tags are.
    pub lag: Duration,
}

/// What a registry makes of `?tag=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MultiTag {
    /// It does not know it.
    Ignored,
    /// It takes all tags.
    Whole,
    /// It takes the first so many.
    First(usize),
    /// It takes the first so many, then fails.
    FirstThenFails(usize),
    /// It refuses the form.
    Refused,
}

impl Default for Personality {
    /// Like distribution 2.8 with deletion enabled.
    fn default() -> Self {
        Self {
            multi_tag: MultiTag::Ignored,
            delete_tags: false,
            delete_digests: true,
            delete_untagged_only: false,
            digest_puts: true,
            conflict_on_second_put: false,
            immutable: Vec::new(),
            refused: Vec::new(),
            lag: Duration::ZERO,
        }
    }
}

/// What a repository holds.
#[derive(Default)]
pub(crate) struct RepositoryContent {
    pub(crate) blobs: BTreeMap<Digest, Bytes>,
    pub(crate) manifests: BTreeMap<Digest, Manifest>,
    /// What each tag has shown, and since when.
    pub(crate) tags: BTreeMap<Tag, Vec<(Instant, Option<Digest>)>>,
}

impl RepositoryContent {
    pub(crate) fn shows(&self, tag: &Tag, then: Option<Instant>) -> Option<Digest> {
        let history = self.tags.get(tag)?;
        let mut known = history.iter().rev();
        let entry = known.find(|(since, _)| then.is_none_or(|then| *since <= then));
        entry.and_then(|(_, digest)| digest.clone())
    }

    pub(crate) fn point(&mut self, tag: &Tag, digest: Option<Digest>) {
        let history = self.tags.entry(tag.clone()).or_default();
        history.push((Instant::now(), digest));
    }

    /// Blobs and manifests that a manifest names and that are not here.
    pub(crate) fn missing(&self, manifest: &Manifest) -> Vec<Digest> {
        let Ok(document) = ImageDocument::parse(manifest) else {
            return Vec::new();
        };
        let blobs = document.blobs().map(|blob| &blob.digest);
        let blobs = blobs.filter(|digest| !self.blobs.contains_key(digest));
        let children = document.manifests().iter().map(|child| &child.digest);
        let children = children.filter(|digest| !self.manifests.contains_key(digest));
        blobs.chain(children).cloned().collect()
    }
}

/// A file's bytes, if they are the blob's; else what a registry, or the disk, says to them.
pub(crate) fn read_blob(
    blob: &Descriptor,
    file: &Path,
) -> Result<Bytes, (RegistryErrorKind, Option<u16>)> {
    let bytes = std::fs::read(file).map_err(|_| (RegistryErrorKind::File, None))?;
    if bytes.len() as u64 != blob.size {
        return Err((RegistryErrorKind::File, None));
    }
    if Digest::of(&bytes) != blob.digest {
        return Err((RegistryErrorKind::Refused, Some(400)));
    }
    Ok(bytes.into())
}
