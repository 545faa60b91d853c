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
    /// All of them, and older ones that registries use.
    pub(crate) const KNOWN: [&str; 17] = [
        BLOB_UNKNOWN,
        "BLOB_UPLOAD_INVALID",
        "BLOB_UPLOAD_UNKNOWN",
        "DENIED",
        "DIGEST_INVALID",
        MANIFEST_BLOB_UNKNOWN,
        "MANIFEST_INVALID",
        MANIFEST_UNKNOWN,
        "MANIFEST_UNVERIFIED",
        "NAME_INVALID",
        NAME_UNKNOWN,
        "SIZE_INVALID",
        "TAG_INVALID",
        "TOOMANYREQUESTS",
        "UNAUTHORIZED",
        "UNKNOWN",
        "UNSUPPORTED",
    ];
    /// Codes with which a registry refuses what was sent.
    pub const ABOUT_CONTENT: [&str; 4] = [
        "MANIFEST_INVALID",
        "MANIFEST_UNVERIFIED",
        "DIGEST_INVALID",
        "SIZE_INVALID",
    ];
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
    /// 401 or 403, and there are no credentials for it; what helps.
    NoCredentials(String),
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
    /// 413: what was sent is larger than the registry, or a proxy before it, takes.
    TooLarge,
    /// 401, and the registry does not say how to log in, or not in a way that is supported: no
    /// credentials were sent.
    NoChallenge,
    /// Another 4xx: the request was refused, and nothing was done.
    Refused,
    /// 5xx: the request may or may not have been carried out.
    Server,
    /// No answer, or half of one: the request may or may not have been carried out.
    Lost,
    /// No connection was made: nothing was done.
    Unreachable,
    /// The user's proxy could not be reached, or did not pass the request on: nothing was done.
    ProxyUnreachable,
    /// 407: the user's proxy wants a user name and a password. Nothing was done.
    ProxyRefused,
    /// Answers contradict each other: a tag that the list names does not show. Nothing follows from
    /// that, least of all that the tag is not there.
    Unclear,
    /// The answer breaks the specification or is not what was asked for (a wrong digest, an
    /// oversized body). Something may have been done.
    BadAnswer,
    /// The credentials could not be read; what helps.
    Credentials(String),
    /// A local file could not be read or written.
    File,
    /// The lock was not read as this run's for too long: nothing was sent.
    NotPermitted,
    /// The user's settings for this registry or for its proxy cannot be used.
    Setup,
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
            RegistryErrorKind::Unauthorized
            | RegistryErrorKind::NoChallenge
            | RegistryErrorKind::NoCredentials(_)
            | RegistryErrorKind::Credentials(_) => error::ErrorCode::Unauthorized,
            RegistryErrorKind::Denied => error::ErrorCode::Denied,
            RegistryErrorKind::NameUnknown => error::ErrorCode::RepositoryUnknown,
            RegistryErrorKind::Unreachable
            | RegistryErrorKind::ProxyUnreachable
            | RegistryErrorKind::ProxyRefused
            | RegistryErrorKind::Lost => error::ErrorCode::RegistryUnreachable,
            RegistryErrorKind::Setup => error::ErrorCode::Usage,
            RegistryErrorKind::TooManyRequests(_) => error::ErrorCode::RateLimited,
            RegistryErrorKind::NotFound
            | RegistryErrorKind::BlobsMissing(_)
            | RegistryErrorKind::TooLarge
            | RegistryErrorKind::Refused
            | RegistryErrorKind::Server
            | RegistryErrorKind::Unclear
            | RegistryErrorKind::BadAnswer
            | RegistryErrorKind::File
            | RegistryErrorKind::NotPermitted => error::ErrorCode::Failed,
        }
    }

    /// Puts an explanation before what is known.
    pub(crate) fn explain(&mut self, words: String) {
        self.detail = Some(match self.detail.take() {
            Some(detail) => format!("{words}; {detail}"),
            None => words,
        });
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
                | RegistryErrorKind::ProxyUnreachable
        )
    }

    /// Whether the registry refuses what was sent, and not the form of the request: the same content
    /// is refused in every form.
    #[must_use]
    pub fn is_about_content(&self) -> bool {
        self.kind == RegistryErrorKind::TooLarge
            || matches!(self.status, Some(415 | 422))
            || codes::ABOUT_CONTENT.iter().any(|code| self.has_code(code))
    }

    /// A command or a setting that helps, where it follows from the kind of the failure alone.
    #[must_use]
    pub fn remedy(&self) -> Option<&str> {
        match &self.kind {
            RegistryErrorKind::NoCredentials(remedy) | RegistryErrorKind::Credentials(remedy) => {
                Some(remedy)
            }
            RegistryErrorKind::NoChallenge => Some(
                "look at what answers at this address: the registry, or a proxy before it, must send `WWW-Authenticate` with a 401",
            ),
            RegistryErrorKind::ProxyUnreachable => Some(
                "check the proxy that the variable names, or name the registry's host in `NO_PROXY`",
            ),
            RegistryErrorKind::ProxyRefused => Some(
                "put the user name and the password into the variable's URL (`http://user:password@host:port`), or name the registry's host in `NO_PROXY`",
            ),
            RegistryErrorKind::Setup => Some("correct the variable or the setting, or unset it"),
            RegistryErrorKind::Unclear => Some(
                "wait until the registry shows what its list names, then run the same command again",
            ),
            RegistryErrorKind::TooLarge => Some(
                "raise the limit of the registry, or of the proxy before it (nginx: `client_max_body_size`), or make this part of the image smaller",
            ),
            _ => None,
        }
    }

    /// Whether the registry refuses this account, or this request, for good.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(
            self.kind,
            RegistryErrorKind::Unauthorized
                | RegistryErrorKind::NoCredentials(_)
                | RegistryErrorKind::Denied
                | RegistryErrorKind::NoChallenge
                | RegistryErrorKind::TooLarge
                | RegistryErrorKind::Refused
        )
    }

    /// Whether the login was refused, which another one may change.
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        matches!(
            self.kind,
            RegistryErrorKind::Unauthorized | RegistryErrorKind::Denied
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
        self.write_reason(f)
    }
}

impl RegistryError {
    /// What was answered, without the request.
    #[must_use]
    pub(crate) fn reason(&self) -> String {
        struct Reason<'a>(&'a RegistryError);
        impl fmt::Display for Reason<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.write_reason(f)
            }
        }
        let reason = Reason(self).to_string();
        reason.trim_start_matches([':', ' ']).to_owned()
    }

    fn write_reason(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, ": {status}")?,
            None if self.is_transient() => f.write_str(": no answer")?,
            None => {}
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
