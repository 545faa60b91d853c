//! What a registry keeps.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Instant,
};

use bytes::{Bytes, BytesMut};
use hoist::oci::{Digest, Manifest, TagOrDigest};
use serde_json::Value;

use super::personality::Stale;

/// All repositories and upload sessions.
#[derive(Default)]
pub struct Store {
    repositories: BTreeMap<String, Contents>,
    uploads: HashMap<String, Upload>,
    next: u64,
}

/// An open session: whose it is, and what came so far.
struct Upload {
    path: String,
    content: BytesMut,
}

/// One repository.
#[derive(Default)]
pub struct Contents {
    pub blobs: HashMap<Digest, Bytes>,
    pub manifests: BTreeMap<Digest, Manifest>,
    pub tags: BTreeMap<String, Digest>,
    changed: HashMap<String, Change>,
}

/// What a tag showed before it was changed.
struct Change {
    before: Option<Digest>,
    when: Instant,
    reads: u32,
}

impl Store {
    pub fn exists(&self, path: &str) -> bool {
        self.repositories.contains_key(path)
    }

    pub fn create(&mut self, path: &str) -> &mut Contents {
        self.repositories.entry(path.to_owned()).or_default()
    }

    pub fn contents(&mut self, path: &str) -> Option<&mut Contents> {
        self.repositories.get_mut(path)
    }

    pub fn tags(&self, path: &str) -> BTreeMap<String, Digest> {
        self.repositories
            .get(path)
            .map(|contents| contents.tags.clone())
            .unwrap_or_default()
    }

    /// A manifest that somebody else pushed, with whatever it needs.
    pub fn foreign_push(&mut self, path: &str, tag: &str, manifest: &Manifest) {
        let contents = self.create(path);
        for digest in needs(manifest) {
            contents.blobs.entry(digest).or_default();
        }
        contents.put(Some(tag), manifest.clone());
    }

    pub fn open_upload(&mut self, path: &str) -> String {
        self.next += 1;
        let session = format!("session-{}", self.next);
        self.create(path);
        let upload = Upload {
            path: path.to_owned(),
            content: BytesMut::new(),
        };
        self.uploads.insert(session.clone(), upload);
        session
    }

    /// A piece of a session's content; how much there is then. `None`: there is no such session.
    pub fn append_upload(&mut self, path: &str, session: &str, piece: &[u8]) -> Option<usize> {
        let upload = self.uploads.get_mut(session)?;
        if upload.path != path {
            return None;
        }
        upload.content.extend_from_slice(piece);
        Some(upload.content.len())
    }

    /// Ends a session; the content that came in pieces. `None`: there is no such session.
    pub fn close_upload(&mut self, path: &str, session: &str) -> Option<Bytes> {
        if self.uploads.get(session)?.path != path {
            return None;
        }
        self.uploads
            .remove(session)
            .map(|upload| upload.content.freeze())
    }

    /// Sessions that are neither closed nor cancelled.
    pub fn open_uploads(&self) -> usize {
        self.uploads.len()
    }

    pub fn mount(&mut self, from: &str, to: &str, digest: &Digest) -> bool {
        let blob = self
            .repositories
            .get(from)
            .and_then(|c| c.blobs.get(digest))
            .cloned();
        match blob {
            Some(blob) => {
                self.create(to).blobs.insert(digest.clone(), blob);
                true
            }
            None => false,
        }
    }

    /// From now on every read shows what is there.
    pub fn settle(&mut self) {
        for contents in self.repositories.values_mut() {
            contents.changed.clear();
        }
    }

    /// Drops content that nothing names, as a clean-up does.
    pub fn sweep(&mut self, path: &str) {
        if let Some(contents) = self.repositories.get_mut(path) {
            let kept: BTreeSet<Digest> = contents.tags.values().cloned().collect();
            contents.manifests.retain(|digest, _| kept.contains(digest));
            let needed: BTreeSet<Digest> = contents.manifests.values().flat_map(needs).collect();
            contents.blobs.retain(|digest, _| needed.contains(digest));
        }
    }
}

impl Contents {
    /// Stores a manifest, and moves a tag to it.
    pub fn put(&mut self, tag: Option<&str>, manifest: Manifest) {
        let digest = manifest.digest().clone();
        self.manifests.insert(digest.clone(), manifest);
        if let Some(tag) = tag {
            let before = self.tags.insert(tag.to_owned(), digest);
            self.note(tag, before);
        }
    }

    pub fn remove_tag(&mut self, tag: &str) -> bool {
        let before = self.tags.remove(tag);
        let was = before.is_some();
        if was {
            self.note(tag, before);
        }
        was
    }

    /// Removes a manifest and every tag on it.
    pub fn remove_digest(&mut self, digest: &Digest) -> bool {
        let gone: Vec<String> = self
            .tags
            .iter()
            .filter(|(_, at)| *at == digest)
            .map(|(tag, _)| tag.clone())
            .collect();
        for tag in gone {
            self.remove_tag(&tag);
        }
        self.manifests.remove(digest).is_some()
    }

    /// What a read finds.
    pub fn find(&mut self, what: &TagOrDigest, stale: Stale) -> Option<Manifest> {
        let digest = match what {
            TagOrDigest::Digest(digest) => Some(digest.clone()),
            TagOrDigest::Tag(tag) => self.shown(tag.as_str(), stale),
        };
        self.manifests.get(&digest?).cloned()
    }

    fn shown(&mut self, tag: &str, stale: Stale) -> Option<Digest> {
        let now = self.tags.get(tag).cloned();
        let Some(change) = self.changed.get_mut(tag) else {
            return now;
        };
        change.reads += 1;
        let is_old = match stale {
            Stale::Never => false,
            Stale::Reads(reads) => change.reads <= reads,
            Stale::For(time) => change.when.elapsed() < time,
        };
        if is_old { change.before.clone() } else { now }
    }

    fn note(&mut self, tag: &str, before: Option<Digest>) {
        if before.as_ref() != self.tags.get(tag) {
            let change = Change {
                before,
                when: Instant::now(),
                reads: 0,
            };
            self.changed.insert(tag.to_owned(), change);
        }
    }

    /// What a manifest names and is not there.
    pub fn missing(&self, manifest: &Manifest) -> Vec<Digest> {
        let has = |digest: &Digest| {
            self.blobs.contains_key(digest) || self.manifests.contains_key(digest)
        };
        needs(manifest)
            .into_iter()
            .filter(|digest| !has(digest))
            .collect()
    }
}

/// Config, layers and children of a manifest.
fn needs(manifest: &Manifest) -> Vec<Digest> {
    let document: Value = serde_json::from_slice(&manifest.bytes).unwrap_or_default();
    let lists = ["layers", "manifests"]
        .iter()
        .filter_map(|name| document.get(name)?.as_array());
    lists
        .flatten()
        .chain(document.get("config"))
        .filter_map(|descriptor| descriptor.get("digest")?.as_str()?.parse().ok())
        .collect()
}
