//! Sends requests until they are answered: it waits as long as a registry asks, for all tasks at once,
//! and repeats a request where that is safe.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, sleep_until, timeout},
};
use url::Url;

use crate::{
    event::{Awaited, Events},
    io::{
        http::{self, Request, Response, TlsConfig, Transport, TransportError},
        lease::Permit,
        proxy::Proxies,
        registry::{RegistryError, RegistryErrorKind, response},
        server_warnings::ServerWarnings,
        wait_report::{LastWord, WaitReport},
    },
};

/// Answers that take longer than this are reported to the user.
const REPORTED_ANSWER: Duration = Duration::from_secs(10);
/// Documents up to this size are read side by side; larger ones a few at a time.
const SMALL_DOCUMENT: u64 = 256 * 1024;
/// How many larger documents are read at once: this bounds the memory that they need.
const LARGE_DOCUMENTS: usize = 3;

/// How often and how long one request is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often a failing request is sent in all.
    pub tries: usize,
    /// The first pause between two tries; the next ones are twice as long each, give or take a
    /// random half.
    pub pause: Duration,
    /// The end of all waiting, counted from the first try.
    pub deadline: Duration,
    /// How long a registry may stay silent before a request counts as lost.
    pub silence: Duration,
    /// How long a document (a manifest, a page of tags, a token) may take to arrive as a whole.
    pub document: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            tries: 5,
            pause: Duration::from_millis(300),
            deadline: Duration::from_secs(600),
            silence: Duration::from_secs(60),
            document: Duration::from_secs(60),
        }
    }
}

/// When a request may be sent again.
#[derive(Debug, Clone)]
pub(crate) enum Repeat {
    /// Whenever it failed: carrying it out twice has the same effect as once.
    Always,
    /// Only where it was certainly not carried out: no connection, or 429.
    IfNotDone,
    /// Never, and it is sent only while this permit lasts: the caller looks at the lock and at the tag
    /// before it sends the request again.
    Once(Permit),
}

impl Repeat {
    fn permit(&self) -> Permit {
        match self {
            Self::Once(permit) => permit.clone(),
            Self::Always | Self::IfNotDone => Permit::always(),
        }
    }
}

/// Sends requests over the transport and retries them. One client serves all registries of a run.
pub(crate) struct RetryClient {
    pub transport: Transport,
    pub events: Events,
    pub policy: RetryPolicy,
    throttles: Mutex<HashMap<String, Arc<HostThrottle>>>,
    warnings: ServerWarnings,
    large_documents: Semaphore,
}

/// When a host may be asked again after it has answered 429. All tasks wait for it.
#[derive(Default)]
struct HostThrottle {
    until: Mutex<Option<Instant>>,
    /// Of all that wait for this host, one is told of at a time.
    last_word: LastWord,
}

impl HostThrottle {
    fn until(&self) -> Option<Instant> {
        *self.until.lock().expect("no thread panics with the lock")
    }

    /// Waits until the host may be asked again, and says so on behalf of `request`.
    async fn wait(&self, events: &Events, request: &str) {
        while let Some(until) = self.until().filter(|until| *until > Instant::now()) {
            let awaited = Awaited::Throttle {
                request: request.to_owned(),
            };
            let mut report = WaitReport::new(events, awaited)
                .until(until)
                .sharing(&self.last_word);
            report.during(sleep_until(until)).await;
        }
    }

    fn hold_until(&self, instant: Instant) {
        let mut until = self.until.lock().expect("no thread panics with the lock");
        *until = (*until).max(Some(instant));
    }
}

impl RetryClient {
    /// Makes no request. `proxies` are the user's.
    pub(crate) fn new(events: Events, policy: RetryPolicy, proxies: Proxies) -> Self {
        Self {
            transport: Transport::new(policy.silence, proxies),
            events,
            policy,
            throttles: Mutex::default(),
            warnings: ServerWarnings::default(),
            large_documents: Semaphore::new(LARGE_DOCUMENTS),
        }
    }

    /// Sends the request that `make` builds, until there is an answer that another try would not
    /// change. That can still be a refusal, or a 5xx when the policy allows no further try.
    pub(crate) async fn send<'a>(
        &self,
        tls: &TlsConfig,
        repeat: Repeat,
        make: impl Fn() -> Request<'a>,
    ) -> Result<Response, RegistryError> {
        let deadline = Instant::now() + self.policy.deadline;
        let (mut failures, mut throttled) = (self.pauses(), self.pauses());
        let (mut tries, mut report): (_, Option<WaitReport>) = (1, None);
        loop {
            let request = make();
            let url = request.url.clone();
            let name = response::describe(&request.method, &url);
            let throttle = self.throttle(&url);
            throttle.wait(&self.events, &name).await;
            let is_content = matches!(
                request.body,
                http::Body::File { .. } | http::Body::Pieces(_)
            );
            let sent = self.transport.send(tls, request, repeat.permit());
            let sent = async {
                if is_content {
                    // Its progress is told.
                    sent.await
                } else {
                    self.patiently(&throttle.last_word, &name, self.policy.silence, sent)
                        .await
                }
            };
            let sent = sent.await;
            if let Ok(answer) = &sent {
                self.warnings.tell(&self.events, &url, answer);
            }
            match sent {
                Ok(answer) if answer.status() == 429 => {
                    let asked = response::wait_of(&answer);
                    // Where the registry does not say how long: slower than after a failure.
                    let wait = asked.or_else(|| throttled.next().map(|pause| pause * 4));
                    match wait.map(|wait| Instant::now() + wait) {
                        Some(until) if until < deadline => {
                            throttle.hold_until(until);
                        }
                        _ => return Ok(answer),
                    }
                    if matches!(repeat, Repeat::Once(_)) {
                        return Ok(answer);
                    }
                }
                Ok(answer) if matches!(repeat, Repeat::Always) && is_temporary(answer.status()) => {
                    let Some(pause) = failures.next() else {
                        return Ok(answer);
                    };
                    let pause = response::wait_of(&answer).unwrap_or(pause);
                    if Instant::now() + pause >= deadline {
                        return Ok(answer);
                    }
                    let status = answer.status();
                    drop(answer);
                    let report = report.get_or_insert_with(|| self.report(&throttle, &name));
                    tries += 1;
                    report.retry(format!(
                        "{status}; try {tries} of {} follows",
                        self.policy.tries
                    ));
                    report.during(sleep(pause)).await;
                }
                Ok(answer) => return Ok(answer),
                Err(failure) => {
                    let pause = failures.next().filter(|_| may_repeat(&repeat, &failure));
                    match pause.filter(|pause| Instant::now() + *pause < deadline) {
                        Some(pause) => {
                            let why = response::failed(name.clone(), failure).reason();
                            let report =
                                report.get_or_insert_with(|| self.report(&throttle, &name));
                            tries += 1;
                            report.retry(format!(
                                "{why}; try {tries} of {} follows",
                                self.policy.tries
                            ));
                            report.during(sleep(pause)).await;
                        }
                        None => return Err(response::failed(name, failure)),
                    }
                }
            }
        }
    }

    /// Waits before another try of what failed with `error`, and says so.
    pub(crate) async fn pause(
        &self,
        report: &mut Option<WaitReport>,
        error: &RegistryError,
        pause: Duration,
    ) {
        let report = report.get_or_insert_with(|| {
            let request = error.request.clone();
            WaitReport::new(&self.events, Awaited::Answer { request })
        });
        report.retry(error.reason());
        report.during(sleep(pause)).await;
    }

    /// A report of retries of one request.
    fn report(&self, throttle: &HostThrottle, request: &str) -> WaitReport {
        let awaited = Awaited::Answer {
            request: request.to_owned(),
        };
        WaitReport::new(&self.events, awaited).sharing(&throttle.last_word)
    }

    /// Waits for `work`, and says what is waited for, and how long at most, once that takes long.
    async fn patiently<T>(
        &self,
        last_word: &LastWord,
        name: &str,
        longest: Duration,
        work: impl Future<Output = T>,
    ) -> T {
        let awaited = Awaited::Answer {
            request: name.to_owned(),
        };
        let mut report = WaitReport::new(&self.events, awaited)
            .until(Instant::now() + longest)
            .silent_for(REPORTED_ANSWER)
            .sharing(last_word);
        report.during(work).await
    }

    /// The body of an answer that is a document of at most `limit` bytes.
    pub(crate) async fn document(
        &self,
        answer: Response,
        limit: u64,
        name: &str,
    ) -> Result<bytes::Bytes, RegistryError> {
        let failed = |failure| response::failed(name.to_owned(), failure);
        let longest = self.policy.document;
        let is_small = answer
            .content_length()
            .is_some_and(|length| length <= SMALL_DOCUMENT);
        let read = async {
            let _alone = if is_small {
                None
            } else {
                Some(self.large_documents.acquire().await)
            };
            match timeout(longest, answer.bytes(limit)).await {
                Ok(read) => read,
                Err(_) => Err(http::slow(longest)),
            }
        };
        self.patiently(&LastWord::default(), name, longest, read)
            .await
            .map_err(failed)
    }

    /// The content of an answer, of at most `size` bytes, that `work` reads.
    pub(crate) async fn content<T>(
        &self,
        name: &str,
        longest: Duration,
        work: impl Future<Output = Result<T, RegistryError>>,
    ) -> Result<T, RegistryError> {
        let read = async {
            match timeout(longest, work).await {
                Ok(read) => read,
                Err(_) => Err(response::failed(name.to_owned(), http::slow(longest))),
            }
        };
        self.patiently(&LastWord::default(), name, longest, read)
            .await
    }

    /// The pauses between tries.
    pub(crate) fn pauses(&self) -> impl Iterator<Item = Duration> + use<> {
        ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(self.policy.pause)
            .with_max_delay(Duration::from_secs(15))
            .with_max_times(self.policy.tries.saturating_sub(1))
            .build()
    }

    fn throttle(&self, url: &Url) -> Arc<HostThrottle> {
        let host = url.origin().ascii_serialization();
        let mut throttles = self
            .throttles
            .lock()
            .expect("no thread panics with the lock");
        throttles.entry(host).or_default().clone()
    }
}

/// Whether this is the answer of an overloaded or half-started server, or of the proxy before it.
fn is_temporary(status: u16) -> bool {
    matches!(status, 408 | 425 | 499 | 500 | 502..=504 | 520..=530)
}

fn may_repeat(repeat: &Repeat, failure: &TransportError) -> bool {
    match failure {
        TransportError::Unreachable { lasting, .. } => {
            !lasting && !matches!(repeat, Repeat::Once(_))
        }
        TransportError::Proxy { refused, .. } => !refused && !matches!(repeat, Repeat::Once(_)),
        TransportError::Lost(_) => matches!(repeat, Repeat::Always),
        TransportError::TooLarge(_)
        | TransportError::File(_)
        | TransportError::Setup(_)
        | TransportError::ProxySetting(_)
        | TransportError::NotPermitted(_) => false,
    }
}

/// Makes the error of a preparing step (a token, an address) say that the request itself was not sent.
pub(crate) fn not_done(mut error: RegistryError) -> RegistryError {
    error.kind = match error.kind {
        RegistryErrorKind::Server | RegistryErrorKind::Lost => RegistryErrorKind::Unreachable,
        RegistryErrorKind::BadAnswer => RegistryErrorKind::Refused,
        kind => kind,
    };
    error
}

#[cfg(test)]
mod tests {
    use crate::io::registry::retry::*;

    #[tokio::test(start_paused = true)]
    async fn a_throttled_host_is_left_alone_until_the_latest_instant_it_named() {
        let client = RetryClient::new(Events::none(), RetryPolicy::default(), Proxies::default());
        let url = |text: &str| Url::parse(text).expect("a URL");
        let first = client.throttle(&url("https://r.example.org/v2/a"));
        let start = Instant::now();
        first.hold_until(start + Duration::from_secs(5));
        first.hold_until(start + Duration::from_secs(2));
        let same = client.throttle(&url("https://r.example.org:443/v2/b"));
        let other = client.throttle(&url("https://other.example.org/v2/a"));
        other.wait(&Events::none(), "").await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        let events = Events::none();
        tokio::join!(first.wait(&events, ""), same.wait(&events, ""));
        assert_eq!(start.elapsed().as_secs(), 5);
    }

    #[test]
    fn there_is_a_pause_between_any_two_tries() {
        let tries = |tries| {
            let policy = RetryPolicy {
                tries,
                ..RetryPolicy::default()
            };
            RetryClient::new(Events::none(), policy, Proxies::default())
                .pauses()
                .count()
                + 1
        };
        assert_eq!(tries(1), 1);
        assert_eq!(tries(5), 5);
    }
}
