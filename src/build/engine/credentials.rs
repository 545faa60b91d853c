//! The logins that an engine needs for base images.

use std::collections::BTreeSet;

use base64::{Engine as _, prelude::BASE64_URL_SAFE};
use serde_json::{Map, json};

use crate::{
    io::{
        environment::Environment,
        registry::{
            RegistryProfile,
            credentials::{Credential, CredentialError, CredentialTarget, UnnamedPair, find},
        },
    },
    oci::{Registry, Repository},
};

/// User name and password for a host as an engine names it. A token goes without a user name.
pub(crate) async fn credential_for(
    environment: &Environment,
    host: &str,
) -> Result<Option<(String, String)>, CredentialError> {
    let Some(registry) = registry(host) else {
        return Ok(None);
    };
    let found = whole(environment, &registry).await?;
    Ok(found.and_then(|found| match found {
        Credential::Password { username, password } => Some((username, password)),
        Credential::IdentityToken(token) => Some((String::new(), token)),
        // The engine would take it for an identity token.
        Credential::RegistryToken(_) => None,
    }))
}

/// The `X-Registry-Config` header for a Dockerfile's base images; `None`: no login is known.
///
/// The alphabet is the URL-safe one: engines decode no other, and drop logins without a word.
pub(crate) async fn registry_config(
    environment: &Environment,
    dockerfile: &str,
) -> Result<Option<String>, CredentialError> {
    let mut logins = Map::new();
    for registry in registries(dockerfile) {
        let login = match whole(environment, &registry).await? {
            Some(Credential::Password { username, password }) => {
                json!({"username": username, "password": password})
            }
            Some(Credential::IdentityToken(token)) => json!({"identitytoken": token}),
            Some(Credential::RegistryToken(token)) => json!({"registrytoken": token}),
            None => continue,
        };
        let key = RegistryProfile::of(&registry).login_key(&registry);
        logins.insert(key, login);
    }
    let text = serde_json::Value::Object(logins);
    let any = text.as_object().is_some_and(|logins| !logins.is_empty());
    Ok(any.then(|| BASE64_URL_SAFE.encode(text.to_string())))
}

/// The credential for a registry as a whole: an engine asks for no repository. The pair of variables
/// that names no host is for what is published, not for base images.
async fn whole(
    environment: &Environment,
    registry: &Registry,
) -> Result<Option<Credential>, CredentialError> {
    let target = CredentialTarget {
        registry,
        path: None,
    };
    find(environment, target, UnnamedPair::ForeignRegistry).await
}

fn registry(host: &str) -> Option<Registry> {
    let host = host.strip_prefix("https://").unwrap_or(host);
    let host = host.split('/').next()?;
    let repository: Repository = format!("{host}/x").parse().ok()?;
    Some(repository.registry().clone())
}

/// The registries of the images that a Dockerfile names. One too many costs nothing.
fn registries(dockerfile: &str) -> BTreeSet<Registry> {
    let image = |line: &str| {
        let mut words = line.split_whitespace();
        let first = words.next()?.to_ascii_uppercase();
        let named = match &*first {
            "FROM" => words.find(|word| !word.starts_with("--")),
            "COPY" | "ADD" => words.find_map(|word| word.strip_prefix("--from=")),
            _ => None,
        }?;
        // A stage, or a variable: Docker Hub at worst.
        let name = named.split('@').next()?;
        let name = match name.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => name,
            _ => name,
        };
        let repository = name.parse::<Repository>().ok();
        repository.map(|repository| repository.registry().clone())
    };
    dockerfile.lines().filter_map(image).collect()
}

#[cfg(test)]
mod tests {
    use crate::build::engine::credentials::*;

    #[test]
    fn the_registries_of_base_images_are_found() {
        let dockerfile = "FROM --platform=$BUILDPLATFORM ghcr.io/acme/base:1@sha256:0 AS a\n\
            from localhost:5000/b\nCOPY --from=quay.io/tool/x /a /b\nFROM a\nRUN FROM x";
        let found: Vec<String> = registries(dockerfile)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found, ["docker.io", "ghcr.io", "localhost:5000", "quay.io"]);
    }

    #[tokio::test]
    async fn logins_travel_in_the_alphabet_that_engines_read() {
        let password = "a?b~c>d?e~f>??~~>>";
        let environment = [
            ("HOIST_REGISTRY_USERNAME_GHCR_IO", "me"),
            ("HOIST_REGISTRY_PASSWORD_GHCR_IO", password),
        ]
        .into_iter()
        .collect();
        let header = registry_config(&environment, "FROM ghcr.io/acme/base\nFROM alpine").await;
        let header = header.expect("it can be read").expect("there is one");
        assert!(
            header.contains(['-', '_']) && !header.contains(['+', '/']),
            "{header}"
        );
        let text = BASE64_URL_SAFE.decode(header).expect("it is base64");
        let logins: serde_json::Value = serde_json::from_slice(&text).expect("it is JSON");
        assert_eq!(
            logins,
            json!({"ghcr.io": {"username": "me", "password": password}})
        );
        let login = credential_for(&environment, "ghcr.io")
            .await
            .expect("it can be read");
        assert_eq!(login, Some(("me".to_owned(), password.to_owned())));
        assert_eq!(
            registry("https://index.docker.io/v1/")
                .map(|r| r.to_string())
                .as_deref(),
            Some("docker.io")
        );
    }
}
