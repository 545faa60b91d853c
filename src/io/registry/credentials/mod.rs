//! The credentials for a registry, or for a part of it.
//!
//! They are looked for in this order:
//!
//! 1. `HOIST_REGISTRY_USERNAME_<HOST>` and `HOIST_REGISTRY_PASSWORD_<HOST>` ([`variable`]);
//! 2. the same pair without a host, for the host that `HOIST_REGISTRY_HOST` names. Without that
//!    variable the pair goes to the only registry of the policy, and only where the run publishes:
//!    a policy file of somebody else must not be able to take a password by being looked at;
//! 3. `DOCKER_AUTH_CONFIG`, which holds JSON; the file that `REGISTRY_AUTH_FILE` names; `config.json`
//!    in the folder that `DOCKER_CONFIG` names;
//! 4. `$XDG_RUNTIME_DIR/containers/auth.json`, `$XDG_CONFIG_HOME/containers/auth.json` (by default
//!    `~/.config`), `~/.docker/config.json`: the order in which Podman and Skopeo read them.
//!
//! The first place that has something for the repository is used; what lies behind it is not read. A place that
//! cannot be read is an error that names it. No credential is ever printed.

mod credential;
mod document;
mod helper;
mod helper_failure;
mod key;
mod places;

pub use credential::{Credential, CredentialError};
pub use helper_failure::HelperFailure;
pub use key::CredentialTarget;

use crate::{
    io::{
        environment::Environment,
        registry::credentials::{
            document::Document,
            places::{Place, places},
        },
    },
    oci::Registry,
    text::sanitize_line,
};

/// The variables of the pair that names no host, and the one that names it.
const USERNAME: &str = "HOIST_REGISTRY_USERNAME";
const PASSWORD: &str = "HOIST_REGISTRY_PASSWORD";
const HOST: &str = "HOIST_REGISTRY_HOST";

/// Which registry the pair without a host is for where `HOIST_REGISTRY_HOST` does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnnamedPair {
    /// For this one: it is the policy's only registry, and the run publishes.
    Here,
    /// For none: the policy has several registries.
    SeveralRegistries,
    /// For none: the run does not publish.
    OnlyLooking,
    /// For none: this registry is not one of the policy's.
    ForeignRegistry,
}

/// Whether a file's credential under `key` is for `target`.
#[cfg(any(test, fuzzing, feature = "testing"))]
pub(super) fn fits(key: &str, target: CredentialTarget<'_>) -> bool {
    key::fit(key, target).is_some()
}

/// The credential for `target`; `None` for anonymous requests.
///
/// # Errors
/// A place that may hold it cannot be read, or a credential helper fails.
pub async fn find(
    environment: &Environment,
    target: CredentialTarget<'_>,
    pair: UnnamedPair,
) -> Result<Option<Credential>, CredentialError> {
    if let Some(credential) = from_variables(environment, target, pair)? {
        return Ok(Some(credential));
    }
    for place in places(environment) {
        let Some(content) = place.read(environment)? else {
            continue;
        };
        let document = Document::parse(place.name(), &content)?;
        if let Some(found) = document.find(environment, target).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The name of the variable for one host: `HOIST_REGISTRY_PASSWORD_GHCR_IO`. A `-` is `__`, and every
/// other character that is neither a letter nor a digit is `_`, so that `registry.example.org` and
/// `registry-example.org`, which can belong to different people, do not share a variable.
#[must_use]
pub fn variable(kind: &str, registry: &Registry) -> String {
    let mut name = format!("HOIST_REGISTRY_{kind}_");
    for c in registry.as_str().chars() {
        match c {
            '-' => name.push_str("__"),
            c if c.is_ascii_alphanumeric() => name.push(c.to_ascii_uppercase()),
            _ => name.push('_'),
        }
    }
    name
}

/// What a person can do where `registry` wants a login. The variables that it names work in every
/// verb and with any number of registries.
#[must_use]
pub fn login_advice(registry: &Registry) -> String {
    format!(
        "`docker login {registry}`, or set {} and {}",
        variable("USERNAME", registry),
        variable("PASSWORD", registry)
    )
}

/// Why the pair of variables that names no host is not used for `registry`, for which nothing else was
/// found either. `None`: the variables are not set.
#[must_use]
pub fn passed_over(
    environment: &Environment,
    registry: &Registry,
    pair: UnnamedPair,
) -> Option<String> {
    if environment.get(USERNAME).is_none() && environment.get(PASSWORD).is_none() {
        return None;
    }
    let own = variable("USERNAME", registry);
    Some(match (environment.get(HOST), pair) {
        (Some(host), _) => format!(
            "`{USERNAME}` is for `{}`, which `{HOST}` names",
            sanitize_line(host, 100)
        ),
        (None, UnnamedPair::SeveralRegistries) => {
            format!("with several registries, `{own}` is the variable for this one")
        }
        (None, UnnamedPair::ForeignRegistry) => {
            format!("`{USERNAME}` is for the registry of the policy")
        }
        (None, UnnamedPair::OnlyLooking | UnnamedPair::Here) => {
            format!("without `{HOST}`, `{USERNAME}` is used only by what publishes")
        }
    })
}

/// Says that there are no credentials, and which were passed over.
#[must_use]
pub fn none_found(environment: &Environment, registry: &Registry, pair: UnnamedPair) -> String {
    let mut why = Vec::from_iter(passed_over(environment, registry, pair));
    why.extend(
        places(environment)
            .iter()
            .filter_map(Place::missing)
            .map(|(variable, path)| {
                format!("there is no `{}`, which `{variable}` names", path.display())
            }),
    );
    let nobody = "no credentials were found";
    if why.is_empty() {
        return nobody.to_owned();
    }
    format!("{nobody} ({})", why.join("; "))
}

fn from_variables(
    environment: &Environment,
    target: CredentialTarget<'_>,
    pair: UnnamedPair,
) -> Result<Option<Credential>, CredentialError> {
    let username = variable("USERNAME", target.registry);
    let password = variable("PASSWORD", target.registry);
    if let Some(found) = from_pair(environment, &username, &password)? {
        return Ok(Some(found));
    }
    if pair_is_for(environment, target, pair)? {
        return from_pair(environment, USERNAME, PASSWORD);
    }
    Ok(None)
}

/// Whether the pair without a host is for `target`.
fn pair_is_for(
    environment: &Environment,
    target: CredentialTarget<'_>,
    pair: UnnamedPair,
) -> Result<bool, CredentialError> {
    if environment.get(USERNAME).is_none() && environment.get(PASSWORD).is_none() {
        return Ok(false);
    }
    let Some(host) = environment.get(HOST) else {
        return Ok(pair == UnnamedPair::Here);
    };
    key::names(host, target).ok_or_else(|| CredentialError::Unreadable {
        place: format!("`{HOST}`"),
        why: format!(
            "`{}` is not the host of a registry",
            sanitize_line(host, 100)
        ),
    })
}

fn from_pair(
    environment: &Environment,
    username: &str,
    password: &str,
) -> Result<Option<Credential>, CredentialError> {
    let value = |name: &str| {
        let value = environment.get(name).unwrap_or_default();
        credential::without_line_break(value)
    };
    let half = |set: &str, unset: &str| CredentialError::HalfPair {
        set: set.to_owned(),
        unset: unset.to_owned(),
    };
    match (value(username), value(password)) {
        ("", "") => Ok(None),
        (_, "") => Err(half(username, password)),
        ("", _) => Err(half(password, username)),
        (name, secret) => Credential::new(name, secret).map_err(|_| half(username, password)),
    }
}

#[cfg(test)]
mod tests;
