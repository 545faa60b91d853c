//! What can go wrong with a credential helper.

use std::time::Duration;

/// Why a credential helper gave no credential. Its standard output is never repeated, because it can
/// hold the secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HelperFailure {
    /// There is no such program.
    #[error("the credential helper `{helper}` is not installed: no such program in `PATH`")]
    NotInstalled {
        /// The program: `docker-credential-corp`.
        helper: String,
    },
    /// The system did not start the program.
    #[error("the credential helper `{helper}` cannot be started: {why}")]
    NotStarted {
        /// The program.
        helper: String,
        /// What the system said.
        why: String,
    },
    /// The program ended, and not with success.
    #[error("the credential helper `{helper}` failed ({status}){}", said(.line.as_deref()))]
    Failed {
        /// The program.
        helper: String,
        /// How it ended: `exit status: 1`.
        status: String,
        /// The last line that it wrote to standard error, without control characters.
        line: Option<String>,
    },
    /// The program succeeded, and what it printed is not a credential.
    #[error("the credential helper `{helper}` succeeded, but {why}")]
    Answer {
        /// The program.
        helper: String,
        /// What is wrong with the answer.
        why: &'static str,
    },
    /// The program was ended because it took too long.
    #[error("the credential helper `{helper}` did not end within {} s, and was killed", .limit.as_secs())]
    Silent {
        /// The program.
        helper: String,
        /// How long it may take.
        limit: Duration,
    },
}

fn said(line: Option<&str>) -> String {
    line.map(|line| format!(": {line}")).unwrap_or_default()
}
