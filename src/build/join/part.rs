//! What legs contribute, as data.

use std::{collections::BTreeMap, fmt};

use crate::{
    build::join::content::LegContent,
    oci::{Descriptor, Digest, Manifest, ManifestDocument, Platform},
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

/// A place that can say something about an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StatementPlace {
    /// The labels of its configuration. Those of a base image are inherited.
    Label,
    /// The annotations of its manifest.
    Manifest,
    /// The annotations of its entry, or of an index above it, in an index.
    Entry,
    /// The annotations of an index above it.
    Index,
    /// The annotations of its entry in the `index.json` of the layout.
    Layout,
}

/// What one place says about an image: keys and their values.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub(super) place: StatementPlace,
    pub(super) values: BTreeMap<String, String>,
}

impl StatementPlace {
    /// `key` at this place, in words.
    pub(super) fn of_key(self, key: &str) -> impl fmt::Display {
        match self {
            Self::Label => format!("its label `{key}`"),
            Self::Manifest => format!("the annotation `{key}` of its manifest"),
            Self::Entry => format!("the annotation `{key}` of its entry in an index"),
            Self::Index => format!("the annotation `{key}` of its index"),
            Self::Layout => format!("the annotation `{key}` of its entry in `index.json`"),
        }
    }
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

/// The images of a leg, and what is about them.
#[derive(Debug, Default)]
pub(super) struct LegParts<'a> {
    pub(super) images: Vec<ImagePart<'a>>,
    pub(super) attached: Vec<AttachedPart<'a>>,
}
