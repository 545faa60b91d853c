//! An image index as data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Descriptor, Manifest, MediaType, null};

/// An OCI index or a Docker manifest list (OCI image specification, "Image Index"); also the
/// `index.json` of a layout.
///
/// Writing a document that was read keeps every field, but not every byte: what is published is a
/// [`Manifest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2 in the formats that hoist knows; some tools leave it out of `index.json`.
    #[serde(default = "two")]
    pub schema_version: u8,
    /// The type of this document; optional in OCI indexes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// The type of an artifact that is not an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// One manifest for each platform, and attestations.
    #[serde(default, deserialize_with = "null::null_is_empty")]
    pub manifests: Vec<Descriptor>,
    /// The manifest that this index is about.
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

fn two() -> u8 {
    2
}

impl Index {
    /// An index of these manifests that does not state its own type, as in a layout's
    /// `index.json`. An index that is published sets [`Self::media_type`].
    #[must_use]
    pub fn new(manifests: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: None,
            artifact_type: None,
            manifests,
            subject: None,
            annotations: BTreeMap::new(),
            other: Map::new(),
        }
    }

    /// The document as bytes: compact JSON in a fixed order of fields, the same bytes on every
    /// machine.
    #[must_use]
    pub fn to_manifest(&self) -> Manifest {
        let media_type = self.media_type.clone();
        Manifest::write(
            media_type.unwrap_or_else(|| MediaType::OCI_INDEX.into()),
            self,
        )
    }
}
