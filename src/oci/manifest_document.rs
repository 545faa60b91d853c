//! An image manifest as data.
//!
//! The crate `oci-spec` has such types too, but they lose the fields that they do not know, and
//! bring a second type each for digests, media types and platforms.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Descriptor, Manifest, MediaType, null};

/// An OCI or Docker image manifest (OCI image specification, "Image Manifest").
///
/// Writing a document that was read keeps every field, but not every byte: what is published is a
/// [`Manifest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestDocument {
    /// Always 2 in the formats that hoist knows.
    pub schema_version: u8,
    /// The type of this document; optional in OCI manifests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// The type of an artifact that is not an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The image's configuration.
    pub config: Descriptor,
    /// The layers, lowest first.
    #[serde(default, deserialize_with = "null::null_is_empty")]
    pub layers: Vec<Descriptor>,
    /// The manifest that this one is about, for instance the image of a signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Free-form notes; see [`annotation`](super::annotation).
    #[serde(
        default,
        deserialize_with = "null::texts",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    /// Other fields as they were read.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl ManifestDocument {
    /// An OCI manifest of an image.
    #[must_use]
    pub fn new(
        config: Descriptor,
        layers: Vec<Descriptor>,
        annotations: BTreeMap<String, String>,
    ) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(MediaType::OCI_MANIFEST.into()),
            artifact_type: None,
            config,
            layers,
            subject: None,
            annotations,
            other: Map::new(),
        }
    }

    /// The configuration, then the layers.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        std::iter::once(&self.config).chain(&self.layers)
    }

    /// The document as bytes: compact JSON in a fixed order of fields, the same bytes on every
    /// machine.
    #[must_use]
    pub fn to_manifest(&self) -> Manifest {
        let media_type = self.media_type.clone();
        Manifest::write(
            media_type.unwrap_or_else(|| MediaType::OCI_MANIFEST.into()),
            self,
        )
    }
}
