//! What stands in for the client of the requests where hoist is made without the feature `registry`: nothing is
//! sent, and each request says so.

use std::{
    io,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use bytes::Bytes;
use hyper::{HeaderMap, StatusCode};

use crate::io::{
    http::{
        failure::TransportError,
        parts::{Request, TlsConfig},
    },
    lease::Permit,
    proxy::Proxies,
};

/// Sends nothing.
#[derive(Clone)]
pub(super) struct HttpClient;

/// No request has one.
pub(super) enum Answer {}

/// Makes no client.
///
/// # Errors
/// Always: the feature is missing.
pub(super) fn build(_: &TlsConfig, _: &Arc<Proxies>) -> Result<HttpClient, TransportError> {
    Err(missing())
}

fn missing() -> TransportError {
    TransportError::Setup(
        "nothing was sent: this program uses the crate `hoist` without the feature `registry`, which brings the client (`cargo add hoist --features registry`)"
            .into(),
    )
}

/// Sends nothing.
///
/// # Errors
/// Always: the feature is missing.
pub(super) async fn carry(
    _: &HttpClient,
    _: Request<'_>,
    _: Permit,
    _: Duration,
    _: &AtomicU64,
) -> Result<Answer, TransportError> {
    Err(missing())
}

impl Answer {
    pub(super) fn status(&self) -> StatusCode {
        match *self {}
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        match *self {}
    }

    pub(super) fn content_length(&self) -> Option<u64> {
        match *self {}
    }

    pub(super) async fn chunk(&mut self) -> io::Result<Option<Bytes>> {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use crate::io::http::no_client::*;

    #[test]
    fn without_the_feature_each_request_says_that_it_is_missing() {
        let refused = build(&TlsConfig::default(), &Arc::default()).err();
        assert_eq!(refused, Some(missing()));
        let Some(TransportError::Setup(detail)) = refused else {
            panic!("{refused:?}");
        };
        assert!(
            detail.contains("without the feature `registry`"),
            "{detail}"
        );
    }
}
