//! What all connections of a door share.

use std::sync::{Arc, atomic::AtomicBool};

use async_trait::async_trait;

use crate::{
    io::push_door::{relay::RelayEnd, uploads::Uploads},
    oci::Digest,
};

/// What the registries that the image is for have already.
#[async_trait]
pub(crate) trait BlobPresence: Send + Sync {
    /// The size of a blob that every one of them has; `None` where one lacks it, or cannot tell.
    async fn size_everywhere(&self, digest: &Digest) -> Option<u64>;

    /// Begins to send a blob on to the registries while it comes in; none: it is only kept.
    fn relay(&self) -> Vec<RelayEnd> {
        Vec::new()
    }
}

/// What all connections share.
pub(super) struct DoorState {
    /// The only repository that there is.
    pub(super) path: String,
    pub(super) presence: Arc<dyn BlobPresence>,
    /// Whether anybody has asked for the repository.
    pub(super) reached: AtomicBool,
    pub(super) uploads: Uploads,
}
