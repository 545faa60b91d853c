//! What happened, as data. Renderers (terminal, JSON lines, a library user's callback) are
//! elsewhere.

mod steps;
mod wait;

use std::{fmt, sync::Arc};

use serde::Serialize;
use tracing::{Span, debug_span};

pub use steps::{Finished, Started, Step};
pub use wait::{Awaited, LongWait};

use crate::oci::{Digest, Repository, Tag};

/// One thing that happened. Serialised as `{"type": "…", …}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Event {
    /// A step began. [`Event::Finished`] or [`Event::Ended`] of the same step follows.
    Started(Started),
    /// A step came to its result. A build that was not needed finishes without having started.
    Finished(Finished),
    /// A step is over without a result: it failed, or there was nothing to do. Why is told by the
    /// error or the outcome.
    Ended {
        /// The step that had started.
        step: Step,
    },
    /// Bytes of one transfer or piece of work, identified by `id`.
    Progress {
        /// Stable while the work lasts: a digest, a step of the build.
        id: String,
        /// For the bar's label.
        label: String,
        /// Done so far, in bytes.
        done: u64,
        /// Of how many, where known.
        total: Option<u64>,
    },
    /// A line of the builder's or a command's own output.
    Output {
        /// The line, control characters made harmless.
        line: String,
    },
    /// A tag shows the release.
    Tagged {
        /// The repository of the tag.
        repository: Repository,
        /// The tag that has moved.
        tag: Tag,
        /// What it shows now.
        digest: Digest,
    },
    /// A tag was put back.
    Restored {
        /// The repository of the tag.
        repository: Repository,
        /// The tag that was put back.
        tag: Tag,
        /// What it shows now; `None`: it is gone again.
        digest: Option<Digest>,
    },
    /// A wait that takes longer than a person expects.
    Waiting(LongWait),
    /// Something that only a person who looks into a problem wants to know: what a registry does
    /// differently from the others.
    Detail {
        /// A whole sentence or a fragment of one.
        text: String,
    },
    /// Something a person should know.
    Note {
        /// A whole sentence or a fragment of one.
        text: String,
    },
    /// Something a person should act on.
    Warning {
        /// A whole sentence or a fragment of one.
        text: String,
    },
}

/// Where events go. Cheap to clone; the default goes nowhere.
#[derive(Clone, Default)]
pub struct Events(Option<Arc<dyn Fn(Event) + Send + Sync>>);

impl Events {
    /// Calls `callback` with each event, from whichever thread it happens on.
    pub fn new(callback: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(callback)))
    }

    /// Nobody listens.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Tells the listener.
    pub fn emit(&self, event: Event) {
        if let Some(callback) = &self.0 {
            callback(event);
        }
    }

    /// A step begins. It is over when the answer is finished or dropped.
    pub fn start(&self, started: Started) -> Running {
        let step = started.step();
        self.emit(Event::Started(started));
        Running {
            _span: debug_span!("step", name = ?step),
            events: self.clone(),
            open: Some(step),
        }
    }

    /// A step is over that did not have to start.
    pub fn finished(&self, finished: Finished) {
        self.emit(Event::Finished(finished));
    }

    /// Something for whoever asks for more.
    pub fn detail(&self, text: impl Into<String>) {
        self.emit(Event::Detail { text: text.into() });
    }

    /// Something a person should know.
    pub fn note(&self, text: impl Into<String>) {
        self.emit(Event::Note { text: text.into() });
    }

    /// Something a person should act on.
    pub fn warning(&self, text: impl Into<String>) {
        self.emit(Event::Warning { text: text.into() });
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Events(callback)"
        } else {
            "Events(none)"
        })
    }
}

/// A step that has started. Dropped, it tells that the step ended without a result, so no way out of
/// a function leaves a step open.
#[derive(Debug)]
#[must_use = "a step that is dropped has ended without a result"]
pub struct Running {
    events: Events,
    open: Option<Step>,
    /// Tells a listener of traces how long the step took.
    _span: Span,
}

impl Running {
    /// The step came to its result.
    pub fn finish(mut self, finished: Finished) {
        debug_assert_eq!(self.open, Some(finished.step()), "a step ends as it began");
        self.open = None;
        self.events.finished(finished);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(step) = self.open.take() {
            self.events.emit(Event::Ended { step });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use semver::Version;

    use super::*;

    fn heard(work: impl FnOnce(&Events)) -> Vec<String> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let events = Events::new({
            let lines = lines.clone();
            move |event| {
                let line = serde_json::to_string(&event).expect("an event is plain data");
                lines.lock().expect("nobody panics").push(line);
            }
        });
        work(&events);
        let lines = lines.lock().expect("nobody panics");
        lines.clone()
    }

    #[test]
    fn a_step_is_over_once_whatever_becomes_of_it() {
        let remote = || "origin".to_owned();
        let lines = heard(|events| {
            let step = events.start(Started::Lock { remote: remote() });
            step.finish(Finished::Lock { remote: remote() });
            drop(events.start(Started::Lock { remote: remote() }));
        });
        assert_eq!(
            lines,
            [
                r#"{"type":"started","step":"lock","remote":"origin"}"#,
                r#"{"type":"finished","step":"lock","remote":"origin"}"#,
                r#"{"type":"started","step":"lock","remote":"origin"}"#,
                r#"{"type":"ended","step":"lock"}"#,
            ]
        );
    }

    #[test]
    fn a_step_is_told_with_its_fields() {
        let version = Version::new(1, 2, 3);
        let commit = Event::Finished(Finished::Commit {
            version,
            tags: 6,
            taken_back: false,
        });
        assert_eq!(
            serde_json::to_string(&commit).expect("an event is plain data"),
            r#"{"type":"finished","step":"commit","version":"1.2.3","tags":6}"#
        );
    }
}
