//! A failed run of `git`, and what it says about the remote.

use std::fmt;

/// What a failed operation says about the remote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteErrorKind {
    /// A ref is not what was expected.
    Conflict,
    /// The server refuses: a rule, a hook, a missing right. Nothing was done.
    Refused,
    /// Another push held one of the refs at this moment; nothing was done.
    Raced,
    /// No answer, or half of one: the operation may or may not have been done.
    Unreachable,
    /// There is no such remote, or it has several push URLs.
    Setup,
    /// A local operation failed; nothing was sent.
    Local,
    /// The file that says what the lock holds makes no sense to this hoist; nothing was done.
    LockFile,
}

/// A failed operation on the remote, or on the repository at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteError {
    /// What it says about the remote.
    pub kind: RemoteErrorKind,
    /// What failed, without control characters.
    pub message: String,
    /// What the user can do about it, where that is known.
    pub hint: Option<String>,
}

impl RemoteError {
    /// An error without a hint. Control characters are taken out of `message`.
    pub(crate) fn new(kind: RemoteErrorKind, message: impl AsRef<str>) -> Self {
        Self {
            kind,
            message: crate::text::sanitize_line(message.as_ref(), 600),
            hint: None,
        }
    }

    /// Adds what the user can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether another try would fail in the same way.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self.kind {
            RemoteErrorKind::Refused
            | RemoteErrorKind::Setup
            | RemoteErrorKind::Local
            | RemoteErrorKind::LockFile => true,
            RemoteErrorKind::Conflict | RemoteErrorKind::Raced | RemoteErrorKind::Unreachable => {
                false
            }
        }
    }

    /// Whether the operation may have been carried out although it failed.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        self.kind == RemoteErrorKind::Unreachable
    }
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for RemoteError {}
