//! Sends a blob from a file to a registry: it is mounted where another repository has it, else one POST
//! opens an upload and one PUT sends everything.

use std::path::Path;

use url::Url;

use crate::{
    io::{
        http::{HeaderValue, Method, Response, header},
        registry::{
            BlobPushed, BlobSource, RegistryError, RegistryErrorKind, RepositoryApi as _,
            request::{Client, RegistryRequest, RequestBody},
            response,
            retry::Repeat,
            scope::Access,
        },
    },
    oci::{Descriptor, Digest, Repository},
    text::bytes,
};

/// A registry's answer to a request for a mount.
enum Mount {
    Done,
    /// The registry does not mount the blob; it has opened an upload instead.
    Upload(Url),
    Refused,
}

impl Client {
    pub(super) async fn upload(
        &self,
        blob: &Descriptor,
        from: BlobSource,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<BlobPushed, RegistryError> {
        let doubted = self.is_doubted(&blob.digest);
        if let Some(size) = self.memory.take_streamed(&blob.digest)
            && !doubted
        {
            return Ok(BlobPushed::Sent(size));
        }
        let (file, mut upload) = match from {
            BlobSource::File(file) if doubted => (Some(file), None),
            BlobSource::File(file) => {
                if self.has_blob(&blob.digest).await? {
                    return Ok(BlobPushed::Existed);
                }
                (Some(file), None)
            }
            BlobSource::Mount { from, or } => match self.mount(&blob.digest, &from).await? {
                Mount::Done if !(doubted && or.is_some()) => return Ok(BlobPushed::Mounted),
                Mount::Upload(url) => (or, Some(url)),
                Mount::Done | Mount::Refused => (or, None),
            },
        };
        let Some(file) = file else {
            if let Some(upload) = upload.take() {
                self.cancel_upload(upload).await;
            }
            return self.without_file(&blob.digest).await;
        };
        let _turn = self.session.uploads.acquire().await;
        let (mut pauses, mut report) = (self.retry.pauses(), None);
        loop {
            match self.attempt(blob, &file, upload.take(), progress).await {
                Err(error) if is_worth_another(&error) => {
                    // The close may have landed although its answer was lost.
                    if !doubted && matches!(self.has_blob(&blob.digest).await, Ok(true)) {
                        return Ok(BlobPushed::Sent(blob.size));
                    }
                    let Some(pause) = pauses.next() else {
                        return Err(error);
                    };
                    self.retry.pause(&mut report, &error, pause).await;
                }
                done => return done.map(|()| BlobPushed::Sent(blob.size)),
            }
        }
    }

    fn is_doubted(&self, digest: &Digest) -> bool {
        let doubted = self.doubted.lock().expect("no thread panics with the lock");
        doubted.contains(digest)
    }

    async fn without_file(&self, digest: &Digest) -> Result<BlobPushed, RegistryError> {
        if self.has_blob(digest).await? {
            return Ok(BlobPushed::Existed);
        }
        Err(RegistryError {
            kind: RegistryErrorKind::BlobsMissing(vec![digest.clone()]),
            request: response::describe(&Method::POST, &self.url("blobs/uploads/")),
            status: None,
            codes: Vec::new(),
            detail: Some(format!(
                "`{digest}` cannot be mounted, and no file has its content"
            )),
        })
    }

    /// One upload from its opening to its close. A failed upload is not continued: some
    /// registries cannot tell how much of it they have kept.
    async fn attempt(
        &self,
        blob: &Descriptor,
        file: &Path,
        upload: Option<Url>,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<(), RegistryError> {
        let upload = match upload {
            Some(upload) => upload,
            None => self.upload_at_hand().await?,
        };
        let mut url = upload.clone();
        url.query_pairs_mut()
            .append_pair("digest", blob.digest.as_str());
        let request = RegistryRequest {
            method: Method::PUT,
            url,
            scope: self.scope(Access::Push),
            headers: vec![(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/octet-stream"),
            )],
            body: RequestBody::File {
                path: file,
                size: blob.size,
                progress,
            },
            // A second PUT needs a second upload.
            repeat: Repeat::IfNotDone,
        };
        let failed = match self.follow_unchanged(request).await {
            Ok((_, answer)) if matches!(answer.status(), 200..=204) => {
                let mut doubted = self.doubted.lock().expect("no thread panics with the lock");
                doubted.remove(&blob.digest);
                return Ok(());
            }
            Ok((request, answer)) => self.refused_blob(&request, answer, blob).await,
            Err(error) => error,
        };
        self.cancel_upload(upload).await;
        Err(failed)
    }

    /// The error of a blob that was refused, which names it where its size is the reason.
    async fn refused_blob(
        &self,
        request: &RegistryRequest<'_>,
        answer: Response,
        blob: &Descriptor,
    ) -> RegistryError {
        let mut error = self.refused(request, answer).await;
        if error.kind == RegistryErrorKind::TooLarge {
            error.explain(format!(
                "the {} `{}` has {}, more than the registry, or a proxy before it, takes",
                part_of(blob),
                blob.digest,
                bytes(blob.size)
            ));
        }
        error
    }

    /// The upload that has proven the right to push, or a new one.
    pub(super) async fn upload_at_hand(&self) -> Result<Url, RegistryError> {
        match self.memory.take_upload() {
            Some((upload, true)) => Ok(upload),
            Some((upload, false)) => {
                self.cancel_upload(upload).await;
                self.open_upload().await
            }
            None => self.open_upload().await,
        }
    }

    /// Opens an upload. Nothing is visible of it, so it is asked for as often as it takes.
    pub(super) async fn open_upload(&self) -> Result<Url, RegistryError> {
        let request = self.post(self.url("blobs/uploads/"), None);
        let (request, answer) = self.follow_unchanged(request).await?;
        match answer.status() {
            200..=202 => self.location(&request, &answer),
            _ => Err(self.refused(&request, answer).await),
        }
    }

    /// Gives an upload up. Registries clear away what is left of one that cannot be given up.
    pub(super) async fn cancel_upload(&self, upload: Url) {
        let _ = self.send(&self.end_of(upload)).await;
    }

    /// The request that gives an upload up.
    pub(super) fn end_of(&self, upload: Url) -> RegistryRequest<'static> {
        RegistryRequest {
            method: Method::DELETE,
            url: upload,
            scope: self.scope(Access::Push),
            headers: Vec::new(),
            body: RequestBody::None,
            repeat: Repeat::IfNotDone,
        }
    }

    async fn mount(&self, digest: &Digest, from: &Repository) -> Result<Mount, RegistryError> {
        if from.registry() != self.repository.registry() {
            return Ok(Mount::Refused);
        }
        let mut url = self.url("blobs/uploads/");
        url.query_pairs_mut()
            .append_pair("mount", digest.as_str())
            .append_pair("from", from.path());
        let request = self.post(url, Some(from.path().to_owned()));
        match self.send(&request).await {
            Ok(answer) if answer.status() == 201 => Ok(Mount::Done),
            Ok(answer) if answer.status() == 202 => {
                self.location(&request, &answer).map(Mount::Upload)
            }
            // Not allowed to read there, or no mounting here: sending the blob always works.
            Ok(answer) if (400..500).contains(&answer.status()) => Ok(Mount::Refused),
            Ok(answer) => Err(self.refused(&request, answer).await),
            Err(error) if error.status.is_some_and(|s| matches!(s, 400..=499)) => {
                Ok(Mount::Refused)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn post(&self, url: Url, from: Option<String>) -> RegistryRequest<'static> {
        let mut scope = self.scope(Access::Push);
        scope.from = from;
        RegistryRequest {
            method: Method::POST,
            url,
            scope,
            // Some registries insist on it for a request without a body.
            headers: vec![(header::CONTENT_LENGTH, HeaderValue::from_static("0"))],
            body: RequestBody::None,
            repeat: Repeat::Always,
        }
    }
}

/// What a blob is to its image, for messages.
fn part_of(blob: &Descriptor) -> &'static str {
    let media_type = blob.media_type.as_str();
    if media_type.contains("layer") || media_type.contains("rootfs") {
        "layer"
    } else if media_type.contains("config") || media_type.contains("container.image") {
        "configuration"
    } else {
        "blob"
    }
}

/// Whether the upload is gone, or whether it is gone is not known, so that another upload may succeed.
fn is_worth_another(error: &RegistryError) -> bool {
    error.is_transient() || matches!(error.status, Some(404 | 416))
}
