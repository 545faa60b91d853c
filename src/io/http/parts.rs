//! What a request is made of.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use hyper::{HeaderMap, Method};
use tokio::sync::mpsc::Receiver;
use url::Url;

/// Which certificates are trusted, and whether a proxy may be used.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(in crate::io) struct TlsConfig {
    /// A further certificate authority, PEM.
    pub ca_file: Option<PathBuf>,
    /// Whether the host is this machine, which no proxy can reach.
    pub loopback: bool,
}

/// The body of a request.
pub(in crate::io) enum Body<'a> {
    /// Nothing.
    Empty,
    /// These bytes.
    Bytes(Bytes),
    /// Exactly `size` bytes of a file, read in pieces.
    File {
        /// The file to send.
        path: &'a Path,
        /// Its size in bytes.
        size: u64,
        /// Told the number of bytes sent so far.
        progress: &'a (dyn Fn(u64) + Send + Sync),
    },
    /// Pieces as they come in, in chunks; `None`: they were sent before.
    Pieces(Option<Receiver<Bytes>>),
}

/// One request.
pub(in crate::io) struct Request<'a> {
    pub method: Method,
    pub url: Url,
    /// All headers, credentials included.
    pub headers: HeaderMap,
    pub body: Body<'a>,
}
