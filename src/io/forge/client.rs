//! One forge over HTTP: the token, waits that the forge asks for, and what it refuses.

use std::{
    fmt::Write as _,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};
use url::{Host, Url};

use crate::{
    event::{Awaited, Event, Events},
    io::{
        environment::Environment,
        forge::{
            FileContent, ForgeError, ForgeErrorKind, ReleaseFile,
            answer::{ForgeAnswer, date_of, more_of, wait_of, words},
            connection::ForgeConnection,
            error::named,
            token::ForgeToken,
        },
        http::{
            Body, HeaderMap, HeaderName, HeaderValue, Method, Request, Response, TlsConfig,
            Transport, header, longest, slow,
        },
        lease::Permit,
        proxy::Proxies,
        server_warnings::ServerWarnings,
        wait_report::{LastWord, WaitReport},
    },
};

/// How long requests may take, unless a test is in a hurry.
const USUAL: ForgeTimes = ForgeTimes {
    silence: Duration::from_secs(60),
    patience: Duration::from_secs(600),
    quiet: Duration::from_secs(10),
};
/// How often a request that may be repeated is sent in all.
const TRIES: usize = 5;
/// The largest answer: a page of releases with long texts.
const LARGEST: u64 = 64 * 1024 * 1024;
/// How much of an explanation is read.
const EXPLANATION: usize = 16 * 1024;
/// Redirects that are followed.
const REDIRECTS: usize = 3;

/// How long requests may take.
#[derive(Debug, Clone, Copy)]
struct ForgeTimes {
    /// How long a forge may be silent.
    silence: Duration,
    /// How long one request is tried in all, waits included.
    patience: Duration,
    /// From when on an answer that does not come is told of.
    quiet: Duration,
}

/// A forge's programming interface.
pub(super) struct ForgeClient {
    transport: Transport,
    times: ForgeTimes,
    tls: TlsConfig,
    token: ForgeToken,
    /// Headers of every request.
    headers: HeaderMap,
    events: Events,
    warnings: ServerWarnings,
    /// What the newest answer says of the time, and when it came.
    time: Mutex<Option<(DateTime<Utc>, Instant)>>,
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

impl ForgeClient {
    pub(super) fn new(
        origin: &str,
        token: ForgeToken,
        environment: &Environment,
        connection: ForgeConnection,
    ) -> Self {
        Self::in_time(USUAL, origin, token, environment, connection)
    }

    fn in_time(
        times: ForgeTimes,
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
            transport: Transport::new(times.silence, Proxies::new(environment)),
            times,
            tls: TlsConfig {
                ca_file: connection.ca_file,
                loopback,
            },
            token,
            headers: HeaderMap::new(),
            events: connection.events,
            warnings: ServerWarnings::default(),
            time: Mutex::default(),
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

    /// What time it is by the forge's clock, as far as its answers have told.
    pub(super) fn time(&self) -> Option<DateTime<Utc>> {
        let told = *self.time.lock().unwrap_or_else(PoisonError::into_inner);
        let (date, came) = told?;
        let since = TimeDelta::from_std(came.elapsed()).ok()?;
        date.checked_add_signed(since)
    }

    /// Sends a request, again where that is safe and may help.
    pub(super) async fn send(&self, asked: ForgeRequest<'_>) -> Result<ForgeAnswer, ForgeError> {
        let end = Instant::now() + self.times.patience;
        let mut pauses = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(300))
            .with_factor(2.0)
            .with_jitter()
            .with_max_times(TRIES - 1)
            .build();
        let request = named(&asked.method, &asked.url);
        let last_word = LastWord::default();
        let report = || {
            let awaited = Awaited::Answer {
                request: request.clone(),
            };
            WaitReport::new(&self.events, awaited).sharing(&last_word)
        };
        let mut retries = report().until(end);
        let longest = self.longest(&asked.content);
        loop {
            let mut silence = report()
                .until(Instant::now() + longest)
                .silent_for(self.times.quiet);
            // A byte now and then is an answer that does not end.
            let answer = silence.during(timeout(longest, self.once(&asked))).await;
            let answer = answer
                .unwrap_or_else(|_| Err(ForgeError::of_transport(request.clone(), slow(longest))));
            let failure = match answer {
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
                    retries.retry(failure.detail);
                    retries.during(sleep(pause)).await;
                }
                None => return Err(failure),
            }
        }
    }

    /// How long one exchange may take in all: content that goes as slowly as any may, and the answer.
    fn longest(&self, content: &ForgeContent<'_>) -> Duration {
        let answer = longest(0, self.times.silence);
        match content {
            ForgeContent::Nothing | ForgeContent::Json(_) => answer,
            ForgeContent::File(file) => answer + longest(file.size, self.times.silence),
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
                let has_more = more_of(&answer);
                let body = answer.bytes(LARGEST).await;
                let body =
                    body.map_err(|failure| ForgeError::of_transport(name.clone(), failure))?;
                return Ok(ForgeAnswer::new(status, body, name).with_more(has_more));
            }
            return Err(refused(name, answer).await);
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
            if let Some(date) = date_of(answer) {
                let mut time = self.time.lock().unwrap_or_else(PoisonError::into_inner);
                *time = Some((date, Instant::now()));
            }
        }
        sent.map_err(|failure| ForgeError::of_transport(name.to_owned(), failure))
    }
}

/// How long is waited after a limit of which GitHub does not say when it ends.
const A_MINUTE: Duration = Duration::from_secs(60);

/// What an answer that is an error means, in the forge's words.
async fn refused(request: String, answer: Response) -> ForgeError {
    let status = answer.status();
    let wait = wait_of(&answer);
    let is_used_up = ["x-ratelimit-remaining", "ratelimit-remaining"]
        .into_iter()
        .any(|name| answer.header(name) == Some("0"));
    // A forge or a proxy before it can repeat what was sent.
    let mask = answer.mask();
    let body = answer.beginning(EXPLANATION).await;
    let words = mask.hide(&words(&body));
    let is_throttled = status == 429
        || status == 403 && (is_used_up || wait.is_some() || words.contains("rate limit"));
    // GitHub asks for a minute where it does not say how long.
    let is_secondary = is_throttled && words.contains("secondary rate limit");
    let wait = wait.or_else(|| is_secondary.then_some(A_MINUTE));
    let kind = match status {
        _ if is_throttled => ForgeErrorKind::Later(wait),
        401 | 403 | 404 => ForgeErrorKind::Denied,
        408 | 500..=599 => ForgeErrorKind::Unknown,
        _ => ForgeErrorKind::Refused,
    };
    let mut detail = match words.is_empty() {
        true => status.to_string(),
        false => format!("{status}: {words}"),
    };
    if let ForgeErrorKind::Later(Some(wait)) = kind
        && wait >= A_MINUTE
        && let Ok(wait) = TimeDelta::from_std(wait)
        && let Some(until) = Utc::now().checked_add_signed(wait)
    {
        let until = until.format("%Y-%m-%d %H:%M UTC");
        let _ = write!(detail, "; it asks to be left alone until {until}");
    }
    ForgeError::new(kind, request, detail)
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
        let place = answer.mask().hide(&target[..url::Position::BeforeQuery]);
        return Err(refused(format!(
            "it redirects to `{place}`: the project has another address now"
        )));
    }
    Ok(target)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
        sync::{Arc, Mutex},
    };

    use crate::{
        io::forge::{client::*, token::token},
        policy::{ForgePlace, ForgeService},
    };

    /// A forge that begins an answer, and sends a byte of it now and then: so often, or until it is left alone.
    fn dripping(bytes: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || drip(stream, bytes));
            }
        });
        format!("http://{address}")
    }

    fn drip(mut stream: std::net::TcpStream, bytes: usize) -> std::io::Result<()> {
        let _ = stream.read(&mut [0; 4096])?;
        let head = "HTTP/1.1 200 .\r\nConnection: close\r\n\r\n";
        stream.write_all(head.as_bytes())?;
        for _ in 0..bytes {
            stream.write_all(b" ")?;
            stream.flush()?;
            std::thread::sleep(Duration::from_millis(20));
        }
        stream.write_all(b"{}")
    }

    fn client(origin: &str, events: Events) -> ForgeClient {
        let environment: Environment = [("GITHUB_TOKEN", "t"), ("HOIST_FORGE_HOST", "h")]
            .into_iter()
            .collect();
        let place = ForgePlace {
            service: ForgeService::GitHub,
            origin: origin.to_owned(),
            host: "h".to_owned(),
            project: "acme/api".to_owned(),
        };
        let token = token(&place, None, &environment).expect("a token");
        let times = ForgeTimes {
            silence: Duration::from_millis(200),
            patience: Duration::from_secs(3),
            quiet: Duration::from_millis(100),
        };
        let connection = ForgeConnection {
            ca_file: None,
            events,
        };
        ForgeClient::in_time(times, origin, token, &environment, connection)
    }

    /// What was waited for, and whether it was said until when.
    type Words = Vec<(String, bool)>;

    fn listener() -> (Events, Arc<Mutex<Words>>) {
        let words: Arc<Mutex<Words>> = Arc::default();
        let events = Events::new({
            let words = words.clone();
            move |event| {
                if let Event::Waiting(wait) = event
                    && let Awaited::Answer { request } = wait.awaited
                {
                    let word = (request, wait.until.is_some());
                    words.lock().expect("no panic").push(word);
                }
            }
        });
        (events, words)
    }

    async fn ask(
        origin: &str,
        method: Method,
        again: Again<'_>,
    ) -> (Result<ForgeAnswer, ForgeError>, Words) {
        let (events, words) = listener();
        let client = client(origin, events);
        let url = Url::parse(&format!("{origin}/x")).expect("an address");
        let asked = ForgeRequest {
            method,
            url,
            content: ForgeContent::Nothing,
            again,
            allowed: &[],
        };
        let answer = client.send(asked).await;
        let words = words.lock().expect("no panic").clone();
        (answer, words)
    }

    #[tokio::test]
    async fn an_answer_that_never_ends_has_an_end_and_is_told_of() {
        let origin = dripping(usize::MAX);
        for (method, again) in [(Method::POST, Again::Never), (Method::GET, Again::Always)] {
            let begun = Instant::now();
            let name = format!("{method} {origin}/x");
            let (answer, words) = ask(&origin, method, again).await;
            let error = answer.err().expect("it has no end");
            assert_eq!(error.kind, ForgeErrorKind::Unknown, "{error}");
            assert!(error.detail.contains("not at its end after"), "{error}");
            assert!(begun.elapsed() < Duration::from_secs(30), "{name}");
            assert_eq!(words.first(), Some(&(name, true)));
        }
    }

    #[tokio::test]
    async fn an_answer_that_takes_its_time_is_read_and_told_of() {
        let origin = dripping(15);
        let (answer, words) = ask(&origin, Method::POST, Again::Never).await;
        assert!(answer.is_ok(), "{:?}", answer.err());
        assert_eq!(words, [(format!("POST {origin}/x"), true)]);
    }
}
