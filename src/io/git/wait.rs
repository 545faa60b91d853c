//! Waiting for a remote: after a moment it is said what is waited for, and every wait has a limit.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::{
    event::{Awaited, Events},
    io::{
        git::error::{RemoteError, RemoteErrorKind},
        wait_report::WaitReport,
    },
};

/// What `git` does with a remote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RemoteCall {
    /// Lists refs.
    List,
    /// Brings objects here.
    Fetch,
    /// Changes refs.
    Push,
    /// Tries what a push would do. The user's pre-push hook runs meanwhile.
    TryPush,
}

impl RemoteCall {
    /// As `git` calls it.
    fn name(self) -> &'static str {
        match self {
            Self::List => "ls-remote",
            Self::Fetch => "fetch",
            Self::Push => "push",
            Self::TryPush => "push --dry-run",
        }
    }
}

/// How long a remote may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct WaitLimits {
    /// When it is said for the first time what is waited for.
    first_word: Duration,
    list: Duration,
    transfer: Duration,
    try_push: Duration,
}

impl Default for WaitLimits {
    fn default() -> Self {
        Self {
            first_word: Duration::from_secs(5),
            list: Duration::from_secs(60),
            transfer: Duration::from_secs(5 * 60),
            // A pre-push hook may run the project's tests.
            try_push: Duration::from_secs(15 * 60),
        }
    }
}

impl WaitLimits {
    /// Every wait ends after so long.
    #[cfg(test)]
    pub(super) fn short(first_word: Duration, limit: Duration) -> Self {
        Self {
            first_word,
            list: limit,
            transfer: limit,
            try_push: limit,
        }
    }

    fn of(self, call: RemoteCall) -> Duration {
        match call {
            RemoteCall::List => self.list,
            RemoteCall::Fetch | RemoteCall::Push => self.transfer,
            RemoteCall::TryPush => self.try_push,
        }
    }

    /// The result of `work`, which is dropped when the time is up: whether the remote did what it was
    /// asked to is not known then.
    pub(super) async fn wait<T>(
        self,
        remote: &str,
        call: RemoteCall,
        events: &Events,
        work: impl Future<Output = Result<T, RemoteError>>,
    ) -> Result<T, RemoteError> {
        let limit = self.of(call);
        let until = Instant::now() + limit;
        let awaited = Awaited::GitRemote {
            remote: remote.to_owned(),
            call: call.name().to_owned(),
        };
        let mut report = WaitReport::new(events, awaited)
            .until(until)
            .silent_for(self.first_word);
        match report.during(timeout_at(until, work)).await {
            Ok(done) => done,
            Err(_) => Err(no_answer(remote, call, limit)),
        }
    }
}

fn no_answer(remote: &str, call: RemoteCall, limit: Duration) -> RemoteError {
    let (name, seconds) = (call.name(), limit.as_secs());
    RemoteError::new(
        RemoteErrorKind::Unreachable,
        format!("the git remote `{remote}` gave no answer within {seconds} s ({name})"),
    )
    .hint(format!(
        "`git ls-remote {remote}` must answer here; then the same command again"
    ))
}
