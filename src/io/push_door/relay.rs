//! Sends a large blob on to the registries while it still comes in. It is kept here, too: what does not arrive there
//! is sent later, from the file.

use bytes::Bytes;

use crate::{
    io::push_door::presence::{BlobPresence, RelayEnd},
    oci::Digest,
};

/// A smaller blob is not sent on: a request for each of them costs more than it saves.
const LARGE: usize = 256 << 10;

/// Where one blob is sent on to.
pub(super) enum Relay {
    /// It is not large yet: nobody has got anything of it.
    Small {
        pieces: Vec<Bytes>,
        size: usize,
    },
    Running(Vec<RelayEnd>),
}

impl Relay {
    pub(super) fn new() -> Self {
        Self::Small {
            pieces: Vec::new(),
            size: 0,
        }
    }

    /// Sends a piece on, as fast as the slowest registry takes it. One that fails gets no more.
    pub(super) async fn add(&mut self, presence: &dyn BlobPresence, piece: &Bytes) {
        match self {
            Self::Small { pieces, size } => {
                pieces.push(piece.clone());
                *size += piece.len();
                if *size >= LARGE {
                    let pieces = std::mem::take(pieces);
                    let mut ends = presence.relay();
                    for piece in &pieces {
                        send(&mut ends, piece).await;
                    }
                    *self = Self::Running(ends);
                }
            }
            Self::Running(ends) => send(ends, piece).await,
        }
    }

    /// The content is whole, and this is its digest. Returns when every registry has taken or refused it.
    pub(super) async fn finish(self, digest: &Digest, size: u64) {
        let Self::Running(ends) = self else {
            return;
        };
        let mut all = Vec::new();
        for RelayEnd {
            pieces,
            end,
            sending,
        } in ends
        {
            drop(pieces);
            // One that has failed does not listen.
            let _ = end.send((digest.clone(), size));
            all.push(sending.join_all());
        }
        futures_util::future::join_all(all).await;
    }
}

async fn send(ends: &mut Vec<RelayEnd>, piece: &Bytes) {
    let mut at = 0;
    while let Some(end) = ends.get(at) {
        match end.pieces.send(piece.clone()).await {
            Ok(()) => at += 1,
            Err(_) => drop(ends.swap_remove(at)),
        }
    }
}
