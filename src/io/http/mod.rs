//! The transport: sends one request and returns its answer, and decides nothing.
//!
//! Redirects are not followed here, bodies are read only as far as the caller allows, and every failure
//! says whether the request can have arrived. All hosts share one pool of connections per
//! set of trusted certificates.

mod failure;
mod patience;
mod secrets;
mod sending;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use reqwest::{Client, redirect};
use tokio::{sync::mpsc::Receiver, time::timeout};
use tracing::{debug_span, field};
use url::{Position, Url};

use crate::{
    io::{
        http::{
            failure::{chain, classify, silent, through},
            secrets::secrets,
        },
        http_body::permitted,
        lease::Permit,
        mask::Mask,
        proxy::Proxies,
    },
    regular_file,
};

pub(super) use crate::io::http::{
    failure::{TransportError, slow},
    patience::longest,
};
pub(super) use reqwest::{
    Method,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};

/// How long making a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the explanation in an error's body is waited for.
const ERROR_BODY: Duration = Duration::from_secs(8);
/// Largest body whose memory is set aside before it arrives, in bytes.
const SET_ASIDE: u64 = 16 * 1024 * 1024;

/// Which certificates are trusted, and whether a proxy may be used.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct TlsConfig {
    /// A further certificate authority, PEM.
    pub ca_file: Option<PathBuf>,
    /// Whether the host is this machine, which no proxy can reach.
    pub loopback: bool,
}

/// The body of a request.
pub(super) enum Body<'a> {
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
pub(super) struct Request<'a> {
    pub method: Method,
    pub url: Url,
    /// All headers, credentials included.
    pub headers: HeaderMap,
    pub body: Body<'a>,
}

/// The pool of connections, and how often it was used.
pub(super) struct Transport {
    clients: Mutex<HashMap<TlsConfig, Client>>,
    requests: AtomicU64,
    silence: Duration,
    proxies: Arc<Proxies>,
    /// Whether the path of a request is a secret, which no trace may have.
    has_secret_paths: bool,
}

/// An answer whose body is still to be read.
pub(super) struct Response {
    response: reqwest::Response,
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
        let builder = client
            .request(request.method, request.url)
            .headers(request.headers);
        // A connection may take long, and a body is looked at once more after that.
        permit.check().map_err(TransportError::NotPermitted)?;
        let limit = permit.limit().unwrap_or(self.silence).min(self.silence);
        let answer = match request.body {
            Body::Empty => self.run(builder, limit).await,
            Body::Bytes(bytes) if permit.limit().is_none() => {
                self.run(builder.body(bytes), limit).await
            }
            Body::Bytes(bytes) => {
                let builder = builder.header(header::CONTENT_LENGTH, bytes.len());
                let body = reqwest::Body::wrap_stream(permitted(bytes, permit));
                self.run(builder.body(body), limit).await
            }
            Body::File {
                path,
                size,
                progress,
            } => self.send_file(builder, path, size, progress).await,
            Body::Pieces(pieces) => self.send_pieces(builder, pieces).await,
        };
        if let Ok(answer) = &answer {
            span.record("status", answer.status());
        }
        match (answer, proxy) {
            (Ok(answer), proxy) => Ok(Response {
                proxy,
                secrets,
                ..answer
            }),
            (Err(failure), Some(proxy)) => Err(through(failure, &proxy)),
            (Err(failure), None) => Err(failure),
        }
    }

    async fn run(
        &self,
        builder: reqwest::RequestBuilder,
        limit: Duration,
    ) -> Result<Response, TransportError> {
        self.count();
        match timeout(limit, builder.send()).await {
            Ok(Ok(response)) => Ok(self.answer(response)),
            Ok(Err(error)) => Err(classify(&error)),
            Err(_) => Err(silent(limit)),
        }
    }

    fn count(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    fn answer(&self, response: reqwest::Response) -> Response {
        Response {
            response,
            silence: self.silence,
            proxy: None,
            secrets: Vec::new(),
        }
    }

    fn client(&self, tls: &TlsConfig) -> Result<Client, TransportError> {
        let mut clients = self.clients.lock().expect("no thread panics with the lock");
        if let Some(client) = clients.get(tls) {
            return Ok(client.clone());
        }
        let client = build(tls, &self.proxies)?;
        clients.insert(tls.clone(), client.clone());
        Ok(client)
    }
}

fn build(tls: &TlsConfig, proxies: &Arc<Proxies>) -> Result<Client, TransportError> {
    // This fails where a provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("hoist/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http1_max_headers(100);
    let proxies = Arc::clone(proxies);
    builder = builder.no_proxy();
    if !tls.loopback {
        builder = builder.proxy(reqwest::Proxy::custom(move |url| {
            let proxy = proxies.of(url).ok().flatten();
            proxy.map(|proxy| proxy.url.clone())
        }));
    } else {
        // A proxy cannot reach this machine's loopback; Go's and curl's rule is the same.
        if tls.ca_file.is_none() {
            // Plain HTTP: reading the machine's certificates would only cost time.
            builder = builder.tls_certs_only([]);
        }
    }
    if let Some(path) = &tls.ca_file {
        let setup = |why: String| TransportError::Setup(format!("`{}`: {why}", path.display()));
        let pem = regular_file::read(path).map_err(|e| setup(e.to_string()))?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem)
            .map_err(|e| setup(format!("no PEM certificates: {}", chain(&e))))?;
        if certificates.is_empty() {
            return Err(setup("it holds no PEM certificate".into()));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    builder
        .build()
        .map_err(|e| TransportError::Setup(chain(&e)))
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
