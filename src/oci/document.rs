//! A manifest or an index, told apart by its media type.

use serde_json::Value;

use super::{Descriptor, Index, Manifest, ManifestDocument};

/// What a tag can point at, as data.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "a document is read, looked at and dropped; few exist at a time"
)]
pub enum ImageDocument {
    /// Its children are manifests.
    Index(Index),
    /// Its children are blobs.
    Manifest(ManifestDocument),
    /// A manifest without a configuration. The specification asks for one, but registries store
    /// what they are sent: somebody else's tag can show such a document.
    NotAnImage,
}

impl ImageDocument {
    /// Parses the document's bytes as what its media type says.
    ///
    /// # Errors
    /// The bytes are not such a document.
    pub fn parse(manifest: &Manifest) -> Result<Self, serde_json::Error> {
        if manifest.media_type.is_index() {
            serde_json::from_slice(&manifest.bytes).map(Self::Index)
        } else {
            let document: Value = serde_json::from_slice(&manifest.bytes)?;
            // A list of manifests under the type of an image manifest is a mistake, not a document.
            let says = |field| document.get(field).is_some_and(|value| !value.is_null());
            if says("config") || says("manifests") {
                serde_json::from_value(document).map(Self::Manifest)
            } else {
                Ok(Self::NotAnImage)
            }
        }
    }

    /// The manifests that it names.
    #[must_use]
    pub fn manifests(&self) -> &[Descriptor] {
        match self {
            Self::Index(index) => &index.manifests,
            Self::Manifest(_) | Self::NotAnImage => &[],
        }
    }

    /// The blobs that it names: the configuration, then the layers.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        let manifest = match self {
            Self::Index(_) | Self::NotAnImage => None,
            Self::Manifest(manifest) => Some(manifest),
        };
        manifest.into_iter().flat_map(ManifestDocument::blobs)
    }
}
