//! Tells of a wait while it lasts: at the first retry, then every 15 seconds.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{Instant, sleep_until};

use crate::event::{Awaited, Event, Events, LongWait};

/// How often a wait is told of.
pub(crate) const EVERY: Duration = Duration::from_secs(15);

/// When a wait was last told of. Waits that share it, such as those for one host, take turns.
#[derive(Debug, Clone, Default)]
pub(crate) struct LastWord(Arc<Mutex<Option<Instant>>>);

impl LastWord {
    fn get(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the turn, where it is time for another word.
    fn take(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let is_time = last.is_none_or(|last| now >= last + EVERY);
        if is_time {
            *last = Some(now);
        }
        is_time
    }
}

/// One wait, which began when this was made.
#[derive(Debug)]
pub(crate) struct WaitReport {
    events: Events,
    awaited: Awaited,
    begun: Instant,
    /// The same on the clock of the day.
    since: DateTime<Utc>,
    /// Nothing is said before.
    first: Instant,
    until: Option<Instant>,
    last: LastWord,
    why: Option<String>,
}

impl WaitReport {
    pub(crate) fn new(events: &Events, awaited: Awaited) -> Self {
        let begun = Instant::now();
        Self {
            events: events.clone(),
            awaited,
            begun,
            since: Utc::now(),
            first: begun,
            until: None,
            last: LastWord::default(),
            why: None,
        }
    }

    /// The wait ends then.
    #[must_use]
    pub(crate) fn until(mut self, until: Instant) -> Self {
        self.until = Some(until);
        self
    }

    /// Shorter waits are not told of.
    #[must_use]
    pub(crate) fn silent_for(mut self, time: Duration) -> Self {
        self.first = self.begun + time;
        self
    }

    /// Takes turns with other waits.
    #[must_use]
    pub(crate) fn sharing(mut self, last: &LastWord) -> Self {
        self.last = last.clone();
        self
    }

    /// Another try follows, because of `why`.
    pub(crate) fn retry(&mut self, why: impl ToString) {
        self.why = Some(why.to_string());
        self.tell();
    }

    /// The same where it is known better by now what is waited for, and until when.
    pub(crate) fn retry_for(&mut self, awaited: Awaited, why: Option<String>, until: Instant) {
        self.awaited = awaited;
        self.until = Some(until);
        self.why = why;
        self.tell();
    }

    /// The result of `work`, which is waited for.
    pub(crate) async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            let next = self.last.get().map(|last| last + EVERY);
            let next = next.unwrap_or(self.first).max(self.first);
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = sleep_until(next) => self.tell(),
            }
        }
    }

    fn tell(&self) {
        let now = Instant::now();
        if now < self.first || !self.last.take() {
            return;
        }
        let until = self.until.map(|until| {
            let time = TimeDelta::from_std(until.saturating_duration_since(self.begun));
            self.since + time.unwrap_or_default()
        });
        self.events.emit(Event::Waiting(LongWait {
            awaited: self.awaited.clone(),
            why: self.why.clone(),
            since: self.since,
            until,
        }));
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    /// When something was said, how long it takes at most, and why.
    type Word = (u64, Option<i64>, Option<String>);
    type Words = Arc<Mutex<Vec<Word>>>;

    fn listener() -> (Events, Words) {
        let (words, begun) = (Words::default(), Instant::now());
        let events = Events::new({
            let words = words.clone();
            move |event| {
                if let Event::Waiting(wait) = event {
                    let limit = wait.until.map(|until| (until - wait.since).num_seconds());
                    let word = (begun.elapsed().as_secs(), limit, wait.why);
                    words.lock().expect("no panic").push(word);
                }
            }
        });
        (events, words)
    }

    fn said(words: &Words) -> Vec<Word> {
        std::mem::take(&mut *words.lock().expect("no panic"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_retry_is_told_of_at_once_and_then_every_fifteen_seconds() {
        let (events, words) = listener();
        let until = Instant::now() + Duration::from_secs(60);
        let mut report = WaitReport::new(&events, Awaited::Build).until(until);
        for second in 0..40 {
            report.retry(format!("failure {second}"));
            sleep(Duration::from_secs(1)).await;
        }
        let word = |at: u64| (at, Some(60), Some(format!("failure {at}")));
        assert_eq!(said(&words), [word(0), word(15), word(30)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silence_is_told_of_when_it_is_long() {
        let (events, words) = listener();
        let report = || WaitReport::new(&events, Awaited::Build).silent_for(Duration::from_secs(5));
        report().during(sleep(Duration::from_secs(4))).await;
        assert_eq!(said(&words), []);
        assert_eq!(
            report()
                .during(async {
                    sleep(Duration::from_secs(36)).await;
                    7
                })
                .await,
            7
        );
        let word = |at| (at, None, None);
        assert_eq!(said(&words), [word(9), word(24), word(39)]);
    }

    #[tokio::test(start_paused = true)]
    async fn waits_that_share_take_turns() {
        let (events, words) = listener();
        let last = LastWord::default();
        let one = || WaitReport::new(&events, Awaited::Build).sharing(&last);
        let (mut first, mut second) = (one(), one());
        tokio::join!(
            first.during(sleep(Duration::from_secs(20))),
            second.during(sleep(Duration::from_secs(20))),
        );
        assert_eq!(said(&words).len(), 2);
    }
}
