//! One forge over HTTP: the token, waits that the forge asks for, and its own words in errors.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio::time::{Instant, sleep};
use url::{Host, Url};

use crate::{
    event::{Awaited, Event, Events},
    io::{
        environment::Environment,
        forge::{
            FileContent, ForgeError, ForgeErrorKind, ReleaseFile, connection::ForgeConnection,
            error::named, token::ForgeToken,
        },
        http::{
            Body, HeaderMap, HeaderName, HeaderValue, Method, Request, Response, TlsConfig,
            Transport, header,
        },
        lease::Permit,
        proxy::Proxies,
        server_warnings::ServerWarnings,
        wait_report::WaitReport,
    },
};

/// How long a forge may be silent.
const SILENCE: Duration = Duration::from_secs(60);
/// How long one request is tried in all, waits included.
const PATIENCE: Duration = Duration::from_secs(600);
/// The shortest and the longest time that a forge may ask for.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);
/// How often a request that may be repeated is sent in all.
const TRIES: usize = 5;
/// The largest answer: a page of releases with long texts.
const LARGEST: u64 = 64 * 1024 * 1024;
/// How much of an explanation is read.
const EXPLANATION: usize = 16 * 1024;
/// Redirects that are followed.
const REDIRECTS: usize = 3;

/// A forge's programming interface.
pub(super) struct ForgeClient {
    transport: Transport,
    tls: TlsConfig,
    token: ForgeToken,
    /// Headers of every request.
    headers: HeaderMap,
    events: Events,
    warnings: ServerWarnings,
}

/// When a request may be sent again.
pub(super) enum Again<'a> {
    /// Whenever it failed: twice is as good as once.
    Always,
    /// Never: the caller looks first.
    Never,
    /// Never, and it is sent only while this permit lasts.
    Permitted(&'a Permit),
}

/// What goes with a request.
pub(super) enum ForgeContent<'a> {
    Nothing,
    Json(Value),
    File(&'a ReleaseFile),
}

/// One request.
pub(super) struct ForgeRequest<'a> {
    pub method: Method,
    pub url: Url,
    pub content: ForgeContent<'a>,
    pub again: Again<'a>,
    /// Answers beside 2xx that are no errors.
    pub allowed: &'a [u16],
}

/// An answer that is no error.
pub(super) struct ForgeAnswer {
    pub status: u16,
    body: Bytes,
    request: String,
}

impl ForgeAnswer {
    /// The document of the answer.
    pub(super) fn json(&self) -> Result<Value, ForgeError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let detail = format!("the answer is not JSON: {error}");
            ForgeError::new(ForgeErrorKind::Unknown, self.request.clone(), detail)
        })
    }

    /// An error about what the answer lacks.
    pub(super) fn lacks(&self, what: &str) -> ForgeError {
        let detail = format!("the answer has no {what}");
        ForgeError::new(ForgeErrorKind::Unknown, self.request.clone(), detail)
    }
}

impl ForgeClient {
    pub(super) fn new(
        origin: &str,
        token: ForgeToken,
        environment: &Environment,
        connection: ForgeConnection,
    ) -> Self {
        let host = Url::parse(origin).ok();
        let loopback = match host.as_ref().and_then(Url::host) {
            Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        Self {
            transport: Transport::new(SILENCE, Proxies::new(environment)),
            tls: TlsConfig {
                ca_file: connection.ca_file,
                loopback,
            },
            token,
            headers: HeaderMap::new(),
            events: connection.events,
            warnings: ServerWarnings::default(),
        }
    }

    /// With a header of every request.
    pub(super) fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        let name = HeaderName::from_static(name);
        self.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    /// The token's variable.
    pub(super) fn token(&self) -> &ForgeToken {
        &self.token
    }

    /// Sends a request, again where that is safe and may help.
    pub(super) async fn send(&self, asked: ForgeRequest<'_>) -> Result<ForgeAnswer, ForgeError> {
        let end = Instant::now() + PATIENCE;
        let mut pauses = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(300))
            .with_factor(2.0)
            .with_jitter()
            .with_max_times(TRIES - 1)
            .build();
        let request = named(&asked.method, &asked.url);
        let mut report = WaitReport::new(&self.events, Awaited::Answer { request });
        loop {
            let failure = match self.once(&asked).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if failure.is_final() || !matches!(asked.again, Again::Always) {
                return Err(failure);
            }
            let pause = match failure.kind {
                // As long as the forge asks for, and not as often as after a failure.
                ForgeErrorKind::Later(Some(wait)) => Some(wait),
                _ => pauses.next(),
            };
            let now = Instant::now();
            match pause.filter(|pause| now.checked_add(*pause).is_some_and(|at| at < end)) {
                Some(pause) => {
                    report.retry(failure.detail);
                    report.during(sleep(pause)).await;
                }
                None => return Err(failure),
            }
        }
    }

    async fn once(&self, asked: &ForgeRequest<'_>) -> Result<ForgeAnswer, ForgeError> {
        let mut url = asked.url.clone();
        for _ in 0..=REDIRECTS {
            let name = named(&asked.method, &url);
            let answer = self.exchange(asked, &url, &name).await?;
            let status = answer.status();
            if (300..400).contains(&status) {
                url = moved(asked, &url, &answer, &name)?;
                continue;
            }
            if (200..300).contains(&status) || asked.allowed.contains(&status) {
                let body = answer.bytes(LARGEST).await;
                let body =
                    body.map_err(|failure| ForgeError::of_transport(name.clone(), failure))?;
                return Ok(ForgeAnswer {
                    status,
                    body,
                    request: name,
                });
            }
            return Err(self.refused(name, answer).await);
        }
        let name = named(&asked.method, &asked.url);
        Err(ForgeError::new(
            ForgeErrorKind::Refused,
            name,
            "too many redirects",
        ))
    }

    async fn exchange(
        &self,
        asked: &ForgeRequest<'_>,
        url: &Url,
        name: &str,
    ) -> Result<Response, ForgeError> {
        let mut headers = self.headers.clone();
        let bad_token = |_| {
            let detail = format!(
                "`{}` holds characters that no token has",
                self.token.variable
            );
            ForgeError::new(ForgeErrorKind::Denied, name, detail)
        };
        let mut value = HeaderValue::from_str(&self.token.value).map_err(bad_token)?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_static(self.token.header), value);
        let id = format!("forge {name}");
        let progress = |done: u64| {
            let ForgeContent::File(file) = &asked.content else {
                return;
            };
            self.events.emit(Event::Progress {
                id: id.clone(),
                label: file.name.clone(),
                done,
                total: Some(file.size),
            });
        };
        let mut kind = |name: &'static str| {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(name));
        };
        let body = match &asked.content {
            ForgeContent::Nothing => Body::Empty,
            ForgeContent::Json(value) => {
                kind("application/json");
                Body::Bytes(value.to_string().into())
            }
            ForgeContent::File(file) => {
                kind("application/octet-stream");
                match &file.content {
                    FileContent::Path(path) => Body::File {
                        path,
                        size: file.size,
                        progress: &progress,
                    },
                    FileContent::Text(text) => Body::Bytes(text.clone().into()),
                }
            }
        };
        let permit = match asked.again {
            Again::Permitted(permit) => permit.clone(),
            Again::Always | Again::Never => Permit::always(),
        };
        let request = Request {
            method: asked.method.clone(),
            url: url.clone(),
            headers,
            body,
        };
        let sent = self.transport.send(&self.tls, request, permit).await;
        if let Ok(answer) = &sent {
            self.warnings.tell(&self.events, url, answer);
        }
        sent.map_err(|failure| ForgeError::of_transport(name.to_owned(), failure))
    }

    /// A forge or a proxy before it can repeat what was sent, with the scheme before it or without.
    fn without_token(&self, text: &str) -> String {
        match self.token.value.split_ascii_whitespace().next_back() {
            Some(token) => text.replace(token, "***"),
            None => text.to_owned(),
        }
    }

    async fn refused(&self, request: String, answer: Response) -> ForgeError {
        let status = answer.status();
        let wait = wait_of(&answer);
        let is_used_up = ["x-ratelimit-remaining", "ratelimit-remaining"]
            .into_iter()
            .any(|name| answer.header(name) == Some("0"));
        let body = answer.beginning(EXPLANATION).await;
        let words = self.without_token(&words(&body));
        let is_throttled = status == 429
            || status == 403 && (is_used_up || wait.is_some() || words.contains("rate limit"));
        let kind = match status {
            _ if is_throttled => ForgeErrorKind::Later(wait),
            401 | 403 | 404 => ForgeErrorKind::Denied,
            408 | 500..=599 => ForgeErrorKind::Unknown,
            _ => ForgeErrorKind::Refused,
        };
        let detail = match words.is_empty() {
            true => status.to_string(),
            false => format!("{status}: {words}"),
        };
        ForgeError::new(kind, request, detail)
    }
}

/// Where a request is to be sent instead: a project that was renamed. The token stays on its host.
fn moved(
    asked: &ForgeRequest<'_>,
    url: &Url,
    answer: &Response,
    name: &str,
) -> Result<Url, ForgeError> {
    let refused = |detail: String| ForgeError::new(ForgeErrorKind::Refused, name, detail);
    let target = answer.header("location").and_then(|to| url.join(to).ok());
    let Some(target) = target else {
        return Err(refused(format!("{} without a place", answer.status())));
    };
    let same_host = target.origin() == url.origin();
    let is_read = asked.method == Method::GET;
    if !same_host || !is_read && !matches!(answer.status(), 307 | 308) {
        return Err(refused(format!(
            "it redirects to `{}`: the project has another address now",
            &target[..url::Position::BeforeQuery]
        )));
    }
    Ok(target)
}

/// How long the forge asks to be left alone.
fn wait_of(answer: &Response) -> Option<Duration> {
    let now = Utc::now();
    let until = |seconds: i64| {
        let until = DateTime::from_timestamp(seconds, 0)?;
        // The clocks of both may differ by a little.
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
fn words(body: &[u8]) -> String {
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
    use crate::io::forge::client::*;

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
