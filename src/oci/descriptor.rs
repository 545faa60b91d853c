//! Pointers to content.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Digest, MediaType, Platform, annotation};

/// A pointer to content: type, digest, size (OCI image specification, "Content Descriptors").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Type of the content.
    pub media_type: MediaType,
    /// Identity of the content.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
    /// What the image runs on; only in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Free-form notes; see [`annotation`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Other fields, such as `urls` and `artifactType`, as they were read.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Descriptor {
    /// A descriptor without platform and annotations.
    #[must_use]
    pub fn new(media_type: impl Into<MediaType>, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.into(),
            digest,
            size,
            platform: None,
            annotations: BTreeMap::new(),
            other: Map::new(),
        }
    }

    /// Whether this is BuildKit's entry for an attestation, which an index lists beside the image
    /// that it is about.
    #[must_use]
    pub fn is_attestation(&self) -> bool {
        self.annotations.contains_key(annotation::REFERENCE_TYPE)
            || self.platform.as_ref().is_some_and(Platform::is_unknown)
    }
}
