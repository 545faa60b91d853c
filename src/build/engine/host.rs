//! Which engine is meant: `DOCKER_HOST`, a Docker context, or the first usual socket. Files are read
//! through [`HostFiles`], so that every case can be tested.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::{
    error::{Error, Result},
    io::environment::Environment,
    oci::Digest,
    text::sanitize_line,
};

/// Where an engine, or a BuildKit daemon of its own, is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EngineAddress {
    /// A socket on this machine.
    Unix(PathBuf),
    /// `host:port`, plain or with TLS.
    Tcp {
        /// `host:port`
        address: String,
        /// Certificates, unless it is plain.
        tls: Option<Certificates>,
    },
    /// The BuildKit daemon of another machine, through the `ssh` program and the far side's `buildctl dial-stdio`.
    BuildkitOverSsh {
        /// `host` or `user@host`
        target: String,
        /// The port, where it is not 22.
        port: Option<u16>,
        /// The daemon's socket over there, where it is not the usual one.
        socket: Option<String>,
    },
    /// A BuildKit daemon in a container.
    InContainer {
        /// The engine that has the container.
        engine: Box<EngineAddress>,
        /// The container's name.
        name: String,
    },
    /// Through the `ssh` program and the far side's `docker system dial-stdio`.
    Ssh {
        /// `host` or `user@host`
        target: String,
        /// The port, where it is not 22.
        port: Option<u16>,
    },
}

/// Where the certificates for a TLS connection are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certificates {
    /// The certificate authority of the other side's certificate.
    pub(crate) ca: PathBuf,
    /// Our certificate and its key.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
    /// The name that the other side's certificate has, where it is not the host's.
    pub(crate) server_name: Option<String>,
}

impl Certificates {
    /// Those of a directory with `ca.pem`, and `cert.pem` with `key.pem` where there are such.
    fn in_directory(directory: &Path, files: &dyn HostFiles) -> Self {
        let cert = directory.join("cert.pem");
        Self {
            ca: directory.join("ca.pem"),
            client: files.read(&cert).map(|_| (cert, directory.join("key.pem"))),
            server_name: None,
        }
    }
}

/// The questions that finding an engine asks the file system.
pub(crate) trait HostFiles {
    /// The file's content, if it can be read.
    fn read(&self, path: &Path) -> Option<String>;
    /// Whether there is such a socket.
    fn is_socket(&self, path: &Path) -> bool;
}

#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default, rename = "currentContext")]
    current_context: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContextFile {
    endpoints: ContextEndpoints,
}

#[derive(Deserialize)]
struct ContextEndpoints {
    docker: Option<ContextEndpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContextEndpoint {
    host: String,
    #[serde(default, rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

/// Finds the engine as Docker's own program does: `DOCKER_HOST`, then `DOCKER_CONTEXT`, then the
/// current context, then the usual sockets. Of these the first that exists: the system's, the
/// user's own (rootless Docker, Docker Desktop), Podman's.
///
/// # Errors
/// An address that is not valid, a context that does not exist or that does not verify the engine's
/// certificate.
pub(crate) fn resolve(environment: &Environment, files: &dyn HostFiles) -> Result<EngineAddress> {
    let config = config_directory(environment);
    if let Some(host) = environment.get("DOCKER_HOST") {
        let tls = environment.get("DOCKER_TLS_VERIFY").and_then(|_| {
            let directory = environment.get("DOCKER_CERT_PATH").map(PathBuf::from);
            let directory = directory.or_else(|| config.clone())?;
            Some(Certificates::in_directory(&directory, files))
        });
        return parse(host, tls).map_err(|error| error.cause("the address is from `DOCKER_HOST`"));
    }
    let current = || {
        let text = files.read(&config.as_ref()?.join("config.json"))?;
        serde_json::from_str::<DockerConfig>(&text)
            .ok()?
            .current_context
    };
    let name = environment
        .get("DOCKER_CONTEXT")
        .map(str::to_owned)
        .or_else(current)
        .filter(|name| !name.is_empty() && name != "default");
    match (name, &config) {
        (Some(name), Some(config)) => context(&name, config, files),
        (Some(name), None) => Err(no_context(&name)),
        (None, _) => Ok(usual(environment, files)),
    }
}

/// The engine that somebody names: by an address, or by a Docker context; without a name, or with the name
/// `default`, that of the environment without its contexts.
///
/// # Errors
/// As [`resolve`].
pub(crate) fn named_endpoint(
    name: &str,
    environment: &Environment,
    files: &dyn HostFiles,
) -> Result<EngineAddress> {
    match (name, config_directory(environment)) {
        ("", _) => resolve(environment, files),
        ("default", _) => match environment.get("DOCKER_HOST") {
            Some(_) => resolve(environment, files),
            None => Ok(usual(environment, files)),
        },
        (address, _) if address.contains("://") => parse(address, None),
        (name, Some(config)) => context(name, &config, files),
        (name, None) => Err(no_context(name)),
    }
}

fn config_directory(environment: &Environment) -> Option<PathBuf> {
    let set = environment.get("DOCKER_CONFIG").map(PathBuf::from);
    set.or_else(|| Some(Path::new(environment.get("HOME")?).join(".docker")))
}

fn context(name: &str, config: &Path, files: &dyn HostFiles) -> Result<EngineAddress> {
    let id = Digest::of(name.as_bytes());
    let contexts = config.join("contexts");
    let meta = contexts.join("meta").join(id.hex()).join("meta.json");
    let endpoint = files
        .read(&meta)
        .and_then(|text| serde_json::from_str::<ContextFile>(&text).ok())
        .and_then(|file| file.endpoints.docker)
        .ok_or_else(|| no_context(name))?;
    if endpoint.skip_tls_verify {
        return Err(Error::refused(format!(
            "the Docker context `{name}` does not verify the engine's certificate"
        ))
        .hint("give the context its certificate authority, or set `DOCKER_HOST`"));
    }
    let directory = contexts.join("tls").join(id.hex()).join("docker");
    let tls = files
        .read(&directory.join("ca.pem"))
        .map(|_| Certificates::in_directory(&directory, files));
    parse(&endpoint.host, tls)
        .map_err(|error| error.cause(format!("the address is from the context `{name}`")))
}

fn no_context(name: &str) -> Error {
    Error::failed(format!(
        "there is no Docker context `{}`",
        sanitize_line(name, 100)
    ))
    .hint("docker context ls")
}

fn usual(environment: &Environment, files: &dyn HostFiles) -> EngineAddress {
    let runtime = environment.get("XDG_RUNTIME_DIR").map(Path::new);
    let home = environment.get("HOME").map(Path::new);
    let system = PathBuf::from("/var/run/docker.sock");
    let candidates = [
        Some(system.clone()),
        runtime.map(|dir| dir.join("docker.sock")),
        home.map(|dir| dir.join(".docker/run/docker.sock")),
        home.map(|dir| dir.join(".docker/desktop/docker.sock")),
        runtime.map(|dir| dir.join("podman/podman.sock")),
        Some(PathBuf::from("/run/podman/podman.sock")),
    ];
    let found = candidates
        .into_iter()
        .flatten()
        .find(|path| files.is_socket(path));
    EngineAddress::Unix(found.unwrap_or(system))
}

/// Reads `unix:///path`, `tcp://host:port`, `ssh://user@host:port`.
fn parse(text: &str, tls: Option<Certificates>) -> Result<EngineAddress> {
    let error = |why: &str| {
        Error::usage(format!(
            "`{}` is not a valid engine address: {why}",
            sanitize_line(text, 200)
        ))
    };
    let (scheme, rest) = text
        .split_once("://")
        .ok_or_else(|| error("expected `unix://`, `tcp://` or `ssh://`"))?;
    match scheme {
        "unix" if rest.starts_with('/') => Ok(EngineAddress::Unix(rest.into())),
        "unix" => Err(error("the socket's path must be absolute")),
        "tcp" | "http" | "https" => {
            let authority = rest.trim_end_matches('/');
            if authority.is_empty() || authority.contains(['/', '@']) {
                return Err(error("expected `host:port`"));
            }
            let has_port = authority
                .rsplit_once(':')
                .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
            let secure = tls.is_some() || scheme == "https";
            let address = match has_port {
                true => authority.to_owned(),
                false => format!("{authority}:{}", if secure { 2376 } else { 2375 }),
            };
            if scheme == "https" && tls.is_none() {
                return Err(error(
                    "set `DOCKER_TLS_VERIFY=1` and `DOCKER_CERT_PATH` for TLS",
                ));
            }
            Ok(EngineAddress::Tcp { address, tls })
        }
        "ssh" => {
            let url =
                url::Url::parse(text).map_err(|_| error("expected `ssh://user@host:port`"))?;
            let host = url.host_str().ok_or_else(|| error("the host is missing"))?;
            if url.password().is_some() {
                return Err(error("the address must not contain a password"));
            }
            // The `ssh` program would take a host that begins with `-` for an option.
            if host.starts_with('-') || url.username().starts_with('-') {
                return Err(error("the host begins with `-`"));
            }
            let target = match url.username() {
                "" => host.to_owned(),
                user => format!("{user}@{host}"),
            };
            Ok(EngineAddress::Ssh {
                target,
                port: url.port(),
            })
        }
        _ => Err(error("expected `unix://`, `tcp://` or `ssh://`")),
    }
}

impl std::fmt::Display for EngineAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { address, .. } => write!(f, "tcp://{address}"),
            Self::InContainer { name, .. } => write!(f, "docker-container://{name}"),
            Self::BuildkitOverSsh {
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
            Self::Ssh { target, port: None } => write!(f, "ssh://{target}"),
            Self::Ssh {
                target,
                port: Some(port),
            } => write!(f, "ssh://{target}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::build::engine::host::*;

    #[derive(Default)]
    struct FakeFiles(BTreeMap<PathBuf, String>);

    impl HostFiles for FakeFiles {
        fn read(&self, path: &Path) -> Option<String> {
            self.0.get(path).cloned()
        }

        fn is_socket(&self, path: &Path) -> bool {
            self.0.contains_key(path)
        }
    }

    fn resolved(variables: &[(&str, &str)], files: &[(&str, &str)]) -> String {
        let environment = variables.iter().copied().collect();
        let disk = FakeFiles(
            files
                .iter()
                .map(|(p, t)| (p.into(), (*t).to_owned()))
                .collect(),
        );
        match resolve(&environment, &disk) {
            Ok(host) => format!(
                "{host}{}",
                if matches!(&host, EngineAddress::Tcp { tls: Some(_), .. }) {
                    " tls"
                } else {
                    ""
                }
            ),
            Err(error) => format!("{error:#}"),
        }
    }

    const HOME: (&str, &str) = ("HOME", "/h");

    #[test]
    fn the_variable_wins() {
        for (given, host) in [
            ("unix:///x/y.sock", "unix:///x/y.sock"),
            ("tcp://10.0.0.1", "tcp://10.0.0.1:2375"),
            ("tcp://10.0.0.1:99/", "tcp://10.0.0.1:99"),
            ("ssh://me@far:2222", "ssh://me@far:2222"),
            ("ssh://far", "ssh://far"),
        ] {
            assert_eq!(
                resolved(&[("DOCKER_HOST", given), ("DOCKER_CONTEXT", "x")], &[]),
                host
            );
        }
        let tls = [("DOCKER_HOST", "tcp://e"), ("DOCKER_TLS_VERIFY", "1"), HOME];
        assert_eq!(resolved(&tls, &[]), "tcp://e:2376 tls");
        for bad in [
            "docker",
            "unix://x",
            "ftp://x",
            "tcp://a/b",
            "ssh://u:p@h",
            "ssh://-oProxyCommand=x",
            "https://e",
        ] {
            let said = resolved(&[("DOCKER_HOST", bad)], &[]);
            assert!(
                said.contains("is not a valid engine address"),
                "{bad}: {said}"
            );
        }
    }

    #[test]
    fn a_context_is_read_from_its_files() {
        let id = Digest::of(b"box");
        let meta = format!("/h/.docker/contexts/meta/{}/meta.json", id.hex());
        let ca = format!("/h/.docker/contexts/tls/{}/docker/ca.pem", id.hex());
        let about = r#"{"Name":"box","Endpoints":{"docker":{"Host":"tcp://box:2376","SkipTLSVerify":false}}}"#;
        let config = (
            "/h/.docker/config.json",
            r#"{"currentContext":"box","auths":{}}"#,
        );
        let files = [(&*meta, about), config];
        assert_eq!(resolved(&[HOME], &files), "tcp://box:2376");
        assert_eq!(
            resolved(&[HOME], &[(&*meta, about), config, (&*ca, "")]),
            "tcp://box:2376 tls"
        );
        assert_eq!(
            resolved(&[HOME, ("DOCKER_CONTEXT", "box")], &files[..1]),
            "tcp://box:2376"
        );
        assert_eq!(
            resolved(&[HOME, ("DOCKER_CONTEXT", "default")], &files),
            "unix:///var/run/docker.sock"
        );
        assert!(
            resolved(&[HOME, ("DOCKER_CONTEXT", "gone")], &files)
                .contains("no Docker context `gone`")
        );
        let careless = about.replace("false", "true");
        assert!(resolved(&[HOME], &[(&*meta, &careless), config]).contains("does not verify"));
    }

    #[test]
    fn the_first_usual_socket_that_is_there() {
        let variables = [HOME, ("XDG_RUNTIME_DIR", "/run/user/7")];
        let system = ("/var/run/docker.sock", "");
        let rootless = ("/run/user/7/docker.sock", "");
        let podman = ("/run/user/7/podman/podman.sock", "");
        assert_eq!(resolved(&variables, &[]), "unix:///var/run/docker.sock");
        assert_eq!(
            resolved(&variables, &[rootless, system]),
            "unix:///var/run/docker.sock"
        );
        assert_eq!(
            resolved(&variables, &[podman, rootless]),
            "unix:///run/user/7/docker.sock"
        );
        assert_eq!(
            resolved(&variables, &[podman]),
            "unix:///run/user/7/podman/podman.sock"
        );
    }
}
