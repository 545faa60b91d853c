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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::event::Event;

    fn waits(limit: u64) -> (DraftWaits, Arc<Mutex<Vec<Event>>>) {
        let told: Arc<Mutex<Vec<Event>>> = Arc::default();
        let events = Events::new({
            let told = told.clone();
            move |event| told.lock().expect("nobody panics").push(event)
        });
        let page = "https://github.com/acme/api/releases/tag/v1.0.0";
        (
            DraftWaits::new(&events, page, Duration::from_secs(limit)),
            told,
        )
    }

    fn error(kind: ForgeErrorKind) -> ForgeError {
        ForgeError::new(kind, "POST https://h/releases", "502")
    }

    #[tokio::test(start_paused = true)]
    async fn all_pauses_together_have_one_limit() {
        let (mut waits, told) = waits(30);
        let begun = Instant::now();
        let (mut backoff, mut pauses) = (Backoff::retry(), 0);
        while waits
            .pause(&error(ForgeErrorKind::Unknown), &mut backoff)
            .await
        {
            pauses += 1;
            assert!(pauses < 1000, "it does not end");
        }
        // The last pause is between five and ten seconds, and is not begun where it would be too long.
        let waited = begun.elapsed();
        assert!(waited <= Duration::from_secs(30), "{waited:?}");
        assert!(waited >= Duration::from_secs(20), "{waited:?}");
        let told = told.lock().expect("nobody panics");
        let is_wait = |event: &&Event| {
            matches!(event, Event::Waiting(wait)
                if matches!(wait.awaited, Awaited::Draft { .. }) && wait.until.is_some())
        };
        assert!(told.iter().any(|event| is_wait(&event)), "{told:#?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_forge_that_asks_for_more_than_the_limit_is_not_waited_for() {
        let later = |seconds| error(ForgeErrorKind::Later(Some(Duration::from_secs(seconds))));
        for (asked, is_waited_for) in [(20, true), (31, false), (u64::MAX, false)] {
            let (mut waits, _) = waits(30);
            let begun = Instant::now();
            let waited = waits.pause(&later(asked), &mut Backoff::retry()).await;
            assert_eq!(waited, is_waited_for, "{asked}");
            let expected = Duration::from_secs(if is_waited_for { asked } else { 0 });
            assert_eq!(begun.elapsed().as_secs(), expected.as_secs(), "{asked}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_at_what_comes_late_is_told_of_after_a_while() {
        let (waits, told) = waits(30);
        let begun = Instant::now();
        let end = begun + Duration::from_secs(60);
        for _ in 0..10 {
            let delay = Duration::from_secs(1);
            waits.look_again(delay, begun, end).await;
            let is_told = !told.lock().expect("nobody panics").is_empty();
            let elapsed = begun.elapsed();
            assert!(!is_told || elapsed >= QUIET, "after {elapsed:?}");
        }
        assert!(!told.lock().expect("nobody panics").is_empty());
    }
}
