//! What a forge answers: documents, what they must be about, and its own words in errors.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::io::{
    forge::{ForgeError, ForgeErrorKind},
    http::Response,
};

/// The shortest and the longest time that a forge may ask for.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// An answer that is no error.
pub(super) struct ForgeAnswer {
    pub(super) status: u16,
    /// Whether further pages of a list follow; `None`: it does not say.
    pub(super) has_more: Option<bool>,
    body: Bytes,
    request: String,
}

impl ForgeAnswer {
    pub(super) fn new(status: u16, body: Bytes, request: String) -> Self {
        Self {
            status,
            has_more: None,
            body,
            request,
        }
    }

    pub(super) fn with_more(self, has_more: Option<bool>) -> Self {
        Self { has_more, ..self }
    }

    /// The document of the answer.
    pub(super) fn json(&self) -> Result<Value, ForgeError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            self.doubt(&format!(
                "it answers {}, and not with JSON: {error}",
                self.status
            ))
        })
    }

    /// An error about what the answer lacks.
    pub(super) fn lacks(&self, what: &str) -> ForgeError {
        self.doubt(&format!("the answer has no {what}"))
    }

    /// It says that all is well, and shows something else: whether it was done is not known.
    pub(super) fn is_not(&self, what: &str) -> ForgeError {
        self.doubt(&format!("it answers {}, and not with {what}", self.status))
    }

    /// It says that all is well, and that is not so.
    pub(super) fn is_false(&self, truth: &str) -> ForgeError {
        self.doubt(&format!("it answers {}, and {truth}", self.status))
    }

    fn doubt(&self, detail: &str) -> ForgeError {
        ForgeError::new(ForgeErrorKind::Unknown, self.request.clone(), detail)
    }
}

/// What time it is, as the forge says.
pub(super) fn date_of(answer: &Response) -> Option<DateTime<Utc>> {
    let date = httpdate::parse_http_date(answer.header("date")?).ok()?;
    Some(date.into())
}

/// Whether further pages follow (RFC 8288), where a list says.
pub(super) fn more_of(answer: &Response) -> Option<bool> {
    let links: Vec<&str> = answer.all("link").collect();
    more(&links)
}

/// A link that is not about pages says nothing of them.
fn more(links: &[&str]) -> Option<bool> {
    let has = |name: &str| {
        let forms = [format!("rel=\"{name}\""), format!("rel={name}")];
        links
            .iter()
            .any(|link| forms.iter().any(|form| link.contains(form)))
    };
    match has("next") {
        true => Some(true),
        false => (has("first") || has("prev") || has("last")).then_some(false),
    }
}

/// How long the forge asks to be left alone.
pub(super) fn wait_of(answer: &Response) -> Option<Duration> {
    // It says until when by its own clock.
    let now = date_of(answer).unwrap_or_else(Utc::now);
    let until = |seconds: i64| {
        let until = DateTime::from_timestamp(seconds, 0)?;
        (until - now).to_std().ok().or(Some(Duration::ZERO))
    };
    if let Some(after) = answer.header("retry-after") {
        if let Ok(seconds) = after.trim().parse::<u64>() {
            return Some(Duration::from_secs(seconds).clamp(SHORTEST_WAIT, LONGEST_WAIT));
        }
        let date = httpdate::parse_http_date(after).ok()?;
        return until(DateTime::<Utc>::from(date).timestamp());
    }
    let used_up = |prefix: &str| answer.header(&format!("{prefix}remaining")) == Some("0");
    let reset = ["x-ratelimit-", "ratelimit-"]
        .into_iter()
        .find_map(|prefix| {
            let reset = answer.header(&format!("{prefix}reset"));
            reset.filter(|_| used_up(prefix))
        });
    let wait = until(reset?.trim().parse().ok()?)?;
    Some(wait + Duration::from_secs(1))
}

/// What the forge says of an error, in one line.
pub(super) fn words(body: &[u8]) -> String {
    let Ok(document) = serde_json::from_slice::<Value>(body) else {
        let text = String::from_utf8_lossy(body);
        // A page for people says nothing in one line.
        return match text.trim_start().starts_with('<') {
            true => String::new(),
            false => text.trim().to_owned(),
        };
    };
    let mut all = Vec::new();
    for key in ["message", "error", "error_description"] {
        match &document[key] {
            Value::Null => {}
            Value::String(text) => all.push(text.clone()),
            other => all.push(other.to_string()),
        }
    }
    for error in document["errors"].as_array().into_iter().flatten() {
        let parts = ["resource", "field", "code", "message"]
            .into_iter()
            .filter_map(|key| error[key].as_str());
        let parts: Vec<_> = parts.collect();
        match (parts.is_empty(), error.as_str()) {
            (false, _) => all.push(parts.join(" ")),
            (true, Some(text)) => all.push(text.to_owned()),
            (true, None) => {}
        }
    }
    all.join("; ")
}

#[cfg(test)]
mod tests {
    use crate::io::forge::answer::*;

    #[test]
    fn links_tell_of_further_pages() {
        for (links, expected) in [
            (&[] as &[&str], None),
            (&["</style.css>; rel=preload"], None),
            (
                &["<https://h/?page=2>; rel=\"next\", <https://h/?page=9>; rel=\"last\""],
                Some(true),
            ),
            (&["<https://h/?page=2>; rel=next"], Some(true)),
            (
                &["<https://h/?page=1>; rel=\"prev\", <https://h/?page=1>; rel=\"first\""],
                Some(false),
            ),
            (
                &[
                    "</style.css>; rel=preload",
                    "<https://h/?page=1>; rel=\"first\"",
                ],
                Some(false),
            ),
        ] {
            assert_eq!(more(links), expected, "{links:?}");
        }
    }

    #[test]
    fn a_forge_is_quoted_in_one_line() {
        for (body, expected) in [
            (
                r#"{"message":"Not Found","documentation_url":"x"}"#,
                "Not Found",
            ),
            (
                r#"{"message":"Validation Failed","errors":[{"resource":"Release","code":"already_exists","field":"tag_name"}]}"#,
                "Validation Failed; Release tag_name already_exists",
            ),
            (
                r#"{"error":"insufficient_scope","error_description":"more"}"#,
                "insufficient_scope; more",
            ),
            (r#"{"message":{"tag":["is bad"]}}"#, r#"{"tag":["is bad"]}"#),
            ("<html>502</html>", ""),
            ("plain", "plain"),
            ("", ""),
        ] {
            assert_eq!(words(body.as_bytes()), expected);
        }
    }
}
