//! Connections to an engine, or to a daemon in one of its containers.
//!
//! bollard's own connectors leave the API version out of the path, misread `ssh://user@host:port`
//! and do not give access to the upgraded connection of a session. Requests therefore go through
//! this module.

use std::io;

use hyper::{
    Request, Response,
    body::{Body, Incoming},
};

pub(crate) use crate::build::engine::connection::{BoxError, Duplex};
use crate::build::engine::{connection, container, host::EngineAddress};

/// Opens connections to one engine.
#[derive(Debug, Clone)]
pub(crate) struct Dialer {
    address: EngineAddress,
}

impl Dialer {
    pub(crate) fn new(address: EngineAddress) -> Self {
        Self { address }
    }

    /// Opens a connection.
    pub(crate) async fn dial(&self) -> io::Result<Box<dyn Duplex>> {
        match &self.address {
            EngineAddress::InContainer { engine, name } => container::dial(engine, name).await,
            address => connection::direct(address).await,
        }
    }

    /// Sends one request on a connection of its own. The connection ends when the body of the
    /// response is dropped, and an engine stops a build whose connection ends.
    pub(crate) async fn send<B>(&self, request: Request<B>) -> Result<Response<Incoming>, BoxError>
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        connection::send(self.dial().await?, request).await
    }
}
