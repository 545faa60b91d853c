//! `image.build.builder`: who builds.

use std::{fmt, path::PathBuf, str::FromStr};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

/// Who builds an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Builder {
    /// The engine's BuildKit.
    Buildkit,
    /// The engine's builder before BuildKit.
    Classic,
    /// A BuildKit daemon of its own.
    Daemon(BuildkitDaemon),
    /// A builder of `docker buildx`, by its name, with all its nodes.
    Buildx(String),
}

/// A BuildKit daemon, as a policy names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildkitDaemon {
    /// Where it listens.
    pub address: DaemonAddress,
    /// The certificates of a connection with TLS.
    pub tls: Option<DaemonCertificates>,
}

/// Where a BuildKit daemon listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DaemonAddress {
    /// A socket on this machine: `unix:///run/buildkit/buildkitd.sock`.
    Unix(PathBuf),
    /// `tcp://host:port`
    Tcp {
        /// The host's name or address.
        host: String,
        /// The port.
        port: u16,
    },
    /// `ssh://user@host:port/run/buildkit/buildkitd.sock`: through the `ssh` program and `buildctl dial-stdio` there.
    Ssh {
        /// `host` or `user@host`
        target: String,
        /// The port, where it is not ssh's usual one.
        port: Option<u16>,
        /// The daemon's socket over there, where it is not the usual one.
        socket: Option<String>,
    },
    /// `docker-container://name?context=NAME`: by running `buildctl dial-stdio` in a container.
    Container {
        /// The container's name.
        name: String,
        /// The Docker context whose engine has it, where it is not the current one.
        context: Option<String>,
    },
}

/// Files with certificates, seen from the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonCertificates {
    /// The certificate authority that has signed the daemon's certificate.
    pub ca: String,
    /// The certificate that hoist shows, and its key.
    pub client: Option<(String, String)>,
}

/// A daemon as a table.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct DaemonTable {
    address: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ca: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cert: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

/// What an address looks like.
const EXPECTED: &str =
    "expected `unix:///path`, `tcp://host:port`, `ssh://user@host` or `docker-container://NAME`";

impl FromStr for DaemonAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |why: &str| format!("`{text}` is not the address of a BuildKit daemon: {why}");
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong(EXPECTED))?;
        match scheme {
            "unix" if rest.starts_with('/') && rest.len() > 1 => Ok(Self::Unix(rest.into())),
            "unix" => Err(wrong("the socket's path must be absolute")),
            "tcp" => {
                let (host, port) = rest
                    .rsplit_once(':')
                    .ok_or_else(|| wrong("the port is missing"))?;
                let port = port.parse().map_err(|_| wrong("the port is missing"))?;
                if host.is_empty() || host.contains(['/', '@']) {
                    return Err(wrong("expected `tcp://host:port`"));
                }
                Ok(Self::Tcp {
                    host: host.to_owned(),
                    port,
                })
            }
            "ssh" => ssh(rest).ok_or_else(|| wrong("expected `ssh://user@host:port`, and a socket's path behind it where it is not the usual one")),
            "docker-container" => {
                let (name, context) = match rest.split_once("?context=") {
                    Some((name, context)) => (name, Some(context)),
                    None => (rest, None),
                };
                if !is_name(name) || !context.is_none_or(is_name) {
                    return Err(wrong("expected `docker-container://NAME`"));
                }
                Ok(Self::Container {
                    name: name.to_owned(),
                    context: context.map(str::to_owned),
                })
            }
            "podman-container" | "kube-pod" | "nerdctl-container" => Err(wrong(&format!(
                "hoist does not reach `{scheme}://`; a socket that is forwarded to this machine can be named as `unix:///path`"
            ))),
            _ => Err(wrong(EXPECTED)),
        }
    }
}

impl fmt::Display for DaemonAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Self::Ssh {
                target,
                port,
                socket,
            } => {
                write!(f, "ssh://{target}")?;
                if let Some(port) = port {
                    write!(f, ":{port}")?;
                }
                f.write_str(socket.as_deref().unwrap_or_default())
            }
            Self::Container { name, context } => {
                write!(f, "docker-container://{name}")?;
                match context {
                    Some(context) => write!(f, "?context={context}"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// What follows `ssh://`: no password, and nothing that the `ssh` program or a shell over there could take for
/// more than a name.
fn ssh(rest: &str) -> Option<DaemonAddress> {
    let (place, socket) = match rest.find('/') {
        Some(at) => (&rest[..at], Some(&rest[at..])),
        None => (rest, None),
    };
    let (target, port) = match place.rsplit_once(':') {
        Some((target, port)) => (target, Some(port.parse().ok()?)),
        None => (place, None),
    };
    let (user, host) = target
        .split_once('@')
        .map_or((None, target), |(user, host)| (Some(user), host));
    let is_path = |path: &str| path.bytes().all(|byte| byte == b'/' || is_plain(byte));
    let socket = socket.filter(|path| *path != "/");
    if !is_name(host) || !user.is_none_or(is_name) || !socket.is_none_or(is_path) {
        return None;
    }
    Some(DaemonAddress::Ssh {
        target: target.to_owned(),
        port,
        socket: socket.map(str::to_owned),
    })
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('-') && text.bytes().all(is_plain)
}

impl FromStr for Builder {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "buildkit" => Ok(Self::Buildkit),
            "classic" => Ok(Self::Classic),
            address if address.contains("://") => Ok(Self::Daemon(BuildkitDaemon {
                address: address.parse()?,
                tls: None,
            })),
            // As buildx takes names, and how it stores them.
            name if is_name(name)
                && name.starts_with(|first: char| first.is_ascii_alphabetic()) =>
            {
                Ok(Self::Buildx(name.to_ascii_lowercase()))
            }
            other => Err(format!(
                "`{other}` is not a builder: expected \"buildkit\", \"classic\", the name of a builder of `docker buildx`, or the address of a BuildKit daemon, such as \"unix:///run/buildkit/buildkitd.sock\""
            )),
        }
    }
}

impl TryFrom<DaemonTable> for Builder {
    type Error = String;

    fn try_from(table: DaemonTable) -> Result<Self, Self::Error> {
        let address: DaemonAddress = table.address.parse()?;
        let client = match (table.cert, table.key) {
            (None, None) => None,
            (Some(cert), Some(key)) => Some((cert, key)),
            _ => return Err("`cert` and `key` are needed together".to_owned()),
        };
        let tls = match (table.ca, client) {
            (Some(ca), client) => Some(DaemonCertificates { ca, client }),
            (None, None) => None,
            (None, Some(_)) => return Err("`cert` and `key` need `ca`".to_owned()),
        };
        if tls.is_some() && !matches!(address, DaemonAddress::Tcp { .. }) {
            return Err(format!("`{address}` is used without certificates"));
        }
        Ok(Self::Daemon(BuildkitDaemon { address, tls }))
    }
}

impl Serialize for Builder {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Buildkit => serializer.serialize_str("buildkit"),
            Self::Classic => serializer.serialize_str("classic"),
            Self::Buildx(name) => serializer.serialize_str(name),
            Self::Daemon(BuildkitDaemon { address, tls: None }) => serializer.collect_str(address),
            Self::Daemon(BuildkitDaemon {
                address,
                tls: Some(tls),
            }) => {
                let (cert, key) = tls.client.clone().unzip();
                DaemonTable {
                    address: address.to_string(),
                    ca: Some(tls.ca.clone()),
                    cert,
                    key,
                }
                .serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Builder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BuilderVisitor)
    }
}

struct BuilderVisitor;

impl<'de> Visitor<'de> for BuilderVisitor {
    type Value = Builder;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"buildkit\", \"classic\", a name, an address, or a table with an address")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Builder, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Builder, A::Error> {
        let table = DaemonTable::deserialize(MapAccessDeserializer::new(map))?;
        table.try_into().map_err(A::Error::custom)
    }
}

#[cfg(test)]
impl schemars::JsonSchema for Builder {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Builder".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "anyOf": [
                { "enum": ["buildkit", "classic"] },
                { "type": "string", "pattern": "^(unix:///.+|tcp://[^/@]+:[0-9]+|ssh://[^:/]+(:[0-9]+)?(/.*)?|docker-container://.+)$" },
                { "type": "string", "pattern": "^[A-Za-z][A-Za-z0-9._-]*$", "description": "A builder of `docker buildx`." },
                {
                    "type": "object",
                    "properties": {
                        "address": { "type": "string", "description": "Where the BuildKit daemon listens." },
                        "ca": { "type": "string", "description": "The file with the certificate authority of its certificate." },
                        "cert": { "type": "string", "description": "The file with the certificate that hoist shows." },
                        "key": { "type": "string", "description": "The file with that certificate's key." }
                    },
                    "required": ["address"],
                    "additionalProperties": false
                }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Builder, String> {
        #[derive(Deserialize)]
        struct File {
            builder: Builder,
        }
        let file: Result<File, _> = toml::from_str(&format!("builder = {text}"));
        file.map(|file| file.builder)
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_builder_is_a_word_an_address_or_a_table() {
        for text in [
            "\"buildkit\"",
            "\"classic\"",
            "\"unix:///run/buildkit/buildkitd.sock\"",
            "\"tcp://build.example.org:1234\"",
            "\"tcp://[::1]:1234\"",
            "\"ssh://far\"",
            "\"ssh://me@far:2222/run/user/1000/buildkitd.sock\"",
            "\"docker-container://buildkitd\"",
            "\"docker-container://buildkitd?context=far\"",
            "\"farm\"",
            "{ address = \"tcp://b:1\", ca = \"ca.pem\" }",
            "{ address = \"tcp://b:1\", ca = \"ca.pem\", cert = \"c.pem\", key = \"k.pem\" }",
        ] {
            let builder = parsed(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let json = serde_json::to_value(&builder).expect("it is written");
            let again: Builder = serde_json::from_value(json).expect("it is read");
            assert_eq!(builder, again, "{text}");
        }
    }

    #[test]
    fn what_is_no_builder_is_told_why() {
        for (text, why) in [
            ("\"a builder\"", "is not a builder"),
            ("\"1farm\"", "is not a builder"),
            ("\"../farm\"", "is not a builder"),
            ("\"unix://run/x\"", "must be absolute"),
            ("\"tcp://host\"", "the port is missing"),
            ("\"tcp://me@host:1\"", "expected `tcp://host:port`"),
            (
                "\"ssh://me:password@host\"",
                "expected `ssh://user@host:port`",
            ),
            (
                "\"ssh://-oProxyCommand=x\"",
                "expected `ssh://user@host:port`",
            ),
            ("\"ssh://host/a;b\"", "expected `ssh://user@host:port`"),
            (
                "\"docker-container://a/b\"",
                "expected `docker-container://NAME`",
            ),
            (
                "\"podman-container://b\"",
                "does not reach `podman-container://`",
            ),
            ("\"http://host:1\"", "expected `unix:///path`"),
            (
                "{ address = \"tcp://b:1\", cert = \"c\" }",
                "needed together",
            ),
            (
                "{ address = \"tcp://b:1\", cert = \"c\", key = \"k\" }",
                "need `ca`",
            ),
            (
                "{ address = \"unix:///x\", ca = \"c\" }",
                "without certificates",
            ),
            ("{ ca = \"c\" }", "missing field `address`"),
        ] {
            let error = parsed(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
