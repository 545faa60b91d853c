//! The parsers of hostile headers, for fuzz targets and the laws that they share with the tests. This
//! module is not part of the public interface.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use tokio::time::Instant;
use url::Url;

pub use crate::io::registry::header::LONGEST_WAIT;
use crate::{
    io::{
        proxy::Proxies,
        registry::{
            credentials::{self, CredentialTarget},
            header, listing,
            origin::{Origin, OriginRelation},
            token,
        },
        server_warnings,
    },
    oci::{Repository, Tag},
};

fn origin(base: &Url) -> Origin {
    Origin {
        base: base.clone(),
        token_host: None,
    }
}

/// The scheme and the parameters of each challenge in `WWW-Authenticate` headers.
#[must_use]
pub fn challenges(values: &[&str]) -> Vec<(String, BTreeMap<String, String>)> {
    header::challenges(values.iter().copied())
        .into_iter()
        .map(|challenge| (challenge.scheme, challenge.parameters))
        .collect()
}

/// Where credentials for the registry at `base` may be sent when it names this realm.
#[must_use]
pub fn realm(base: &Url, realm: &str) -> Option<Url> {
    origin(base).realm(realm).ok()
}

/// The tags of `OCI-Tag` headers.
#[must_use]
pub fn accepted_tags(values: &[&str]) -> Vec<Tag> {
    header::accepted_tags(values.iter().copied())
}

/// The next page that `Link` headers of the answer for `asked` name, where it may be requested.
#[must_use]
pub fn next_page(asked: &Url, values: &[&str]) -> Option<Url> {
    let target = header::next_link(values.iter().copied()).ok()??;
    let (url, _) = listing::next_page(&origin(asked), asked, &target).ok()?;
    Some(url)
}

/// Where a `Location` of the answer for `asked` may lead, and whether credentials go along.
#[must_use]
pub fn location(asked: &Url, target: &str) -> Option<(Url, bool)> {
    let origin = origin(asked);
    let url = origin.resolve(asked, target).ok()?;
    let relation = origin.relation(&url).ok()?;
    Some((url, relation == OriginRelation::SameOrigin))
}

/// `Retry-After`, at the server's time `now`; at most [`LONGEST_WAIT`].
#[must_use]
pub fn retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    header::retry_after(value, now)
}

/// The texts of a `Warning` header that are shown.
#[must_use]
pub fn warnings(value: &str) -> Vec<String> {
    server_warnings::warnings(value)
}

/// The `Authorization` header that a token service's answer leads to, and how long it is used.
#[must_use]
pub fn token(body: &[u8]) -> Option<(String, Duration)> {
    let token = token::read_token(body)?;
    let life = token.refresh.saturating_duration_since(Instant::now());
    Some((token.header.to_str().ok()?.to_owned(), life))
}

/// The proxy, in words, for `url`, where `proxy` is the proxy for everything and `no_proxy` says what
/// is asked directly.
///
/// # Errors
/// `proxy` is not a proxy.
pub fn proxy(no_proxy: &str, proxy: &str, url: &Url) -> Result<Option<String>, String> {
    let variables = [("ALL_PROXY", proxy), ("NO_PROXY", no_proxy)];
    let proxies = Proxies::new(&variables.into_iter().collect());
    match proxies.of(url) {
        Ok(proxy) => Ok(proxy.map(|proxy| proxy.to_string())),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether a credential under `key` is for this repository.
#[must_use]
pub fn credential_fits(key: &str, repository: &Repository) -> bool {
    credentials::fits(
        key,
        CredentialTarget {
            registry: repository.registry(),
            path: Some(repository.path()),
        },
    )
}

/// `RateLimit-Limit` and `RateLimit-Remaining`: how many requests, in how long a time.
#[must_use]
pub fn rate(value: &str) -> Option<(u64, Option<Duration>)> {
    header::rate(value)
}
