//! The transport: sends one request and returns its answer, and decides nothing.
//!
//! Redirects are not followed here, bodies are read only as far as the caller allows, and every failure
//! says whether the request can have arrived. All hosts share one pool of connections per
//! set of trusted certificates.

#[cfg(feature = "registry")]
mod client;
mod failure;
#[cfg(any(test, not(feature = "registry")))]
#[cfg_attr(
    feature = "registry",
    expect(dead_code, reason = "only its test uses it")
)]
mod no_client;
mod parts;
mod patience;
mod secrets;
#[cfg(feature = "registry")]
mod sending;

// The one seam of the feature `registry`: both modules offer the same types and functions.
#[cfg(not(feature = "registry"))]
use no_client as client;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::time::timeout;
use tracing::{debug_span, field};
use url::Position;

use crate::io::{
    http::{
        client::{Answer, HttpClient, build, carry},
        failure::{chain, silent, through},
        secrets::secrets,
    },
    lease::Permit,
    mask::Mask,
    proxy::Proxies,
};

pub(super) use crate::io::http::{
    failure::{TransportError, slow},
    parts::{Body, Request, TlsConfig},
    patience::longest,
};
pub(super) use hyper::{
    Method,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};

/// How long the explanation in an error's body is waited for.
const ERROR_BODY: Duration = Duration::from_secs(8);
/// Largest body whose memory is set aside before it arrives, in bytes.
const SET_ASIDE: u64 = 16 * 1024 * 1024;

/// The pool of connections, and how often it was used.
pub(super) struct Transport {
    clients: Mutex<HashMap<TlsConfig, HttpClient>>,
    requests: AtomicU64,
    silence: Duration,
    proxies: Arc<Proxies>,
    /// Whether the path of a request is a secret, which no trace may have.
    has_secret_paths: bool,
}

/// An answer whose body is still to be read.
pub(super) struct Response {
    response: Answer,
    silence: Duration,
    /// The proxy that it came through, in words.
    proxy: Option<String>,
    /// What was sent and must not be shown.
    secrets: Vec<String>,
}

impl Transport {
    /// `silence` is how long a peer may send nothing, before the first byte of an answer and between
    /// two pieces of its body.
    #[must_use]
    pub(super) fn new(silence: Duration, proxies: Proxies) -> Self {
        Self {
            clients: Mutex::default(),
            requests: AtomicU64::default(),
            silence,
            proxies: Arc::new(proxies),
            has_secret_paths: false,
        }
    }

    /// For addresses that are a secret: traces do not have the paths.
    #[must_use]
    pub(super) fn with_secret_paths(self) -> Self {
        Self {
            has_secret_paths: true,
            ..self
        }
    }

    /// How many requests were sent.
    #[must_use]
    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Sends one request, while `permit` lasts.
    pub(super) async fn send(
        &self,
        tls: &TlsConfig,
        request: Request<'_>,
        permit: Permit,
    ) -> Result<Response, TransportError> {
        let proxy = self
            .proxies
            .of(&request.url)
            .map_err(|error| TransportError::ProxySetting(error.to_string()))?
            .filter(|_| !tls.loopback);
        let form: &[u8] = match &request.body {
            Body::Bytes(bytes) => bytes,
            Body::Empty | Body::File { .. } | Body::Pieces(_) => &[],
        };
        let mut secrets = secrets(&request.url, &request.headers, form);
        let login = proxy.as_ref().and_then(|proxy| proxy.url.password());
        secrets.extend(login.map(str::to_owned));
        let proxy = proxy.map(|proxy| proxy.to_string());
        let client = self.client(tls)?;
        let path = match self.has_secret_paths {
            true => "…",
            false => request.url.path(),
        };
        // Without the query, which can carry what is secret.
        let span = debug_span!(
            "request",
            method = %request.method,
            host = %&request.url[Position::BeforeHost..Position::AfterPort],
            path = %path,
            status = field::Empty,
        );
        let answer = carry(&client, request, permit, self.silence, &self.requests).await;
        if let Ok(answer) = &answer {
            span.record("status", answer.status().as_u16());
        }
        match (answer, proxy) {
            (Ok(response), proxy) => Ok(Response {
                response,
                silence: self.silence,
                proxy,
                secrets,
            }),
            (Err(failure), Some(proxy)) => Err(through(failure, &proxy)),
            (Err(failure), None) => Err(failure),
        }
    }

    fn client(&self, tls: &TlsConfig) -> Result<HttpClient, TransportError> {
        let mut clients = self.clients.lock().expect("no thread panics with the lock");
        if let Some(client) = clients.get(tls) {
            return Ok(client.clone());
        }
        let client = build(tls, &self.proxies)?;
        clients.insert(tls.clone(), client.clone());
        Ok(client)
    }
}

impl Response {
    /// The status code.
    #[must_use]
    pub(super) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The first value of a header that is readable text.
    #[must_use]
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The user's proxy that the answer came through, in words.
    #[must_use]
    pub(super) fn proxy(&self) -> Option<&str> {
        self.proxy.as_deref()
    }

    /// What hides the credentials that were sent with the request, where the answer repeats them.
    #[must_use]
    pub(super) fn mask(&self) -> Mask {
        Mask::new(self.secrets.iter().map(String::as_str))
    }

    /// How long the content of this answer, of at most `size` bytes, may take in all.
    #[must_use]
    pub(super) fn longest(&self, size: u64) -> Duration {
        longest(size, self.silence)
    }

    /// How many bytes the body has, where the answer says so.
    #[must_use]
    pub(super) fn content_length(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// Every value of a header that is readable text.
    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.response
            .headers()
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
    }

    /// The next piece of the body, `None` at its end.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>, TransportError> {
        match timeout(self.silence, self.response.chunk()).await {
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(error)) => Err(TransportError::Lost(chain(&error))),
            Err(_) => Err(silent(self.silence)),
        }
    }

    /// The whole body, if it has at most `limit` bytes.
    pub(super) async fn bytes(mut self, limit: u64) -> Result<Bytes, TransportError> {
        if self
            .response
            .content_length()
            .is_some_and(|length| length > limit)
        {
            return Err(TransportError::TooLarge(limit));
        }
        let length = self.response.content_length().unwrap_or(0).min(SET_ASIDE);
        let mut all = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        while let Some(piece) = self.piece().await? {
            if (all.len() + piece.len()) as u64 > limit {
                return Err(TransportError::TooLarge(limit));
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.into())
    }

    /// At most the first `limit` bytes of the body; where reading fails, or takes too long for an
    /// explanation, what was read before.
    pub(super) async fn beginning(mut self, limit: usize) -> Vec<u8> {
        let mut all = Vec::new();
        let end = tokio::time::Instant::now() + ERROR_BODY;
        while let Ok(Ok(Some(piece))) = tokio::time::timeout_at(end, self.piece()).await {
            all.extend_from_slice(&piece);
            if all.len() >= limit {
                all.truncate(limit);
                break;
            }
        }
        all
    }
}
