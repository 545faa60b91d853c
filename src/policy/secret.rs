//! `image.build.secrets` and `image.build.ssh`: what a build may use and the image must not hold.

use std::{convert::Infallible, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::policy::text_value::text_value;

/// One secret of the build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "SecretTable", into = "SecretTable")]
pub struct Secret {
    /// The name that the Dockerfile asks for: `--mount=type=secret,id=…`.
    pub id: String,
    /// Where the value comes from.
    pub source: SecretSource,
}

/// Where the value of a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// An environment variable.
    Env {
        /// The variable's name.
        name: String,
    },
    /// A file.
    File {
        /// The file's path, seen from the repository.
        path: String,
    },
}

/// The keys of a secret as `release.toml` has them.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(extend("oneOf" = [{ "required": ["env"] }, { "required": ["file"] }])))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct SecretTable {
    /// The name that the Dockerfile asks for: `--mount=type=secret,id=...`.
    id: String,
    /// The environment variable that holds the value.
    env: Option<String>,
    /// The file that holds the value.
    file: Option<String>,
}

impl TryFrom<SecretTable> for Secret {
    type Error = String;

    fn try_from(table: SecretTable) -> Result<Self, Self::Error> {
        let source = match (table.env, table.file) {
            (Some(name), None) => SecretSource::Env { name },
            (None, Some(path)) => SecretSource::File { path },
            _ => {
                return Err(format!(
                    "the secret `{}` needs either `env` or `file`",
                    table.id
                ));
            }
        };
        Ok(Self {
            id: table.id,
            source,
        })
    }
}

impl From<Secret> for SecretTable {
    fn from(secret: Secret) -> Self {
        let (env, file) = match secret.source {
            SecretSource::Env { name } => (Some(name), None),
            SecretSource::File { path } => (None, Some(path)),
        };
        Self {
            id: secret.id,
            env,
            file,
        }
    }
}

/// An SSH agent of the build: `default`, or `id=path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshAgent {
    /// The name that the Dockerfile asks for: `--mount=type=ssh,id=…`.
    pub id: String,
    /// The agent's socket, seen from the repository; unset: the one that `SSH_AUTH_SOCK` names.
    pub socket: Option<String>,
}

impl FromStr for SshAgent {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.split_once('=') {
            Some((id, path)) => Self {
                id: id.to_owned(),
                socket: Some(path.to_owned()),
            },
            None => Self {
                id: text.to_owned(),
                socket: None,
            },
        })
    }
}

impl fmt::Display for SshAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        match &self.socket {
            Some(path) => write!(f, "={path}"),
            None => Ok(()),
        }
    }
}

text_value!(SshAgent);
