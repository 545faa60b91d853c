//! The client of the requests: with `sending`, the only place that knows `reqwest`. Without the feature
//! `registry`, `no_client` stands in for it.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use reqwest::{header, redirect};

use crate::{
    io::{
        http::{
            failure::{TransportError, chain},
            parts::{Body, Request, TlsConfig},
            sending::{run, send_file, send_pieces},
        },
        http_body::permitted,
        lease::Permit,
        proxy::Proxies,
    },
    regular_file,
};

/// What holds the connections.
pub(super) use reqwest::Client as HttpClient;
/// An answer whose body is still to be read.
pub(super) use reqwest::Response as Answer;

/// How long making a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Sends the request with this client, while `permit` lasts, and counts it. The peer may be silent for `silence`.
pub(super) async fn carry(
    client: &HttpClient,
    request: Request<'_>,
    permit: Permit,
    silence: Duration,
    count: &AtomicU64,
) -> Result<Answer, TransportError> {
    let builder = client
        .request(request.method, request.url)
        .headers(request.headers);
    // A connection may take long, and a body is looked at once more after that.
    permit.check().map_err(TransportError::NotPermitted)?;
    let limit = permit.limit().unwrap_or(silence).min(silence);
    match request.body {
        Body::Empty => run(builder, limit, count).await,
        Body::Bytes(bytes) if permit.limit().is_none() => {
            run(builder.body(bytes), limit, count).await
        }
        Body::Bytes(bytes) => {
            let builder = builder.header(header::CONTENT_LENGTH, bytes.len());
            let body = reqwest::Body::wrap_stream(permitted(bytes, permit));
            run(builder.body(body), limit, count).await
        }
        Body::File {
            path,
            size,
            progress,
        } => send_file(builder, (path, size), progress, silence, count).await,
        Body::Pieces(pieces) => send_pieces(builder, pieces, silence, count).await,
    }
}

/// A client that trusts these certificates.
///
/// # Errors
/// The certificate authority cannot be read.
pub(super) fn build(tls: &TlsConfig, proxies: &Arc<Proxies>) -> Result<HttpClient, TransportError> {
    // This fails where a provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = HttpClient::builder()
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
