//! The credentials for a registry.
//!
//! They are looked for in this order: `HOIST_REGISTRY_USERNAME_<HOST>` and `HOIST_REGISTRY_PASSWORD_<HOST>` (the host
//! in upper case, everything but letters and digits a `_`); the same pair without a host, where the
//! release has only one registry, so that no password is sent to a host that it was not meant for;
//! `DOCKER_AUTH_CONFIG`; Docker's `config.json` with its credential helpers; Podman's `auth.json`.
//! No credential is ever printed.

use std::{fmt, io::Cursor, path::PathBuf, time::Duration};

use docker_credential::{CredentialRetrievalError, DockerCredential};

use crate::{
    io::{environment::Environment, registry::profile::RegistryProfile},
    oci::Registry,
};

/// How long a credential helper may take; some ask the user.
const HELPER_TIMEOUT: Duration = Duration::from_secs(60);
/// Largest configuration file that is read, in bytes.
const LARGEST_FILE: u64 = 4 * 1024 * 1024;

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
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password { .. } => "Credential::Password(…)",
            Self::IdentityToken(_) => "Credential::IdentityToken(…)",
        })
    }
}

/// Why the credentials could not be read. The text repeats nothing of what was read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// Only one half of a pair of variables is set.
    #[error("`{set}` is set, but `{unset}` is not")]
    HalfPair {
        /// The variable that is set.
        set: String,
        /// The variable that is missing.
        unset: String,
    },
    /// A file or variable is not what Docker writes.
    #[error("{place}: {why}")]
    Unreadable {
        /// The file or variable.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// The credential helper did not answer in time.
    #[error("{place}: the credential helper did not answer within {} s", HELPER_TIMEOUT.as_secs())]
    Silent {
        /// The file that names the helper.
        place: String,
    },
}

/// The credential for `registry`; `None` for anonymous requests. `only` says that the release has no
/// other registry.
pub async fn find(
    environment: &Environment,
    registry: &Registry,
    only: bool,
) -> Result<Option<Credential>, CredentialError> {
    if let Some(credential) = from_variables(environment, registry, only)? {
        return Ok(Some(credential));
    }
    for (place, content) in configurations(environment)? {
        if let Some(found) = from_configuration(place, content, registry).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The name of the variable for one host: `HOIST_REGISTRY_PASSWORD_GHCR_IO`.
#[must_use]
pub fn variable(kind: &str, registry: &Registry) -> String {
    let host: String = registry
        .as_str()
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect();
    format!("HOIST_REGISTRY_{kind}_{host}")
}

fn from_variables(
    environment: &Environment,
    registry: &Registry,
    only: bool,
) -> Result<Option<Credential>, CredentialError> {
    let mut names = vec![(
        variable("USERNAME", registry),
        variable("PASSWORD", registry),
    )];
    if only {
        names.push((
            "HOIST_REGISTRY_USERNAME".into(),
            "HOIST_REGISTRY_PASSWORD".into(),
        ));
    }
    for (username, password) in names {
        let value = |name: &str| environment.get(name).map(ToOwned::to_owned);
        match (value(&username), value(&password)) {
            (Some(username), Some(password)) => {
                return Ok(Some(Credential::Password { username, password }));
            }
            (None, None) => {}
            (Some(_), None) => {
                return Err(CredentialError::HalfPair {
                    set: username,
                    unset: password,
                });
            }
            (None, Some(_)) => {
                return Err(CredentialError::HalfPair {
                    set: password,
                    unset: username,
                });
            }
        }
    }
    Ok(None)
}

/// The configurations that exist, each with the name of its file or variable.
fn configurations(environment: &Environment) -> Result<Vec<(String, Vec<u8>)>, CredentialError> {
    let mut all = Vec::new();
    if let Some(text) = environment
        .get("DOCKER_AUTH_CONFIG")
        .filter(|v| !v.trim().is_empty())
    {
        all.push(("`DOCKER_AUTH_CONFIG`".to_owned(), text.into()));
    }
    for path in files(environment) {
        if let Some(content) = read(&path)? {
            all.push((format!("`{}`", path.display()), content));
        }
    }
    Ok(all)
}

fn files(environment: &Environment) -> Vec<PathBuf> {
    let folder = |name: &str| environment.get(name).map(PathBuf::from);
    let home = folder("HOME").or_else(|| folder("USERPROFILE"));
    let docker = folder("DOCKER_CONFIG").or_else(|| home.clone().map(|h| h.join(".docker")));
    let podman = folder("REGISTRY_AUTH_FILE")
        .or_else(|| folder("XDG_RUNTIME_DIR").map(|d| d.join("containers/auth.json")));
    docker
        .map(|d| d.join("config.json"))
        .into_iter()
        .chain(podman)
        .collect()
}

fn read(path: &PathBuf) -> Result<Option<Vec<u8>>, CredentialError> {
    let unreadable = |why: String| CredentialError::Unreadable {
        place: format!("`{}`", path.display()),
        why,
    };
    match std::fs::metadata(path) {
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(error.to_string())),
        Ok(found) if found.len() > LARGEST_FILE => {
            return Err(unreadable(format!("larger than {LARGEST_FILE} bytes")));
        }
        Ok(_) => {}
    }
    std::fs::read(path)
        .map(Some)
        .map_err(|e| unreadable(e.to_string()))
}

async fn from_configuration(
    place: String,
    content: Vec<u8>,
    registry: &Registry,
) -> Result<Option<Credential>, CredentialError> {
    let keys = RegistryProfile::of(registry).credential_keys(registry);
    let (tell, told) = tokio::sync::oneshot::channel();
    // On a thread of its own and not one of the runtime's: a helper that never answers must not keep
    // the program from ending.
    std::thread::spawn(move || {
        // The receiver is gone when the caller has given up.
        let _ = tell.send(first(&content, &keys));
    });
    match tokio::time::timeout(HELPER_TIMEOUT, told).await {
        Ok(Ok(found)) => found.map_err(|why| CredentialError::Unreadable {
            place,
            why: why.to_owned(),
        }),
        _ => Err(CredentialError::Silent { place }),
    }
}

fn first(content: &[u8], keys: &[String]) -> Result<Option<Credential>, &'static str> {
    for key in keys {
        match docker_credential::get_credential_from_reader(Cursor::new(content), key) {
            Ok(DockerCredential::UsernamePassword(username, password)) if username == "<token>" => {
                return Ok(Some(Credential::IdentityToken(password)));
            }
            Ok(DockerCredential::UsernamePassword(username, password)) => {
                return Ok(Some(Credential::Password { username, password }));
            }
            Ok(DockerCredential::IdentityToken(token)) => {
                return Ok(Some(Credential::IdentityToken(token)));
            }
            Err(error) => reason(&error)?,
        }
    }
    Ok(None)
}

/// Nothing, where the error only says that there is no credential. A helper's output is never
/// repeated: it can hold the secret.
fn reason(error: &CredentialRetrievalError) -> Result<(), &'static str> {
    use CredentialRetrievalError as E;
    match error {
        E::NoCredentialConfigured | E::ConfigNotFound => Ok(()),
        E::HelperFailure { stdout, stderr, .. }
            if [stdout, stderr]
                .iter()
                .any(|text| text.contains("not found") || text.contains("not exist")) =>
        {
            Ok(())
        }
        E::HelperFailure { .. } => Err("the credential helper failed"),
        E::HelperCommunicationError => Err("the credential helper cannot be run"),
        E::MalformedHelperResponse => Err("the credential helper's answer cannot be read"),
        E::CredentialDecodingError => Err("an `auth` entry is not base64 of `name:password`"),
        E::CredentialMismatchError => Err("`auth` and `username` of an entry disagree"),
        E::ConfigReadError => Err("it is not the JSON that Docker writes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(host: &str) -> Registry {
        let repository: crate::oci::Repository =
            format!("{host}/a/b").parse().expect("a good name");
        repository.registry().clone()
    }

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        pairs.iter().copied().collect()
    }

    fn password(username: &str, password: &str) -> Option<Credential> {
        Some(Credential::Password {
            username: username.into(),
            password: password.into(),
        })
    }

    const PAIR: [(&str, &str); 2] = [
        ("HOIST_REGISTRY_USERNAME", "u"),
        ("HOIST_REGISTRY_PASSWORD", "p"),
    ];

    #[tokio::test]
    async fn the_pair_without_a_host_is_for_the_only_registry() {
        let environment = environment(&PAIR);
        assert_eq!(
            find(&environment, &registry("ghcr.io"), true).await,
            Ok(password("u", "p"))
        );
        assert_eq!(
            find(&environment, &registry("ghcr.io"), false).await,
            Ok(None)
        );
    }

    #[tokio::test]
    async fn a_host_of_its_own_comes_first() {
        let mut pairs = PAIR.to_vec();
        pairs.push(("HOIST_REGISTRY_USERNAME_127_0_0_1_5000", "me"));
        let host = registry("127.0.0.1:5000");
        assert_eq!(
            find(&environment(&pairs), &host, false).await.map_err(|e| e.to_string()),
            Err("`HOIST_REGISTRY_USERNAME_127_0_0_1_5000` is set, but `HOIST_REGISTRY_PASSWORD_127_0_0_1_5000` is not".into())
        );
        pairs.push(("HOIST_REGISTRY_PASSWORD_127_0_0_1_5000", "mine"));
        let environment = environment(&pairs);
        assert_eq!(
            find(&environment, &host, true).await,
            Ok(password("me", "mine"))
        );
        assert_eq!(
            find(&environment, &registry("ghcr.io"), true).await,
            Ok(password("u", "p"))
        );
    }

    #[tokio::test]
    async fn docker_hub_goes_by_its_old_name() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(
            folder.path().join("config.json"),
            r#"{"auths":{"https://index.docker.io/v1/":{"auth":"bWU6cGE6c3M="},"ghcr.io":{"identitytoken":"t"}}}"#,
        )
        .expect("a file");
        let environment = environment(&[("DOCKER_CONFIG", &folder.path().to_string_lossy())]);
        assert_eq!(
            find(&environment, &registry("docker.io"), true).await,
            Ok(password("me", "pa:ss"))
        );
        assert_eq!(
            find(&environment, &registry("ghcr.io"), true).await,
            Ok(Some(Credential::IdentityToken("t".into())))
        );
        assert_eq!(
            find(&environment, &registry("quay.io"), true).await,
            Ok(None)
        );
    }

    #[tokio::test]
    async fn an_unreadable_configuration_is_named_and_not_shown() {
        let environment = environment(&[(
            "DOCKER_AUTH_CONFIG",
            r#"{"auths":{"ghcr.io":{"auth":"!secret!"}}}"#,
        )]);
        let error = find(&environment, &registry("ghcr.io"), true)
            .await
            .expect_err("no base64");
        assert_eq!(
            error.to_string(),
            "`DOCKER_AUTH_CONFIG`: an `auth` entry is not base64 of `name:password`"
        );
    }

    #[test]
    fn a_credential_shows_nothing() {
        assert_eq!(
            format!("{:?}", password("user", "secret")),
            "Some(Credential::Password(…))"
        );
    }
}
