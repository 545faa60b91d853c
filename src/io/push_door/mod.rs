//! A registry on loopback that takes one image from a builder which knows how to push. What the real
//! registries have already is answered with yes, so that nobody compresses or sends it again.
//!
//! It listens on `127.0.0.1` only, on a port that the system chooses, below a path that nobody can guess.
//! It serves what a push asks and nothing else, keeps what it is given in one folder, and ends with the
//! value that opened it.

mod answer;
#[cfg(any(test, fuzzing, feature = "testing"))]
#[doc(hidden)]
pub mod fuzzing;
mod presence;
mod relay;
mod routes;
mod state;
mod uploads;

use std::{
    io,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

pub(crate) use presence::{BlobPresence, RelayEnd};

use crate::io::{
    layout::{Incoming, PushedImage},
    process::random_name,
    push_door::{state::DoorState, uploads::Uploads},
};

/// Connections at once; a builder opens a handful.
const CONNECTIONS: usize = 64;

/// The last part of the repository's path.
pub(crate) const DOOR_REPOSITORY: &str = "hoist-build";

/// The open door. Dropped, it is closed.
pub(crate) struct PushDoor {
    port: u16,
    state: Arc<DoorState>,
    closing: CancellationToken,
    /// Ended when it is dropped, a little later.
    serving: JoinSet<()>,
}

impl PushDoor {
    /// Opens a door whose content goes to `incoming`.
    ///
    /// # Errors
    /// There is no loopback to listen on.
    pub(crate) async fn open(
        incoming: Arc<Incoming>,
        presence: Arc<dyn BlobPresence>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let state = Arc::new(DoorState {
            path: format!("{}/{DOOR_REPOSITORY}", random_name()),
            presence,
            reached: AtomicBool::new(false),
            uploads: Uploads::new(incoming),
        });
        let closing = CancellationToken::new();
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, state.clone(), closing.clone()));
        Ok(Self {
            port,
            state,
            closing,
            serving,
        })
    }

    /// The repository to push to, under any tag: `127.0.0.1:49152/<random>/hoist-build`.
    pub(crate) fn repository(&self) -> String {
        format!("127.0.0.1:{}/{}", self.port, self.state.path)
    }

    /// Where it listens: `127.0.0.1:49152`.
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Whether anybody who knows the path has come.
    pub(crate) fn was_reached(&self) -> bool {
        self.state.reached.load(Ordering::Relaxed)
    }

    /// How many bytes have arrived so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.state.uploads.bytes()
    }

    /// Returns only when something could not be kept, so that the image is lost: a builder would try again for long.
    pub(crate) async fn failed(&self) {
        self.state.uploads.failed().cancelled().await;
    }

    /// Closes the door. The last manifest that was put is what was handed over; `None`: there was none. Afterwards
    /// nobody but the caller has the place where the content is, so that it is removed with the caller's value: a
    /// program that ends does not wait for connections that are merely told to end.
    ///
    /// # Errors
    /// Something could not be kept, such as on a full disk.
    pub(crate) async fn close(mut self) -> Result<Option<PushedImage>, String> {
        self.closing.cancel();
        while self.serving.join_next().await.is_some() {}
        self.state.uploads.received()
    }
}

async fn serve(listener: TcpListener, state: Arc<DoorState>, closing: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let (stream, place) = tokio::select! {
            biased;
            () = closing.cancelled() => break,
            taken = next(&listener, &places) => match taken {
                Some(taken) => taken,
                // A connection that could not be taken is the other side's to try again.
                None => continue,
            },
        };
        while connections.try_join_next().is_some() {}
        let state = state.clone();
        connections.spawn(async move {
            let answer = service_fn(|request| {
                let state = state.clone();
                async move { Ok::<_, std::convert::Infallible>(routes::answer(&state, request).await) }
            });
            // What is wrong with a connection is seen by who opened it.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await;
            drop(place);
        });
    }
    connections.shutdown().await;
}

async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.ok()?;
    let (stream, _) = listener.accept().await.ok()?;
    Some((stream, place))
}

#[cfg(test)]
mod tests;
