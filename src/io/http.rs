//! The transport: sends one request and returns its answer, and decides nothing.
//!
//! Redirects are not followed here, bodies are read only as far as the caller allows, and every failure
//! says whether the request can have arrived. All hosts share one pool of connections per
//! set of trusted certificates.

use std::{
    collections::HashMap,
    error::Error as StdError,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use reqwest::{Client, redirect};
use tokio::{sync::watch, time::timeout};
use url::Url;

use crate::io::{
    http_body::{counted, open_exact, permitted},
    lease::{Permit, PermitEnded},
};

pub(super) use reqwest::{
    Method,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};

/// How long making a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How many times as long as usual a registry may be silent once a whole blob has arrived: object
/// stores copy it then.
const SILENCE_AFTER_UPLOAD: u32 = 5;

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
}

/// One request.
pub(super) struct Request<'a> {
    pub method: Method,
    pub url: Url,
    /// All headers, credentials included.
    pub headers: HeaderMap,
    pub body: Body<'a>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TransportError {
    /// No connection was made: the request did not arrive.
    Unreachable {
        /// The transport's explanation.
        detail: String,
        /// Whether another try cannot succeed: the certificate is not trusted.
        lasting: bool,
    },
    /// The request may have arrived; the answer did not, or only half of it.
    Lost(String),
    /// The answer is larger than was allowed.
    TooLarge(u64),
    /// The file to send cannot be read, or has another size.
    File(String),
    /// The client could not be made: an unreadable certificate authority.
    Setup(String),
    /// The permit for the request had ended: nothing was sent.
    NotPermitted(PermitEnded),
}

/// The pool of connections, and how often it was used.
pub(super) struct Transport {
    clients: Mutex<HashMap<TlsConfig, Client>>,
    requests: AtomicU64,
    silence: Duration,
}

/// An answer whose body is still to be read.
pub(super) struct Response {
    response: reqwest::Response,
    silence: Duration,
}

impl Transport {
    /// `silence` is how long a peer may send nothing, before the first byte of an answer and between
    /// two pieces of its body.
    #[must_use]
    pub(super) fn new(silence: Duration) -> Self {
        Self {
            clients: Mutex::default(),
            requests: AtomicU64::default(),
            silence,
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
        let client = self.client(tls)?;
        let builder = client
            .request(request.method, request.url)
            .headers(request.headers);
        // A connection may take long, and a body is looked at once more after that.
        permit.check().map_err(TransportError::NotPermitted)?;
        let limit = permit.limit().unwrap_or(self.silence).min(self.silence);
        match request.body {
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
        }
    }

    async fn run(
        &self,
        builder: reqwest::RequestBuilder,
        limit: Duration,
    ) -> Result<Response, TransportError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        match timeout(limit, builder.send()).await {
            Ok(Ok(response)) => Ok(self.answer(response)),
            Ok(Err(error)) => Err(classify(&error)),
            Err(_) => Err(silent(limit)),
        }
    }

    async fn send_file(
        &self,
        builder: reqwest::RequestBuilder,
        path: &Path,
        size: u64,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Response, TransportError> {
        let file = open_exact(path, size).await.map_err(TransportError::File)?;
        let (sent, mut seen) = watch::channel(0);
        let request = builder
            .header(header::CONTENT_LENGTH, size)
            .body(reqwest::Body::wrap_stream(counted(file, sent)))
            .send();
        self.requests.fetch_add(1, Ordering::Relaxed);
        tokio::pin!(request);
        let mut open = true;
        loop {
            let limit = if *seen.borrow() >= size || !open {
                self.silence * SILENCE_AFTER_UPLOAD
            } else {
                self.silence
            };
            tokio::select! {
                answer = &mut request => {
                    return answer.map(|response| self.answer(response)).map_err(|e| classify(&e));
                }
                change = seen.changed(), if open => {
                    open = change.is_ok();
                    progress(*seen.borrow_and_update());
                }
                () = tokio::time::sleep(limit) => return Err(silent(limit)),
            }
        }
    }

    fn answer(&self, response: reqwest::Response) -> Response {
        Response {
            response,
            silence: self.silence,
        }
    }

    fn client(&self, tls: &TlsConfig) -> Result<Client, TransportError> {
        let mut clients = self.clients.lock().expect("no thread panics with the lock");
        if let Some(client) = clients.get(tls) {
            return Ok(client.clone());
        }
        let client = build(tls)?;
        clients.insert(tls.clone(), client.clone());
        Ok(client)
    }
}

fn build(tls: &TlsConfig) -> Result<Client, TransportError> {
    // This fails where a provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("hoist/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http1_max_headers(100);
    if tls.loopback {
        // A proxy cannot reach this machine's loopback; Go's and curl's rule is the same.
        builder = builder.no_proxy();
        if tls.ca_file.is_none() {
            // Plain HTTP: reading the machine's certificates would only cost time.
            builder = builder.tls_certs_only([]);
        }
    }
    if let Some(path) = &tls.ca_file {
        let setup = |why: String| TransportError::Setup(format!("`{}`: {why}", path.display()));
        let pem = std::fs::read(path).map_err(|e| setup(e.to_string()))?;
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
        let mut all = Vec::new();
        while let Some(piece) = self.piece().await? {
            if (all.len() + piece.len()) as u64 > limit {
                return Err(TransportError::TooLarge(limit));
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.into())
    }

    /// At most the first `limit` bytes of the body; where reading fails, what was read before.
    pub(super) async fn beginning(mut self, limit: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while let Ok(Some(piece)) = self.piece().await {
            all.extend_from_slice(&piece);
            if all.len() >= limit {
                all.truncate(limit);
                break;
            }
        }
        all
    }
}

fn silent(limit: Duration) -> TransportError {
    TransportError::Lost(format!("silent for {:.1} s", limit.as_secs_f32()))
}

fn classify(error: &reqwest::Error) -> TransportError {
    let detail = chain(error);
    if error.is_connect() {
        return TransportError::Unreachable {
            detail,
            lasting: is_certificate(error),
        };
    }
    let ended = sources(error).find_map(|source| source.downcast_ref::<PermitEnded>());
    if let Some(ended) = ended {
        return TransportError::NotPermitted(*ended);
    }
    match file_error(error) {
        Some(why) => TransportError::File(why),
        None if error.is_builder() => TransportError::Setup(detail),
        None => TransportError::Lost(detail),
    }
}

fn sources<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| {
        (*error).source()
    })
}

fn is_certificate(error: &reqwest::Error) -> bool {
    sources(error).any(is_tls)
}

/// `io::Error` hides what it wraps from `source`, and TLS errors come wrapped twice.
fn is_tls(error: &(dyn StdError + 'static)) -> bool {
    let wrapped = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    error.is::<rustls::Error>() || wrapped.is_some_and(|inner| is_tls(inner))
}

/// An error of the body's own stream: the file could not be read to its end.
fn file_error(error: &reqwest::Error) -> Option<String> {
    error.is_body().then(|| chain(error))
}

/// The messages of the error's sources, which say more than its own.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    // The outermost error repeats the URL, which the caller names better.
    for text in sources(error).skip(1).map(ToString::to_string) {
        if words.last().is_none_or(|last| !last.contains(&text)) {
            words.push(text);
        }
    }
    if words.is_empty() {
        error.to_string()
    } else {
        words.join(": ")
    }
}
