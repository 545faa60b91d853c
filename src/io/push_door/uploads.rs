//! What is being sent, and what has arrived.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::{
    io::{
        layout::{Incoming, IncomingBlob, PushedBlob, PushedImage},
        process::random_name,
        push_door::relay::Relay,
    },
    oci::{Digest, Manifest},
};

/// Uploads that are under way at once.
const AT_ONCE: usize = 128;
/// Blobs and manifests of one image.
const MOST: usize = 4_000;

/// Why something was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DoorRefusal {
    /// There is no such upload.
    Unknown,
    /// The content has another digest.
    OtherDigest,
    /// There are too many of them.
    TooMany,
    /// It could not be kept.
    Disk,
}

/// Everything that was sent.
pub(super) struct Uploads {
    incoming: Arc<Incoming>,
    held: Mutex<DoorContent>,
    bytes: AtomicU64,
}

#[derive(Default)]
struct DoorContent {
    open: HashMap<String, PushedUpload>,
    manifests: BTreeMap<Digest, Manifest>,
    top: Option<Manifest>,
    blobs: BTreeMap<Digest, PushedBlob>,
    failure: Option<String>,
    /// Cancelled by the first failure.
    failed: CancellationToken,
}

/// One upload. `blob` is taken out while a request writes into it.
struct PushedUpload {
    blob: Option<OpenBlob>,
}

/// A blob that is coming in: kept here, and sent on where it is large.
pub(super) struct OpenBlob {
    blob: IncomingBlob,
    pub(super) relay: Relay,
}

impl OpenBlob {
    pub(super) fn into_parts(self) -> (IncomingBlob, Relay) {
        (self.blob, self.relay)
    }
}

impl Uploads {
    pub(super) fn new(incoming: Arc<Incoming>) -> Self {
        Self {
            incoming,
            held: Mutex::default(),
            bytes: AtomicU64::new(0),
        }
    }

    fn held(&self) -> MutexGuard<'_, DoorContent> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an upload, and gives it a name.
    pub(super) fn begin(&self) -> Result<String, DoorRefusal> {
        let mut held = self.held();
        if held.open.len() >= AT_ONCE || held.blobs.len() >= MOST {
            return Err(DoorRefusal::TooMany);
        }
        let blob = self.incoming.begin();
        let blob = blob.map_err(|error| held.fail(&error.to_string()))?;
        let id = random_name();
        let relay = Relay::new();
        let upload = PushedUpload {
            blob: Some(OpenBlob { blob, relay }),
        };
        held.open.insert(id.clone(), upload);
        Ok(id)
    }

    /// Takes an upload out, for one request at a time.
    pub(super) fn take(&self, id: &str) -> Result<OpenBlob, DoorRefusal> {
        let mut held = self.held();
        let upload = held.open.get_mut(id).ok_or(DoorRefusal::Unknown)?;
        upload.blob.take().ok_or(DoorRefusal::Unknown)
    }

    /// Adds a piece.
    pub(super) fn write(&self, open: &mut OpenBlob, piece: &Bytes) -> Result<(), DoorRefusal> {
        self.bytes.fetch_add(piece.len() as u64, Ordering::Relaxed);
        let written = open.blob.write(piece);
        written.map_err(|error| self.held().fail(&format!("{error:#}")))
    }

    /// Gives an upload back that goes on with the next request; its size so far.
    pub(super) fn put_back(&self, id: &str, open: OpenBlob) -> u64 {
        let size = open.blob.size();
        if let Some(upload) = self.held().open.get_mut(id) {
            upload.blob = Some(open);
        }
        size
    }

    /// Ends an upload with the digest that its content must have; its size.
    pub(super) fn finish(
        &self,
        id: &str,
        blob: IncomingBlob,
        digest: &Digest,
    ) -> Result<u64, DoorRefusal> {
        let size = blob.size();
        let stored = blob.finish(digest);
        let mut held = self.held();
        held.open.remove(id);
        match stored {
            Ok(true) => {
                held.blobs.insert(digest.clone(), PushedBlob::Here);
                Ok(size)
            }
            Ok(false) => Err(DoorRefusal::OtherDigest),
            Err(error) => Err(held.fail(&format!("{error:#}"))),
        }
    }

    /// Forgets an upload that its sender gave up.
    pub(super) fn cancel(&self, id: &str) {
        self.held().open.remove(id);
    }

    /// How much of an upload has arrived.
    pub(super) fn size(&self, id: &str) -> Option<u64> {
        let held = self.held();
        let upload = held.open.get(id)?;
        upload.blob.as_ref().map(|open| open.blob.size())
    }

    /// What is known of a blob.
    pub(super) fn blob(&self, digest: &Digest) -> Option<PushedBlob> {
        self.held().blobs.get(digest).copied()
    }

    /// The size of a blob that was sent.
    pub(super) fn stored_size(&self, digest: &Digest) -> Option<u64> {
        self.incoming.size_of(digest)
    }

    /// Remembers that every registry has a blob.
    pub(super) fn is_everywhere(&self, digest: &Digest, size: u64) {
        let mut held = self.held();
        if held.blobs.len() < MOST {
            let known = held.blobs.entry(digest.clone());
            known.or_insert(PushedBlob::Everywhere(size));
        }
    }

    /// Takes a manifest. The last one is what is handed over.
    pub(super) fn put_manifest(&self, manifest: Manifest) -> Result<(), DoorRefusal> {
        let mut held = self.held();
        if held.manifests.len() >= MOST {
            return Err(DoorRefusal::TooMany);
        }
        let digest = manifest.digest().clone();
        held.top = Some(manifest.clone());
        held.manifests.insert(digest, manifest);
        Ok(())
    }

    /// Whether a manifest was put.
    pub(super) fn has_manifest(&self, digest: &Digest) -> bool {
        self.held().manifests.contains_key(digest)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Is cancelled when something could not be kept.
    pub(super) fn failed(&self) -> CancellationToken {
        self.held().failed.clone()
    }

    /// All of it, or why something could not be kept.
    pub(super) fn received(&self) -> Result<Option<PushedImage>, String> {
        let mut held = self.held();
        if let Some(failure) = held.failure.take() {
            return Err(failure);
        }
        let Some(top) = held.top.take() else {
            return Ok(None);
        };
        Ok(Some(PushedImage {
            top,
            manifests: std::mem::take(&mut held.manifests),
            blobs: std::mem::take(&mut held.blobs),
        }))
    }
}

impl DoorContent {
    fn fail(&mut self, why: &str) -> DoorRefusal {
        self.failure.get_or_insert_with(|| why.to_owned());
        self.failed.cancel();
        DoorRefusal::Disk
    }
}
