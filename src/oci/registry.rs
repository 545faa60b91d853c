//! Which registry.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The host, and port if any, of a registry: `docker.io`, `127.0.0.1:5000`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Registry(String);

impl Registry {
    /// Docker Hub, the registry of every name that names no other.
    pub const DOCKER_HUB: &str = "docker.io";

    /// Checks a host, which is lower case already.
    pub(super) fn parse(host: String) -> Option<Self> {
        is_registry(&host).then_some(Self(host))
    }

    /// The name as a person writes it: `docker.io`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host without its port.
    #[must_use]
    pub fn host(&self) -> &str {
        if let Some(end) = self.0.strip_prefix('[').and_then(|rest| rest.find(']')) {
            return &self.0[1..=end];
        }
        self.0.split_once(':').map_or(&*self.0, |(host, _)| host)
    }

    /// Whether it is on this machine: `localhost`, `127.0.0.0/8`, `[::1]`. Only there is plain HTTP
    /// used without being configured.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

impl Registry {
    /// A name that all known names of the same registry share: those of this machine, those of Docker Hub, and
    /// those with the port that a name without one means. Two registries with different names here may still be one.
    fn shared_name(&self) -> String {
        let name = self.as_str();
        let port = &name[self.host().len() + 2 * usize::from(name.starts_with('['))..];
        match self.host() {
            "localhost" | "127.0.0.1" | "::1" => format!("localhost{port}"),
            host => {
                let port = if port == ":443" { "" } else { port };
                let host = match host {
                    "index.docker.io" | "registry-1.docker.io" | "registry.hub.docker.com" => {
                        Self::DOCKER_HUB
                    }
                    host => host,
                };
                format!("{host}{port}")
            }
        }
    }

    /// Whether both are names of one registry, as far as names tell.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.shared_name() == other.shared_name()
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
