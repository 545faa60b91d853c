//! A rule that several keys of a policy break together.

use crate::error::{Error, ErrorCode};

/// What is wrong, and the way on.
pub(super) struct Problem {
    text: String,
    cause: Option<String>,
    hint: Option<String>,
}

impl Problem {
    /// What is broken, with the keys' names.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            cause: None,
            hint: None,
        }
    }

    /// With a reason.
    pub(super) fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// With a way on.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The error of the policy file called `name`.
    pub(super) fn of_file(self, name: &str) -> Error {
        let mut error =
            Error::usage(format!("`{name}`: {}", self.text)).with_code(ErrorCode::InvalidPolicy);
        if let Some(cause) = self.cause {
            error = error.cause(cause);
        }
        match self.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}
