//! Where content goes, and why it may not get there.

use crate::{
    io::registry::{RegistryError, RepositoryApi},
    oci::{Digest, Image},
};

/// A repository, and which of the images it is to hold.
pub(super) struct Destination<'a> {
    pub(super) api: &'a dyn RepositoryApi,
    pub(super) images: Vec<&'a Image>,
    /// What is about them, in an order in which it can be put.
    pub(super) referrers: Vec<&'a Image>,
}

impl<'a> Destination<'a> {
    /// Everything that it is to hold.
    pub(super) fn all(&self) -> impl Iterator<Item = &'a Image> {
        self.images.iter().chain(&self.referrers).copied()
    }
}

/// Why content is not present everywhere.
#[derive(Debug, thiserror::Error)]
pub(super) enum StageError {
    /// A request failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A blob lies neither on disk nor in any of the repositories.
    #[error("`{0}` lies neither on this machine nor in any of the repositories")]
    Gone(Digest),
    /// An index needs manifests without tags, and the registry takes none.
    #[error("{0}: an image for several platforms needs them")]
    NoDigests(RegistryError),
    /// A local directory could not be made.
    #[error("{0}: {1}")]
    Directory(std::path::PathBuf, std::io::Error),
}
