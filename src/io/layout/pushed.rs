//! What a builder has pushed.

use std::collections::BTreeMap;

use crate::oci::{Digest, Manifest};

/// A blob that belongs to the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PushedBlob {
    /// It was sent, and its digest was checked.
    Here,
    /// Every registry that the image is for has it, with this size in bytes.
    Everywhere(u64),
}

/// An image as its builder has pushed it.
#[derive(Debug)]
pub(crate) struct PushedImage {
    /// The last manifest that was put.
    pub(crate) top: Manifest,
    /// All manifests that were put, by digest.
    pub(crate) manifests: BTreeMap<Digest, Manifest>,
    /// What is known of each blob that was sent or asked for.
    pub(crate) blobs: BTreeMap<Digest, PushedBlob>,
}
