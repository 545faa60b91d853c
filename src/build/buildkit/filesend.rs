//! Takes the image from BuildKit as an archive, over the session.

use std::{
    io,
    sync::{Mutex, PoisonError, atomic::Ordering},
};

use bollard_buildkit_proto::moby::filesync::v1::{BytesMessage, file_send_server::FileSend};
use bytes::Bytes;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::{io::AsyncRead, sync::mpsc};
use tokio_util::io::StreamReader;
use tonic::{Request, Response, Status, Streaming};

use crate::build::engine::watchdog::Activity;

/// How many pieces of the archive may wait for the disk.
const WAITING: usize = 32;

/// Takes one archive.
pub(crate) struct ArchiveSink {
    /// Taken by the first call: there is one image.
    pieces: Mutex<Option<mpsc::Sender<io::Result<Bytes>>>>,
    activity: Activity,
}

impl ArchiveSink {
    /// A place for an archive, and the archive as it comes in.
    pub(crate) fn new(activity: &Activity) -> (Self, impl AsyncRead + Send + Unpin + use<>) {
        let (pieces, received) = mpsc::channel(WAITING);
        let sink = Self {
            pieces: Mutex::new(Some(pieces)),
            activity: activity.clone(),
        };
        let bytes = stream::unfold(received, |mut received| async move {
            let piece = received.recv().await?;
            Some((piece, received))
        });
        (sink, StreamReader::new(Box::pin(bytes)))
    }
}

#[tonic::async_trait]
impl FileSend for ArchiveSink {
    type DiffCopyStream = BoxStream<'static, Result<BytesMessage, Status>>;

    async fn diff_copy(
        &self,
        request: Request<Streaming<BytesMessage>>,
    ) -> Result<Response<Self::DiffCopyStream>, Status> {
        let pieces = self
            .pieces
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let pieces = pieces.ok_or_else(|| Status::already_exists("there is one image"))?;
        let activity = self.activity.clone();
        let mut incoming = request.into_inner();
        let taken = async move {
            loop {
                activity.fetch_add(1, Ordering::Relaxed);
                let piece = match incoming.message().await {
                    Ok(Some(message)) => Ok(message.data.into()),
                    Ok(None) => return None,
                    Err(status) => Err(io::Error::other(status.message().to_owned())),
                };
                let broken = piece.is_err();
                if pieces.send(piece).await.is_err() {
                    return Some(Err(Status::aborted("the image could not be taken")));
                }
                if broken {
                    return None;
                }
            }
        };
        // The answer ends when all was taken, which is what the builder waits for.
        let answer = stream::once(taken).filter_map(|end| async { end });
        Ok(Response::new(answer.boxed()))
    }
}
