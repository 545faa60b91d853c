//! What this run has seen in one repository, and what it has done there: the other witnesses for what
//! a tag shows.
//!
//! A 404 alone does not prove that a tag is absent, and a HEAD alone does not prove what it shows. The
//! list of tags, and the answers to this run's own requests, are held against them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Mutex as AsyncMutex, time::Instant};
use url::Url;

use crate::{
    io::registry::RegistryError,
    oci::{Digest, Manifest, Tag},
};

/// How old a list of tags may be that is held against a 404.
const LIST_AGE: Duration = Duration::from_secs(30);
/// How many times as old as the time that it took, where that is longer: a long list is not read over
/// and over.
const LIST_AGE_PER_READ: u32 = 10;

/// How long a proof of the right to push stands for another one, and an upload is expected to stay open.
const PROOF_AGE: Duration = Duration::from_secs(60);
/// The largest manifest that is remembered, in bytes, and how many of a repository are.
const KEPT_SIZE: usize = 256 * 1024;
const KEPT: usize = 64;

/// One repository during one run.
#[derive(Default)]
pub(crate) struct RepositoryMemory {
    /// The lock is held while the list is read, so that one list serves all who wait for it.
    pub list: AsyncMutex<Option<Arc<Listed>>>,
    done: Mutex<Done>,
    list_failure: Mutex<Option<(Instant, RegistryError)>>,
    /// Whether it was asked with an upload how to log in. The lock is held meanwhile, so that the answer
    /// serves all who wait for it.
    pub is_upload_asked: AsyncMutex<bool>,
    /// Whether a tag's HEAD was held against its GET: before this run has put a tag, and since.
    sampled: [AtomicBool; 2],
    push: Mutex<PushRight>,
    manifests: Mutex<BTreeMap<Digest, Manifest>>,
    /// Blobs that were sent while they came in, with their sizes in bytes.
    streamed: Mutex<BTreeMap<Digest, u64>>,
}

/// What is known of the right to push.
#[derive(Default)]
struct PushRight {
    /// When it was proven last.
    proven: Option<Instant>,
    /// An upload that was opened for that, and since when it is open.
    upload: Option<(Url, Instant)>,
}

/// A list of tags.
pub(crate) struct Listed {
    /// The tags that it names; `None`: the registry does not hand out the list.
    pub tags: Option<BTreeSet<Tag>>,
    /// Whether the registry has answered with a list, and not that there is no such repository.
    pub is_allowed: bool,
    read: Instant,
    took: Duration,
}

/// What this run has done.
#[derive(Default)]
struct Done {
    tags: BTreeMap<Tag, Deed>,
    /// What GET has shown of each tag.
    seen: BTreeMap<Tag, Option<Digest>>,
    /// Manifests that the registry has accepted without a tag.
    staged: BTreeSet<Digest>,
}

/// What this run did last to a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deed {
    /// The registry accepted that it shows this.
    Put(Digest),
    /// The registry accepted its deletion.
    Deleted,
}

impl Listed {
    pub(crate) fn new(tags: Option<BTreeSet<Tag>>, is_allowed: bool, asked: Instant) -> Self {
        Self {
            tags,
            is_allowed,
            read: Instant::now(),
            took: asked.elapsed(),
        }
    }

    /// Whether it can still be held against a 404.
    pub(crate) fn is_fresh(&self) -> bool {
        self.read.elapsed() < LIST_AGE.max(self.took * LIST_AGE_PER_READ)
    }

    /// Whether it was read after `instant`.
    pub(crate) fn is_since(&self, instant: Instant) -> bool {
        self.read - self.took >= instant
    }
}

impl RepositoryMemory {
    /// A blob was sent while it came in.
    pub(crate) fn has_streamed(&self, digest: Digest, size: u64) {
        let mut streamed = self
            .streamed
            .lock()
            .expect("no thread panics with the lock");
        streamed.insert(digest, size);
    }

    /// The size of a blob that was sent while it came in, once.
    pub(crate) fn take_streamed(&self, digest: &Digest) -> Option<u64> {
        let mut streamed = self
            .streamed
            .lock()
            .expect("no thread panics with the lock");
        streamed.remove(digest)
    }

    /// An upload was opened, which proves the right to push.
    pub(crate) fn has_opened(&self, upload: Url) {
        let now = Instant::now();
        let mut push = self.push.lock().expect("no thread panics with the lock");
        push.proven = Some(now);
        push.upload = Some((upload, now));
    }

    /// Whether the right to push was proven a moment ago.
    pub(crate) fn may_push(&self) -> bool {
        let push = self.push.lock().expect("no thread panics with the lock");
        push.proven.is_some_and(|at| at.elapsed() < PROOF_AGE)
    }

    /// The upload that is open, and whether it is so lately that it can be expected to be there still.
    pub(crate) fn take_upload(&self) -> Option<(Url, bool)> {
        let mut push = self.push.lock().expect("no thread panics with the lock");
        let (upload, since) = push.upload.take()?;
        Some((upload, since.elapsed() < PROOF_AGE))
    }

    /// The registry has shown this manifest.
    pub(crate) fn has_shown(&self, manifest: &Manifest) {
        let mut all = self
            .manifests
            .lock()
            .expect("no thread panics with the lock");
        if manifest.bytes.len() <= KEPT_SIZE && all.len() < KEPT {
            all.insert(manifest.digest().clone(), manifest.clone());
        }
    }

    /// A registry can delete more than it was asked to.
    fn forget_manifests(&self) {
        let all = self.manifests.lock();
        all.expect("no thread panics with the lock").clear();
    }

    /// The manifest of this digest, where the registry has shown it during this run.
    pub(crate) fn shown(&self, digest: &Digest) -> Option<Manifest> {
        let all = self
            .manifests
            .lock()
            .expect("no thread panics with the lock");
        all.get(digest).cloned()
    }

    /// The list could not be read.
    pub(crate) fn list_failed(&self, error: &RegistryError) {
        let mut failure = self
            .list_failure
            .lock()
            .expect("no thread panics with the lock");
        *failure = Some((Instant::now(), error.clone()));
    }

    /// Why the list could not be read, for whoever has waited for it since `called`.
    pub(crate) fn list_failure(&self, called: Instant) -> Option<RegistryError> {
        let failure = self
            .list_failure
            .lock()
            .expect("no thread panics with the lock");
        let (_, error) = failure.as_ref().filter(|(at, _)| *at > called)?;
        (!error.is_refused()).then(|| error.clone())
    }

    pub(crate) fn deed(&self, tag: &Tag) -> Option<Deed> {
        self.done().tags.get(tag).cloned()
    }

    /// The registry has accepted a manifest.
    pub(crate) fn has_put<'a>(&self, digest: &Digest, tags: impl IntoIterator<Item = &'a Tag>) {
        let mut done = self.done();
        done.staged.insert(digest.clone());
        for tag in tags {
            done.tags.insert(tag.clone(), Deed::Put(digest.clone()));
        }
    }

    /// The registry may have moved a tag: what was known about it counts no more.
    pub(crate) fn may_have_put<'a>(&self, tags: impl IntoIterator<Item = &'a Tag>) {
        let mut done = self.done();
        for tag in tags {
            done.tags.remove(tag);
        }
    }

    /// The registry has accepted the deletion of a tag.
    pub(crate) fn has_deleted_tag(&self, tag: &Tag) {
        self.forget_manifests();
        self.done().tags.insert(tag.clone(), Deed::Deleted);
    }

    /// The registry has accepted the deletion of a manifest, and of every tag that shows it.
    pub(crate) fn has_deleted(&self, digest: &Digest) {
        self.forget_manifests();
        let mut done = self.done();
        done.staged.remove(digest);
        for deed in done.tags.values_mut() {
            if *deed == Deed::Put(digest.clone()) {
                *deed = Deed::Deleted;
            }
        }
    }

    /// GET has shown this of a tag; `None`: nothing.
    pub(crate) fn has_seen(&self, tag: &Tag, digest: Option<&Digest>) {
        self.done().seen.insert(tag.clone(), digest.cloned());
    }

    /// Whether no GET has shown a tag yet, or that it is not there.
    pub(crate) fn is_new(&self, tag: &Tag) -> bool {
        !self.done().seen.contains_key(tag)
    }

    /// What GET has shown of a tag last, where it was asked: `Some(None)` is a tag that was not there.
    pub(crate) fn seen(&self, tag: &Tag) -> Option<Option<Digest>> {
        self.done().seen.get(tag).cloned()
    }

    /// Whether this run has sent this manifest.
    pub(crate) fn has_staged(&self, digest: &Digest) -> bool {
        self.done().staged.contains(digest)
    }

    /// Takes the one sample of a repository: true for the first caller, before or after a put.
    pub(crate) fn take_sample(&self, is_put: bool) -> bool {
        !self.sampled[usize::from(is_put)].swap(true, Ordering::Relaxed)
    }

    /// The sample showed nothing: the next caller takes it.
    pub(crate) fn give_sample_back(&self, is_put: bool) {
        self.sampled[usize::from(is_put)].store(false, Ordering::Relaxed);
    }

    fn done(&self) -> MutexGuard<'_, Done> {
        self.done.lock().expect("no thread panics with the lock")
    }
}
