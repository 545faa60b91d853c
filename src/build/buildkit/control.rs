//! The connection to BuildKit's control service.

use std::{
    error::Error as _,
    io,
    task::{Context, Poll},
    time::Duration,
};

use bollard_buildkit_proto::moby::buildkit::v1::{
    ListWorkersRequest, control_client::ControlClient, types::WorkerRecord,
};
use futures_util::future::{Ready, ready};
use hyper_util::rt::TokioIo;
use tonic::{
    codegen::{Service, http::Uri},
    transport::{Channel, Endpoint},
};

use crate::{
    build::engine::{
        connect::{Dialer, Duplex},
        error::{daemon_unreachable, innermost},
        host::EngineAddress,
        watchdog::Watched,
    },
    error::{Error, Result},
};

/// The largest message that is taken, in bytes: a step's output comes in pieces of some kilobytes, the state of
/// a large build in one.
const LARGEST: usize = 64 << 20;
/// The time-out of calls that only ask.
const QUICK: Duration = Duration::from_secs(30);

/// One connection to BuildKit.
#[derive(Clone)]
pub(crate) struct BuildkitControl {
    address: EngineAddress,
    client: ControlClient<Channel>,
}

impl BuildkitControl {
    /// Speaks gRPC over a connection that is open already.
    ///
    /// # Errors
    /// Whoever is there does not speak it.
    pub(crate) async fn over(address: &EngineAddress, io: Box<dyn Duplex>) -> Result<Self> {
        let endpoint = Endpoint::from_static("http://buildkit");
        let connected = endpoint
            .connect_with_connector(OpenConnection::new(io))
            .await;
        let channel = connected.map_err(|error| {
            daemon_unreachable(address, &innermost(&error.to_string(), error.source()))
        })?;
        Ok(Self {
            address: address.clone(),
            client: ControlClient::new(channel)
                .max_decoding_message_size(LARGEST)
                .max_encoding_message_size(LARGEST),
        })
    }

    /// Connects to a BuildKit daemon.
    ///
    /// # Errors
    /// It does not answer.
    pub(crate) async fn dial(address: EngineAddress) -> Result<Self> {
        let dialer = Dialer::new(address.clone());
        let dialed = tokio::time::timeout(QUICK, dialer.dial()).await;
        let io = dialed
            .map_err(|_| daemon_unreachable(&address, "it did not answer within 30 s"))?
            .map_err(|error| daemon_unreachable(&address, &error))?;
        Self::over(&address, io).await
    }

    /// The service itself.
    pub(crate) fn client(&self) -> ControlClient<Channel> {
        self.client.clone()
    }

    /// Who would build.
    ///
    /// # Errors
    /// BuildKit does not answer.
    pub(crate) async fn workers(&self) -> Result<Vec<WorkerRecord>> {
        let mut client = self.client();
        let asked = client.list_workers(ListWorkersRequest::default());
        let answer = tokio::time::timeout(QUICK, asked)
            .await
            .map_err(|_| daemon_unreachable(&self.address, "it did not answer within 30 s"))?;
        let answer = answer.map_err(|status| {
            let why = innermost(status.message(), status.source());
            daemon_unreachable(&self.address, &why)
        })?;
        Ok(answer.into_inner().record)
    }
}

impl Watched for BuildkitControl {
    fn address(&self) -> &EngineAddress {
        &self.address
    }

    fn lost(&self, why: &str) -> Error {
        daemon_unreachable(&self.address, why)
    }

    async fn is_alive(&self) -> bool {
        self.workers().await.is_ok()
    }
}

/// Hands out one connection, once: a second one would belong to another session.
pub(super) struct OpenConnection(Option<Box<dyn Duplex>>);

impl OpenConnection {
    pub(super) fn new(io: Box<dyn Duplex>) -> Self {
        Self(Some(io))
    }
}

impl Service<Uri> for OpenConnection {
    type Response = TokioIo<Box<dyn Duplex>>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let taken = self.0.take().map(TokioIo::new);
        ready(taken.ok_or_else(|| io::Error::other("the connection to BuildKit broke")))
    }
}
