//! The credentials in a request.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::header::{CONTENT_TYPE, HeaderMap};
use url::{Url, form_urlencoded};

/// Fields of a form that hold credentials (RFC 6749).
const FIELDS: [&str; 3] = ["refresh_token", "password", "client_secret"];
/// Parts of the names of parameters that hold credentials: of signed addresses, and of uploads.
const PARAMETERS: [&str; 6] = ["sig", "token", "secret", "credential", "auth", "_state"];

/// What a request sends that nobody else may see: headers that are marked, fields of forms, and parameters
/// of its address.
pub(super) fn secrets(url: &Url, headers: &HeaderMap, body: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    let marked = headers.values().filter(|value| value.is_sensitive());
    for value in marked.filter_map(|value| value.to_str().ok()) {
        let (scheme, rest) = value.trim().split_once(' ').unwrap_or(("", value));
        if scheme.eq_ignore_ascii_case("basic")
            && let Ok(pair) = STANDARD.decode(rest.trim())
        {
            let pair = String::from_utf8_lossy(&pair);
            all.extend(
                pair.split_once(':')
                    .map(|(_, password)| password.to_owned()),
            );
        }
        all.push(rest.trim().to_owned());
    }
    let kind = headers.get(CONTENT_TYPE).map(|kind| kind.as_bytes());
    if kind.is_some_and(|kind| kind.starts_with(b"application/x-www-form-urlencoded")) {
        let fields = form_urlencoded::parse(body);
        let secret = fields.filter(|(name, _)| FIELDS.contains(&&**name));
        all.extend(secret.map(|(_, value)| value.into_owned()));
    }
    for (name, value) in url.query_pairs() {
        let name = name.to_ascii_lowercase();
        if PARAMETERS.iter().any(|part| name.contains(part)) {
            all.push(value.into_owned());
        }
    }
    all.extend(url.password().map(str::to_owned));
    all
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn credentials_are_found_wherever_a_request_has_them() {
        let found = |url: &str, headers: &[(&'static str, &str, bool)], body: &str| {
            let headers = headers.iter().map(|(name, value, is_secret)| {
                let mut value = HeaderValue::from_str(value).expect("a value");
                value.set_sensitive(*is_secret);
                (HeaderName::from_static(name), value)
            });
            let url = Url::parse(url).expect("an address");
            secrets(&url, &headers.collect(), body.as_bytes())
        };
        let plain = "https://r.example.org/v2/a?n=100&digest=sha256:0";
        assert_eq!(
            found(plain, &[("accept", "x", false)], "password=x"),
            [""; 0]
        );
        let basic = format!("Basic {}", STANDARD.encode("me:my:password"));
        for (header, secret) in [
            ("Bearer tok3n", &["tok3n"][..]),
            ("glpat-1", &["glpat-1"]),
            (&*basic, &["my:password", "bWU6bXk6cGFzc3dvcmQ="]),
        ] {
            assert_eq!(found(plain, &[("authorization", header, true)], ""), secret);
        }
        let form = [("content-type", "application/x-www-form-urlencoded", false)];
        assert_eq!(
            found(plain, &form, "grant_type=x&refresh_token=a%2Bb"),
            ["a+b"]
        );
        assert_eq!(
            found("https://u:p4ss@h/?X-Amz-Signature=abc&sig=d&x=y", &[], ""),
            ["abc", "d", "p4ss"]
        );
    }
}
