//! Waits while a draft is made: each has a limit, and is told.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{
    event::{Awaited, Events},
    io::{
        forge::{ForgeError, ForgeErrorKind},
        wait_report::{LastWord, WaitReport},
    },
    publish::deadline::Backoff,
};

/// A look that does not show what it should is told of after this time.
const QUIET: Duration = Duration::from_secs(5);

/// The waits while one draft is made.
pub(super) struct DraftWaits {
    events: Events,
    page: String,
    last_word: LastWord,
    /// How long the pauses may be from now on, all of them together.
    left: Duration,
}

impl DraftWaits {
    /// `limit`: how long the pauses between tries may be in all.
    pub(super) fn new(events: &Events, page: &str, limit: Duration) -> Self {
        Self {
            events: events.clone(),
            page: page.to_owned(),
            last_word: LastWord::default(),
            left: limit,
        }
    }

    fn report(&self, until: Instant) -> WaitReport {
        let awaited = Awaited::Draft {
            page: self.page.clone(),
        };
        let report = WaitReport::new(&self.events, awaited);
        report.until(until).sharing(&self.last_word)
    }

    /// Waits before another try of what failed with `error`; false: the time for that is up.
    pub(super) async fn pause(&mut self, error: &ForgeError, backoff: &mut Backoff) -> bool {
        let wait = pause(error, backoff);
        let Some(left) = self.left.checked_sub(wait) else {
            return false;
        };
        self.left = left;
        let mut report = self.report(Instant::now() + wait);
        report.retry(error);
        report.during(sleep(wait)).await;
        true
    }

    /// Waits before another look at what the forge may show late, until `end` at most.
    pub(super) async fn look_again(&self, delay: Duration, begun: Instant, end: Instant) {
        let quiet = QUIET.saturating_sub(begun.elapsed());
        let mut report = self.report(end).silent_for(quiet);
        report.during(sleep(delay)).await;
    }
}

/// How long to wait before another try.
pub(super) fn pause(error: &ForgeError, backoff: &mut Backoff) -> Duration {
    let delay = backoff.delay();
    match error.kind {
        ForgeErrorKind::Later(Some(asked)) => delay.max(asked),
        ForgeErrorKind::NotPermitted => Duration::ZERO,
        _ => delay,
    }
}
