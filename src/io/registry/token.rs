//! The requests to a token service, and its answers (Docker Registry v2 authentication).

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use tokio::time::Instant;
use url::{Url, form_urlencoded};

use crate::io::{
    http::{Body, HeaderMap, HeaderValue, Method, Request, header},
    registry::scope::TokenScope,
};

/// How long a token lives that does not say, in seconds.
const DEFAULT_LIFE: u64 = 60;

/// A token, ready to be sent.
pub(super) struct Token {
    pub header: HeaderValue,
    /// When to ask for the next one.
    pub refresh: Instant,
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

/// The request for a token with a password, or anonymously.
pub(super) fn password_request(
    realm: &Url,
    service: Option<&str>,
    scope: &TokenScope,
    basic: Option<HeaderValue>,
) -> Request<'static> {
    let mut url = realm.clone();
    {
        let mut query = url.query_pairs_mut();
        query.extend_pairs(service.map(|service| ("service", service)));
        query.extend_pairs(scope.parts().iter().map(|part| ("scope", part)));
    }
    Request {
        method: Method::GET,
        url,
        headers: basic
            .map(|value| (header::AUTHORIZATION, value))
            .into_iter()
            .collect(),
        body: Body::Empty,
    }
}

/// The request for a token with an identity token.
pub(super) fn refresh_request(
    realm: &Url,
    service: Option<&str>,
    scope: &TokenScope,
    token: &str,
) -> Request<'static> {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "refresh_token")
        .append_pair("client_id", "hoist")
        .extend_pairs(service.map(|service| ("service", service)))
        .append_pair("scope", &scope.to_string())
        .append_pair("refresh_token", token)
        .finish();
    Request {
        method: Method::POST,
        url: realm.clone(),
        headers: HeaderMap::from_iter([(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        )]),
        body: Body::Bytes(Bytes::from(form)),
    }
}

/// The token in an answer.
pub(super) fn read_token(body: &[u8]) -> Option<Token> {
    let answer: TokenAnswer = serde_json::from_slice(body).ok()?;
    let token = [answer.token, answer.access_token]
        .into_iter()
        .flatten()
        .find(|token| !token.is_empty())?;
    // Counted from now, on our clock: `issued_at` is the server's. Renewed at three quarters, so
    // that a request that is on its way does not find it expired.
    let life = Duration::from_secs(answer.expires_in.unwrap_or(DEFAULT_LIFE).min(7 * 24 * 3600));
    Some(Token {
        header: secret(&format!("Bearer {token}"))?,
        refresh: Instant::now() + life * 3 / 4,
    })
}

/// A header value that debug output leaves out.
pub(super) fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    // Keeps it out of debug output.
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_at_three_quarters_of_its_life() {
        let lasts = |body: &str| {
            read_token(body.as_bytes()).map(|token| (token.refresh - Instant::now()).as_secs())
        };
        assert_eq!(lasts(r#"{"token":"t","expires_in":300}"#), Some(225));
        assert_eq!(
            lasts(r#"{"access_token":"t","issued_at":"2000-01-01T00:00:00Z"}"#),
            Some(45)
        );
        assert_eq!(lasts(r#"{"token":"","access_token":"t"}"#), Some(45));
        for none in [
            "",
            "{}",
            r#"{"token":""}"#,
            r#"{"token":"a\nb"}"#,
            r#"{"token":7}"#,
        ] {
            assert_eq!(lasts(none), None, "{none}");
        }
    }

    #[test]
    fn a_token_is_not_shown() {
        assert_eq!(format!("{:?}", secret("Bearer t")), "Some(Sensitive)");
    }
}
