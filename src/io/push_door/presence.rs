//! What the door knows of the registries that the image is for.

use async_trait::async_trait;
use bytes::Bytes;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use crate::oci::Digest;

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

/// One registry that takes a blob while it comes in.
pub(crate) struct RelayEnd {
    /// Takes the content.
    pub(crate) pieces: mpsc::Sender<Bytes>,
    /// Is told the digest and the size.
    pub(crate) end: oneshot::Sender<(Digest, u64)>,
    /// The sending, which ends when this value is dropped.
    pub(crate) sending: JoinSet<()>,
}
