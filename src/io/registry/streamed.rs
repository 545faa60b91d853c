//! Sends a blob while it still comes in, so that it need not be read a second time: one POST opens an upload, one
//! PATCH takes the pieces, and one PUT closes it under the digest that is then known.

use std::sync::Mutex;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use url::Url;

use crate::{
    io::{
        http::{HeaderValue, Method, header},
        lease::Permit,
        registry::{
            RegistryError,
            request::{Client, RegistryRequest, RequestBody},
            retry::Repeat,
            scope::Access,
        },
    },
    oci::Digest,
};

/// A blob that comes in piece by piece.
#[derive(Debug)]
pub struct StreamedBlob {
    /// Its content.
    pub pieces: mpsc::Receiver<Bytes>,
    /// Its digest and its size in bytes, told when all of it has come. If it is not told, the blob is given up.
    pub end: oneshot::Receiver<(Digest, u64)>,
}

impl Client {
    pub(super) async fn stream(&self, blob: StreamedBlob) -> Result<bool, RegistryError> {
        let _turn = self.session.uploads.acquire().await;
        let upload = self.upload_at_hand().await?;
        let upload = match self.pass_on(upload.clone(), blob.pieces).await {
            Ok(next) => next,
            Err(error) => {
                self.cancel_upload(upload).await;
                return Err(error);
            }
        };
        let Ok((digest, size)) = blob.end.await else {
            self.cancel_upload(upload).await;
            return Ok(false);
        };
        match self.close_streamed(upload.clone(), &digest).await {
            Ok(()) => {
                self.memory.has_streamed(digest, size);
                Ok(true)
            }
            Err(error) => {
                self.cancel_upload(upload).await;
                Err(error)
            }
        }
    }

    /// Sends the pieces; where the upload goes on.
    async fn pass_on(
        &self,
        upload: Url,
        pieces: mpsc::Receiver<Bytes>,
    ) -> Result<Url, RegistryError> {
        let pieces = Mutex::new(Some(pieces));
        let request = RegistryRequest {
            method: Method::PATCH,
            url: upload,
            scope: self.scope(Access::Push),
            headers: vec![(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/octet-stream"),
            )],
            body: RequestBody::Pieces(&pieces),
            // What was read from the builder cannot be read again.
            repeat: Repeat::Once(Permit::always()),
        };
        let answer = self.send(&request).await?;
        match answer.status() {
            200..=204 => self.location(&request, &answer),
            _ => Err(self.refused(&request, answer).await),
        }
    }

    async fn close_streamed(&self, mut upload: Url, digest: &Digest) -> Result<(), RegistryError> {
        upload
            .query_pairs_mut()
            .append_pair("digest", digest.as_str());
        let request = RegistryRequest {
            method: Method::PUT,
            url: upload,
            scope: self.scope(Access::Push),
            headers: vec![(header::CONTENT_LENGTH, HeaderValue::from_static("0"))],
            body: RequestBody::None,
            repeat: Repeat::IfNotDone,
        };
        let answer = self.send(&request).await?;
        match answer.status() {
            200..=204 => Ok(()),
            _ => Err(self.refused(&request, answer).await),
        }
    }
}
