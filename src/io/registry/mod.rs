//! A registry as the publish transaction sees it: one repository, the requests of the
//! distribution specification, and errors that say whether the request may have been done.

mod auth;
mod client;
mod docker_hub;
mod download;
mod error;
#[cfg(feature = "testing")]
pub mod fuzzing;
mod header;
pub mod image_tree;
mod limits;
mod listing;
mod origin;
mod put;
mod registries;
mod request;
mod response;
mod retry;
mod token;
mod upload;

use std::path::PathBuf;

use async_trait::async_trait;

use crate::oci::{Descriptor, Digest, Manifest, Repository, Tag, TagOrDigest};

pub use crate::io::registry::limits::{ImmutableTags, PullLimit};
pub use crate::io::registry::retry::RetryPolicy;
pub use error::{ErrorCode, RegistryError, RegistryErrorKind};
pub use registries::{HostOptions, Registries, Settings};

/// One repository on one registry.
///
/// Reads, blob uploads and manifests by digest are repeated by the implementation where that is
/// safe. A tag is never put twice behind the caller's back: after an ambiguous answer only a look
/// at the tag can tell, and that decision is the transaction's.
#[async_trait]
pub trait RepositoryApi: Send + Sync {
    /// The repository.
    fn repository(&self) -> &Repository;

    /// Proves the right to push: opens an upload and cancels it. A token can silently carry less
    /// than was asked for, so nothing less than a push-scoped request is proof.
    async fn check_push(&self) -> Result<(), RegistryError>;

    /// What a tag or digest shows: `None` only after a 404 with all four media types accepted.
    async fn head(&self, what: &TagOrDigest) -> Result<Option<Descriptor>, RegistryError>;

    /// The document behind a tag or digest, byte for byte, its digest checked.
    async fn manifest(&self, what: &TagOrDigest) -> Result<Option<Manifest>, RegistryError>;

    /// Tags that will not move or go once they are there, as far as the registry tells beforehand;
    /// only Docker Hub does. Where it does not tell, none.
    async fn immutable_tags(&self) -> Result<ImmutableTags, RegistryError> {
        Ok(ImmutableTags::default())
    }

    /// All tags, every page. A repository that does not exist yet has none.
    async fn tags(&self) -> Result<Vec<Tag>, RegistryError>;

    /// Whether a blob is there.
    async fn has_blob(&self, digest: &Digest) -> Result<bool, RegistryError>;

    /// A blob's content into a file, its size and digest checked.
    async fn fetch_blob(&self, blob: &Descriptor, to: PathBuf) -> Result<(), RegistryError>;

    /// Makes a blob present: nothing to do, mounted, or sent from a file. `progress` is told the
    /// bytes sent so far, from 0 again when the sending starts anew. A blob that the registry
    /// missed in a manifest ([`RegistryErrorKind::BlobsMissing`]) is sent even if it says that it
    /// has it: Docker Hub has been seen to be wrong about that.
    async fn push_blob(
        &self,
        blob: &Descriptor,
        from: BlobSource,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<BlobPushed, RegistryError>;

    /// Puts a manifest under its digest; with `tags`, asks for them in the same request (`?tag=`,
    /// distribution specification end-7b). The receipt names the tags that the registry took; one
    /// that does not know the form takes none.
    async fn put_manifest(
        &self,
        manifest: &Manifest,
        tags: &[Tag],
    ) -> Result<PutReceipt, RegistryError>;

    /// Puts a manifest under a tag. Sent once.
    async fn put_tag(&self, tag: &Tag, manifest: &Manifest) -> Result<PutReceipt, RegistryError>;

    /// Deletes a tag or a digest. Deleting a digest takes every tag on it with it.
    async fn delete(&self, what: &TagOrDigest) -> Result<Deletion, RegistryError>;
}

/// Where the content of a blob comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobSource {
    /// A file of exactly the blob's bytes; read again when the request is repeated.
    File(PathBuf),
    /// Another repository of the same registry; falls back to `or` where it cannot be mounted.
    Mount {
        /// The repository that has the blob.
        from: Repository,
        /// The file to send otherwise.
        or: Option<PathBuf>,
    },
}

/// How a blob came to be present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobPushed {
    /// It was there.
    Existed,
    /// The registry took it from another repository.
    Mounted,
    /// It was sent: so many bytes.
    Sent(u64),
}

/// What a registry said to a PUT of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PutReceipt {
    /// Tags that it names in `OCI-Tag`.
    pub tags: Vec<Tag>,
    /// Whether the `?tag=` form was understood (any `OCI-Tag` at all).
    pub multi_tag: bool,
}

/// What came of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// 202: accepted.
    Accepted,
    /// 404: it was not there.
    Absent,
    /// 400, 403, 405, 409: this registry does not delete this, or not for us.
    Refused,
}
