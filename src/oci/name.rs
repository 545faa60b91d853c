//! Where an image lies: registry and repository.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Digest, Tag};

/// Why a string is no name of its kind. The text names the string and the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not `host[:port]/path`, or `path` for Docker Hub.
    #[error("`{name}` is no repository: {rule}")]
    Repository {
        /// What was given.
        name: String,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// Not `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`.
    #[error("`{name}` is no tag: {rule}")]
    Tag {
        /// What was given.
        name: String,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// Neither a tag nor a digest.
    #[error("`{0}` is neither a tag nor a digest")]
    TagOrDigest(String),
}

/// The host, and port if any, of a registry: `docker.io`, `127.0.0.1:5000`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Registry(String);

impl Registry {
    /// Docker Hub, whose API host is another one than its name.
    pub const DOCKER_HUB: &str = "docker.io";

    /// As a person writes it: `docker.io`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host that answers the distribution API: `registry-1.docker.io` for Docker Hub.
    #[must_use]
    pub fn api_host(&self) -> &str {
        if self.is_docker_hub() {
            "registry-1.docker.io"
        } else {
            &self.0
        }
    }

    /// Docker Hub has its own token names, its own HTTP API and no tag deletion.
    #[must_use]
    pub fn is_docker_hub(&self) -> bool {
        self.0 == Self::DOCKER_HUB
    }

    /// The host without its port.
    #[must_use]
    pub fn host(&self) -> &str {
        if let Some(end) = self.0.strip_prefix('[').and_then(|rest| rest.find(']')) {
            return &self.0[1..=end];
        }
        self.0.split_once(':').map_or(&*self.0, |(host, _)| host)
    }

    /// This machine: `localhost`, `127.0.0.0/8`, `[::1]`. The only place where plain HTTP needs no word.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A repository on a registry, in full: `docker.io/acme/api`.
///
/// What Docker abbreviates is written out: `nginx` is `docker.io/library/nginx`, `acme/api` is
/// `docker.io/acme/api`. Two repositories are equal when they are the same place.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Repository {
    registry: Registry,
    path: String,
}

impl Repository {
    /// The registry that holds it.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The path on the registry: `acme/api`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// `repository:tag`.
    #[must_use]
    pub fn tag(&self, tag: &Tag) -> String {
        format!("{self}:{tag}")
    }

    /// `repository@digest`.
    #[must_use]
    pub fn digest(&self, digest: &Digest) -> String {
        format!("{self}@{digest}")
    }
}

fn is_host(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost"
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, the distribution specification's path component.
fn is_path_component(part: &str) -> bool {
    let mut separator = String::new();
    let mut seen = false;
    for c in part.chars() {
        match c {
            'a'..='z' | '0'..='9' => {
                let legal = matches!(&*separator, "" | "." | "_" | "__")
                    || separator.bytes().all(|b| b == b'-');
                if !legal || (!separator.is_empty() && !seen) {
                    return false;
                }
                separator.clear();
                seen = true;
            }
            '.' | '_' | '-' => separator.push(c),
            _ => return false,
        }
    }
    seen && separator.is_empty()
}

fn is_registry(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, tail)) if address.parse::<std::net::Ipv6Addr>().is_ok() => (
                "v6",
                tail.strip_prefix(':')
                    .or_else(|| tail.is_empty().then_some("0")),
            ),
            _ => return false,
        },
        None => match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, Some("0")),
        },
    };
    let label = |l: &str| {
        !l.is_empty()
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    name.split('.').all(label) && port.is_some_and(|p| p.parse::<u16>().is_ok())
}

impl FromStr for Repository {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = |rule| NameError::Repository {
            name: text.chars().take(300).collect(),
            rule,
        };
        if text.contains("://") {
            return Err(error(
                "leave out the scheme: `registry.example.org/acme/api`",
            ));
        }
        let (host, path) = match text.split_once('/') {
            Some((first, rest)) if is_host(first) => (first, rest),
            _ => (Registry::DOCKER_HUB, text),
        };
        let host = match host.to_ascii_lowercase() {
            h if h == "index.docker.io" || h == "registry-1.docker.io" => {
                Registry::DOCKER_HUB.to_owned()
            }
            h => h,
        };
        if !is_registry(&host) {
            return Err(error("the part before the first `/` is no host name"));
        }
        if let Some((_, last)) = path.rsplit_once('/').or(Some(("", path)))
            && last.contains([':', '@'])
        {
            return Err(error("leave out the tag and the digest"));
        }
        if path.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(error("the path must be lower case"));
        }
        if !path.split('/').all(is_path_component) {
            return Err(error(
                "path parts are `a-z0-9`, joined by one `.`, one or two `_`, or any number of `-`",
            ));
        }
        let path = if host == Registry::DOCKER_HUB && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_owned()
        };
        if host.len() + 1 + path.len() > 255 {
            return Err(error("longer than 255 characters"));
        }
        Ok(Self {
            registry: Registry(host),
            path,
        })
    }
}

impl TryFrom<String> for Repository {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Repository> for String {
    fn from(repository: Repository) -> Self {
        repository.to_string()
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(text: &str) -> String {
        match text.parse::<Repository>() {
            Ok(repository) => repository.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_docker_abbreviates_is_written_out() {
        for (given, full) in [
            ("nginx", "docker.io/library/nginx"),
            ("acme/api", "docker.io/acme/api"),
            ("docker.io/acme/api", "docker.io/acme/api"),
            ("index.docker.io/acme/api", "docker.io/acme/api"),
            ("ghcr.io/acme/api", "ghcr.io/acme/api"),
            ("localhost/api", "localhost/api"),
            ("127.0.0.1:5000/acme/api", "127.0.0.1:5000/acme/api"),
            ("[::1]:5000/acme/api", "[::1]:5000/acme/api"),
            ("GHCR.io/acme/a__b--c.d", "ghcr.io/acme/a__b--c.d"),
        ] {
            assert_eq!(repository(given), full);
        }
    }

    #[test]
    fn a_bad_repository_is_refused_with_the_rule() {
        for (given, rule) in [
            ("https://ghcr.io/a", "scheme"),
            ("ghcr.io/Acme/api", "lower case"),
            ("ghcr.io/acme/api:1.2", "leave out the tag"),
            ("ghcr.io/acme//api", "path parts"),
            ("ghcr.io/acme/-api", "path parts"),
            ("ghcr.io/", "path parts"),
            ("ghcr.io:x/acme", "host name"),
            ("a..b/c.d/e", "host name"),
        ] {
            assert!(
                repository(given).contains(rule),
                "{given}: {}",
                repository(given)
            );
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        let loopback = |text: &str| {
            text.parse::<Repository>()
                .expect("a good name")
                .registry()
                .is_loopback()
        };
        assert!(loopback("localhost:5000/a"));
        assert!(loopback("127.9.9.9/a"));
        assert!(loopback("[::1]:80/a"));
        assert!(!loopback("localhost.example.org/a"));
        assert!(!loopback("10.0.0.1:5000/a"));
        assert!(!loopback("acme/api"));
    }
}
