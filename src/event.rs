//! What happened, as data. Renderers (terminal, JSON lines, a library user's callback) are
//! elsewhere.

use std::{fmt, sync::Arc};

use serde::Serialize;

use crate::oci::{Digest, Repository, Tag};

/// One thing that happened. Serialised as `{"type": "…", …}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Event {
    /// A step began. `what` names the thing it is done to.
    Started {
        /// Which step.
        step: Step,
        /// The thing: a repository, an image, a version.
        what: String,
    },
    /// A step ended well. `what` names the thing and the result.
    Finished {
        /// Which step.
        step: Step,
        /// The thing and the result.
        what: String,
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
        /// Where.
        repository: Repository,
        /// Which tag.
        tag: Tag,
        /// What it shows now.
        digest: Digest,
    },
    /// A tag was put back.
    Restored {
        /// Where.
        repository: Repository,
        /// Which tag.
        tag: Tag,
        /// What it shows now; `None`: it is gone again.
        digest: Option<Digest>,
    },
    /// Something a person should know.
    Note {
        /// The text.
        text: String,
    },
    /// Something a person should act on.
    Warning {
        /// The text.
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
    /// Looking once more.
    Observe,
    /// Moving the tags.
    Commit,
    /// Seeing that they moved.
    Verify,
    /// Putting everything back.
    RollBack,
    /// The git tag and the lock.
    Finish,
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

    /// A step begins.
    pub fn started(&self, step: Step, what: impl Into<String>) {
        self.emit(Event::Started {
            step,
            what: what.into(),
        });
    }

    /// A step ended well.
    pub fn finished(&self, step: Step, what: impl Into<String>) {
        self.emit(Event::Finished {
            step,
            what: what.into(),
        });
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
