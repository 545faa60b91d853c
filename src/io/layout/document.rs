//! The documents of an image, as far as hoist reads them. Bytes are kept beside; nothing here is
//! ever written back in place of what was read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::error::broken;
use crate::{
    error::Result,
    oci::{Descriptor, Digest, Manifest, MediaType, Platform},
    text::sanitize_line,
};

/// More layers than any engine runs.
const MAX_LAYERS: usize = 1_000;

/// An OCI index or a Docker manifest list; also a layout's `index.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IndexDocument {
    #[serde(default)]
    pub(super) manifests: Vec<Descriptor>,
}

/// An OCI or Docker image manifest.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ManifestDocument {
    schema_version: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_type: Option<MediaType>,
    pub(super) config: Descriptor,
    #[serde(default)]
    pub(super) layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: BTreeMap<String, String>,
}

/// An image's configuration.
#[derive(Debug, Deserialize)]
pub(super) struct ConfigDocument {
    #[serde(default)]
    pub(super) os: Option<String>,
    #[serde(default)]
    pub(super) architecture: Option<String>,
    #[serde(default)]
    pub(super) variant: Option<String>,
    #[serde(default)]
    pub(super) rootfs: RootFs,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct RootFs {
    #[serde(default)]
    pub(super) diff_ids: Vec<Digest>,
}

/// One image of a `docker save` archive (`manifest.json` is a list of them).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SavedImage {
    pub(super) config: String,
    #[serde(default)]
    pub(super) repo_tags: Option<Vec<String>>,
    #[serde(default)]
    pub(super) layers: Vec<String>,
}

impl ManifestDocument {
    /// hoist's own manifest, as compact JSON in a fixed order of keys.
    pub(super) fn own(
        config: Descriptor,
        layers: Vec<Descriptor>,
        annotations: BTreeMap<String, String>,
    ) -> Manifest {
        let media_type = MediaType::from(MediaType::OCI_MANIFEST);
        let document = Self {
            schema_version: 2,
            media_type: Some(media_type.clone()),
            config,
            layers,
            annotations,
        };
        let bytes = serde_json::to_vec(&document).expect("plain data is JSON");
        Manifest::new(media_type, bytes)
    }

    pub(super) fn parse(bytes: &[u8], what: &str) -> Result<Self> {
        let document: Self = parse(bytes, what)?;
        if document.schema_version != 2 {
            return Err(broken(format!(
                "{what} has the schema version {}; only 2 is known",
                document.schema_version
            )));
        }
        if document.layers.len() > MAX_LAYERS {
            return Err(broken(format!("{what} has more than {MAX_LAYERS} layers")));
        }
        Ok(document)
    }
}

impl ConfigDocument {
    /// What the image runs on, where the configuration says it.
    pub(super) fn platform(&self) -> Option<Platform> {
        Some(Platform {
            os: self.os.clone()?,
            architecture: self.architecture.clone()?,
            variant: self.variant.clone().filter(|variant| !variant.is_empty()),
        })
    }
}

/// Reads JSON. Its depth is bounded by the parser.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|e| {
        broken(format!(
            "{what} cannot be read: {}",
            sanitize_line(&e.to_string(), 300)
        ))
    })
}

/// A configuration of an image that runs, and not of some other artifact.
pub(super) fn is_image_config(media_type: &MediaType) -> bool {
    matches!(
        media_type.as_str(),
        MediaType::OCI_CONFIG | "application/vnd.docker.container.image.v1+json"
    )
}

/// A layer that is a tar archive, packed or not.
pub(super) fn is_tar(media_type: &MediaType) -> bool {
    media_type.as_str().contains(".tar")
}

/// A layer that is a tar archive and not packed.
pub(super) fn is_plain_tar(media_type: &MediaType) -> bool {
    media_type.as_str().ends_with(".tar")
}
