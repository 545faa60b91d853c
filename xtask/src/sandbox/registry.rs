//! A registry of our own on a free loopback port.

use std::{fs, net::SocketAddr, path::PathBuf};

use super::{
    Packages, Result, Unavailable,
    supervise::{self, Supervised},
};

/// The one user of a registry that asks for a password.
pub const USER: &str = "hoist";
/// That user's password.
pub const PASSWORD: &str = "open-sesame";
/// The same as an htpasswd line; the lowest cost that bcrypt has, for every request pays it.
const HTPASSWD: &str = "hoist:$2b$04$sKogvZmgHXvRbDnu7ma6juelK6wPsFnytuU8Ke4F1GFt9XtrLRoCC\n";

/// How a registry behaves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistryOptions {
    /// Manifests may be deleted.
    pub delete: bool,
    /// Only [`USER`] with [`PASSWORD`] gets in.
    pub auth: bool,
    /// Certificate and key files in PEM; without them plain HTTP.
    pub tls: Option<(PathBuf, PathBuf)>,
}

/// A running registry. It stops, and its data go, when this value is dropped or the process ends.
#[derive(Debug)]
pub struct Registry {
    address: SocketAddr,
    _daemon: Supervised,
}

impl Registry {
    /// Starts `docker-registry` and waits until it listens.
    ///
    /// # Errors
    /// With the end of its log when it does not start.
    pub fn start(packages: &Packages, options: &RegistryOptions) -> Result<Self> {
        let dir = supervise::folder()?;
        let doing = |error| Unavailable::while_doing("writing the registry's configuration", error);
        let data = dir.join("data").display().to_string();
        let mut config = serde_json::json!({
            "version": 0.1,
            "log": { "level": "info" },
            "storage": {
                "filesystem": { "rootdirectory": data },
                "delete": { "enabled": options.delete },
            },
            "http": { "addr": "127.0.0.1:0", "secret": "shared by nobody" },
        });
        if options.auth {
            let file = dir.join("htpasswd");
            fs::write(&file, HTPASSWD).map_err(doing)?;
            config["auth"]["htpasswd"] =
                serde_json::json!({ "realm": "hoist", "path": file.display().to_string() });
        }
        if let Some((certificate, key)) = &options.tls {
            config["http"]["tls"] = serde_json::json!({
                "certificate": certificate.display().to_string(),
                "key": key.display().to_string(),
            });
        }
        // The configuration is YAML, of which JSON is a part.
        let file = dir.join("config.yml");
        fs::write(&file, config.to_string()).map_err(doing)?;
        let daemon = ["docker-registry", "serve", &file.display().to_string()].map(str::to_owned);
        let mut daemon = Supervised::start(packages, dir, &daemon)?;
        let address = daemon
            .wait_until(listening)
            .map_err(|error| Unavailable::while_doing("starting docker-registry", error))?;
        Ok(Self {
            address,
            _daemon: daemon,
        })
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A repository of this registry, as `release.toml` names it.
    #[must_use]
    pub fn repository(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }
}

/// The port that the kernel chose stands in the log.
fn listening(log: &str) -> Option<SocketAddr> {
    let (_, rest) = log.split_once("listening on ")?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':')?;
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_read_from_the_log() {
        let log = "time=\"…\" level=info msg=\"listening on 127.0.0.1:40123\" go.version=go1.19\n";
        assert_eq!(listening(log), Some(([127, 0, 0, 1], 40123).into()));
        assert_eq!(listening("msg=\"listening on 127.0.0.1:40"), None);
    }
}
