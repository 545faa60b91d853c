//! Keys of annotations and labels. Every key of hoist's own reading and writing is here.
//!
//! Source of the `org.opencontainers.image` keys: the OCI image specification, "Pre-Defined
//! Annotation Keys".

use semver::Version;

/// Version of what is in the image.
pub const VERSION: &str = "org.opencontainers.image.version";
/// The full id of the commit that the image was built from.
pub const REVISION: &str = "org.opencontainers.image.revision";
/// When the image was made, in RFC 3339.
pub const CREATED: &str = "org.opencontainers.image.created";
/// Where to learn more about the image.
pub const URL: &str = "org.opencontainers.image.url";
/// Where the source code is.
pub const SOURCE: &str = "org.opencontainers.image.source";
/// A title for people.
pub const TITLE: &str = "org.opencontainers.image.title";
/// A description for people.
pub const DESCRIPTION: &str = "org.opencontainers.image.description";
/// The licences as an SPDX expression.
pub const LICENSES: &str = "org.opencontainers.image.licenses";
/// The name of a reference; in a layout's `index.json` the name of an image.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The reference of the image that this one was built on.
pub const BASE_NAME: &str = "org.opencontainers.image.base.name";
/// The digest of the image that this one was built on.
pub const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";
/// containerd's full name of an image in a layout's `index.json`.
pub const CONTAINERD_NAME: &str = "io.containerd.image.name";
/// How the names of containerd's annotations begin that say where content was pulled from.
const PULLED_FROM: &str = "containerd.io/distribution.source.";
/// BuildKit's mark on the entry of an attestation in an index.
pub const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
/// The image that such an attestation is about, by its digest.
pub const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";
/// What [`REFERENCE_TYPE`] says of an attestation.
pub const ATTESTATION: &str = "attestation-manifest";
/// The description of a leg, at the entry of a layout's `index.json` (JSON).
pub const LEG: &str = "hoist.leg";

/// Whether an annotation of an entry in a layout's `index.json` is about the layout, and not about the image: what the
/// image is called there, when and from where it came there, which leg it is.
#[must_use]
pub fn is_of_layout(key: &str) -> bool {
    [REF_NAME, CONTAINERD_NAME, CREATED, LEG].contains(&key) || key.starts_with(PULLED_FROM)
}

/// The version that the value of [`VERSION`] names, with or without a leading `v`. `None`: the value is not a semantic
/// version, such as the `24.04` of a base image.
#[must_use]
pub fn labelled_version(text: &str) -> Option<Version> {
    let text = text.trim();
    Version::parse(text.strip_prefix(['v', 'V']).unwrap_or(text)).ok()
}

/// Whether `hoist build` gives this version to an image that is not for a release: `1.3.0-dev`.
#[must_use]
pub fn is_trial(version: &Version) -> bool {
    let pre = version.pre.as_str();
    pre == "dev" || pre.ends_with("-dev")
}

/// The version that the value of [`VERSION`] names for an image whose tags end in `suffix`, which builders put behind
/// the version `ours`, too: `1.3.0-alpine` is `1.3.0`.
#[must_use]
pub fn version_of_image(text: &str, ours: &Version, suffix: &str) -> Option<Version> {
    let named = labelled_version(text)?;
    let is_ours = !suffix.is_empty() && named.to_string() == format!("{ours}{suffix}");
    Some(if is_ours { ours.clone() } else { named })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_label_may_begin_with_a_letter() {
        for (text, version) in [
            ("1.2.3", Some("1.2.3")),
            ("v1.2.3-rc.1", Some("1.2.3-rc.1")),
            ("V1.2.3", Some("1.2.3")),
            (" 1.2.3\n", Some("1.2.3")),
            ("24.04", None),
            ("vv1.2.3", None),
            ("edge", None),
            ("", None),
        ] {
            let found = labelled_version(text).map(|version| version.to_string());
            assert_eq!(found.as_deref(), version, "{text}");
        }
    }
}
