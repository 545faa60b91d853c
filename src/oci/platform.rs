//! What an image runs on.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::null;

/// `os/architecture[/variant]`, as an index lists it (OCI image specification, "Image Index").
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// `linux`
    pub os: String,
    /// `amd64`
    pub architecture: String,
    /// `v8`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
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
    /// Reserved by the specification; in Docker's manifest lists features of the processor.
    #[serde(
        default,
        deserialize_with = "null::null_is_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub features: Vec<String>,
}

/// Why a text is not a platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a valid platform: expected `os/architecture` or `os/architecture/variant`")]
pub struct ParsePlatformError(String);

impl Platform {
    /// A platform without a version or features of its operating system.
    #[must_use]
    pub fn new(
        os: impl Into<String>,
        architecture: impl Into<String>,
        variant: Option<String>,
    ) -> Self {
        Self {
            os: os.into(),
            architecture: architecture.into(),
            variant,
            os_version: None,
            os_features: Vec::new(),
            features: Vec::new(),
        }
    }

    /// Whether this machine runs such an image without an emulator.
    #[must_use]
    pub fn is_native(&self) -> bool {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        self.os == "linux" && self.architecture == architecture
    }

    /// Whether an image for this platform is what somebody who asks for `wanted` wants: a wanted
    /// platform without a variant accepts any variant, and an image without one has the variant that is
    /// meant.
    #[must_use]
    pub fn satisfies(&self, wanted: &Self) -> bool {
        self.os == wanted.os
            && self.architecture == wanted.architecture
            && (wanted.variant.is_none() || self.meant_variant() == wanted.meant_variant())
    }

    /// The variant that is meant where none is named, as engines read it: containerd takes `arm64` and
    /// `arm64/v8` for one platform, and so for `arm/v7` and `amd64/v1`.
    #[must_use]
    pub fn meant_variant(&self) -> Option<&str> {
        let named = self.variant.as_deref().filter(|name| !name.is_empty());
        named.or(match self.architecture.as_str() {
            "arm64" => Some("v8"),
            "arm" => Some("v7"),
            "amd64" => Some("v1"),
            _ => None,
        })
    }

    /// Whether an entry that lists an image for this platform agrees with `configured`, which the image itself
    /// says. What one of them leaves out, the other may say.
    #[must_use]
    pub fn lists(&self, configured: &Self) -> bool {
        let is_unsaid = configured.os.is_empty() || configured.architecture.is_empty();
        let names_variants = self.variant.is_some() && configured.variant.is_some();
        let names_versions = self.os_version.is_some() && configured.os_version.is_some();
        is_unsaid
            || self.os == configured.os
                && self.architecture == configured.architecture
                && (!names_variants || self.meant_variant() == configured.meant_variant())
                && (!names_versions || self.os_version == configured.os_version)
    }

    /// Whether an image for this platform and one for `other` run on the same machines: a variant that one of them
    /// does not name is the one that is meant.
    #[must_use]
    pub fn is_for(&self, other: &Self) -> bool {
        self.os == other.os
            && self.architecture == other.architecture
            && self.meant_variant() == other.meant_variant()
    }

    /// The one of `all` that is for this platform: of several, the one whose version of the operating system is
    /// nearest. Versions of different builds (the first three numbers) are different platforms.
    pub fn nearest<'a, T>(
        &self,
        all: impl IntoIterator<Item = T>,
        platform: impl Fn(&T) -> Option<&'a Self>,
    ) -> Option<T> {
        let mut best: Option<(u8, T)> = None;
        for one in all {
            let Some(found) = platform(&one).and_then(|has| self.nearness(has)) else {
                continue;
            };
            if best.as_ref().is_none_or(|(known, _)| *known < found) {
                best = Some((found, one));
            }
        }
        best.map(|(_, one)| one)
    }

    fn nearness(&self, has: &Self) -> Option<u8> {
        if !has.is_for(self) {
            return None;
        }
        let build = |text: &str| {
            text.split('.')
                .take(3)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        match (&self.os_version, &has.os_version) {
            (one, other) if one == other => Some(2),
            (Some(one), Some(other)) => (build(one) == build(other)).then_some(1),
            _ => Some(0),
        }
    }

    /// The platform with everything that tells it apart from others: `windows/amd64 (os.version 10.0.20348.1)`. The
    /// shorter text is what commands and files take.
    #[must_use]
    pub fn in_full(&self) -> String {
        let mut text = self.to_string();
        if let Some(version) = &self.os_version {
            text.push_str(&format!(" (os.version {version})"));
        }
        if !self.os_features.is_empty() {
            text.push_str(&format!(" (os.features {})", self.os_features.join(", ")));
        }
        text
    }

    /// Whether this is `unknown/unknown`, which builders write for content that does not run, such
    /// as an attestation.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.os == "unknown"
    }
}

impl FromStr for Platform {
    type Err = ParsePlatformError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(os), Some(architecture), variant, None)
                if !os.is_empty() && !architecture.is_empty() && variant != Some("") =>
            {
                Ok(Self::new(os, architecture, variant.map(str::to_owned)))
            }
            _ => Err(ParsePlatformError(text.chars().take(100).collect())),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}
