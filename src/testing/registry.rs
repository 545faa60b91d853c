//! A registry in memory: what all of its repositories share.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use crate::{
    oci::{Digest, Manifest, Repository, Tag, referrer},
    testing::{
        Faults, open,
        personality::{Personality, Referrers, RepositoryContent},
    },
};

/// A registry in memory; all clones of one value are the same registry.
#[derive(Clone)]
pub struct FakeRegistry {
    pub(super) repositories: Arc<Mutex<BTreeMap<Repository, RepositoryContent>>>,
    pub(super) personality: Arc<Mutex<Personality>>,
    pub(super) faults: Faults,
}

impl FakeRegistry {
    /// An empty registry.
    #[must_use]
    pub fn new(faults: &Faults, personality: Personality) -> Self {
        Self {
            repositories: Arc::default(),
            personality: Arc::new(Mutex::new(personality)),
            faults: faults.clone(),
        }
    }

    /// Changes how it behaves from now on.
    pub fn become_like(&self, change: impl FnOnce(&mut Personality)) {
        change(&mut open(&self.personality));
    }

    /// What every tag of every repository really shows now.
    #[must_use]
    pub fn tags(&self) -> BTreeMap<(Repository, Tag), Digest> {
        let mut repositories = open(&self.repositories);
        let mut all = BTreeMap::new();
        for (name, content) in repositories.iter_mut() {
            content.land();
            for tag in content.tags.keys() {
                if let Some(digest) = content.shows(tag, None) {
                    all.insert((name.clone(), tag.clone()), digest);
                }
            }
        }
        all
    }

    /// Points a tag somewhere, as another writer would.
    pub fn set_tag(&self, repository: &Repository, tag: &Tag, manifest: &Manifest) {
        let mut repositories = open(&self.repositories);
        let content = repositories.entry(repository.clone()).or_default();
        content.land();
        content
            .manifests
            .insert(manifest.digest().clone(), manifest.clone());
        content.point(tag, Some(manifest.digest().clone()));
    }

    /// Every manifest of a repository that is about another one, with that one.
    #[must_use]
    pub fn referrers(&self, repository: &Repository) -> Vec<(Digest, Manifest)> {
        let repositories = open(&self.repositories);
        let all = repositories.get(repository).into_iter();
        let all = all.flat_map(|content| content.manifests.values());
        all.filter_map(|manifest| Some((referrer::referrer(manifest)?.0, manifest.clone())))
            .collect()
    }

    /// Whether it lists by itself what is about a manifest.
    #[must_use]
    pub fn lists_referrers(&self) -> bool {
        open(&self.personality).referrers != Referrers::Ignored
    }

    /// The manifest that a tag really shows now.
    #[must_use]
    pub fn shown(&self, repository: &Repository, tag: &Tag) -> Option<Manifest> {
        let mut repositories = open(&self.repositories);
        let content = repositories.get_mut(repository)?;
        content.land();
        let digest = content.shows(tag, None)?;
        content.manifests.get(&digest).cloned()
    }

    /// Deletes a tag, as another writer would.
    pub fn drop_tag(&self, repository: &Repository, tag: &Tag) {
        if let Some(content) = open(&self.repositories).get_mut(repository) {
            content.point(tag, None);
        }
    }

    /// Forgets a manifest that a tag may still show, or a blob that a manifest may still name.
    pub fn lose(&self, repository: &Repository, lost: &Digest) {
        if let Some(content) = open(&self.repositories).get_mut(repository) {
            let _ = (content.manifests.remove(lost), content.blobs.remove(lost));
        }
    }

    /// Forgets manifests that no tag shows, and blobs, as retention rules do.
    pub fn sweep(&self, repository: &Repository) {
        if let Some(content) = open(&self.repositories).get_mut(repository) {
            content.sweep();
        }
    }
}
