//! How long to wait, and when to stop: deadlines, back-off, and what a signal leaves of them.

use std::{
    future::Future,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// How long the last look at the tags may take.
pub(super) const LAST_LOOK: Duration = Duration::from_secs(10);

/// So many refusals in a row are for good: tags have moved by then, so one is not believed.
pub(super) const REFUSALS: u32 = 3;

/// The wish to end, and when it was noticed.
#[derive(Debug, Clone)]
pub(super) struct Signal {
    token: CancellationToken,
    noticed: Arc<OnceLock<Instant>>,
}

impl Signal {
    pub(super) fn new(token: CancellationToken) -> Self {
        Self {
            token,
            noticed: Arc::default(),
        }
    }

    pub(super) fn is_given(&self) -> bool {
        self.token.is_cancelled()
    }

    pub(super) async fn given(&self) -> Instant {
        self.token.cancelled().await;
        *self.noticed.get_or_init(Instant::now)
    }
}

/// A limit in time: a deadline, and a shorter one once a signal has come.
#[derive(Debug, Clone)]
pub(super) struct Deadline {
    pub(super) until: Instant,
    pub(super) signal: Signal,
    /// What a signal leaves, from the moment it came.
    pub(super) after_signal: Duration,
}

impl Deadline {
    /// So long from now, and no longer than to the first signal.
    pub(super) fn new(time: Duration, cancel: CancellationToken) -> Self {
        Self {
            until: Instant::now() + time,
            signal: Signal::new(cancel),
            after_signal: Duration::ZERO,
        }
    }

    /// Resolves when the time is up.
    async fn up(&self) {
        tokio::select! {
            () = sleep_until(self.until) => {}
            () = async {
                let noticed = self.signal.given().await;
                sleep_until(noticed + self.after_signal).await;
            } => {}
        }
    }

    /// The result of `work`, or `None` when the time is up first: `work` is dropped, and what came
    /// of it is not known.
    pub(super) async fn run<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            result = work => Some(result),
            () = self.up() => None,
        }
    }

    /// Waits; false when the time is up first.
    pub(super) async fn pause(&self, delay: Duration) -> bool {
        self.run(tokio::time::sleep(delay)).await.is_some()
    }
}

/// Growing delays, up to `max`, each with a random part so that many clients do not come at once.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    next: Duration,
    max: Duration,
}

impl Backoff {
    /// For another try of something that failed.
    pub(super) fn retry() -> Self {
        Self {
            next: Duration::from_millis(200),
            max: Duration::from_secs(10),
        }
    }

    /// For another look at something that may lag.
    pub(super) fn poll() -> Self {
        Self {
            next: Duration::from_millis(50),
            max: Duration::from_secs(2),
        }
    }

    /// The next delay, between half and the whole of the current step.
    pub(super) fn delay(&mut self) -> Duration {
        use std::hash::{BuildHasher as _, RandomState};
        let step = self.next;
        self.next = (step * 2).min(self.max);
        let share = RandomState::new().hash_one(0_u8) % 1000;
        step / 2 + step.mul_f64(share as f64 / 2000.0)
    }
}
