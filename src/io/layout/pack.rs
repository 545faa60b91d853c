//! gzip for layers: uses all cores for one layer, gives the same bytes every time, and needs little
//! memory.
//!
//! A layer is cut into pieces of 1 MiB, each compressed as a gzip member of its own (RFC 1952,
//! 2.2: a file is a series of members). So the bytes depend on the layer alone, not on the number
//! of cores, and every program that reads layers understands them.

use std::{
    io::{self, Read},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use libdeflater::{CompressionLvl, Compressor};

use super::{
    blobs::{Blobs, Stored, Writer},
    error::read_error,
};
use crate::error::Result;

const PIECE: usize = 1 << 20;
/// libdeflate's level 6: 61 MB per CPU second on real layers, and files a third smaller than at
/// level 1.
const LEVEL: i32 = 6;
/// How many pieces may wait for each worker.
const WAITING: usize = 2;

/// Compresses `reader` into `blobs`. `progress` is called with the number of bytes
/// that have been read.
pub(super) fn gzip(
    reader: impl Read + Send,
    blobs: &Blobs,
    progress: impl Fn(u64),
) -> Result<Stored> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    blobs.write(|out| gzip_with(reader, out, workers, progress))
}

fn gzip_with(
    reader: impl Read + Send,
    out: &mut Writer,
    workers: usize,
    progress: impl Fn(u64),
) -> Result<()> {
    thread::scope(|scope| {
        let (mut pieces, mut packed) = (Vec::new(), Vec::new());
        for _ in 0..workers {
            let (piece_in, piece_out) = sync_channel::<Vec<u8>>(WAITING);
            let (packed_in, packed_out) = sync_channel(WAITING);
            scope.spawn(move || work(&piece_out, &packed_in));
            pieces.push(piece_in);
            packed.push(packed_out);
        }
        let reading = scope.spawn(move || read(reader, &pieces));
        // Piece n was sent to worker n modulo the number of workers, so taking turns restores the order.
        let mut done = 0;
        for turn in packed.iter().cycle() {
            let Ok((length, bytes)) = turn.recv() else {
                break;
            };
            out.write(&bytes)?;
            done += length as u64;
            progress(done);
        }
        drop(packed);
        reading
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the reader stopped")))
            .map_err(|e| read_error(&e))
    })
}

/// Gives the pieces to the workers in turn. An empty layer is one empty piece.
fn read(mut reader: impl Read, workers: &[SyncSender<Vec<u8>>]) -> io::Result<()> {
    for (index, worker) in workers.iter().cycle().enumerate() {
        let mut piece = Vec::with_capacity(PIECE);
        reader.by_ref().take(PIECE as u64).read_to_end(&mut piece)?;
        let last = piece.len() < PIECE;
        if piece.is_empty() && index > 0 {
            break;
        }
        // The writer has stopped, and its own error says why.
        if worker.send(piece).is_err() || last {
            break;
        }
    }
    Ok(())
}

fn work(pieces: &Receiver<Vec<u8>>, packed: &SyncSender<(usize, Vec<u8>)>) {
    let level = CompressionLvl::new(LEVEL).expect("6 is a level");
    let mut compressor = Compressor::new(level);
    while let Ok(piece) = pieces.recv() {
        let mut bytes = vec![0; compressor.gzip_compress_bound(piece.len())];
        let length = compressor
            .gzip_compress(&piece, &mut bytes)
            .expect("the buffer has the size that the compressor asked for");
        bytes.truncate(length);
        if packed.send((piece.len(), bytes)).is_err() {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::{super::unpack::unpack, *};

    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u32;
        (0..length)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // Half of the bits: it compresses a little, like a program.
                (state >> 24) as u8 & 0x0f
            })
            .collect()
    }

    #[test]
    fn the_bytes_depend_on_the_layer_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let blobs = Blobs::create(dir.path(), CancellationToken::new()).expect("blobs");
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE + 7] {
            let data = noise(length);
            let packed: Vec<Stored> = [1, 2, 5]
                .map(|workers| {
                    blobs
                        .write(|out| gzip_with(&*data, out, workers, |_| {}))
                        .expect("it is packed")
                })
                .into();
            assert!(packed.iter().all(|stored| *stored == packed[0]), "{length}");
            let file = blobs.open(&packed[0].digest).expect("it is there");
            let mut back = Vec::new();
            unpack(file)
                .expect("it is gzip")
                .read_to_end(&mut back)
                .expect("it unpacks");
            assert!(back == data, "{length}");
        }
    }

    #[test]
    fn a_cancelled_release_stops_packing() {
        let dir = tempfile::tempdir().expect("a directory");
        let cancel = CancellationToken::new();
        let blobs = Blobs::create(dir.path(), cancel.clone()).expect("blobs");
        cancel.cancel();
        // Without an end: only the token can stop it.
        let error = gzip(io::repeat(0), &blobs, |_| {}).expect_err("it is cancelled");
        assert_eq!(error.kind(), crate::error::ErrorKind::Interrupted);
    }
}
