//! What an entry of a layout's `index.json` is: an image, or something about an image that lies
//! beside it. Pure.
//!
//! Signatures, attestations and SBOMs are manifests like an image's, and builders list them beside
//! it: cosign under names that are made of the image's digest, BuildKit with a mark, tools of OCI
//! 1.1 with a `subject`.

use super::select::names;
use crate::{
    oci::{Descriptor, ImageDocument, Manifest, MediaType, annotation},
    text::sanitize_line,
};

/// What an entry is, the likeliest image first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum EntryRole {
    /// An image or an index of images; also whatever cannot be read.
    Image,
    /// An image that is about another manifest.
    ImageAbout,
    /// Anything else, in words.
    Beside(String),
}

/// More entries than anybody lists beside an image; beyond this nothing is looked into.
pub(super) const MAX_MANIFESTS: usize = 1_000;

/// The annotation with which `cosign save` tells its entries apart.
const COSIGN_KIND: &str = "kind";
const COSIGN_PREFIX: &str = "dev.cosignproject.cosign/";

/// The role of an entry. `read` gives the bytes of a manifest that the layout has.
pub(super) fn role(
    entry: &Descriptor,
    read: &impl Fn(&Descriptor) -> Option<Vec<u8>>,
) -> EntryRole {
    if entry.is_attestation() {
        let kind = entry.annotations.get(annotation::REFERENCE_TYPE);
        return EntryRole::Beside(kind.map_or_else(|| "attestation".to_owned(), Clone::clone));
    }
    let kind = entry.annotations.get(COSIGN_KIND);
    match kind.and_then(|kind| kind.strip_prefix(COSIGN_PREFIX)) {
        None | Some("image" | "imageIndex") => {}
        Some(other) => return EntryRole::Beside(format!("cosign {}", sanitize_line(other, 40))),
    }
    if let Some(what) = names(entry).iter().find_map(|name| companion_name(name)) {
        return EntryRole::Beside(what.to_owned());
    }
    let Some(bytes) = read(entry) else {
        return EntryRole::Image;
    };
    let manifest = Manifest::new(entry.media_type.clone(), bytes);
    if !MediaType::ALL.contains(&entry.media_type.as_str()) {
        return EntryRole::Beside(sanitize_line(entry.media_type.as_str(), 100));
    }
    match ImageDocument::parse(&manifest) {
        Ok(ImageDocument::Index(index)) => of_index(&index.manifests, index.subject.as_ref(), read),
        Ok(ImageDocument::Manifest(document)) => {
            let layers = &document.layers;
            let file_system = layers.is_empty() || layers.iter().any(|l| l.media_type.is_tar());
            if document.config.media_type.is_image_config() && file_system {
                return with_subject(document.subject.as_ref());
            }
            let first = layers.first().map(|layer| layer.media_type.to_string());
            let config = document.config.media_type.to_string();
            let kind = document.artifact_type.filter(|kind| !kind.is_empty());
            let kind = kind.or(first).unwrap_or(config);
            EntryRole::Beside(sanitize_line(&kind, 100))
        }
        Ok(ImageDocument::NotAnImage) => EntryRole::Beside("not an image".to_owned()),
        // It is refused when it is read as the image that it may be.
        Err(_) => EntryRole::Image,
    }
}

/// An index is beside the image if everything that it lists is: the list of an image's referrers.
fn of_index(
    children: &[Descriptor],
    subject: Option<&Descriptor>,
    read: &impl Fn(&Descriptor) -> Option<Vec<u8>>,
) -> EntryRole {
    if children.len() > MAX_MANIFESTS {
        return EntryRole::Image;
    }
    // Indexes below it are not looked into: a list of referrers holds manifests.
    let beside = |child: &Descriptor| {
        !child.media_type.is_index()
            && (child.artifact_type().is_some_and(is_artifact)
                || matches!(role(child, read), EntryRole::Beside(_)))
    };
    if !children.is_empty() && children.iter().all(beside) {
        return EntryRole::Beside("list of attachments".to_owned());
    }
    with_subject(subject)
}

fn with_subject(subject: Option<&Descriptor>) -> EntryRole {
    match subject {
        Some(_) => EntryRole::ImageAbout,
        None => EntryRole::Image,
    }
}

/// In a list of referrers an artifact type is the type of the configuration where there is no other.
fn is_artifact(kind: &str) -> bool {
    !kind.is_empty() && !MediaType::from(kind).is_image_config()
}

/// `sha256-HEX.sig` and the like: the tags of cosign, and those of referrers where a registry has no
/// API for them.
fn companion_name(name: &str) -> Option<&'static str> {
    let tag = name.rsplit_once(':').map_or(name, |(_, tag)| tag);
    let rest = tag.strip_prefix("sha256-")?;
    let (hex, end) = rest.split_at_checked(64)?;
    if !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    match end {
        "" => Some("list of attachments"),
        ".sig" => Some("signature"),
        ".att" => Some("attestation"),
        ".sbom" => Some("SBOM"),
        _ => end.starts_with('.').then_some("attachment"),
    }
}
