//! Takes the image from BuildKit as an archive, over the session.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bollard_buildkit_proto::moby::filesync::v1::{BytesMessage, file_send_server::FileSend};
use bytes::Bytes;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::{io::AsyncRead, sync::mpsc};
use tokio_util::{io::StreamReader, sync::CancellationToken};
use tonic::{Request, Response, Status, Streaming};

use crate::build::engine::watchdog::Activity;

/// How many pieces of the archive may wait for the disk.
const WAITING: usize = 32;

/// Takes one archive. Clones take the same one.
#[derive(Clone)]
pub(crate) struct ArchiveSink {
    /// Taken by the first call: there is one image.
    pieces: Arc<Mutex<Option<mpsc::Sender<io::Result<Bytes>>>>>,
    activity: Activity,
    refused: Arc<AtomicBool>,
}

impl ArchiveSink {
    /// A place for an archive, and the archive as it comes in. Once `stop` is cancelled, reading fails: the session
    /// keeps the place after the end of a build for as long as BuildKit keeps the session, and nothing comes any more.
    pub(crate) fn new(
        activity: &Activity,
        stop: CancellationToken,
    ) -> (Self, impl AsyncRead + Send + Unpin + use<>) {
        let (pieces, received) = mpsc::channel(WAITING);
        let sink = Self {
            pieces: Arc::new(Mutex::new(Some(pieces))),
            activity: activity.clone(),
            refused: Arc::default(),
        };
        let bytes = stream::unfold(received, move |mut received| {
            let stop = stop.clone();
            async move {
                let piece = tokio::select! {
                    biased;
                    () = stop.cancelled() => Some(Err(io::Error::other("the build has ended"))),
                    piece = received.recv() => piece,
                };
                Some((piece?, received))
            }
        });
        (sink, StreamReader::new(Box::pin(bytes)))
    }

    /// The build has ended: whoever has not begun to send an archive will not do so, and reading it finds its end.
    pub(crate) fn close(&self) {
        drop(self.take());
    }

    /// Whether the builder was told that its archive is not taken, because nobody reads it any more.
    pub(crate) fn was_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    fn take(&self) -> Option<mpsc::Sender<io::Result<Bytes>>> {
        let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        pieces.take()
    }
}

#[tonic::async_trait]
impl FileSend for ArchiveSink {
    type DiffCopyStream = BoxStream<'static, Result<BytesMessage, Status>>;

    async fn diff_copy(
        &self,
        request: Request<Streaming<BytesMessage>>,
    ) -> Result<Response<Self::DiffCopyStream>, Status> {
        let pieces = self.take();
        let pieces = pieces.ok_or_else(|| Status::already_exists("there is one image"))?;
        let (activity, refused) = (self.activity.clone(), self.refused.clone());
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
                    refused.store(true, Ordering::Relaxed);
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
