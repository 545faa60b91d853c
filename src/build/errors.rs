//! Errors that every image source shares.

use tokio::task::JoinError;

use crate::error::{Error, ErrorKind, Result};

/// A signal ended the build.
pub(crate) fn interrupted() -> Error {
    Error::new(ErrorKind::Interrupted, "interrupted while building")
        .state("the build was stopped and removed; nothing was published")
}

/// The result of a task that ran on a thread of its own. A task that panicked is a bug in hoist.
pub(crate) fn task_result<T>(result: Result<Result<T>, JoinError>) -> Result<T> {
    result.unwrap_or_else(|error| Err(Error::bug("a task stopped").because(&error)))
}
