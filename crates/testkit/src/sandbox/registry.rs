//! A registry of our own on a free loopback port.

use std::{fs, net::SocketAddr, path::PathBuf, thread, time::Duration};

use super::{
    Packages, Result, Unavailable, http,
    supervise::{self, Supervised},
};

/// The one user of a registry that asks for a password.
pub const USER: &str = "hoist";
/// That user's password.
pub const PASSWORD: &str = "open-sesame";
/// The same as a request header.
const BASIC: &str = "Basic aG9pc3Q6b3Blbi1zZXNhbWU=";
/// All types, for a registry answers 404 for a tag of a type that was not asked for.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json";
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

    /// The digest that a tag shows; `None` where there is no such tag.
    ///
    /// # Panics
    /// When the registry does not answer as registries do.
    #[must_use]
    #[track_caller]
    pub fn digest(&self, repository: &str, tag: &str) -> Option<String> {
        // It reads a tag with 500 while it writes it: a request that was cut can still be under way.
        let mut left = 50;
        loop {
            let answer = self.send("HEAD", &format!("{repository}/manifests/{tag}"), &[], &[]);
            match answer.status {
                200 => return answer.header("Docker-Content-Digest").map(str::to_owned),
                404 => return None,
                500 if left > 0 => {}
                status => panic!("HEAD of {repository}:{tag}: {status}"),
            }
            left -= 1;
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// All tags of a repository, sorted; none where there is no such repository.
    ///
    /// # Panics
    /// When the registry does not answer as registries do.
    #[must_use]
    #[track_caller]
    pub fn tags(&self, repository: &str) -> Vec<String> {
        let answer = self.send("GET", &format!("{repository}/tags/list"), &[], &[]);
        if answer.status == 404 {
            return Vec::new();
        }
        let list: serde_json::Value = serde_json::from_slice(&answer.body).expect("a list");
        let names = list["tags"].as_array().into_iter().flatten();
        let mut names: Vec<_> = names
            .filter_map(|name| Some(name.as_str()?.to_owned()))
            .collect();
        names.sort();
        names
    }

    /// What lies under `path` of a repository (`manifests/1.2`, `blobs/sha256:…`), with its type.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    #[track_caller]
    pub fn get(&self, repository: &str, path: &str) -> (String, Vec<u8>) {
        let answer = self.send("GET", &format!("{repository}/{path}"), &[], &[]);
        assert_eq!(answer.status, 200, "GET of {repository}/{path}");
        let media_type = answer.header("Content-Type").unwrap_or_default().to_owned();
        (media_type, answer.body)
    }

    /// Puts one tag to what another name (tag or digest) shows, as a hand would.
    ///
    /// # Panics
    /// When the registry refuses.
    #[track_caller]
    pub fn retag(&self, repository: &str, from: &str, to: &str) {
        let (media_type, manifest) = self.get(repository, &format!("manifests/{from}"));
        let path = format!("{repository}/manifests/{to}");
        let answer = self.send("PUT", &path, &[("Content-Type", &media_type)], &manifest);
        assert_eq!(answer.status, 201, "PUT of {path}");
    }

    /// Removes a tag and nothing else: this registry deletes by digest only, so the tag is put to
    /// a manifest that nothing else names, and that is deleted.
    ///
    /// # Panics
    /// When the registry refuses; deletion must be enabled.
    #[track_caller]
    pub fn untag(&self, repository: &str, tag: &str) {
        let (media_type, manifest) = self.get(repository, &format!("manifests/{tag}"));
        let mut other: serde_json::Value = serde_json::from_slice(&manifest).expect("a manifest");
        other["annotations"]["throw-away"] = tag.into();
        let path = format!("{repository}/manifests/{tag}");
        let headers = [("Content-Type", &*media_type)];
        let put = self.send("PUT", &path, &headers, other.to_string().as_bytes());
        let digest = put
            .header("Docker-Content-Digest")
            .expect("a digest")
            .to_owned();
        let path = format!("{repository}/manifests/{digest}");
        let answer = self.send("DELETE", &path, &[], &[]);
        assert_eq!(answer.status, 202, "DELETE of {path}");
    }

    #[track_caller]
    fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> http::Answer {
        let mut all = vec![("Accept", ACCEPT), ("Authorization", BASIC)];
        all.extend(headers);
        http::request(self.address, method, &format!("/v2/{path}"), &all, body)
            .expect("the registry answers")
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
