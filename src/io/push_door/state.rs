//! What all connections of a door share.

use std::sync::{Arc, atomic::AtomicBool};

use crate::io::push_door::{presence::BlobPresence, uploads::Uploads};

/// What all connections share.
pub(super) struct DoorState {
    /// The only repository that there is.
    pub(super) path: String,
    pub(super) presence: Arc<dyn BlobPresence>,
    /// Whether anybody has asked for the repository.
    pub(super) reached: AtomicBool,
    pub(super) uploads: Uploads,
}
