//! A registry as the publish transaction sees it: one repository, the requests of the distribution
//! specification, and errors that say whether a request may have been carried out.
//!
//! What one registry does differently from the others is in `profile`.

mod absence;
mod auth;
mod challenge;
mod client;
pub mod credentials;
mod described;
mod docker_hub;
mod download;
mod error;
mod first_answer;
#[cfg(any(test, fuzzing, feature = "testing"))]
#[doc(hidden)]
pub mod fuzzing;
mod header;
mod hidden;
pub mod image_tree;
mod limits;
mod listing;
mod login_lookup;
mod logins;
mod look;
mod memory;
mod origin;
mod profile;
mod put;
pub mod referrer_list;
pub mod referrer_tree;
mod referrers;
mod registries;
mod request;
mod response;
mod retry;
mod scope;
mod streamed;
mod token;
mod token_service;
mod tree_reading;
mod upload;

use std::path::PathBuf;

use async_trait::async_trait;

use crate::{
    io::lease::Permit,
    oci::{Descriptor, Digest, Manifest, Repository, Tag, TagOrDigest},
};

pub use crate::io::registry::limits::{ImmutableTags, PullLimit};
pub use crate::io::registry::retry::RetryPolicy;
pub use error::{RegistryError, RegistryErrorCode, RegistryErrorKind, codes};
pub use profile::RegistryProfile;
pub use registries::{HostOptions, Registries, Settings};
pub use streamed::StreamedBlob;

/// One repository on one registry.
///
/// The implementation repeats reads, blob uploads and manifests by digest where that is safe. A tag
/// is never put twice behind the caller's back: after an ambiguous answer only a look at the tag can
/// tell, and that decision is the transaction's.
#[async_trait]
pub trait RepositoryApi: Send + Sync {
    /// The repository.
    fn repository(&self) -> &Repository;

    /// Proves the right to push: opens an upload and cancels it. A token can silently allow less than
    /// was asked for, so only a request that needs the right proves it.
    async fn check_push(&self) -> Result<(), RegistryError>;

    /// Proves the right to push as [`RepositoryApi::check_push`] does, and keeps the upload for the first blob
    /// that is sent. Where the right was proven a moment ago, nothing is asked.
    async fn open_push(&self) -> Result<(), RegistryError> {
        self.check_push().await
    }

    /// Gives up an upload that [`RepositoryApi::open_push`] has kept and no blob has used.
    async fn close_push(&self) {}

    /// The manifest of this digest, where the registry has shown it during this run: nothing is asked.
    fn shown(&self, _digest: &Digest) -> Option<Manifest> {
        None
    }

    /// Whether a manifest is certainly there. No is not believed to be more than "it is to be put": nothing
    /// is held against it.
    async fn has_manifest(&self, digest: &Digest) -> bool {
        matches!(self.head(&digest.clone().into()).await, Ok(Some(_)))
    }

    /// Whether the registry is known not to take several tags in one request.
    fn takes_single_tags_only(&self) -> bool {
        false
    }

    /// What a tag or digest shows: `None` only after a 404 with all four media types accepted, for a
    /// tag that the repository's list does not name either. Where answers contradict each other, the
    /// error is [`RegistryErrorKind::Unclear`].
    async fn head(&self, what: &TagOrDigest) -> Result<Option<Descriptor>, RegistryError>;

    /// The document behind a tag or digest, byte for byte. Its digest is checked.
    async fn manifest(&self, what: &TagOrDigest) -> Result<Option<Manifest>, RegistryError>;

    /// The manifest that an index names, byte for byte. No more than the size that it names is read.
    async fn child(&self, named: &Descriptor) -> Result<Option<Manifest>, RegistryError> {
        self.manifest(&named.digest.clone().into()).await
    }

    /// Tags that cannot be moved or deleted once they exist, as far as the registry tells beforehand
    /// ([`RegistryProfile::tells_immutable_tags`]); no tags where it does not tell.
    async fn immutable_tags(&self) -> Result<ImmutableTags, RegistryError> {
        Ok(ImmutableTags::default())
    }

    /// All tags, every page. A repository that does not exist yet has none.
    async fn tags(&self) -> Result<Vec<Tag>, RegistryError>;

    /// What the registry itself lists as being about `subject`; `None`: it does not have the referrers
    /// API, and whoever pushes a referrer lists it under a tag ([`referrer_list`]).
    async fn referrers(&self, subject: &Digest) -> Result<Option<Vec<Descriptor>>, RegistryError>;

    /// Whether the repository has a blob.
    async fn has_blob(&self, digest: &Digest) -> Result<bool, RegistryError> {
        Ok(self.blob_size(digest).await?.is_some())
    }

    /// The size of a blob in bytes. `None`: the repository does not have it, or does not tell.
    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, RegistryError>;

    /// Writes a blob's content into the file `to`. Its size and digest are checked.
    async fn fetch_blob(&self, blob: &Descriptor, to: PathBuf) -> Result<(), RegistryError>;

    /// Makes a blob present: it is there already, it is mounted, or it is sent from a file.
    /// `progress` is told the bytes sent so far, from 0 again when the sending starts again. A blob
    /// that the registry missed in a manifest ([`RegistryErrorKind::BlobsMissing`]) is sent even if
    /// the registry claims to have it: Docker Hub has been seen to be wrong about that.
    async fn push_blob(
        &self,
        blob: &Descriptor,
        from: BlobSource,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<BlobPushed, RegistryError>;

    /// Sends a blob while it comes in. Whether it is there now; [`RepositoryApi::push_blob`] then says that it was
    /// sent. An implementation that cannot do that says no, and takes nothing.
    async fn stream_blob(&self, _blob: StreamedBlob) -> Result<bool, RegistryError> {
        Ok(false)
    }

    /// Puts a manifest under its digest; with `tags`, asks for them in the same request (`?tag=`,
    /// distribution specification end-7b), in as many requests as that needs. The receipt names the
    /// tags that the registry took: none where it does not know this form. The implementation
    /// remembers such a registry for the run and does not ask it again. Requests that name tags are
    /// sent only while `permit` lasts.
    async fn put_manifest(
        &self,
        manifest: &Manifest,
        tags: &[Tag],
        permit: &Permit,
    ) -> Result<PutAnswer, RegistryError>;

    /// Puts a manifest under a tag. The request is sent once, while `permit` lasts.
    async fn put_tag(
        &self,
        tag: &Tag,
        manifest: &Manifest,
        permit: &Permit,
    ) -> Result<PutAnswer, RegistryError>;

    /// Deletes a tag or a digest. With a digest, every tag that shows it is deleted too. The request
    /// is sent once, while `permit` lasts.
    async fn delete(&self, what: &TagOrDigest, permit: &Permit) -> Result<Deletion, RegistryError>;
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
    /// The repository had it already.
    Existed,
    /// The registry took it from another repository.
    Mounted,
    /// It was sent; the number of bytes.
    Sent(u64),
}

/// A registry's answer to the PUT of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PutAnswer {
    /// The tags that it names in `OCI-Tag` headers.
    pub tags: Vec<Tag>,
    /// Whether it knows the `?tag=` form, which any `OCI-Tag` header shows.
    pub multi_tag: bool,
    /// The manifest that it lists this one as being about, by its `OCI-Subject` header.
    pub subject: Option<Digest>,
}

/// A registry's answer to a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// The registry has deleted it, or will: 200 to 204.
    Accepted,
    /// There was nothing to delete: 404.
    Absent,
    /// The registry does not delete this, or not for this account: 400, 401, 403, 405, 409, 412.
    Refused,
}
