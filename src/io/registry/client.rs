//! One repository over HTTP: the requests of the distribution specification.

use std::path::PathBuf;

use async_trait::async_trait;

use crate::{
    io::{
        http::{HeaderValue, Method, Response, header},
        lease::Permit,
        registry::{
            BlobPushed, BlobSource, Deletion, ImmutableTags, PullLimit, PutAnswer, RegistryError,
            RepositoryApi, docker_hub, download,
            request::{Client, RegistryRequest, RequestBody},
            response,
            retry::Repeat,
            scope::{Access, TokenScope},
        },
    },
    oci::{Descriptor, Digest, Manifest, MediaType, Repository, Tag, TagOrDigest},
};

/// Largest manifest that is read, in bytes: twice what the specification asks registries to take.
const LARGEST_MANIFEST: u64 = 8 * 1024 * 1024;
/// The header with the digest of the content that a registry holds or has stored.
pub(super) const CONTENT_DIGEST: &str = "docker-content-digest";

impl Client {
    fn read_manifest(&self, method: Method, what: &TagOrDigest) -> RegistryRequest<'static> {
        let mut request = self.read(method, self.url(&format!("manifests/{what}")));
        let types = HeaderValue::from_str(&MediaType::ALL.join(", ")).expect("types are ASCII");
        request.headers.push((header::ACCEPT, types));
        request
    }

    async fn delete_manifest(
        &self,
        what: &TagOrDigest,
        permit: &Permit,
    ) -> Result<Deletion, RegistryError> {
        let request = RegistryRequest {
            method: Method::DELETE,
            url: self.url(&format!("manifests/{what}")),
            scope: self.scope(Access::Delete),
            headers: Vec::new(),
            body: RequestBody::None,
            // Between two tries another writer may have put the tag there again.
            repeat: Repeat::Once(permit.clone()),
        };
        let answer = match self.send(&request).await {
            // Many tokens lack the right to delete.
            Err(error) if matches!(error.status, Some(401 | 403)) => return Ok(Deletion::Refused),
            other => other?,
        };
        match answer.status() {
            200..=204 => Ok(Deletion::Accepted),
            404 => Ok(Deletion::Absent),
            400 | 403 | 405 | 409 | 412 => Ok(Deletion::Refused),
            _ => Err(self.refused(&request, answer).await),
        }
    }

    /// The pull limit that a HEAD request for `what` tells; such a request does not count as a pull.
    pub(super) async fn pull_limit(
        &self,
        what: &TagOrDigest,
    ) -> Result<Option<PullLimit>, RegistryError> {
        let mut request = self.read_manifest(Method::HEAD, what);
        // The run does not push to this repository: no right to push is asked for.
        request.scope = TokenScope::new(self.repository.path(), Access::PullOnly);
        let answer = self.send(&request).await?;
        Ok(docker_hub::pull_limit(&answer))
    }
}

#[async_trait]
impl RepositoryApi for Client {
    fn repository(&self) -> &Repository {
        &self.repository
    }

    async fn check_push(&self) -> Result<(), RegistryError> {
        let upload = self.open_upload().await?;
        self.cancel_upload(upload).await;
        Ok(())
    }

    async fn head(&self, what: &TagOrDigest) -> Result<Option<Descriptor>, RegistryError> {
        let request = self.read_manifest(Method::HEAD, what);
        let answer = self.send(&request).await?;
        match answer.status() {
            200 => {}
            404 => return Ok(None),
            _ => return Err(self.refused(&request, answer).await),
        }
        let digest: Option<Digest> = answer
            .header(CONTENT_DIGEST)
            .and_then(|text| text.parse().ok());
        if let TagOrDigest::Digest(asked) = what
            && let Some(digest) = digest.as_ref()
            && asked != digest
        {
            let name = response::describe(&request.method, &request.url);
            return Err(response::bad(
                name,
                200,
                format!("asked for `{asked}`, got `{digest}`"),
            ));
        }
        let size = answer
            .header("content-length")
            .and_then(|text| text.parse().ok());
        let media_type = content_type(&answer);
        let (Some(digest), Some(size), Some(media_type)) = (digest, size, media_type) else {
            // The registry does not say; the document itself does.
            return Ok(self
                .manifest(what)
                .await?
                .map(|manifest| manifest.descriptor()));
        };
        Ok(Some(Descriptor::new(media_type, digest, size)))
    }

    async fn manifest(&self, what: &TagOrDigest) -> Result<Option<Manifest>, RegistryError> {
        let request = self.read_manifest(Method::GET, what);
        let name = response::describe(&request.method, &request.url);
        let answer = self.follow(self.read_manifest(Method::GET, what)).await?;
        match answer.status() {
            200 => {}
            404 => return Ok(None),
            _ => return Err(self.refused(&request, answer).await),
        }
        let named = answer.header(CONTENT_DIGEST).map(ToOwned::to_owned);
        let media_type = content_type(&answer);
        let bytes = answer
            .bytes(LARGEST_MANIFEST)
            .await
            .map_err(|failure| response::failed(name.clone(), failure))?;
        let Some(media_type) = media_type.or_else(|| MediaType::stated_in(&bytes)) else {
            return Err(response::bad(
                name,
                200,
                "the answer is not a manifest of a known type",
            ));
        };
        let manifest = Manifest::new(media_type, bytes);
        let expected = match what {
            TagOrDigest::Digest(asked) => Some(asked.as_str()),
            TagOrDigest::Tag(_) => named.as_deref(),
        };
        match expected.filter(|expected| *expected != manifest.digest().as_str()) {
            Some(expected) => {
                let rule = format!(
                    "expected `{expected}`, the content is `{}`",
                    manifest.digest()
                );
                Err(response::bad(name, 200, rule))
            }
            None => Ok(Some(manifest)),
        }
    }

    async fn immutable_tags(&self) -> Result<ImmutableTags, RegistryError> {
        match &self.hub {
            Some(hub) => hub.immutable_tags(&self.repository).await,
            None => Ok(ImmutableTags::default()),
        }
    }

    async fn tags(&self) -> Result<Vec<Tag>, RegistryError> {
        self.list_tags().await
    }

    async fn has_blob(&self, digest: &Digest) -> Result<bool, RegistryError> {
        let request = self.read(Method::HEAD, self.url(&format!("blobs/{digest}")));
        let answer = self.send(&request).await?;
        match answer.status() {
            // A redirect leads to where the content is stored; there is no need to follow it.
            200 | 301..=303 | 307 | 308 => Ok(true),
            404 => Ok(false),
            _ => Err(self.refused(&request, answer).await),
        }
    }

    async fn fetch_blob(&self, blob: &Descriptor, to: PathBuf) -> Result<(), RegistryError> {
        let open = async || {
            let request = self.read(Method::GET, self.url(&format!("blobs/{}", blob.digest)));
            let name = response::describe(&request.method, &request.url);
            let answer = self.follow(request).await?;
            if answer.status() == 200 {
                Ok((name, answer))
            } else {
                Err(response::refused(name, answer).await)
            }
        };
        let mut pauses = self.retry.pauses();
        loop {
            let (name, answer) = open().await?;
            match download::save(answer, blob, &to, name).await {
                Err(error) if error.is_transient() => match pauses.next() {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(error),
                },
                done => return done,
            }
        }
    }

    async fn push_blob(
        &self,
        blob: &Descriptor,
        from: BlobSource,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<BlobPushed, RegistryError> {
        self.upload(blob, from, progress).await
    }

    async fn put_manifest(
        &self,
        manifest: &Manifest,
        tags: &[Tag],
        permit: &Permit,
    ) -> Result<PutAnswer, RegistryError> {
        self.put_with_tags(manifest, tags, permit).await
    }

    async fn put_tag(
        &self,
        tag: &Tag,
        manifest: &Manifest,
        permit: &Permit,
    ) -> Result<PutAnswer, RegistryError> {
        self.put(&tag.clone().into(), manifest, &[], permit).await
    }

    async fn delete(&self, what: &TagOrDigest, permit: &Permit) -> Result<Deletion, RegistryError> {
        match (self.delete_manifest(what, permit).await?, what, &self.hub) {
            // Docker Hub's registry deletes digests only.
            (Deletion::Refused, TagOrDigest::Tag(tag), Some(hub)) => {
                hub.delete_tag(&self.repository, tag, permit).await
            }
            (deletion, _, _) => Ok(deletion),
        }
    }
}

/// `Content-Type` without its parameters, if it is a type that a tag can point at.
fn content_type(answer: &Response) -> Option<MediaType> {
    let value = answer.header("content-type")?;
    let name = value.split(';').next().unwrap_or_default().trim();
    MediaType::ALL
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name))
        .map(MediaType::from)
}
