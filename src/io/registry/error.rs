//! Registry errors as types: what was asked, what was answered, and whether it may have been done.

use std::{fmt, time::Duration};

use crate::oci::Digest;

/// One entry of a registry's `errors` list, made harmless for a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorCode {
    /// `MANIFEST_UNKNOWN`, `DENIED`, …
    pub code: String,
    /// The registry's own words.
    pub message: String,
}

/// What kind of answer, or lack of one, it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryErrorKind {
    /// 401: no or wrong credentials.
    Unauthorized,
    /// 403: the right is missing.
    Denied,
    /// 404 where the thing was needed.
    NotFound,
    /// 404 `NAME_UNKNOWN`: there is no such repository.
    NameUnknown,
    /// A manifest names blobs that the registry does not have.
    BlobsMissing(Vec<Digest>),
    /// 429: too many requests; nothing was done.
    TooManyRequests(Option<Duration>),
    /// Another 4xx: refused, nothing was done.
    Refused,
    /// 5xx: it may or may not have been done.
    Server,
    /// No answer, or half of one: it may or may not have been done.
    Lost,
    /// No connection was made: nothing was done.
    Unreachable,
    /// The answer breaks the specification or is not what was asked for (a wrong digest, an
    /// oversized body). Something may have been done.
    BadAnswer,
    /// The credentials could not be read.
    Credentials,
    /// A local file could not be read or written.
    File,
}

/// A request to a registry that did not end as it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryError {
    /// What kind.
    pub kind: RegistryErrorKind,
    /// Method and URL without query: `PUT https://registry.example.org/v2/acme/api/manifests/1.2.3`.
    pub request: String,
    /// The status, where there was one.
    pub status: Option<u16>,
    /// The registry's error entries.
    pub codes: Vec<ErrorCode>,
    /// Further words: the transport's error, the rule that was broken.
    pub detail: Option<String>,
}

impl RegistryError {
    /// The request may have been done although it failed.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        matches!(
            self.kind,
            RegistryErrorKind::Server | RegistryErrorKind::Lost | RegistryErrorKind::BadAnswer
        )
    }

    /// Another try may go better.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self.kind,
            RegistryErrorKind::Server
                | RegistryErrorKind::Lost
                | RegistryErrorKind::TooManyRequests(_)
                | RegistryErrorKind::Unreachable
        )
    }

    /// Whether the registry used this error code.
    #[must_use]
    pub fn has_code(&self, code: &str) -> bool {
        self.codes.iter().any(|entry| entry.code == code)
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.request)?;
        match self.status {
            Some(status) => write!(f, ": {status}")?,
            None => f.write_str(": no answer")?,
        }
        for entry in &self.codes {
            write!(f, " {}", entry.code)?;
            if !entry.message.is_empty() {
                write!(f, " ({})", entry.message)?;
            }
        }
        match &self.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for RegistryError {}
