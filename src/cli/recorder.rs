//! Hears what happens in a run and when, for its report.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};

use super::{
    step_text::{result, subject, subject_of, verb_of, verb_of_done},
    wait_text,
};
use crate::event::{Awaited, Event, Events, Finished, Started, Step};

/// Most remarks that are kept.
const MOST_REMARKS: usize = 200;

/// What happened in a run, and when. All clones are one.
#[derive(Debug, Clone)]
pub(super) struct Recorder {
    begun: Instant,
    /// When the run began, by the calendar.
    pub(super) at: DateTime<Utc>,
    heard: Arc<Mutex<Recording>>,
}

/// What was heard so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Recording {
    pub(super) steps: Vec<HeardStep>,
    pub(super) remarks: Vec<HeardRemark>,
    /// Waits that were told of.
    waits: Vec<Awaited>,
}

/// One step, from its beginning to its end.
#[derive(Debug, Clone)]
pub(super) struct HeardStep {
    pub(super) step: Step,
    /// What it is done to, in the words of its start.
    subject: String,
    /// The verb, and what was done or is to be done.
    pub(super) verb: &'static str,
    pub(super) what: String,
    /// Since the run began.
    pub(super) start: Duration,
    /// The same of its end; `None`: it goes on.
    pub(super) end: Option<Duration>,
    /// It came to its result.
    pub(super) done: bool,
}

/// Something that was told beside the steps.
#[derive(Debug, Clone)]
pub(super) struct HeardRemark {
    /// `note`, `warning`, `waiting`, `put back`.
    pub(super) kind: &'static str,
    pub(super) text: String,
}

impl Recorder {
    /// Listens from now on.
    pub(super) fn new() -> Self {
        Self {
            begun: Instant::now(),
            at: Utc::now(),
            heard: Arc::default(),
        }
    }

    /// A listener that hears everything first, and passes it on.
    pub(super) fn before(&self, listener: Events) -> Events {
        let recorder = self.clone();
        Events::new(move |event| {
            recorder.hear(&event);
            listener.emit(event);
        })
    }

    fn hear(&self, event: &Event) {
        let now = self.begun.elapsed();
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.hear(event, now);
    }

    /// What was heard so far. A step that goes on ends now. `agreed`: when a person agreed to what was shown
    /// before; the time to think is left out.
    pub(super) fn heard(&self, agreed: Option<Instant>) -> Recording {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let agreed = agreed.map(|agreed| agreed.saturating_duration_since(self.begun));
        heard.clone().closed(self.begun.elapsed(), agreed)
    }
}

impl Recording {
    fn hear(&mut self, event: &Event, now: Duration) {
        match event {
            Event::Started(started) => self.started(started, now),
            Event::Finished(finished) => self.finished(finished, now),
            Event::Ended { step } => {
                let open = self.steps.iter_mut().filter(|one| one.end.is_none());
                for one in open.filter(|one| one.step == *step) {
                    one.end = Some(now);
                }
            }
            Event::Restored {
                repository, tag, ..
            } => self.remark("put back", repository.tag(tag)),
            Event::Waiting(wait) if !self.waits.contains(&wait.awaited) => {
                self.waits.push(wait.awaited.clone());
                self.remark("waiting", wait_text::text(wait));
            }
            Event::Note { text } => self.remark("note", text.clone()),
            Event::Warning { text } => self.remark("warning", text.clone()),
            Event::Waiting(_)
            | Event::Progress { .. }
            | Event::Output { .. }
            | Event::Tagged { .. }
            | Event::Detail { .. } => {}
        }
    }

    fn started(&mut self, started: &Started, now: Duration) {
        let what = subject(started);
        self.steps.push(HeardStep {
            step: started.step(),
            subject: what.clone(),
            verb: verb_of(started),
            what,
            start: now,
            end: None,
            done: false,
        });
    }

    fn finished(&mut self, finished: &Finished, now: Duration) {
        let (step, of) = (finished.step(), subject_of(finished));
        let is_it = |one: &&mut HeardStep| {
            let is_same = of.as_ref().is_none_or(|of| one.subject == *of);
            one.step == step && one.end.is_none() && is_same
        };
        let (verb, what) = (verb_of_done(finished), result(finished));
        match self.steps.iter_mut().find(is_it) {
            Some(one) => (one.verb, one.what, one.end, one.done) = (verb, what, Some(now), true),
            // What was not needed finishes without having started.
            None => self.steps.push(HeardStep {
                step,
                subject: of.unwrap_or_default(),
                verb,
                what,
                start: now,
                end: Some(now),
                done: true,
            }),
        }
    }

    fn remark(&mut self, kind: &'static str, text: String) {
        if self.remarks.len() < MOST_REMARKS {
            self.remarks.push(HeardRemark { kind, text });
        }
    }

    /// Everything has an end, and nobody thought about a question in between.
    fn closed(mut self, now: Duration, agreed: Option<Duration>) -> Self {
        for one in &mut self.steps {
            one.end.get_or_insert(now);
        }
        let Some(agreed) = agreed else { return self };
        let before = self.steps.iter().filter(|one| one.start < agreed);
        let asked = before.filter_map(|one| one.end).max().unwrap_or_default();
        let thought = agreed.saturating_sub(asked);
        for one in self.steps.iter_mut().filter(|one| one.start >= agreed) {
            one.start -= thought;
            one.end = one.end.map(|end| end - thought);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use semver::Version;

    use super::*;

    fn lock() -> (Event, Event) {
        let remote = || "origin".to_owned();
        let started = Event::Started(Started::Lock { remote: remote() });
        (
            started,
            Event::Finished(Finished::Lock { remote: remote() }),
        )
    }

    fn stage(name: &str) -> (Event, Event) {
        let repository = || name.parse().expect("a repository");
        let started = Event::Started(Started::Stage {
            repository: repository(),
        });
        let finished = Event::Finished(Finished::Stage {
            repository: repository(),
            sent: crate::outcome::Amount::default(),
            mounted: crate::outcome::Amount::default(),
        });
        (started, finished)
    }

    fn heard(events: &[(&Event, u64)]) -> Recording {
        let mut heard = Recording::default();
        for (event, second) in events {
            heard.hear(event, Duration::from_secs(*second));
        }
        heard
    }

    fn times(heard: &Recording) -> Vec<(u64, u64, bool)> {
        let one = |one: &HeardStep| {
            let end = one.end.expect("it is closed");
            (one.start.as_secs(), end.as_secs(), one.done)
        };
        heard.steps.iter().map(one).collect()
    }

    #[test]
    fn steps_side_by_side_end_each_at_their_own_time() {
        let ((a, a_done), (b, b_done)) = (stage("acme/a"), stage("acme/b"));
        let heard = heard(&[(&a, 0), (&b, 1), (&a_done, 4), (&b_done, 3)]);
        let heard = heard.closed(Duration::from_secs(9), None);
        assert_eq!(times(&heard), [(0, 4, true), (1, 3, true)]);
    }

    #[test]
    fn a_step_that_did_not_end_ends_with_the_report() {
        let ((started, _), ended) = (lock(), Event::Ended { step: Step::Lock });
        let open = heard(&[(&started, 2)]).closed(Duration::from_secs(9), None);
        assert_eq!(times(&open), [(2, 9, false)]);
        let over = heard(&[(&started, 2), (&ended, 5)]).closed(Duration::from_secs(9), None);
        assert_eq!(times(&over), [(2, 5, false)]);
        assert_eq!(over.steps[0].verb, "Locking");
    }

    #[test]
    fn the_time_to_think_is_left_out() {
        let version = || Version::new(1, 0, 0);
        let plan = Event::Finished(Finished::Plan {
            repositories: Vec::new(),
            current: None,
            version: version(),
            bump: None,
        });
        let (started, done) = lock();
        let heard = heard(&[(&plan, 2), (&started, 63), (&done, 64)]);
        let heard = heard.closed(Duration::from_secs(70), Some(Duration::from_secs(62)));
        assert_eq!(times(&heard), [(2, 2, true), (3, 4, true)]);
    }

    #[test]
    fn a_wait_is_told_once() {
        let wait = |second: i64| {
            Event::Waiting(crate::event::LongWait {
                awaited: Awaited::Build,
                why: None,
                since: DateTime::UNIX_EPOCH + chrono::Duration::seconds(second),
                until: None,
            })
        };
        let heard = heard(&[(&wait(1), 1), (&wait(2), 2)]);
        assert_eq!(heard.remarks.len(), 1);
    }
}
