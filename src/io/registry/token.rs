//! The requests to a token service, and its answers (Docker Registry v2 authentication).

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use serde_json::Value;
use tokio::time::Instant;
use url::{Url, form_urlencoded};

use crate::io::{
    http::{Body, HeaderMap, HeaderValue, Method, Request, header},
    registry::scope::TokenScope,
};

/// How long a token lives that does not say.
const DEFAULT_LIFE: Duration = Duration::from_secs(60);
/// The longest life that is believed.
const LONGEST_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

/// A token, ready to be sent.
pub(super) struct Token {
    pub header: HeaderValue,
    /// When to ask for the next one.
    pub refresh: Instant,
    /// Whether the answer says something about the token's life that cannot be read.
    pub life_is_unreadable: bool,
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

/// The token in an answer: under `token`, or as OAuth 2 names it, under `access_token`.
pub(super) fn read_token(body: &[u8]) -> Option<Token> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let header = ["token", "access_token"]
        .iter()
        .filter_map(|name| answer.get(name)?.as_str())
        .map(str::trim)
        .filter(|token| !token.is_empty())
        .find_map(|token| secret(&format!("Bearer {token}")))?;
    let said = answer.get("expires_in").filter(|said| !said.is_null());
    let life = said.and_then(life);
    // Counted from now, on our clock: `issued_at` is the server's. Renewed at three quarters, so
    // that a request that is on its way does not find it expired.
    Some(Token {
        header,
        refresh: Instant::now() + life.unwrap_or(DEFAULT_LIFE) * 3 / 4,
        life_is_unreadable: said.is_some() && life.is_none(),
    })
}

/// `expires_in`: a number of seconds, as services write it. `None`: it is not one, or not positive.
fn life(said: &Value) -> Option<Duration> {
    let seconds = match said {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    if seconds.is_nan() || seconds <= 0.0 {
        return None;
    }
    Some(Duration::try_from_secs_f64(seconds).map_or(LONGEST_LIFE, |life| life.min(LONGEST_LIFE)))
}

/// What of `scope` a token does not allow, where it says what it allows (a JSON Web Token, as the
/// distribution's token services give). Nothing is decided by it: the registry judges tokens.
pub(super) fn missing(header: &HeaderValue, scope: &TokenScope) -> Option<String> {
    let token = header.to_str().ok()?.strip_prefix("Bearer ")?;
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let access = claims.get("access")?.as_array()?;
    let allows = |name: &str, action: &str| {
        access.iter().any(|one| {
            let mut actions = one["actions"].as_array().into_iter().flatten();
            one["type"] == "repository"
                && one["name"] == name
                && actions.any(|granted| granted == action || granted == "*")
        })
    };
    let lacking = scope.rights().into_iter().filter_map(|(name, actions)| {
        let lacking: Vec<_> = actions
            .split(',')
            .filter(|action| !allows(name, action))
            .collect();
        (!lacking.is_empty()).then(|| format!("repository:{name}:{}", lacking.join(",")))
    });
    let lacking: Vec<_> = lacking.collect();
    (!lacking.is_empty()).then(|| lacking.join(" "))
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
    use crate::io::registry::scope::Access;

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
            "[]",
            "null",
            r#"{"token":""}"#,
            r#"{"token":"a\nb"}"#,
            r#"{"token":7}"#,
            r#"{"token":null,"access_token":" "}"#,
        ] {
            assert_eq!(lasts(none), None, "{none}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_life_is_read_in_any_form_and_never_costs_the_token() {
        let lasts = |life: &str| {
            let body = format!(r#"{{"token":"t","expires_in":{life}}}"#);
            let token = read_token(body.as_bytes()).expect("there is a token");
            let seconds = (token.refresh - Instant::now()).as_secs();
            (seconds, token.life_is_unreadable)
        };
        for life in ["300", "300.0", "\"300\"", "\" 300.5 \"", "3e2"] {
            assert_eq!(lasts(life), (225, false), "{life}");
        }
        assert_eq!(lasts("null"), (45, false));
        for life in [
            "-1", "0", "-0.0", "\"\"", "\"soon\"", "\"300s\"", "true", "[300]", "{}", "\"NaN\"",
            "\"-inf\"",
        ] {
            assert_eq!(lasts(life), (45, true), "{life}");
        }
        let longest = LONGEST_LIFE.as_secs() * 3 / 4;
        for life in ["1e300", "99999999999999999999", "\"inf\"", "31536000"] {
            assert_eq!(lasts(life), (longest, false), "{life}");
        }
    }

    #[test]
    fn the_first_name_with_a_token_that_can_be_sent_counts() {
        let header = |body: &str| read_token(body.as_bytes()).map(|token| token.header);
        for body in [
            r#"{"token":"t"}"#,
            r#"{"access_token":"t"}"#,
            r#"{"token":"t","access_token":"other"}"#,
            r#"{"token":"","access_token":"t"}"#,
            r#"{"token":null,"access_token":"t"}"#,
            r#"{"token":["x"],"access_token":"t"}"#,
            r#"{"token":"a\nb","access_token":"t"}"#,
            r#"{"token":"t\n"}"#,
        ] {
            assert_eq!(
                header(body).as_ref().map(HeaderValue::as_bytes),
                Some(&b"Bearer t"[..]),
                "{body}"
            );
        }
    }

    #[test]
    fn what_a_token_lacks_is_named_where_it_says_what_it_allows() {
        let mut scope = TokenScope::new("acme/api", Access::Push);
        scope.from = Some("acme/base".into());
        let missing = |claims: &str| {
            let claims = URL_SAFE_NO_PAD.encode(claims);
            let header = secret(&format!("Bearer e30.{claims}.c2ln"));
            missing(&header.expect("a header"), &scope)
        };
        let access = |api: &str, base: &str| {
            missing(&format!(
                r#"{{"access":[{{"type":"repository","name":"acme/api","actions":{api}}},
                    {{"type":"repository","name":"acme/base","actions":{base}}}]}}"#
            ))
        };
        let lacks = |text: &str| Some(text.to_owned());
        assert_eq!(
            access(r#"["pull"]"#, r#"["pull"]"#),
            lacks("repository:acme/api:push")
        );
        assert_eq!(
            access("[]", "null"),
            lacks("repository:acme/api:pull,push repository:acme/base:pull")
        );
        assert_eq!(access(r#"["*"]"#, r#"["pull"]"#), None);
        assert_eq!(access(r#"["push","pull"]"#, r#"["pull"]"#), None);
        for nothing in ["", "{}", "[]", r#"{"access":7}"#, r#"{"access":"x"}"#] {
            assert_eq!(missing(nothing), None, "{nothing}");
        }
        assert!(missing(r#"{"access":[7]}"#).is_some());
        let opaque = secret("Bearer token-1").expect("a header");
        assert_eq!(super::missing(&opaque, &scope), None);
    }

    #[test]
    fn a_token_is_not_shown() {
        assert_eq!(format!("{:?}", secret("Bearer t")), "Some(Sensitive)");
    }
}
