//! Types of content.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A media type as text. Unknown types are allowed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MediaType(pub String);

impl MediaType {
    /// OCI image manifest.
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// OCI image index.
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// Docker image manifest, version 2 schema 2.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker manifest list.
    pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Every type that a tag can point at. A request that does not accept all of them gets 404 for
    /// some tags that exist (measured on distribution 2.8), so all four are always sent.
    pub const ALL: [&str; 4] = [
        Self::OCI_INDEX,
        Self::OCI_MANIFEST,
        Self::DOCKER_INDEX,
        Self::DOCKER_MANIFEST,
    ];
    /// OCI image configuration.
    pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// Docker image configuration.
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    /// OCI layer, gzip.
    pub const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// OCI layer, zstd.
    pub const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

    /// Whether it is an index or a manifest list, whose children are manifests.
    #[must_use]
    pub fn is_index(&self) -> bool {
        self.0 == Self::OCI_INDEX || self.0 == Self::DOCKER_INDEX
    }

    /// Whether it is the manifest of one image or artifact, whose children are blobs.
    #[must_use]
    pub fn is_image_manifest(&self) -> bool {
        self.0 == Self::OCI_MANIFEST || self.0 == Self::DOCKER_MANIFEST
    }

    /// Whether it is the configuration of an image that runs, and not of another artifact.
    #[must_use]
    pub fn is_image_config(&self) -> bool {
        self.0 == Self::OCI_CONFIG || self.0 == Self::DOCKER_CONFIG
    }

    /// Whether it is a layer that is a tar archive, packed or not.
    #[must_use]
    pub fn is_tar(&self) -> bool {
        self.0.contains(".tar")
    }

    /// Whether it is a layer that is a tar archive and not packed.
    #[must_use]
    pub fn is_plain_tar(&self) -> bool {
        self.0.ends_with(".tar")
    }

    /// Whether it is a layer that hoist can unpack: a tar archive that is plain or compressed with
    /// gzip or zstd. Encrypted layers and those of other types are carried as they are.
    #[must_use]
    pub fn is_unpackable(&self) -> bool {
        [".tar", ".tar+gzip", ".tar.gzip", ".tar+zstd", ".tar.zstd"]
            .iter()
            .any(|end| self.0.ends_with(end))
    }

    /// Whether it is a layer that only its vendor may distribute, such as those of Windows base images.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        self.0.contains("foreign") || self.0.contains("nondistributable")
    }

    /// The type that a manifest or index states in its own `mediaType`, if it is one of
    /// [`Self::ALL`].
    #[must_use]
    pub fn stated_in(document: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Typed {
            media_type: Option<String>,
        }
        let stated = serde_json::from_slice::<Typed>(document).ok()?.media_type?;
        let known = Self::ALL.into_iter().find(|known| *known == stated);
        known.map(Self::from)
    }

    /// The type as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for MediaType {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
