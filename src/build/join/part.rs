//! What legs contribute, as data.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    build::join::content::LegContent,
    oci::{Descriptor, Digest, Manifest, ManifestDocument, Platform, Statement},
};

/// One image of a leg.
#[derive(Debug, Clone)]
pub(super) struct ImagePart<'a> {
    pub(super) leg: &'a LegContent,
    pub(super) manifest: &'a Manifest,
    pub(super) document: ManifestDocument,
    /// What it runs on: as its configuration says, and where that is silent as its index says.
    pub(super) platform: Platform,
    /// The labels of its configuration.
    pub(super) labels: BTreeMap<String, String>,
    /// What its leg says about it, place by place.
    pub(super) statements: Vec<Statement>,
    /// The entry for an index.
    pub(super) entry: Descriptor,
}

/// Something that is about an image: an attestation, a signature, an SBOM.
#[derive(Debug, Clone)]
pub(super) struct AttachedPart<'a> {
    pub(super) leg: &'a LegContent,
    pub(super) manifest: &'a Manifest,
    /// The configuration and the layers.
    pub(super) blobs: Vec<Descriptor>,
    pub(super) subject: Digest,
    pub(super) entry: Descriptor,
}

impl AttachedPart<'_> {
    /// Whether both are one manifest about one image.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.manifest.digest() == other.manifest.digest() && self.subject == other.subject
    }
}

/// The images of a leg, and what is about them.
#[derive(Debug, Default)]
pub(super) struct LegParts<'a> {
    pub(super) images: Vec<ImagePart<'a>>,
    pub(super) attached: Vec<AttachedPart<'a>>,
    /// What its indexes and their entries say, which goes when they are flattened.
    pub(super) indexes: Vec<Statement>,
    /// The other fields of those entries, which go, too.
    pub(super) fields: BTreeSet<String>,
}

/// The fields of an entry beside its annotations that `kept` does not have like that.
pub(super) fn other_fields(entry: &Descriptor, kept: Option<&Descriptor>) -> BTreeSet<String> {
    let of_kept = |key: &String| kept.and_then(|kept| kept.other.get(key));
    let other = entry.other.iter();
    let other = other.filter(|(key, value)| of_kept(key) != Some(value));
    let mut fields: BTreeSet<String> = other.map(|(key, _)| key.clone()).collect();
    let platform = entry.platform.as_ref();
    if platform.is_some() && kept.and_then(|kept| kept.platform.as_ref()) != platform {
        fields.insert("platform".to_owned());
    }
    fields
}
