//! Reading the documents of an image that somebody else made.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use super::error::broken;
use crate::{
    error::Result,
    oci::{Digest, Index, ManifestDocument, MediaType},
    text::sanitize_line,
};

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
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(super) layers: Vec<String>,
}

impl SavedImage {
    /// The image's ID, as engines call the digest of its configuration.
    pub(super) fn id(&self) -> Option<Digest> {
        let name = self.config.rsplit('/').next()?;
        let hex = name.strip_suffix(".json").unwrap_or(name);
        format!("sha256:{hex}").parse().ok()
    }
}

/// Go writes an empty list as `null`.
fn null_is_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// The fields by which a manifest, an index and other documents are told apart.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Outline {
    media_type: Value,
    manifests: Value,
    config: Value,
    layers: Value,
}

/// Refuses a document that is not what its descriptor says. Registries refuse it too, but only when
/// it is sent; and a document that can be read as two things is read as one by some and as the other
/// by others (CVE-2021-41190).
pub(super) fn check_type(bytes: &[u8], media_type: &MediaType, what: &str) -> Result<()> {
    let outline: Outline = parse(bytes, what)?;
    let stated = outline.media_type.as_str().unwrap_or_default();
    if !stated.is_empty() && stated != media_type.as_str() {
        return Err(broken(format!(
            "{what} is listed as `{media_type}`, and says itself that it is `{}`",
            sanitize_line(stated, 200)
        ))
        .hint("registries refuse such an image; let the builder write the layout again, or copy it with a tool that writes new manifests"));
    }
    let says = |value: &Value| !value.is_null();
    let (other, field) = if media_type.is_index() {
        (
            says(&outline.config) || says(&outline.layers),
            "layers or a configuration, as an image manifest has",
        )
    } else {
        (says(&outline.manifests), "manifests, as an index has")
    };
    if other && MediaType::ALL.contains(&media_type.as_str()) {
        return Err(broken(format!(
            "{what} is listed as `{media_type}`, and has {field}"
        )));
    }
    Ok(())
}

/// Reads an index of the version that hoist knows.
pub(super) fn parse_index(bytes: &[u8], what: &str) -> Result<Index> {
    let index: Index = parse(bytes, what)?;
    check_version(index.schema_version, what)?;
    Ok(index)
}

/// Reads a manifest of the version that hoist knows, with a bounded number of layers.
pub(super) fn parse_manifest(bytes: &[u8], what: &str) -> Result<ManifestDocument> {
    let document: ManifestDocument = parse(bytes, what)?;
    check_version(document.schema_version, what)?;
    if document.layers.len() > MAX_LAYERS {
        return Err(broken(format!("{what} has more than {MAX_LAYERS} layers")));
    }
    Ok(document)
}

fn check_version(version: u8, what: &str) -> Result<()> {
    if version == 2 {
        return Ok(());
    }
    Err(broken(format!(
        "{what} has the schema version {version}; only 2 is known"
    )))
}

/// Reads JSON; the parser bounds its depth.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|e| {
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        if e.is_data() && first != Some(&b'{') {
            return broken(format!(
                "{what} cannot be read: it is not the document that it should be"
            ));
        }
        let why = sanitize_line(&e.to_string(), 300);
        let error = broken(format!("{what} cannot be read: {why}"));
        if why.contains("a digest of the algorithm") {
            return error.hint(
                "registries know sha256 digests; let the builder write the layout with them",
            );
        }
        error
    })
}
