//! Requests whose body is content: a file, or pieces as they come in.

use std::path::Path;

use bytes::Bytes;
use tokio::sync::{mpsc::Receiver, watch};

use crate::io::{
    http::{
        Response, Transport, TransportError,
        failure::{classify, silent, slow},
        header,
        patience::longest,
    },
    http_body::{counted, counted_pieces, open_exact},
};

/// How many times as long as usual a registry may be silent once a whole blob has arrived: object
/// stores copy it then.
const SILENCE_AFTER_UPLOAD: u32 = 5;

impl Transport {
    pub(super) async fn send_file(
        &self,
        builder: reqwest::RequestBuilder,
        path: &Path,
        size: u64,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Response, TransportError> {
        let file = open_exact(path, size).await.map_err(TransportError::File)?;
        let (sent, mut seen) = watch::channel(0);
        let request = builder
            .header(header::CONTENT_LENGTH, size)
            .body(reqwest::Body::wrap_stream(counted(file, sent)))
            .send();
        self.count();
        tokio::pin!(request);
        let mut open = true;
        let longest = longest(size, self.silence);
        let end = tokio::time::Instant::now() + longest;
        loop {
            let limit = if *seen.borrow() >= size || !open {
                self.silence * SILENCE_AFTER_UPLOAD
            } else {
                self.silence
            };
            tokio::select! {
                answer = &mut request => {
                    return answer.map(|response| self.answer(response)).map_err(|e| classify(&e));
                }
                change = seen.changed(), if open => {
                    open = change.is_ok();
                    progress(*seen.borrow_and_update());
                }
                () = tokio::time::sleep(limit) => return Err(silent(limit)),
                () = tokio::time::sleep_until(end) => return Err(slow(longest)),
            }
        }
    }

    /// Sends pieces until there are no more. That the peer takes nothing, and that no piece comes, is silence.
    pub(super) async fn send_pieces(
        &self,
        builder: reqwest::RequestBuilder,
        pieces: Option<Receiver<Bytes>>,
    ) -> Result<Response, TransportError> {
        let pieces = pieces.ok_or_else(|| {
            TransportError::File("what was sent as it came in cannot be sent again".into())
        })?;
        let (sent, mut seen) = watch::channel(0);
        let body = reqwest::Body::wrap_stream(counted_pieces(pieces, sent));
        let request = builder.body(body).send();
        self.count();
        tokio::pin!(request);
        let mut open = true;
        loop {
            let limit = match open {
                true => self.silence,
                false => self.silence * SILENCE_AFTER_UPLOAD,
            };
            tokio::select! {
                answer = &mut request => {
                    return answer.map(|response| self.answer(response)).map_err(|e| classify(&e));
                }
                change = seen.changed(), if open => open = change.is_ok(),
                () = tokio::time::sleep(limit) => return Err(silent(limit)),
            }
        }
    }
}
