//! Which repository on which registry.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Digest, NameError, Registry, Tag};

/// A repository on a registry, in full: `docker.io/acme/api`.
///
/// Docker's abbreviations are written out: `nginx` is `docker.io/library/nginx`, `acme/api` is
/// `docker.io/acme/api`. Two repositories are equal when they are the same place.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(extend("pattern" = "^(([A-Za-z0-9.-]+|\\[[0-9A-Fa-f:.]+\\])(:[0-9]+)?/)?[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*$")))]
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

    /// Whether both are one place, as far as their names tell: `localhost:5000/api` and `127.0.0.1:5000/api`.
    #[must_use]
    pub fn is_same_place(&self, other: &Self) -> bool {
        self.path == other.path && self.registry.is_same_as(&other.registry)
    }

    /// The reference `repository:tag`.
    #[must_use]
    pub fn tag(&self, tag: &Tag) -> String {
        format!("{self}:{tag}")
    }

    /// The reference `repository@digest`.
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

impl FromStr for Repository {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |rule| NameError::Repository {
            name: text.chars().take(300).collect(),
            rule,
        };
        let error = |rule| wrong(Cow::Borrowed(rule));
        // Only what is valid itself is offered.
        let offer = |rule: &'static str, meant: &str| match meant.parse::<Self>() {
            Ok(_) => wrong(format!("{rule}; did you mean `{meant}`?").into()),
            Err(_) => error(rule),
        };
        if text.is_empty() {
            return Err(error("it is empty"));
        }
        if let Some((_, rest)) = text.split_once("://") {
            return Err(offer("leave out the scheme", rest.trim_end_matches('/')));
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
        let registry = Registry::parse(host)
            .ok_or_else(|| error("the part before the first `/` is not a valid host name"))?;
        if let Some((_, last)) = path.rsplit_once('/').or(Some(("", path)))
            && last.contains([':', '@'])
        {
            let end = text.len() - last.len() + last.find([':', '@']).unwrap_or(last.len());
            return Err(offer("leave out the tag and the digest", &text[..end]));
        }
        if path.bytes().any(|b| b.is_ascii_uppercase()) {
            let start = &text[..text.len() - path.len()];
            let meant = format!("{start}{}", path.to_ascii_lowercase());
            return Err(offer("the path must be lower case", &meant));
        }
        if !path.split('/').all(is_path_component) {
            return Err(error(
                "path parts are `a-z0-9`, joined by one `.`, one or two `_`, or any number of `-`",
            ));
        }
        let path = if registry.as_str() == Registry::DOCKER_HUB && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_owned()
        };
        if registry.as_str().len() + 1 + path.len() > 255 {
            return Err(error("longer than 255 characters"));
        }
        Ok(Self { registry, path })
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
            (
                "https://ghcr.io/a/",
                "leave out the scheme; did you mean `ghcr.io/a`?",
            ),
            (
                "ghcr.io/Acme/api",
                "must be lower case; did you mean `ghcr.io/acme/api`?",
            ),
            ("Acme/Pinger", "did you mean `acme/pinger`?"),
            ("docker://acme/-api", "repository: leave out the scheme"),
            ("Acme/-Pinger", "must be lower case"),
            (
                "ghcr.io/acme/api:1.2",
                "leave out the tag and the digest; did you mean `ghcr.io/acme/api`?",
            ),
            ("", "it is empty"),
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
    fn one_place_has_several_names() {
        for (one, other, same) in [
            ("localhost:5000/api", "127.0.0.1:5000/api", true),
            ("[::1]:5000/api", "127.0.0.1:5000/api", true),
            ("localhost:5000/api", "127.0.0.1:5001/api", false),
            ("localhost:5000/api", "127.0.0.1:5000/web", false),
            ("127.0.0.2:5000/api", "127.0.0.1:5000/api", false),
            ("localhost/api", "localhost:443/api", false),
            ("acme/api", "registry-1.docker.io/acme/api", true),
            ("acme/api", "index.docker.io:443/acme/api", true),
            ("acme/api", "registry.hub.docker.com/acme/api", true),
            ("ghcr.io/acme/api", "ghcr.io:443/acme/api", true),
            ("ghcr.io/acme/api", "ghcr.io:5000/acme/api", false),
            ("ghcr.io/acme/api", "acme/api", false),
            ("[::1]:5000/api", "[::2]:5000/api", false),
        ] {
            let parsed = |text: &str| text.parse::<Repository>().expect("a good name");
            let (first, second) = (parsed(one), parsed(other));
            assert_eq!(first.is_same_place(&second), same, "{one} {other}");
            assert_eq!(second.is_same_place(&first), same, "{other} {one}");
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
