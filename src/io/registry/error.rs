//! Registry errors as types: what was requested, what was answered, and whether the request may have
//! been carried out.

use std::{fmt, time::Duration};

use crate::{error, oci::Digest};

/// The error codes of the distribution specification 1.1 that hoist acts on.
pub mod codes {
    /// A manifest names a blob that the registry does not have.
    pub const MANIFEST_BLOB_UNKNOWN: &str = "MANIFEST_BLOB_UNKNOWN";
    /// The registry does not have the blob.
    pub const BLOB_UNKNOWN: &str = "BLOB_UNKNOWN";
    /// The registry does not have the manifest.
    pub const MANIFEST_UNKNOWN: &str = "MANIFEST_UNKNOWN";
    /// The registry does not have the repository.
    pub const NAME_UNKNOWN: &str = "NAME_UNKNOWN";
}

/// One entry of a registry's `errors` list, without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryErrorCode {
    /// As the registry wrote it: `MANIFEST_UNKNOWN`, `DENIED`, … ([`codes`]).
    pub code: String,
    /// The registry's own explanation.
    pub message: String,
}

/// What kind of answer, or lack of one, a request met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryErrorKind {
    /// 401: no credentials, or wrong ones.
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
    /// Another 4xx: the request was refused, and nothing was done.
    Refused,
    /// 5xx: the request may or may not have been carried out.
    Server,
    /// No answer, or half of one: the request may or may not have been carried out.
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
    /// The lock was not read as this run's for too long: nothing was sent.
    NotPermitted,
}

/// A request to a registry that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryError {
    /// What kind of answer the request met.
    pub kind: RegistryErrorKind,
    /// Method and URL without query: `PUT https://registry.example.org/v2/acme/api/manifests/1.2.3`.
    pub request: String,
    /// The status, where there was one.
    pub status: Option<u16>,
    /// The registry's error entries.
    pub codes: Vec<RegistryErrorCode>,
    /// Further explanation: the transport's error, or the rule that was broken.
    pub detail: Option<String>,
}

impl RegistryError {
    /// The code of an error that this one leads to before any tag moved.
    #[must_use]
    pub fn failure(&self) -> error::ErrorCode {
        match self.kind {
            RegistryErrorKind::Unauthorized | RegistryErrorKind::Credentials => {
                error::ErrorCode::Unauthorized
            }
            RegistryErrorKind::Denied => error::ErrorCode::Denied,
            RegistryErrorKind::NameUnknown => error::ErrorCode::RepositoryUnknown,
            RegistryErrorKind::Unreachable | RegistryErrorKind::Lost => {
                error::ErrorCode::RegistryUnreachable
            }
            RegistryErrorKind::TooManyRequests(_) => error::ErrorCode::RateLimited,
            RegistryErrorKind::NotFound
            | RegistryErrorKind::BlobsMissing(_)
            | RegistryErrorKind::Refused
            | RegistryErrorKind::Server
            | RegistryErrorKind::BadAnswer
            | RegistryErrorKind::File
            | RegistryErrorKind::NotPermitted => error::ErrorCode::Failed,
        }
    }

    /// Whether the request may have been carried out although it failed.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        matches!(
            self.kind,
            RegistryErrorKind::Server | RegistryErrorKind::Lost | RegistryErrorKind::BadAnswer
        )
    }

    /// Whether another try may succeed.
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

    /// Whether the registry refuses this account, or this request, for good.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(
            self.kind,
            RegistryErrorKind::Unauthorized
                | RegistryErrorKind::Denied
                | RegistryErrorKind::Refused
        )
    }

    /// Whether the registry used this error code ([`codes`]).
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
