//! Manifests as the bytes that they are.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;

use super::{Descriptor, Digest, MediaType};

/// A manifest or index exactly as it was made. The bytes are its identity: they can be parsed, but
/// what is published is always these bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Type, sent as `Content-Type`.
    pub media_type: MediaType,
    /// The document, byte for byte.
    pub bytes: Bytes,
    digest: Digest,
}

impl Manifest {
    /// Wraps `bytes` and computes their digest.
    #[must_use]
    pub fn new(media_type: MediaType, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        Self {
            media_type,
            bytes,
            digest,
        }
    }

    /// Writes `document` as compact JSON, its fields in the document's own order.
    pub(crate) fn write(media_type: MediaType, document: &impl Serialize) -> Self {
        let bytes = serde_json::to_vec(document).expect("plain data can be written as JSON");
        Self::new(media_type, bytes)
    }

    /// The digest of the bytes.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// A descriptor that points at this document.
    #[must_use]
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(
            self.media_type.clone(),
            self.digest.clone(),
            self.bytes.len() as u64,
        )
    }
}

impl fmt::Debug for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Manifest({}, {}, {} bytes)",
            self.media_type,
            self.digest,
            self.bytes.len()
        )
    }
}
