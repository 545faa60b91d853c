//! Pointers to content.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::{Digest, MediaType, Platform, annotation, null};

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
    /// What the image runs on; only in an index. A platform without `os` or `architecture` says
    /// nothing and is none: the image's configuration has its own.
    #[serde(
        default,
        deserialize_with = "whole_platform",
        skip_serializing_if = "Option::is_none"
    )]
    pub platform: Option<Platform>,
    /// Free-form notes; see [`annotation`].
    #[serde(
        default,
        deserialize_with = "null::texts",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
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

    /// The type of the artifact that it points at, where the entry of an index says it.
    #[must_use]
    pub fn artifact_type(&self) -> Option<&str> {
        self.other.get("artifactType").and_then(Value::as_str)
    }

    /// Whether this is BuildKit's entry for an attestation, which an index lists beside the image
    /// that it is about.
    #[must_use]
    pub fn is_attestation(&self) -> bool {
        self.annotations.contains_key(annotation::REFERENCE_TYPE)
            || self.platform.as_ref().is_some_and(Platform::is_unknown)
    }
}

fn whole_platform<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Platform>, D::Error> {
    null::none_without(deserializer, &["os", "architecture"])
}
