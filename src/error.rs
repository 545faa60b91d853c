//! What failed, what is true outside now, and what to do next.

use std::fmt;

use serde::Serialize;

use crate::text::sanitize;

/// Why a run did not end well. Each kind has one exit code (`cli/exit.rs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// A bug in hoist.
    Bug,
    /// The command line or `release.toml`.
    Usage,
    /// Nothing to release, where a release was required.
    NothingToRelease,
    /// The facts were read and say no: policy, tree, tags, the registry's state.
    Refused,
    /// Locked, or an unfinished release is in the way.
    Busy,
    /// A request, credential, engine, build or stage failed, or another writer was seen, before
    /// any tag moved.
    Failed,
    /// The release failed, and everything was put back.
    RolledBack,
    /// A person must look, or policy holds it: the list of what is where is in the outcome.
    NeedsHuman,
    /// Tags disagree.
    Disagree,
    /// A signal ended the run; nothing is half done, or the journal says what.
    Interrupted,
}

/// One failure as a person reads it: what failed on which named thing, its causes, what is true
/// outside now, and a command that helps.
///
/// Texts are lower-case fragments without a full stop; names stand in backticks. Credentials never
/// reach an error. Control characters, terminal escapes among them, become `\u{…}` on the way in:
/// errors quote files, commits and registries.
#[derive(Debug, Serialize)]
pub struct Error {
    /// Decides the exit code.
    pub kind: ErrorKind,
    /// What failed on which named thing.
    pub message: String,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// What is true outside now.
    pub state: Option<String>,
    /// A command that runs as it stands, or the next best thing to do.
    pub hint: Option<String>,
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with nothing but a kind and a message.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: sanitize(message.into()),
            causes: Vec::new(),
            state: None,
            hint: None,
        }
    }

    /// Wrong command line or `release.toml` (exit 2).
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// The facts say no (exit 4).
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Refused, message)
    }

    /// Something failed before any tag moved (exit 6).
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// Another release is in the way (exit 5).
    pub fn busy(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Busy, message)
    }

    /// A bug in hoist (exit 1).
    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Bug, message)
    }

    /// Adds one cause.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(sanitize(cause.into()));
        self
    }

    /// Adds an error and everything below it as causes, leaving out links that only repeat.
    #[must_use]
    pub fn because(mut self, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = sanitize(error.to_string());
            if self.causes.last().is_none_or(|last| !last.contains(&text)) {
                self.causes.push(text);
            }
            next = error.source();
        }
        self
    }

    /// Says what is true outside now.
    #[must_use]
    pub fn state(mut self, state: impl Into<String>) -> Self {
        self.state = Some(sanitize(state.into()));
        self
    }

    /// Says what helps.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(sanitize(hint.into()));
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for cause in &self.causes {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
