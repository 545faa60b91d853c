//! How long to wait, and when to stop: deadlines, back-off, and what a signal leaves of them.

use std::{
    future::Future,
    sync::{Arc, OnceLock},
    time::Duration,
};

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::publish::protocol::{
    journal::Prepared,
    state::{Direction, Goal, State},
};

/// The least that each round of a roll back gets.
const FAIR_TRY: Duration = Duration::from_secs(30);

/// How long changing refs may go on being retried.
const GIT_PATIENCE: Duration = Duration::from_secs(60);

/// No wait whose end is known is longer.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// How long the last look at the tags may take.
pub(super) const LAST_LOOK: Duration = Duration::from_secs(10);

/// So many refusals of the same work are for good: tags have moved by then, so one is not believed.
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

    /// Waits until `instant`; false when the time is up first.
    pub(super) async fn pause_until(&self, instant: Instant) -> bool {
        self.run(sleep_until(instant)).await.is_some()
    }

    /// Waits; false when the time is up first.
    pub(super) async fn pause(&self, delay: Duration) -> bool {
        self.run(tokio::time::sleep(delay)).await.is_some()
    }
}

/// The limits in time of one run. Each share is what a signal leaves of the grace period: later steps
/// get larger shares, so that each has time left after the one before it.
#[derive(Debug)]
pub(super) struct Limits {
    signal: Signal,
    deadline: Duration,
    verify_timeout: Duration,
    grace: Duration,
    /// Which way the former holder of the lock led the tags, and until when its requests may be under
    /// way: a run that goes the other way writes nothing before, and its time begins then.
    former: Option<(Goal, Instant)>,
    /// When the run first went forward.
    begun: OnceLock<Instant>,
    /// When the run first went back.
    given_up: OnceLock<Instant>,
}

impl Limits {
    /// The limits that the journal names, cut short by `cancel`.
    pub(super) fn new(
        prepared: &Prepared,
        cancel: CancellationToken,
        former: Option<(Goal, Instant)>,
    ) -> Self {
        Self {
            signal: Signal::new(cancel),
            deadline: Duration::from_millis(prepared.deadline),
            verify_timeout: Duration::from_millis(prepared.verify_timeout),
            grace: Duration::from_millis(prepared.grace),
            former,
            begun: OnceLock::new(),
            given_up: OnceLock::new(),
        }
    }

    /// Whether a signal has come.
    pub(super) fn is_interrupted(&self) -> bool {
        self.signal.is_given()
    }

    fn until(&self, until: Instant, share: f64) -> Deadline {
        Deadline {
            until,
            signal: self.signal.clone(),
            after_signal: self.grace.mul_f64(share),
        }
    }

    /// From when on this run may write that way.
    fn opened(&self, way: Goal) -> Instant {
        let now = Instant::now();
        match self.former {
            Some((other, quiet_at)) if other != way => now.max(quiet_at),
            Some(_) | None => now,
        }
    }

    /// For going forward. After a signal, half of the grace period.
    pub(super) fn forward(&self) -> Deadline {
        let begun = *self.begun.get_or_init(|| self.opened(Goal::Forward));
        self.until(begun + self.deadline, 0.5)
    }

    /// For going back. After a signal, nearly the whole grace period.
    pub(super) fn back(&self) -> Deadline {
        let given_up = *self.given_up.get_or_init(|| self.opened(Goal::Back));
        // One tag that uses up the time must not keep the next ones from being tried.
        let until = (given_up + self.deadline).max(self.opened(Goal::Back) + FAIR_TRY);
        self.until(until, 0.9)
    }

    /// For a registry to show what it accepted.
    pub(super) fn visible(&self, share: f64) -> Deadline {
        self.until(Instant::now() + self.verify_timeout, share)
    }

    /// For a last look without anything to wait for: a short `verify-timeout` says how fast the registry
    /// shows what it took, and not how fast it answers.
    pub(super) fn look(&self, share: f64) -> Deadline {
        let time = self.verify_timeout.max(LAST_LOOK);
        self.until(Instant::now() + time, share)
    }

    /// For making the release on the forge public: a forge that asks for fewer requests is waited for.
    pub(super) fn forge(&self) -> Deadline {
        self.until(Instant::now() + self.deadline, 0.9)
    }

    /// How long a registry may take to show what it accepted.
    pub(super) fn verify_timeout(&self) -> Duration {
        self.verify_timeout
    }

    /// For a wait whose end is known: as long as it takes, unless a signal comes.
    pub(super) fn patience(&self, share: f64) -> Deadline {
        self.until(Instant::now() + PATIENCE, share)
    }

    /// When whatever was sent before now has been done, or never will be.
    pub(super) fn landed(&self) -> Instant {
        Instant::now() + self.verify_timeout
    }

    /// For the last look, after everything: what the shares above leave of the grace period.
    pub(super) fn last_look(&self) -> Deadline {
        self.until(Instant::now() + LAST_LOOK, 1.0)
    }

    /// For reading and changing refs. After a signal a push of the lock leaves time to give it back.
    pub(super) fn git(&self, state: State) -> Deadline {
        let share = match state {
            State::Locking | State::Relocking(_) | State::CheckingLock(Direction::Forward(_)) => {
                0.5
            }
            _ => 0.95,
        };
        self.until(Instant::now() + GIT_PATIENCE, share)
    }
}

/// Growing delays, each with a random part so that many clients do not come at once.
#[derive(Debug)]
pub(super) struct Backoff(ExponentialBackoff);

type ExponentialBackoff = <ExponentialBuilder as BackoffBuilder>::Backoff;

impl Backoff {
    /// For another try of something that failed.
    pub(super) fn retry() -> Self {
        Self::between(Duration::from_millis(200), Duration::from_secs(10))
    }

    /// For another look at something that may lag.
    pub(super) fn poll() -> Self {
        Self::between(Duration::from_millis(50), Duration::from_secs(2))
    }

    /// Steps that double from `first` to `last`. A delay is between half and the whole of its step.
    fn between(first: Duration, last: Duration) -> Self {
        let builder = ExponentialBuilder::new()
            .with_factor(2.0)
            .with_min_delay(first / 2)
            .with_max_delay(last / 2)
            // Between nothing and the delay itself on top of it.
            .with_jitter()
            .without_max_times();
        Self(builder.build())
    }

    /// The next delay.
    pub(super) fn delay(&mut self) -> Duration {
        self.0.next().expect("the number of delays has no limit")
    }
}

#[cfg(test)]
mod tests {
    use crate::publish::deadline::*;

    /// A registry that shows at once what it took may still take its time to answer.
    #[tokio::test(start_paused = true)]
    async fn a_last_look_has_time_for_its_answers_however_short_a_registry_may_lag() {
        for (verify_timeout, least) in [(1, 10), (10, 10), (90, 90)] {
            let limits = Limits {
                signal: Signal::new(CancellationToken::new()),
                deadline: Duration::from_secs(600),
                verify_timeout: Duration::from_secs(verify_timeout),
                grace: Duration::from_secs(60),
                former: None,
                begun: OnceLock::new(),
                given_up: OnceLock::new(),
            };
            let answer = |after: u64| tokio::time::sleep(Duration::from_secs(after));
            let look = limits.look(0.7);
            assert!(
                look.run(answer(least - 1)).await.is_some(),
                "{verify_timeout}"
            );
            assert!(look.run(answer(2)).await.is_none(), "{verify_timeout}");
        }
    }

    #[test]
    fn a_delay_is_between_half_and_the_whole_of_its_step() {
        // The factors of `backon` are 32-bit numbers.
        let rounding = Duration::from_micros(10);
        for (new, first, last) in [
            (Backoff::retry as fn() -> Backoff, 200, 10_000),
            (Backoff::poll, 50, 2_000),
        ] {
            for _ in 0..100 {
                let mut backoff = new();
                let mut step = Duration::from_millis(first);
                for _ in 0..20 {
                    let delay = backoff.delay();
                    assert!(delay + rounding >= step / 2, "{delay:?} of {step:?}");
                    assert!(delay <= step + rounding, "{delay:?} of {step:?}");
                    step = (step * 2).min(Duration::from_millis(last));
                }
            }
        }
    }
}
