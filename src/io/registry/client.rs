//! One repository over HTTP: the requests of the distribution specification.

use std::path::PathBuf;

use async_trait::async_trait;

use crate::{
    io::{
        http::Method,
        lease::Permit,
        registry::{
            BlobPushed, BlobSource, Deletion, ImmutableTags, PullLimit, PutAnswer, RegistryError,
            RepositoryApi, StreamedBlob,
            described::shows,
            docker_hub, download,
            look::LARGEST_MANIFEST,
            profile::Difference,
            request::{Client, RegistryRequest, RequestBody},
            response,
            retry::Repeat,
            scope::{Access, TokenScope},
        },
    },
    oci::{Descriptor, Digest, Manifest, Repository, Tag, TagOrDigest},
};

impl Client {
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

    async fn open_push(&self) -> Result<(), RegistryError> {
        if !self.memory.may_push() {
            let upload = self.open_upload().await?;
            self.memory.has_opened(upload);
        }
        Ok(())
    }

    async fn close_push(&self) {
        if let Some((upload, _)) = self.memory.take_upload() {
            self.cancel_upload(upload).await;
        }
    }

    fn takes_single_tags_only(&self) -> bool {
        self.session.differences.has(Difference::SingleTagsOnly)
    }

    async fn head(&self, what: &TagOrDigest) -> Result<Option<Descriptor>, RegistryError> {
        self.look(what).await
    }

    fn shown(&self, digest: &Digest) -> Option<Manifest> {
        self.memory.shown(digest)
    }

    async fn has_manifest(&self, digest: &Digest) -> bool {
        let what = digest.clone().into();
        let answer = self.follow(self.read_manifest(Method::HEAD, &what)).await;
        answer.is_ok_and(|answer| shows(&answer, digest))
    }

    async fn manifest(&self, what: &TagOrDigest) -> Result<Option<Manifest>, RegistryError> {
        self.get(what, LARGEST_MANIFEST).await
    }

    async fn child(&self, named: &Descriptor) -> Result<Option<Manifest>, RegistryError> {
        self.get(&named.digest.clone().into(), named.size).await
    }

    async fn immutable_tags(&self) -> Result<ImmutableTags, RegistryError> {
        match &self.hub {
            Some(hub) => hub.immutable_tags(&self.repository).await,
            None => Ok(ImmutableTags::default()),
        }
    }

    async fn tags(&self) -> Result<Vec<Tag>, RegistryError> {
        self.list_again().await
    }

    async fn referrers(&self, subject: &Digest) -> Result<Option<Vec<Descriptor>>, RegistryError> {
        self.list_referrers(subject).await
    }

    async fn has_blob(&self, digest: &Digest) -> Result<bool, RegistryError> {
        let differences = &self.session.differences;
        // Whoever hides manifests from HEAD hides blobs from it, too.
        let doubted = differences.has(Difference::HeadHides);
        let methods = if differences.has(Difference::RefusesHead) || doubted {
            &[Method::GET][..]
        } else {
            &[Method::HEAD, Method::GET]
        };
        let url = self.url(&format!("blobs/{digest}"));
        let mut refused = None;
        for method in methods {
            let request = self.read(method.clone(), url.clone());
            let answer = match self.send(&request).await {
                Err(error) if error.is_refused() => {
                    refused = Some(error);
                    continue;
                }
                other => other?,
            };
            match answer.status() {
                // A redirect leads to where the content is stored; there is no need to follow it,
                // nor to read it.
                200 | 301..=303 | 307 | 308 => return Ok(true),
                404 => return Ok(false),
                400..=499 | 501 if answer.status() != 429 => {
                    refused = Some(self.refused(&request, answer).await);
                }
                _ => return Err(self.refused(&request, answer).await),
            }
        }
        refused.map_or(Ok(false), Err)
    }

    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, RegistryError> {
        let url = self.url(&format!("blobs/{digest}"));
        // A URL that was signed for GET does not take HEAD. What GET would give is not read.
        for method in [Method::HEAD, Method::GET] {
            let answer = self.follow(self.read(method, url.clone())).await?;
            match answer.status() {
                200 => {
                    let size = answer.all("content-length").next();
                    return Ok(size.and_then(|size| size.trim().parse().ok()));
                }
                404 => return Ok(None),
                _ => {}
            }
        }
        Ok(None)
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
        let (mut pauses, mut report) = (self.retry.pauses(), None);
        loop {
            let (name, answer) = open().await?;
            let longest = answer.longest(blob.size);
            let save = download::save(answer, blob, &to, name.clone());
            match self.retry.content(&name, longest, save).await {
                Err(error) if error.is_transient() => match pauses.next() {
                    Some(pause) => self.retry.pause(&mut report, &error, pause).await,
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

    async fn stream_blob(&self, blob: StreamedBlob) -> Result<bool, RegistryError> {
        self.stream(blob).await
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
        let deletion = match (self.delete_manifest(what, permit).await?, what, &self.hub) {
            // Docker Hub's registry deletes digests only.
            (Deletion::Refused, TagOrDigest::Tag(tag), Some(hub)) => {
                hub.delete_tag(&self.repository, tag, permit).await?
            }
            (deletion, _, _) => deletion,
        };
        match what {
            TagOrDigest::Tag(tag) if deletion == Deletion::Accepted => {
                self.memory.has_deleted_tag(tag);
            }
            TagOrDigest::Digest(digest) if deletion == Deletion::Accepted => {
                self.memory.has_deleted(digest);
            }
            TagOrDigest::Tag(_) | TagOrDigest::Digest(_) => {}
        }
        Ok(deletion)
    }
}
