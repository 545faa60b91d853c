//! One request on its way: what it waits for, and what its failure means.

use std::{
    error::Error as StdError,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use reqwest::{Response, header};
use tokio::{
    sync::{mpsc::Receiver, watch},
    time::timeout,
};

use crate::io::{
    http::{
        failure::{TransportError, chain, silent, slow, sources},
        patience::longest,
    },
    http_body::{counted, counted_pieces, open_exact},
    lease::PermitEnded,
};

/// How many times as long as usual a registry may be silent once a whole blob has arrived: object
/// stores copy it then.
const SILENCE_AFTER_UPLOAD: u32 = 5;

/// Sends a request whose body is at hand.
pub(super) async fn run(
    builder: reqwest::RequestBuilder,
    limit: Duration,
    count: &AtomicU64,
) -> Result<Response, TransportError> {
    count.fetch_add(1, Ordering::Relaxed);
    match timeout(limit, builder.send()).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(classify(&error)),
        Err(_) => Err(silent(limit)),
    }
}

/// Sends exactly `size` bytes of a file.
pub(super) async fn send_file(
    builder: reqwest::RequestBuilder,
    (path, size): (&Path, u64),
    progress: &(dyn Fn(u64) + Send + Sync),
    silence: Duration,
    count: &AtomicU64,
) -> Result<Response, TransportError> {
    let file = open_exact(path, size).await.map_err(TransportError::File)?;
    let (sent, mut seen) = watch::channel(0);
    let request = builder
        .header(header::CONTENT_LENGTH, size)
        .body(reqwest::Body::wrap_stream(counted(file, sent)))
        .send();
    count.fetch_add(1, Ordering::Relaxed);
    tokio::pin!(request);
    let mut open = true;
    let longest = longest(size, silence);
    let end = tokio::time::Instant::now() + longest;
    loop {
        let limit = if *seen.borrow() >= size || !open {
            silence * SILENCE_AFTER_UPLOAD
        } else {
            silence
        };
        tokio::select! {
            answer = &mut request => {
                return answer.map_err(|error| classify(&error));
            }
            change = seen.changed(), if open => {
                open = change.is_ok();
                progress(*seen.borrow_and_update());
            }
            () = tokio::time::sleep(limit) => return Err(silent(limit)),
            () = tokio::time::sleep_until(end) => return Err(slow(longest)),
        }
    }
}

/// Sends pieces until there are no more. That the peer takes nothing, and that no piece comes, is silence.
pub(super) async fn send_pieces(
    builder: reqwest::RequestBuilder,
    pieces: Option<Receiver<Bytes>>,
    silence: Duration,
    count: &AtomicU64,
) -> Result<Response, TransportError> {
    let pieces = pieces.ok_or_else(|| {
        TransportError::File("what was sent as it came in cannot be sent again".into())
    })?;
    let (sent, mut seen) = watch::channel(0);
    let body = reqwest::Body::wrap_stream(counted_pieces(pieces, sent));
    let request = builder.body(body).send();
    count.fetch_add(1, Ordering::Relaxed);
    tokio::pin!(request);
    let mut open = true;
    loop {
        let limit = match open {
            true => silence,
            false => silence * SILENCE_AFTER_UPLOAD,
        };
        tokio::select! {
            answer = &mut request => {
                return answer.map_err(|error| classify(&error));
            }
            change = seen.changed(), if open => open = change.is_ok(),
            () = tokio::time::sleep(limit) => return Err(silent(limit)),
        }
    }
}

/// What an error of the client means.
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
