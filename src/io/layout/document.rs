//! Reading the documents of an image that somebody else made.

use serde::{Deserialize, de::DeserializeOwned};

use super::error::broken;
use crate::{error::Result, oci::ManifestDocument, text::sanitize_line};

/// More layers than any engine can run.
const MAX_LAYERS: usize = 1_000;

/// One image of a `docker save` archive (`manifest.json` is a list of them).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SavedImage {
    /// The name of the configuration's file in the archive.
    pub(super) config: String,
    #[serde(default)]
    pub(super) repo_tags: Option<Vec<String>>,
    /// The names of the layers' files in the archive, lowest layer first.
    #[serde(default)]
    pub(super) layers: Vec<String>,
}

/// Reads a manifest of the version that hoist knows, with a bounded number of layers.
pub(super) fn parse_manifest(bytes: &[u8], what: &str) -> Result<ManifestDocument> {
    let document: ManifestDocument = parse(bytes, what)?;
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

/// Reads JSON; the parser bounds its depth.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|e| {
        broken(format!(
            "{what} cannot be read: {}",
            sanitize_line(&e.to_string(), 300)
        ))
    })
}
