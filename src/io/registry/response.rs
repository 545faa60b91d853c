//! Turns an answer that is not a success into a [`RegistryError`].

use std::time::Duration;

use chrono::Utc;
use serde_json::Value;
use url::Url;

use crate::{
    io::{
        http::{Method, Response, TransportError},
        mask::Mask,
        registry::{
            error::{RegistryError, RegistryErrorCode, RegistryErrorKind, codes},
            header,
        },
    },
    oci::Digest,
    text::sanitize_line,
};

/// Largest error document that is read, in bytes: a manifest can name some thousand missing blobs.
const LARGEST_DOCUMENT: usize = 1024 * 1024;
/// Most error entries that are shown.
const MAX_ENTRIES: usize = 5;
/// Longest message that is shown, in characters.
const MAX_MESSAGE: usize = 300;

/// Names a request by method and URL, without the query, which can hold signatures and upload states.
pub(crate) fn describe(method: &Method, url: &Url) -> String {
    let mut bare = url.clone();
    bare.set_query(None);
    bare.set_fragment(None);
    // Only fails for URLs that cannot have them.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    sanitize_line(&format!("{method} {bare}"), 400)
}

/// The wait that an answer asks for.
pub(crate) fn wait_of(answer: &Response) -> Option<Duration> {
    // A date is on the server's clock, so it is compared with the server's own time.
    let now = answer
        .header("date")
        .and_then(header::http_date)
        .unwrap_or_else(Utc::now);
    ["retry-after", "x-retry-after"]
        .into_iter()
        .find_map(|name| header::retry_after(answer.header(name)?, now))
}

/// The error that an answer stands for; reads its body.
pub(crate) async fn refused(request: String, answer: Response) -> RegistryError {
    let status = answer.status();
    let wait = wait_of(&answer);
    let insufficient = header::challenges(answer.all("www-authenticate"))
        .iter()
        .any(|c| {
            c.parameters
                .get("error")
                .is_some_and(|e| e == "insufficient_scope")
        });
    let proxy = answer.proxy().map(ToOwned::to_owned);
    let leads_to = answer.header("location").filter(|_| status / 100 == 3);
    let leads_to = leads_to.map(|target| format!("it redirects to `{}`", bare(target)));
    let mask = answer.mask();
    let leads_to = leads_to.map(|text| mask.hide(&text));
    let (entries, missing, detail) = read(&answer.beginning(LARGEST_DOCUMENT).await, &mask);
    let has = |code: &str| entries.iter().any(|entry| entry.code == code);
    let kind = match status {
        401 if insufficient => RegistryErrorKind::Denied,
        401 => RegistryErrorKind::Unauthorized,
        _ if has(codes::MANIFEST_BLOB_UNKNOWN)
            || (has(codes::BLOB_UNKNOWN) && !missing.is_empty()) =>
        {
            RegistryErrorKind::BlobsMissing(missing)
        }
        403 => RegistryErrorKind::Denied,
        407 => RegistryErrorKind::ProxyRefused,
        413 => RegistryErrorKind::TooLarge,
        404 if has(codes::NAME_UNKNOWN) => RegistryErrorKind::NameUnknown,
        404 => RegistryErrorKind::NotFound,
        429 => RegistryErrorKind::TooManyRequests(wait),
        // A request that timed out, or whose client was thought gone, can have been done.
        408 | 499 | 500..=599 => RegistryErrorKind::Server,
        400..=498 => RegistryErrorKind::Refused,
        _ => RegistryErrorKind::BadAnswer,
    };
    // Words that no registry has written may be the proxy's.
    let proxy = proxy.filter(|_| entries.is_empty());
    let proxy = match status {
        407 => Some(format!(
            "{} asks for a user name and a password",
            proxy.as_deref().unwrap_or("a proxy")
        )),
        _ => proxy.map(|proxy| format!("asked through {proxy}")),
    };
    let detail: Vec<String> = [leads_to, detail, proxy].into_iter().flatten().collect();
    RegistryError {
        kind,
        request,
        status: Some(status),
        codes: entries,
        detail: (!detail.is_empty()).then(|| detail.join("; ")),
    }
}

/// A URL without what may be secret in it.
fn bare(target: &str) -> String {
    let cut = target.split(['?', '#']).next().unwrap_or_default();
    let shown = match Url::parse(cut) {
        Ok(mut url) => {
            // Only fails for URLs that cannot have them.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.to_string()
        }
        Err(_) => cut.to_owned(),
    };
    sanitize_line(&shown, MAX_MESSAGE)
}

/// The error of a request that got no answer.
pub(crate) fn failed(request: String, failure: TransportError) -> RegistryError {
    let (kind, detail) = match failure {
        TransportError::Unreachable { detail, .. } => (RegistryErrorKind::Unreachable, detail),
        TransportError::Lost(detail) => (RegistryErrorKind::Lost, detail),
        TransportError::TooLarge(limit) => (
            RegistryErrorKind::BadAnswer,
            format!("the answer is larger than {limit} bytes"),
        ),
        TransportError::Proxy { detail, refused } if refused => {
            (RegistryErrorKind::ProxyRefused, detail)
        }
        TransportError::Proxy { detail, .. } => (RegistryErrorKind::ProxyUnreachable, detail),
        TransportError::ProxySetting(detail) => (RegistryErrorKind::Setup, detail),
        TransportError::File(detail) | TransportError::Setup(detail) => {
            (RegistryErrorKind::File, detail)
        }
        TransportError::NotPermitted(ended) => (RegistryErrorKind::NotPermitted, ended.to_string()),
    };
    RegistryError {
        kind,
        request,
        status: None,
        codes: Vec::new(),
        detail: Some(sanitize_line(&detail, MAX_MESSAGE)),
    }
}

/// The error of an answer that breaks the rule `rule`.
pub(crate) fn bad(
    request: String,
    status: impl Into<Option<u16>>,
    rule: impl Into<String>,
) -> RegistryError {
    RegistryError {
        kind: RegistryErrorKind::BadAnswer,
        request,
        status: status.into(),
        codes: Vec::new(),
        detail: Some(sanitize_line(&rule.into(), MAX_MESSAGE)),
    }
}

/// The entries, the digests that they name, and the body's first words where it is not an error
/// document. What `mask` hides is in none of them.
fn read(body: &[u8], mask: &Mask) -> (Vec<RegistryErrorCode>, Vec<Digest>, Option<String>) {
    let document: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let Some(entries) = document.get("errors").and_then(Value::as_array) else {
        // Token services answer `{"details": "…"}`, proxies a page of text.
        let words = ["details", "message", "error_description", "error"]
            .iter()
            .find_map(|name| document.get(name)?.as_str().map(ToOwned::to_owned))
            .unwrap_or_else(|| first_line(body));
        return (
            vec![],
            vec![],
            (!words.is_empty()).then(|| sanitize_line(&mask.hide(&words), MAX_MESSAGE)),
        );
    };
    let text = |entry: &Value, name: &str, max| {
        let text = entry.get(name).and_then(Value::as_str).unwrap_or_default();
        // A code that is acted on is no secret, whatever a password is.
        match codes::KNOWN.contains(&text) {
            true => text.to_owned(),
            false => sanitize_line(&mask.hide(text), max),
        }
    };
    let mut missing = Vec::new();
    let mut codes: Vec<RegistryErrorCode> = Vec::new();
    for entry in entries {
        let code = RegistryErrorCode {
            code: text(entry, "code", 60),
            message: text(entry, "message", MAX_MESSAGE),
        };
        if matches!(&*code.code, "MANIFEST_BLOB_UNKNOWN" | "BLOB_UNKNOWN") {
            digests(entry.get("detail").unwrap_or(&Value::Null), &mut missing);
        }
        if codes.len() < MAX_ENTRIES && !codes.contains(&code) {
            codes.push(code);
        }
    }
    (codes, missing, None)
}

fn first_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    line.filter(|line| !line.starts_with(['<', '{']))
        .unwrap_or_default()
        .to_owned()
}

/// Digests anywhere in a `detail`, whose form the specification leaves open. The parser bounds the
/// depth.
fn digests(value: &Value, found: &mut Vec<Digest>) {
    match value {
        Value::String(text) => {
            if let Ok(digest) = text.parse()
                && !found.contains(&digest)
            {
                found.push(digest);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| digests(item, found)),
        Value::Object(fields) => fields.values().for_each(|item| digests(item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::io::registry::response::*;

    #[test]
    fn missing_blobs_are_named_in_any_form_of_detail() {
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let body = format!(
            r#"{{"errors":[{{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown","detail":"{a}"}},
                {{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown","detail":{{"x":["{b}"]}}}}]}}"#
        );
        let (codes, missing, detail) = read(body.as_bytes(), &Mask::default());
        assert_eq!(missing, [a, b]);
        assert_eq!(codes.len(), 1);
        assert_eq!(detail, None);
    }

    #[test]
    fn what_is_no_error_document_gives_its_first_words() {
        let words = |body: &str| read(body.as_bytes(), &Mask::default()).2;
        assert_eq!(
            words("\n404 page \u{1b}[2Jnot found\n").as_deref(),
            Some("404 page \\u{1b}[2Jnot found")
        );
        assert_eq!(
            words(r#"{"details":"incorrect username or password"}"#).as_deref(),
            Some("incorrect username or password")
        );
        assert_eq!(words("<html>"), None);
        assert_eq!(words(""), None);
    }

    #[test]
    fn what_was_sent_is_not_shown_when_it_comes_back() {
        let mask = Mask::new(["s3cr3t-tok3n"]);
        for body in [
            r#"{"errors":[{"code":"DENIED","message":"not s3cr3t-tok3n"}]}"#,
            r#"{"errors":[{"code":"s3cr3t-tok3n","message":"not s3cr3t\u002dtok3n"}]}"#,
            r#"{"details":"not s3cr3t%2Dtok3n"}"#,
            "not czNjcjN0LXRvazNu\n",
            "not s3cr3t-tok",
        ] {
            let (codes, _, detail) = read(body.as_bytes(), &mask);
            let shown = format!("{codes:?} {detail:?}");
            assert!(shown.contains("not ***"), "{shown}");
            assert!(
                !shown.contains("s3cr3t") && !shown.contains("czNj"),
                "{shown}"
            );
        }
    }

    #[test]
    fn a_password_changes_no_code() {
        let body = br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
        let (codes, _, _) = read(body, &Mask::new(["manifest_unknown"]));
        assert_eq!(codes[0].code, codes::MANIFEST_UNKNOWN);
    }

    #[test]
    fn a_request_is_named_without_its_query_or_credentials() {
        let url = Url::parse("https://u:p@r.example.org/v2/a/blobs/uploads/x?_state=secret#f")
            .expect("a URL");
        assert_eq!(
            describe(&Method::PUT, &url),
            "PUT https://r.example.org/v2/a/blobs/uploads/x"
        );
    }

    /// JSON of any shape, with the names that matter in it.
    fn document() -> impl Strategy<Value = Value> {
        let name = prop_oneof![
            Just("errors".to_owned()),
            Just("code".to_owned()),
            Just("message".to_owned()),
            Just("detail".to_owned()),
            ".{0,6}",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            Just(Value::from("MANIFEST_BLOB_UNKNOWN")),
            Just(Value::from(Digest::of(b"x").to_string())),
            ".{0,400}".prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 64, 8, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                proptest::collection::vec((name.clone(), inner), 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn hostile_documents_are_read_without_harm(
            errors in document(),
            garbage in proptest::collection::vec(any::<u8>(), 0..300),
            cut in 0..2000usize,
        ) {
            let whole = serde_json::json!({ "errors": [errors] }).to_string().into_bytes();
            let part = whole[..cut.min(whole.len())].to_vec();
            for body in [whole, part, garbage] {
                let (codes, _, detail) = read(&body, &Mask::new(["s3cr3t-tok3n"]));
                prop_assert!(codes.len() <= MAX_ENTRIES);
                let texts = codes.iter().flat_map(|c| [&c.code, &c.message]).chain(&detail);
                for text in texts {
                    prop_assert!(!text.chars().any(char::is_control), "{text:?}");
                    // Each character that is made harmless becomes some.
                    prop_assert!(text.chars().count() <= MAX_MESSAGE * 10 + 1);
                }
            }
        }
    }
}
