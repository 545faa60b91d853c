//! Requests that arrive: one gate per host for all tasks, waiting where a registry asks for it, and
//! repeating where that is safe.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use tokio::time::{Instant, sleep, sleep_until};
use url::Url;

use crate::{
    event::Events,
    io::{
        http::{Request, Response, TlsConfig, Transport, TransportError},
        registry::{RegistryError, RegistryErrorKind, response},
    },
};

/// A wait that is long enough to be told.
const TELLING: Duration = Duration::from_secs(3);

/// How often and how long one request is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries in all where the request failed.
    pub tries: usize,
    /// The first pause between two tries; the next ones are twice as long each, give or take a
    /// random half.
    pub pause: Duration,
    /// The end of all waiting, counted from the first try.
    pub deadline: Duration,
    /// How long a registry may say nothing.
    pub silence: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            tries: 5,
            pause: Duration::from_millis(300),
            deadline: Duration::from_secs(600),
            silence: Duration::from_secs(60),
        }
    }
}

/// Whether a request may be sent again after it may have been done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Doing it twice is doing it once.
    Always,
    /// Only where it was certainly not done: no connection, or 429.
    IfNotDone,
}

/// The transport with manners. One for all registries.
pub(crate) struct RetryClient {
    pub transport: Transport,
    pub events: Events,
    pub patience: RetryPolicy,
    gates: Mutex<HashMap<String, Arc<HostThrottle>>>,
}

/// When a host may be asked again.
#[derive(Default)]
struct HostThrottle(Mutex<Option<Instant>>);

impl HostThrottle {
    fn opens(&self) -> Option<Instant> {
        *self.0.lock().expect("no thread panics with the lock")
    }

    async fn pass(&self) {
        while let Some(opens) = self.opens().filter(|opens| *opens > Instant::now()) {
            sleep_until(opens).await;
        }
    }

    fn close(&self, until: Instant) {
        let mut opens = self.0.lock().expect("no thread panics with the lock");
        *opens = (*opens).max(Some(until));
    }
}

impl RetryClient {
    pub(crate) fn new(events: Events, patience: RetryPolicy) -> Self {
        Self {
            transport: Transport::new(patience.silence),
            events,
            patience,
            gates: Mutex::default(),
        }
    }

    /// Sends what `make` makes until there is an answer worth looking at, which can still be a
    /// refusal, or a 5xx when patience is at its end.
    pub(crate) async fn deliver<'a>(
        &self,
        trust: &TlsConfig,
        repeat: Repeat,
        make: impl Fn() -> Request<'a>,
    ) -> Result<Response, RegistryError> {
        let deadline = Instant::now() + self.patience.deadline;
        let (mut failures, mut throttled) = (self.pauses(), self.pauses());
        loop {
            let request = make();
            let name = response::describe(&request.method, &request.url);
            let gate = self.gate(&request.url);
            gate.pass().await;
            match self.transport.send(trust, request).await {
                Ok(answer) if answer.status() == 429 => {
                    let asked = response::wait_of(&answer);
                    // Without a word from the registry: slower than after a failure.
                    let wait = asked.or_else(|| throttled.next().map(|pause| pause * 4));
                    match wait.map(|wait| (wait, Instant::now() + wait)) {
                        Some((wait, until)) if until < deadline => {
                            self.close(&gate, wait, until, &name)
                        }
                        _ => return Ok(answer),
                    }
                }
                Ok(answer) if repeat == Repeat::Always && is_passing(answer.status()) => {
                    let Some(pause) = failures.next() else {
                        return Ok(answer);
                    };
                    let pause = response::wait_of(&answer).unwrap_or(pause);
                    if Instant::now() + pause >= deadline {
                        return Ok(answer);
                    }
                    sleep(pause).await;
                }
                Ok(answer) => return Ok(answer),
                Err(failure) => {
                    let pause = failures.next().filter(|_| may_repeat(repeat, &failure));
                    match pause.filter(|pause| Instant::now() + *pause < deadline) {
                        Some(pause) => sleep(pause).await,
                        None => return Err(response::failed(name, failure)),
                    }
                }
            }
        }
    }

    /// The pauses between tries.
    pub(crate) fn pauses(&self) -> impl Iterator<Item = Duration> + use<> {
        ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(self.patience.pause)
            .with_max_delay(Duration::from_secs(15))
            .with_max_times(self.patience.tries.saturating_sub(1))
            .build()
    }

    fn gate(&self, url: &Url) -> Arc<HostThrottle> {
        let host = url.origin().ascii_serialization();
        let mut gates = self.gates.lock().expect("no thread panics with the lock");
        gates.entry(host).or_default().clone()
    }

    fn close(&self, gate: &HostThrottle, wait: Duration, until: Instant, request: &str) {
        gate.close(until);
        if wait >= TELLING {
            self.events.note(format!(
                "waiting {} s: the registry answered 429 (too many requests) to {request}",
                wait.as_secs()
            ));
        }
    }
}

/// Answers of an overloaded or half-started server, or of the proxy before it.
fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 425 | 499 | 500 | 502..=504 | 520..=530)
}

fn may_repeat(repeat: Repeat, failure: &TransportError) -> bool {
    match failure {
        TransportError::Unreachable { lasting, .. } => !lasting,
        TransportError::Lost(_) => repeat == Repeat::Always,
        TransportError::TooLarge(_) | TransportError::File(_) | TransportError::Setup(_) => false,
    }
}

/// The error of a step before the real request (a token, an address), which was then not sent.
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
    async fn a_closed_gate_holds_everybody_until_the_latest_word() {
        let courier = RetryClient::new(Events::none(), RetryPolicy::default());
        let url = |text: &str| Url::parse(text).expect("a URL");
        let gate = courier.gate(&url("https://r.example.org/v2/a"));
        let start = Instant::now();
        gate.close(start + Duration::from_secs(5));
        gate.close(start + Duration::from_secs(2));
        let same = courier.gate(&url("https://r.example.org:443/v2/b"));
        let other = courier.gate(&url("https://other.example.org/v2/a"));
        other.pass().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        tokio::join!(gate.pass(), same.pass());
        assert_eq!(start.elapsed().as_secs(), 5);
    }

    #[test]
    fn there_is_a_pause_between_any_two_tries() {
        let tries = |tries| {
            let patience = RetryPolicy {
                tries,
                ..RetryPolicy::default()
            };
            RetryClient::new(Events::none(), patience).pauses().count() + 1
        };
        assert_eq!(tries(1), 1);
        assert_eq!(tries(5), 5);
    }
}
