//! What happened, as data. Renderers (terminal, JSON lines, a library user's callback) are
//! elsewhere.

use std::{fmt, sync::Arc};

use semver::Version;
use serde::Serialize;

use crate::{
    oci::{Digest, Repository, Tag, Variant},
    outcome::Amount,
};

/// One thing that happened. Serialised as `{"type": "…", …}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
    Waiting {
        /// What is waited for, and how long at most.
        text: String,
    },
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

/// The steps of a release, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Reading history and policy, choosing version and tags.
    Plan,
    /// Proving that everything needed is there, before anything is done.
    Preflight,
    /// Making the image.
    Build,
    /// Sending content that nothing names yet.
    Stage,
    /// Taking the lock.
    Lock,
    /// Reading once more what is there.
    Observe,
    /// Moving the tags.
    Commit,
    /// Seeing that they moved.
    Verify,
    /// Putting everything back.
    RollBack,
    /// Pushing the git tag and giving the lock back.
    Finish,
}

impl Step {
    /// All steps, in their order.
    pub const ALL: [Self; 10] = [
        Self::Plan,
        Self::Preflight,
        Self::Build,
        Self::Stage,
        Self::Lock,
        Self::Observe,
        Self::Commit,
        Self::Verify,
        Self::RollBack,
        Self::Finish,
    ];
}

/// A step that begins, and what it is done to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Started {
    /// Planning.
    Plan {
        /// The pre-release that is promoted; `None`: a release is planned.
        #[serde(skip_serializing_if = "Option::is_none")]
        promoted: Option<Version>,
    },
    /// Proving that everything needed is there.
    Preflight {
        /// The repositories that are asked.
        repositories: Vec<Repository>,
    },
    /// Making one image.
    Build {
        /// Which of the release's images; the main one is `null`.
        variant: Variant,
    },
    /// Sending content to one repository.
    Stage {
        /// Where the content goes.
        repository: Repository,
    },
    /// Taking the lock.
    Lock {
        /// The name of the git remote that holds it.
        remote: String,
    },
    /// Reading once more what is there.
    Observe {
        /// The release.
        version: Version,
    },
    /// Moving the tags.
    Commit {
        /// The release.
        version: Version,
    },
    /// Seeing that the tags moved.
    Verify {
        /// The release.
        version: Version,
    },
    /// Putting everything back.
    RollBack {
        /// The release that is given up.
        version: Version,
    },
    /// Pushing the git tag and giving the lock back.
    Finish {
        /// The release.
        version: Version,
    },
}

impl Started {
    /// The step that begins.
    #[must_use]
    pub fn step(&self) -> Step {
        match self {
            Self::Plan { .. } => Step::Plan,
            Self::Preflight { .. } => Step::Preflight,
            Self::Build { .. } => Step::Build,
            Self::Stage { .. } => Step::Stage,
            Self::Lock { .. } => Step::Lock,
            Self::Observe { .. } => Step::Observe,
            Self::Commit { .. } => Step::Commit,
            Self::Verify { .. } => Step::Verify,
            Self::RollBack { .. } => Step::RollBack,
            Self::Finish { .. } => Step::Finish,
        }
    }
}

/// A step that came to its result, and the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Finished {
    /// The plan is made.
    Plan {
        /// Where the release goes.
        repositories: Vec<Repository>,
        /// The version before it; `None`: this is the first one.
        #[serde(skip_serializing_if = "Option::is_none")]
        current: Option<Version>,
        /// The release.
        version: Version,
        /// `major`, `minor` or `patch`; `None`: the commits did not decide.
        #[serde(skip_serializing_if = "Option::is_none")]
        bump: Option<String>,
    },
    /// Everything needed is there.
    Preflight {
        /// The repositories that were asked.
        repositories: Vec<Repository>,
    },
    /// An image is there.
    Build {
        /// Which of the release's images; the main one is `null`.
        variant: Variant,
        /// The manifest or index of the image.
        digest: Digest,
        /// Where the image was published already; `None`: it was made now.
        #[serde(skip_serializing_if = "Option::is_none")]
        adopted: Option<Repository>,
    },
    /// All content is in one repository.
    Stage {
        /// Where the content went.
        repository: Repository,
        /// What went over the wire.
        sent: Amount,
        /// What the registry took over from another of its repositories.
        mounted: Amount,
    },
    /// This run has the lock.
    Lock {
        /// The name of the git remote that holds it.
        remote: String,
    },
    /// Nothing speaks against the commit.
    Observe {
        /// The release.
        version: Version,
    },
    /// Every registry accepted its tags.
    Commit {
        /// The release.
        version: Version,
        /// How many tags the release has, over all repositories.
        tags: usize,
    },
    /// Every tag shows the release.
    Verify {
        /// The release.
        version: Version,
    },
    /// Everything is as it was before.
    RollBack {
        /// The release that was given up.
        version: Version,
    },
    /// The git tag is pushed, the lock is given back.
    Finish {
        /// The release.
        version: Version,
    },
}

impl Finished {
    /// The step that is over.
    #[must_use]
    pub fn step(&self) -> Step {
        match self {
            Self::Plan { .. } => Step::Plan,
            Self::Preflight { .. } => Step::Preflight,
            Self::Build { .. } => Step::Build,
            Self::Stage { .. } => Step::Stage,
            Self::Lock { .. } => Step::Lock,
            Self::Observe { .. } => Step::Observe,
            Self::Commit { .. } => Step::Commit,
            Self::Verify { .. } => Step::Verify,
            Self::RollBack { .. } => Step::RollBack,
            Self::Finish { .. } => Step::Finish,
        }
    }
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
            events: self.clone(),
            open: Some(step),
        }
    }

    /// A step is over that did not have to start.
    pub fn finished(&self, finished: Finished) {
        self.emit(Event::Finished(finished));
    }

    /// A wait takes longer than a person expects.
    pub fn waiting(&self, text: impl Into<String>) {
        self.emit(Event::Waiting { text: text.into() });
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
        let commit = Event::Finished(Finished::Commit { version, tags: 6 });
        assert_eq!(
            serde_json::to_string(&commit).expect("an event is plain data"),
            r#"{"type":"finished","step":"commit","version":"1.2.3","tags":6}"#
        );
    }
}
