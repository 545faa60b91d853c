//! What an image that can run says of itself.

use std::collections::BTreeMap;

use super::{Digest, Platform, Statement};

/// One image that can run: a manifest of its own, or one of those that an index lists. Attestations are
/// not among them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Runnable {
    /// The digest of its manifest, where it was kept.
    pub digest: Option<Digest>,
    /// The platform that its index names; `None` for a manifest that stands alone.
    pub listed: Option<Platform>,
    /// The platform that its config names.
    pub configured: Option<Platform>,
    /// The labels of its config.
    pub labels: BTreeMap<String, String>,
    /// What is said of it beside its labels, as far as it was read: annotations that name a commit or a version.
    pub statements: Vec<Statement>,
}

impl Runnable {
    /// The platform that engines choose it by: as its index says, else as its config says.
    #[must_use]
    pub fn platform(&self) -> Option<&Platform> {
        self.listed.as_ref().or(self.configured.as_ref())
    }
}
