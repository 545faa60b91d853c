//! How real registries differ, and what a repository in memory holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use bytes::Bytes;
use tokio::time::Instant;

use crate::{
    io::registry::RegistryErrorKind,
    oci::{Descriptor, Digest, ImageDocument, Manifest, Tag, TagOrDigest, referrer},
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
    /// The first deletion of a digest that a tag shows fails half way, as distribution 2.8 does where
    /// deletions meet: the content is gone, and the tag stays in the list.
    pub delete_half: bool,
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
    /// What it makes of a manifest that is about another one.
    pub referrers: Referrers,
}

/// What a registry makes of manifests that are about others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Referrers {
    /// They are manifests as any other.
    Ignored,
    /// It lists them, and says so.
    Listed,
    /// It lists them, and refuses those that are about something that it does not have.
    Strict,
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
            delete_half: false,
            digest_puts: true,
            conflict_on_second_put: false,
            immutable: Vec::new(),
            refused: Vec::new(),
            lag: Duration::ZERO,
            referrers: Referrers::Ignored,
        }
    }
}

/// What a repository holds.
#[derive(Default)]
pub(crate) struct RepositoryContent {
    pub(crate) blobs: BTreeMap<Digest, Bytes>,
    pub(crate) manifests: BTreeMap<Digest, Manifest>,
    /// What each tag has shown, and since when.
    pub(crate) tags: Tags,
    /// Digests whose deletion has failed half way.
    pub(crate) half_deleted: BTreeSet<Digest>,
    /// What tags are to show, and from when on: requests whose answer was lost.
    late: Vec<(Instant, Tag, Option<Manifest>)>,
}

type Tags = BTreeMap<Tag, Vec<(Instant, Option<Digest>)>>;

impl RepositoryContent {
    /// Does what was put off and is due.
    pub(crate) fn land(&mut self) {
        let now = Instant::now();
        let (due, later) = std::mem::take(&mut self.late)
            .into_iter()
            .partition(|(at, ..)| *at <= now);
        self.late = later;
        for (_, tag, manifest) in due {
            let digest = manifest.as_ref().map(|manifest| manifest.digest().clone());
            if let Some(manifest) = manifest {
                self.manifests.insert(manifest.digest().clone(), manifest);
            }
            self.point(&tag, digest);
        }
    }

    /// Puts the changes of the tags since `before` off.
    pub(crate) fn put_off(&mut self, before: Tags, delay: Duration) {
        let at = Instant::now() + delay;
        let changed = std::mem::replace(&mut self.tags, before);
        for (tag, history) in changed {
            let known = self.tags.get(&tag).map_or(0, Vec::len);
            for (_, digest) in history.into_iter().skip(known) {
                let manifest = digest.and_then(|digest| self.manifests.get(&digest).cloned());
                self.late.push((at, tag.clone(), manifest));
            }
        }
    }

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

    /// Forgets manifests that no tag shows, and blobs.
    pub(crate) fn sweep(&mut self) {
        let shown = self.tags.keys().filter_map(|tag| self.shows(tag, None));
        let shown: Vec<_> = shown.collect();
        self.manifests.retain(|digest, _| shown.contains(digest));
        self.blobs.clear();
    }

    /// What is about a manifest.
    pub(crate) fn about(&self, subject: &Digest) -> Vec<Descriptor> {
        let all = self.manifests.values().filter_map(referrer::referrer);
        let about = all.filter(|(of, _)| of == subject);
        about.map(|(_, entry)| entry).collect()
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

/// How a request's description names what it is about.
pub(crate) fn suffix(what: &TagOrDigest) -> String {
    match what {
        TagOrDigest::Tag(tag) => format!(":{tag}"),
        TagOrDigest::Digest(digest) => format!("@{}", digest.short()),
    }
}
