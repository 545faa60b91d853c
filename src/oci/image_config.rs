//! An image's configuration as data.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Digest, Platform, null};

/// The configuration of an image (OCI image specification, "Image Configuration"). Docker writes
/// the same fields.
///
/// Every field is optional here, so that the configuration of an artifact can be read as well.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// When it was made, in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// `amd64`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// `v8`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// `linux`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// The version of the operating system; Windows images need it.
    #[serde(
        default,
        rename = "os.version",
        skip_serializing_if = "Option::is_none"
    )]
    pub os_version: Option<String>,
    /// Features that the operating system must have; Windows images need them.
    #[serde(
        default,
        rename = "os.features",
        deserialize_with = "null::null_is_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub os_features: Vec<String>,
    /// How a container of the image runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<ContainerConfig>,
    /// The file system that the layers make up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rootfs: Option<RootFs>,
    /// The instructions that made the image, first one first.
    #[serde(
        default,
        deserialize_with = "null::null_is_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub history: Vec<HistoryEntry>,
    /// Other fields as they were read.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// How a container of the image runs, as far as hoist reads it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerConfig {
    /// The user that it runs as; `None` or empty: root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The image's labels.
    #[serde(
        default,
        deserialize_with = "null::optional_texts",
        skip_serializing_if = "Option::is_none"
    )]
    pub labels: Option<BTreeMap<String, String>>,
    /// Other fields as they were read.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The file system that the layers make up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The digest of each layer when it is unpacked, lowest first.
    #[serde(default, deserialize_with = "null::null_is_empty")]
    pub diff_ids: Vec<Digest>,
    /// Other fields as they were read.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// One instruction that made the image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// The instruction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Whether the instruction made no layer.
    #[serde(
        default,
        deserialize_with = "null::null_is_empty",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub empty_layer: bool,
    /// Other fields as they were read.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl HistoryEntry {
    /// When the instruction was carried out, where that is told; builders that tell nothing say 1970 or earlier.
    #[must_use]
    pub fn created(&self) -> Option<DateTime<Utc>> {
        let text = self.other.get("created")?.as_str()?;
        let instant = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
        (instant.timestamp() > 86_400).then_some(instant)
    }
}

impl ImageConfig {
    /// What the image runs on, where the configuration says it.
    #[must_use]
    pub fn platform(&self) -> Option<Platform> {
        let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        Some(Platform {
            os_version: self.os_version.clone(),
            os_features: self.os_features.clone(),
            ..Platform::new(
                text(&self.os)?,
                text(&self.architecture)?,
                text(&self.variant),
            )
        })
    }

    /// The digest of each layer when it is unpacked, lowest first.
    #[must_use]
    pub fn diff_ids(&self) -> &[Digest] {
        self.rootfs.as_ref().map_or(&[], |rootfs| &rootfs.diff_ids)
    }

    /// The image's labels; see [`annotation`](super::annotation).
    #[must_use]
    pub fn labels(&self) -> BTreeMap<String, String> {
        let config = self.config.as_ref();
        let labels = config.and_then(|config| config.labels.clone());
        labels.unwrap_or_default()
    }
}
