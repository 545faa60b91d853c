//! Why a forge did not do what it was asked to.

use std::time::Duration;

use crate::{
    io::http::{Method, TransportError},
    text::sanitize_line,
};

/// The longest explanation of a forge that is kept, in characters.
const MAX_DETAIL: usize = 400;

/// What helps where GitHub has kept a tag name for an immutable release: no request is ever taken for it again.
pub const NAME_IS_USED: &str = "GitHub never again takes a tag name that an immutable release has had: this version has no page on it, with `[forge]` taken out of the policy it goes without, and the next version has its own";

/// A request to a forge that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{request}: {detail}")]
pub struct ForgeError {
    /// What it means for the caller.
    pub kind: ForgeErrorKind,
    /// Method and address, without the query.
    pub request: String,
    /// The forge's own words, or the transport's.
    pub detail: String,
    /// What helps.
    pub remedy: Option<&'static str>,
}

/// What a failed request to a forge means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForgeErrorKind {
    /// The forge says no, and will say so again.
    Refused,
    /// The token is missing, wrong, or may not do that.
    Denied,
    /// It was not done, and later it may be: so long is to be waited, where the forge says so.
    Later(Option<Duration>),
    /// Nothing arrived.
    Unreachable,
    /// It may or may not have been done.
    Unknown,
    /// The permit for the request had ended: nothing was sent.
    NotPermitted,
    /// The client could not be made, or a file could not be read.
    Setup,
}

impl ForgeError {
    /// An error with these words.
    #[must_use]
    pub fn new(kind: ForgeErrorKind, request: impl Into<String>, detail: impl AsRef<str>) -> Self {
        Self {
            kind,
            request: request.into(),
            detail: sanitize_line(detail.as_ref(), MAX_DETAIL),
            remedy: None,
        }
    }

    /// With what helps.
    #[must_use]
    pub fn remedy(self, remedy: &'static str) -> Self {
        Self {
            remedy: Some(remedy),
            ..self
        }
    }

    /// With what helps where the token is refused; for any other failure that would lead astray.
    #[must_use]
    pub fn remedy_of_token(self, remedy: &'static str) -> Self {
        match self.kind {
            ForgeErrorKind::Denied => self.remedy(remedy),
            _ => self,
        }
    }

    /// With what is true of a tag name that GitHub does not take any more.
    #[must_use]
    pub(super) fn remedy_of_name(self) -> Self {
        match self.detail.contains("used by an immutable release") {
            true => self.remedy(NAME_IS_USED),
            false => self,
        }
    }

    /// Whether another try cannot succeed.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self.kind {
            ForgeErrorKind::Refused | ForgeErrorKind::Denied | ForgeErrorKind::Setup => true,
            ForgeErrorKind::Later(_)
            | ForgeErrorKind::Unreachable
            | ForgeErrorKind::Unknown
            | ForgeErrorKind::NotPermitted => false,
        }
    }

    /// There was no answer.
    pub(super) fn of_transport(request: String, failure: TransportError) -> Self {
        let is_untrusted = matches!(&failure, TransportError::Unreachable { lasting: true, .. });
        let (kind, detail) = match failure {
            TransportError::Unreachable {
                detail,
                lasting: true,
            } => (ForgeErrorKind::Setup, detail),
            TransportError::Unreachable { detail, .. } | TransportError::Proxy { detail, .. } => {
                (ForgeErrorKind::Unreachable, detail)
            }
            TransportError::Lost(detail) => (ForgeErrorKind::Unknown, detail),
            TransportError::TooLarge(limit) => (
                ForgeErrorKind::Unknown,
                format!("the answer is larger than {limit} bytes"),
            ),
            TransportError::File(detail)
            | TransportError::Setup(detail)
            | TransportError::ProxySetting(detail) => (ForgeErrorKind::Setup, detail),
            TransportError::NotPermitted(ended) => {
                (ForgeErrorKind::NotPermitted, ended.to_string())
            }
        };
        let error = Self::new(kind, request, detail);
        match is_untrusted {
            true => error.remedy("`forge.ca-file` names a further certificate authority"),
            false => error,
        }
    }
}

/// A request by its method and address, without a query.
pub(super) fn named(method: &Method, url: &url::Url) -> String {
    let mut bare = url.clone();
    bare.set_query(None);
    sanitize_line(&format!("{method} {bare}"), MAX_DETAIL)
}
