//! The bodies of requests that are sent in pieces.

use std::path::Path;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use tokio::sync::{mpsc::Receiver, watch};
use tokio_util::io::ReaderStream;

use crate::{
    io::lease::{Permit, PermitEnded},
    regular_file,
};

/// A file is sent in pieces of this many bytes.
const PIECE_SIZE: usize = 128 * 1024;

/// Opens a file that must have exactly `size` bytes.
pub(super) async fn open_exact(path: &Path, size: u64) -> Result<tokio::fs::File, String> {
    let named = |why: String| format!("`{}`: {why}", path.display());
    let file = regular_file::open(path).map_err(|e| named(e.to_string()))?;
    let file = tokio::fs::File::from_std(file);
    let found = file
        .metadata()
        .await
        .map_err(|e| named(e.to_string()))?
        .len();
    if found != size {
        return Err(named(format!("expected {size} bytes, found {found}")));
    }
    Ok(file)
}

/// A body that is sent only while `permit` lasts: the transport asks for it when the connection is
/// there, before it writes anything.
pub(super) fn permitted(
    bytes: Bytes,
    permit: Permit,
) -> impl Stream<Item = Result<Bytes, PermitEnded>> {
    futures_util::stream::once(async move { permit.check().map(|()| bytes) })
}

/// The content of a file; `sent` is told how many bytes of it have gone.
pub(super) fn counted(
    file: tokio::fs::File,
    sent: watch::Sender<u64>,
) -> impl Stream<Item = std::io::Result<Bytes>> {
    ReaderStream::with_capacity(file, PIECE_SIZE).inspect(move |piece| {
        if let Ok(bytes) = piece {
            sent.send_modify(|total| *total += bytes.len() as u64);
        }
    })
}

/// Pieces as they come in; `sent` is told how many bytes of them have gone.
pub(super) fn counted_pieces(
    pieces: Receiver<Bytes>,
    sent: watch::Sender<u64>,
) -> impl Stream<Item = std::io::Result<Bytes>> {
    stream::unfold((pieces, sent), |(mut pieces, sent)| async move {
        let piece = pieces.recv().await?;
        sent.send_modify(|total| *total += piece.len() as u64);
        Some((Ok(piece), (pieces, sent)))
    })
}
