//! What one registry does differently from the others: the one home for it.
//!
//! A registry without an entry here is as the distribution specification says. To teach hoist a
//! registry's ways, add a profile and name its host in [`RegistryProfile::of`]. What can only be
//! learned by asking (whether several tags can be put in one request) is kept with the session.

use crate::oci::Registry;

/// What a registry does that the distribution specification does not say.
#[derive(Debug, PartialEq, Eq)]
pub struct RegistryProfile {
    /// The host that answers the distribution API, where it is not the host that people write.
    api_host: Option<&'static str>,
    /// The names under which Docker's configuration keeps the credentials, in the order in which they
    /// are looked for; none: the host, and the host with `https://`.
    credential_keys: &'static [&'static str],
    /// The base URL of an HTTP API like Docker Hub's own, which tells immutable tags and deletes tags.
    docker_hub_api: Option<&'static str>,
    /// An image whose headers tell how many pulls are left.
    pull_limit_image: Option<&'static str>,
    /// Whether its distribution API deletes tags, so that a new tag can be taken back.
    deletes_tags: bool,
}

/// A registry as the specification says.
const STANDARD: RegistryProfile = RegistryProfile {
    api_host: None,
    credential_keys: &[],
    docker_hub_api: None,
    pull_limit_image: None,
    deletes_tags: true,
};

/// Docker Hub. `docker login` writes the first of its keys; the others are what people write by hand.
const DOCKER_HUB: RegistryProfile = RegistryProfile {
    api_host: Some("registry-1.docker.io"),
    credential_keys: &[
        "https://index.docker.io/v1/",
        "index.docker.io",
        "docker.io",
        "registry-1.docker.io",
    ],
    docker_hub_api: Some("https://hub.docker.com/"),
    pull_limit_image: Some("docker.io/ratelimitpreview/test"),
    deletes_tags: false,
};

impl RegistryProfile {
    /// The profile of `registry`.
    #[must_use]
    pub fn of(registry: &Registry) -> &'static Self {
        match registry.as_str() {
            Registry::DOCKER_HUB => &DOCKER_HUB,
            _ => &STANDARD,
        }
    }

    /// Whether a tag that a release has created can be deleted again. A registry that cannot do that
    /// commits first, while nothing else has been changed.
    #[must_use]
    pub fn deletes_new_tags(&self) -> bool {
        self.deletes_tags
    }

    /// Whether the registry tells beforehand which tags are immutable.
    #[must_use]
    pub fn tells_immutable_tags(&self) -> bool {
        self.docker_hub_api.is_some()
    }

    /// The host that answers the distribution API.
    pub(crate) fn api_host<'a>(&self, registry: &'a Registry) -> &'a str {
        self.api_host.unwrap_or(registry.as_str())
    }

    /// The base URL of an HTTP API like Docker Hub's own, where the registry has one.
    pub(crate) fn docker_hub_api(&self) -> Option<&'static str> {
        self.docker_hub_api
    }

    /// An image whose headers tell how many pulls are left, where the registry limits them.
    pub(crate) fn pull_limit_image(&self) -> Option<&'static str> {
        self.pull_limit_image
    }

    /// The names under which Docker's configuration and its helpers keep the credentials for
    /// `registry`, in the order in which they are looked for.
    pub(crate) fn credential_keys(&self, registry: &Registry) -> Vec<String> {
        if self.credential_keys.is_empty() {
            return vec![registry.to_string(), format!("https://{registry}")];
        }
        self.credential_keys
            .iter()
            .map(|key| (*key).to_owned())
            .collect()
    }

    /// The name under which Docker itself files a login to `registry`.
    pub(crate) fn login_key(&self, registry: &Registry) -> String {
        self.credential_keys
            .first()
            .map_or_else(|| registry.to_string(), |key| (*key).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use crate::{io::registry::profile::*, oci::Repository};

    fn registry(repository: &str) -> Registry {
        let repository: Repository = repository.parse().expect("a good name");
        repository.registry().clone()
    }

    #[test]
    fn docker_hub_is_known_by_all_its_names() {
        for name in [
            "acme/api",
            "index.docker.io/acme/api",
            "registry-1.docker.io/acme/api",
        ] {
            let hub = registry(name);
            let profile = RegistryProfile::of(&hub);
            assert_eq!(profile, &DOCKER_HUB, "{name}");
            assert_eq!(profile.api_host(&hub), "registry-1.docker.io");
            assert_eq!(profile.login_key(&hub), "https://index.docker.io/v1/");
            assert!(!profile.deletes_new_tags() && profile.tells_immutable_tags());
        }
    }

    #[test]
    fn any_other_registry_is_as_the_specification_says() {
        let other = registry("ghcr.io/acme/api");
        let profile = RegistryProfile::of(&other);
        assert_eq!(profile.api_host(&other), "ghcr.io");
        assert_eq!(
            profile.credential_keys(&other),
            ["ghcr.io", "https://ghcr.io"]
        );
        assert_eq!(profile.login_key(&other), "ghcr.io");
        assert!(profile.deletes_new_tags() && !profile.tells_immutable_tags());
    }
}
