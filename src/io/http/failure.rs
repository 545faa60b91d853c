//! Why a request got no answer, and whether it can have arrived.

use std::{error::Error as StdError, time::Duration};

use crate::io::lease::PermitEnded;

/// How the transport says that a proxy wants a user name and a password before it opens a tunnel.
const PROXY_WANTS_LOGIN: &str = "proxy authorization required";
/// How the transport says that a proxy did not open a tunnel.
const TUNNEL_REFUSED: &str = "tunnel error: unsuccessful";
/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::io) enum TransportError {
    /// No connection was made: the request did not arrive.
    Unreachable {
        /// The transport's explanation.
        detail: String,
        /// Whether another try cannot succeed: the certificate is not trusted.
        lasting: bool,
    },
    /// The user's proxy did not pass the request on: it did not arrive.
    Proxy {
        /// The proxy, its variable, and the transport's explanation.
        detail: String,
        /// Whether the proxy refused, so that another try cannot succeed.
        refused: bool,
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
    /// The variable that names the proxy for this request cannot be used.
    ProxySetting(String),
}

/// The failure of content that did not arrive within `limit`.
pub(in crate::io) fn slow(limit: Duration) -> TransportError {
    TransportError::Lost(format!(
        "not at its end after {:.1} s: the connection is too slow",
        limit.as_secs_f32()
    ))
}

/// A failure of a request that went through `proxy`.
pub(in crate::io) fn through(failure: TransportError, proxy: &str) -> TransportError {
    match failure {
        TransportError::Unreachable {
            detail,
            lasting: true,
        } => TransportError::Unreachable {
            detail: format!("{detail} (through {proxy})"),
            lasting: true,
        },
        TransportError::Unreachable { detail, .. } if detail.contains(PROXY_WANTS_LOGIN) => {
            TransportError::Proxy {
                detail: format!("{proxy} asks for a user name and a password (407)"),
                refused: true,
            }
        }
        TransportError::Unreachable { detail, .. } if detail.contains(TUNNEL_REFUSED) => {
            TransportError::Proxy {
                detail: format!("{proxy} does not open a connection to this host"),
                refused: false,
            }
        }
        TransportError::Unreachable { detail, .. } => TransportError::Proxy {
            detail: format!("{proxy}: {detail}"),
            refused: false,
        },
        TransportError::Lost(detail) => TransportError::Lost(format!("{detail} (through {proxy})")),
        other => other,
    }
}

pub(in crate::io) fn silent(limit: Duration) -> TransportError {
    TransportError::Lost(format!("silent for {:.1} s", limit.as_secs_f32()))
}

pub(super) fn sources<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| {
        (*error).source()
    })
}

/// The messages of the error's sources, which say more than its own.
pub(in crate::io) fn chain(error: &(dyn StdError + 'static)) -> String {
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
