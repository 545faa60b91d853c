//! The names under which files keep credentials, and which of them are for a repository.

use std::cmp::Reverse;

use crate::{
    io::registry::profile::RegistryProfile,
    oci::{Registry, Repository},
};

/// Further names of Docker Hub that people write.
const DOCKER_HUB: [&str; 4] = [
    "index.docker.io",
    "registry-1.docker.io",
    "registry.hub.docker.com",
    "hub.docker.com",
];

/// Which repository a credential is wanted for.
#[derive(Clone, Copy)]
pub struct CredentialTarget<'a> {
    /// The registry.
    pub registry: &'a Registry,
    /// The path on it, as in `acme/api`. `None`: for the registry as a whole.
    pub path: Option<&'a str>,
}

/// How well a key fits; the smallest is the best.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fit {
    /// The number of parts of its path: the longest comes first.
    parts: Reverse<usize>,
    /// Its place among the spellings of one key: Docker's own spelling comes first.
    spelling: usize,
}

impl Fit {
    /// Whether the key names a part of the registry, not all of it.
    pub(super) fn has_path(&self) -> bool {
        self.parts.0 > 0
    }
}

/// A key taken apart: `https://registry.example.org:443/v2/acme` is the host `registry.example.org`
/// and the path `acme`.
struct Key {
    host: String,
    path: String,
    has_scheme: bool,
}

impl Key {
    fn parse(text: &str) -> Self {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let is_plain = scheme.eq_ignore_ascii_case("http");
        let mut path = path.trim_matches('/');
        // The address of the API, as Docker Hub's `https://index.docker.io/v1/`.
        for version in ["v1", "v2"] {
            match path.strip_prefix(version) {
                Some("") => path = "",
                Some(rest) if rest.starts_with('/') => path = rest.trim_matches('/'),
                _ => {}
            }
        }
        Self {
            host: canonical_host(host, is_plain),
            path: path.to_owned(),
            has_scheme: !scheme.is_empty(),
        }
    }
}

/// In lower case, without the port that goes without saying, and by the name that hoist uses for it.
fn canonical_host(host: &str, is_plain: bool) -> String {
    let host = host.to_ascii_lowercase();
    let port = if is_plain { ":80" } else { ":443" };
    let host = host.strip_suffix(port).unwrap_or(&host);
    if DOCKER_HUB.contains(&host) {
        return Registry::DOCKER_HUB.to_owned();
    }
    host.to_owned()
}

/// How well `key` fits `target`; `None`: it is for something else.
pub(super) fn fit(key: &str, target: CredentialTarget<'_>) -> Option<Fit> {
    let parsed = Key::parse(key);
    if parsed.host.is_empty() || parsed.host != canonical_host(target.registry.as_str(), false) {
        return None;
    }
    let spellings = RegistryProfile::of(target.registry).credential_keys(target.registry);
    let spelling = spellings.iter().position(|own| own == key);
    let spelling = spelling.unwrap_or(spellings.len());
    let wanted = target.path.unwrap_or_default();
    let is_above = parsed.path.is_empty()
        || wanted
            .strip_prefix(parsed.path.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if is_above {
        let parts = parsed.path.split('/').filter(|part| !part.is_empty());
        return Some(Fit {
            parts: Reverse(parts.count()),
            spelling,
        });
    }
    // Docker and Podman read no path where there is a scheme: such a key is for the whole host.
    parsed.has_scheme.then_some(Fit {
        parts: Reverse(0),
        spelling: spellings.len() + 1,
    })
}

/// Whether `text` names the registry of `target`, or a part of it that holds the repository.
/// `None`: `text` does not name a registry.
pub(super) fn names(text: &str, target: CredentialTarget<'_>) -> Option<bool> {
    let host = Key::parse(text).host;
    let repository = format!("{host}/a/b").parse::<Repository>().ok()?;
    // Of a word that is not a host, Docker Hub's abbreviations would make a part of the path.
    let is_host = repository.registry().as_str() == host;
    is_host.then(|| fit(text, target).is_some())
}

#[cfg(test)]
mod tests {
    use crate::io::registry::credentials::key::*;

    /// The keys that fit a repository, the best first.
    fn fitting<'k>(repository: &str, keys: &[&'k str]) -> Vec<&'k str> {
        let repository: Repository = repository.parse().expect("a good name");
        let target = CredentialTarget {
            registry: repository.registry(),
            path: Some(repository.path()),
        };
        let mut found: Vec<_> = keys
            .iter()
            .filter_map(|key| Some((fit(key, target)?, *key)))
            .collect();
        found.sort();
        found.into_iter().map(|(_, key)| key).collect()
    }

    #[test]
    fn the_longest_path_comes_first() {
        let keys = [
            "ghcr.io",
            "ghcr.io/acme",
            "ghcr.io/acme/api",
            "ghcr.io/acme/api/sub",
            "ghcr.io/acm",
            "ghcr.io/acme/ap",
            "quay.io/acme/api",
        ];
        assert_eq!(
            fitting("ghcr.io/acme/api", &keys),
            ["ghcr.io/acme/api", "ghcr.io/acme", "ghcr.io"]
        );
        assert_eq!(fitting("ghcr.io/acme-two/api", &keys), ["ghcr.io"]);
        assert_eq!(
            fitting(
                "docker.io/acme/api",
                &["docker.io/acme", "https://index.docker.io/v1/"]
            ),
            ["docker.io/acme", "https://index.docker.io/v1/"]
        );
    }

    #[test]
    fn a_host_is_known_in_every_spelling() {
        for key in [
            "r.example.org",
            "R.Example.Org",
            " r.example.org ",
            "r.example.org/",
            "r.example.org:443",
            "r.example.org:443/v2/",
            "r.example.org/v1",
            "r.example.org/v2/",
            "https://r.example.org",
            "https://r.example.org/",
            "https://r.example.org:443/v1/",
            "HTTPS://r.example.org/v2",
            "http://r.example.org",
            "http://r.example.org:80/v1/",
        ] {
            assert_eq!(fitting("r.example.org/acme/api", &[key]), [key]);
        }
        for key in [
            "",
            "/",
            "https://",
            "https:///v1/",
            "example.org",
            "r.example.org:5000",
            "r.example.org:80",
            "http://r.example.org:443",
            "x@r.example.org",
            "r.example.org.evil.test",
            "https://evil.test/r.example.org",
            "*.example.org",
        ] {
            assert!(
                fitting("r.example.org/acme/api", &[key]).is_empty(),
                "{key}"
            );
        }
        for key in ["[::1]:5000", "http://[::1]:5000/v2/", "[::1]:5000/acme"] {
            assert_eq!(fitting("[::1]:5000/acme/api", &[key]), [key]);
        }
        assert_eq!(
            fitting("r.example.org:443/a", &["r.example.org"]),
            ["r.example.org"]
        );
        assert!(fitting("localhost:5000/a", &["localhost", "localhost:5001"]).is_empty());
    }

    #[test]
    fn docker_hub_has_many_names_and_one_comes_first() {
        let keys = [
            "registry.hub.docker.com",
            "registry-1.docker.io/v2/",
            "docker.io",
            "index.docker.io/v1/",
            "https://index.docker.io/v1/",
            "https://docker.io",
            "hub.docker.com",
        ];
        let found = fitting("nginx", &keys);
        assert_eq!(found.len(), keys.len());
        assert_eq!(found[..2], ["https://index.docker.io/v1/", "docker.io"]);
    }

    #[test]
    fn a_path_after_a_scheme_is_for_the_host_too() {
        let keys = ["https://r.example.org/group", "r.example.org"];
        assert_eq!(fitting("r.example.org/group/a", &keys), keys);
        assert_eq!(
            fitting("r.example.org/other", &keys),
            ["r.example.org", "https://r.example.org/group"]
        );
    }
}
