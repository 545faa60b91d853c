//! Why a name is refused.

use std::borrow::Cow;

/// Why a text is not a valid name. The message contains the text and the rule that it breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not `host[:port]/path`, or `path` for Docker Hub.
    #[error("`{name}` is not a valid repository: {rule}")]
    Repository {
        /// The text that was given.
        name: String,
        /// The rule that it breaks, and what may be meant.
        rule: Cow<'static, str>,
    },
    /// Not `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`.
    #[error("`{name}` is not a valid tag: {rule}")]
    Tag {
        /// The text that was given.
        name: String,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// Neither a tag nor a digest.
    #[error("`{0}` is neither a tag nor a digest")]
    TagOrDigest(String),
}
