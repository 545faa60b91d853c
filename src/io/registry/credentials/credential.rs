//! A credential, and why one could not be read.

use std::fmt;

use crate::io::registry::credentials::helper_failure::HelperFailure;

/// What proves the user's identity to a registry. Its debug output shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// A name and a password or access token.
    Password {
        /// The name.
        username: String,
        /// The password.
        password: String,
    },
    /// A refresh token of the registry's token service.
    IdentityToken(String),
    /// A token that the registry takes as it is; no token service is asked.
    RegistryToken(String),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password { .. } => "Credential::Password(…)",
            Self::IdentityToken(_) => "Credential::IdentityToken(…)",
            Self::RegistryToken(_) => "Credential::RegistryToken(…)",
        })
    }
}

/// The name that marks its password as an identity token.
const TOKEN_USER: &str = "<token>";

impl Credential {
    /// From a name and a password, as files, variables and helpers hold them. Line breaks at their
    /// ends are left out, as `docker login` does: they come from `echo` and from files.
    /// `None`: both are empty.
    ///
    /// # Errors
    /// There is a name, and the password is empty.
    pub(super) fn new(username: &str, password: &str) -> Result<Option<Self>, &'static str> {
        let (username, password) = (without_line_break(username), without_line_break(password));
        match (username.is_empty(), password.is_empty()) {
            (true, true) => Ok(None),
            (false, true) => Err("it has a user name, and its password is empty"),
            (_, false) if username == TOKEN_USER => {
                Ok(Some(Self::IdentityToken(password.to_owned())))
            }
            (_, false) => Ok(Some(Self::Password {
                username: username.to_owned(),
                password: password.to_owned(),
            })),
        }
    }
}

/// Without the line breaks (and the zero bytes of old versions of Docker) at the end.
pub(super) fn without_line_break(text: &str) -> &str {
    text.trim_end_matches(['\n', '\r', '\0'])
}

/// Why the credentials could not be read. The text repeats nothing of what was read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// Only one half of a pair of variables is set.
    #[error("`{set}` is set, but `{unset}` is not")]
    HalfPair {
        /// The variable that is set.
        set: String,
        /// The variable that is missing or empty.
        unset: String,
    },
    /// A file or variable is not what Docker and Podman write.
    #[error("{place}: {why}")]
    Unreadable {
        /// The file or variable.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// The credential helper that a file names did not give a credential.
    #[error("{place}: {failure}")]
    Helper {
        /// The file that names the helper.
        place: String,
        /// Which helper, and what happened.
        failure: HelperFailure,
    },
}

impl CredentialError {
    /// What helps.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::HalfPair { set, unset } => format!("set `{unset}`, too, or unset `{set}`"),
            Self::Unreadable { place, .. } => format!("correct {place}, or log in again"),
            Self::Helper { place, failure } => match failure {
                HelperFailure::NotInstalled { helper } => {
                    format!("install `{helper}`, or take it out of {place}")
                }
                HelperFailure::NotStarted { helper, .. }
                | HelperFailure::Failed { helper, .. }
                | HelperFailure::Answer { helper, .. }
                | HelperFailure::Silent { helper, .. } => {
                    format!("make `{helper} get` work, or take the helper out of {place}")
                }
            },
        }
    }
}
