//! One connection to a door, for fuzz targets and the laws that they share with the tests. This module is
//! not part of the public interface.

use std::{convert::Infallible, path::Path, sync::Arc};

use async_trait::async_trait;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio_util::sync::CancellationToken;

use crate::{
    error::Result,
    io::{
        layout::Store,
        push_door::{presence::BlobPresence, routes, state::DoorState, uploads::Uploads},
    },
    oci::Digest,
};

/// The path of the door's repository.
pub const PATH: &str = "door/hoist-build";

/// What came of the requests.
#[derive(Debug)]
pub struct DoorTalk {
    /// All answers, as they went over the connection.
    pub answers: Vec<u8>,
    /// Each manifest that was handed over, under its digest.
    pub manifests: Vec<(Digest, Vec<u8>)>,
    /// What could not be kept.
    pub failure: Option<String>,
}

struct NothingThere;

#[async_trait]
impl BlobPresence for NothingThere {
    async fn size_everywhere(&self, _: &Digest) -> Option<u64> {
        None
    }
}

/// Sends `requests` over one connection to a door whose content goes below `dir`.
///
/// # Errors
/// There is no room in `dir`.
pub async fn talk(requests: &[u8], dir: &Path) -> Result<DoorTalk> {
    let incoming = Arc::new(Store::new(dir).incoming(&CancellationToken::new())?);
    let state = DoorState {
        path: PATH.to_owned(),
        presence: Arc::new(NothingThere),
        reached: false.into(),
        uploads: Uploads::new(incoming),
    };
    let (mut near, far) = duplex(64 << 10);
    let (mut from, mut to) = tokio::io::split(&mut near);
    let serve = async {
        let answer = service_fn(|request| async {
            Ok::<_, Infallible>(routes::answer(&state, request).await)
        });
        // What is wrong with a connection is seen by who opened it.
        let _ = http1::Builder::new()
            .serve_connection(TokioIo::new(far), answer)
            .await;
    };
    let mut answers = Vec::new();
    let send = async {
        let _ = to.write_all(requests).await;
        let _ = to.shutdown().await;
    };
    let read = from.read_to_end(&mut answers);
    let _ = tokio::join!(serve, send, read);
    let (received, failure) = match state.uploads.received() {
        Ok(received) => (received, None),
        Err(error) => (None, Some(error)),
    };
    let manifests = received.into_iter().flat_map(|image| image.manifests);
    Ok(DoorTalk {
        answers,
        manifests: manifests
            .map(|(digest, manifest)| (digest, manifest.bytes.to_vec()))
            .collect(),
        failure,
    })
}
