//! What else a build is told: named contexts, attestations, network and hosts, what is exported.

use crate::{
    init::{
        build_inputs::{UNKNOWN, unknown, unquoted},
        fields,
        push::{Build, has_login, is_directory, joined},
        term::is_partial,
    },
    policy::{BuildNetwork, ByteSize, HostEntry, Provenance, Sbom, Ulimit},
};

/// What `outputs` says that hoist decides by itself, or that is read elsewhere.
const OF_THE_EXPORT: [&str; 14] = [
    "type",
    "name",
    "push",
    "push-by-digest",
    "name-canonical",
    "dangling-name-prefix",
    "dest",
    "tar",
    "store",
    "unpack",
    "oci-mediatypes",
    "rewrite-timestamp",
    "registry.insecure",
    "buildinfo",
];

impl Build {
    /// The input `build-contexts`, a `name=value` a line. Directories are seen from the folder `base`.
    pub(super) fn contexts(&mut self, base: &str, value: &str) {
        for line in fields::lines(value) {
            let Some((name, value)) = line.split_once('=') else {
                self.left(&format!("build context `{line}`"), "it has no value");
                continue;
            };
            let (name, value) = (name.trim(), unquoted(value));
            let scheme = value.split_once("://").map(|(scheme, _)| scheme);
            let directory = || joined(base, value).filter(|_| !value.starts_with(['/', '~']));
            let taken = match scheme {
                _ if is_partial(value) => Err(unknown(value)),
                _ if has_login(value) => Err("its address holds a login".into()),
                _ if value.starts_with("target:") => {
                    Err("it is another target of the bake file, which bake alone can build first".into())
                }
                Some("docker-image" | "https" | "http" | "git" | "ssh") => Ok(value.to_owned()),
                Some("oci-layout") => {
                    Err("hoist gives no layout to the builder; `docker-image://` names an image of a registry".into())
                }
                Some(_) => Err("it is neither a directory of the repository nor an image".into()),
                None if !is_directory(value) => Ok(value.to_owned()),
                None => directory().ok_or_else(|| "it is not in this repository".into()),
            };
            match taken {
                Ok(value) => drop(self.contexts.insert(name.to_owned(), value)),
                Err(why) => self.left(&format!("build context `{name}`"), &why),
            }
        }
    }

    /// The input `attests`, and `attest` of bake: an attestation a line.
    pub(super) fn attestations(&mut self, value: &str) {
        for line in fields::lines(value) {
            let pairs = fields::pairs(&line);
            let is_kind = |(key, _): &&(Option<String>, String)| key.as_deref() == Some("type");
            let kind = pairs.iter().find(is_kind).map(|(_, value)| value.clone());
            let rest = pairs.iter().filter(|pair| !is_kind(pair));
            let rest: Vec<String> = rest
                .map(|(key, value)| match key {
                    Some(key) => format!("{key}={value}"),
                    None => value.clone(),
                })
                .collect();
            let rest = match &*rest {
                [] => "true".to_owned(),
                rest => rest.join(","),
            };
            match kind.as_deref() {
                Some("provenance") => self.provenance(&rest),
                Some("sbom") => self.sbom(&rest),
                _ => self.left(&format!("`attests: {line}`"), "it has no key here"),
            }
        }
    }

    /// The input `provenance`: a switch, or attributes.
    pub(super) fn provenance(&mut self, value: &str) {
        if is_partial(value) {
            return self.left("`provenance`", &unknown(value));
        }
        let mut taken = Provenance::On;
        for (key, value) in fields::pairs(value) {
            match (key.as_deref(), &*value) {
                (None, "true") | (Some("disabled"), "false") => {}
                (None, "false") | (Some("disabled"), "true") => taken = Provenance::Off,
                (Some("mode"), "min") => taken = Provenance::Min,
                (Some("mode"), "max") => taken = Provenance::Max,
                (key, value) => {
                    let key = key.map_or(String::new(), |key| format!("{key}="));
                    self.left(
                        &format!("`{key}{value}` of `provenance`"),
                        "it has no key here",
                    );
                }
            }
        }
        self.provenance = Some(taken);
    }

    /// The input `sbom`: a switch, or the scanner.
    pub(super) fn sbom(&mut self, value: &str) {
        if is_partial(value) {
            return self.left("`sbom`", &unknown(value));
        }
        let mut taken = Sbom::On;
        for (key, value) in fields::pairs(value) {
            match (key.as_deref(), &*value) {
                (None, "true") | (Some("disabled"), "false") => {}
                (None, "false") | (Some("disabled"), "true") => taken = Sbom::Off,
                (Some("generator"), image)
                    if !image.is_empty() && !image.contains([',', '"', ' ']) =>
                {
                    taken = Sbom::Scanner(image.to_owned());
                }
                (key, value) => {
                    let key = key.map_or(String::new(), |key| format!("{key}="));
                    self.left(&format!("`{key}{value}` of `sbom`"), "it has no key here");
                }
            }
        }
        self.sbom = Some(taken);
    }

    /// The inputs `pull` and `no-cache`.
    pub(super) fn switch(&mut self, name: &str, value: &str) {
        let on = match value {
            "true" => true,
            "false" => false,
            _ if is_partial(value) => return self.left(&format!("`{name}`"), &unknown(value)),
            _ => return self.other(name, value),
        };
        match name {
            "pull" => self.pull = Some(on),
            _ => self.no_cache = on,
        }
    }

    pub(super) fn network(&mut self, value: &str) {
        self.network = match value {
            "default" => BuildNetwork::Default,
            "none" => BuildNetwork::None,
            "host" => BuildNetwork::Host,
            _ if is_partial(value) => return self.left("`network`", UNKNOWN),
            _ => {
                return self.left(
                    &format!("`network: {value}`"),
                    "a build has the network `default`, `none` or `host`",
                );
            }
        };
    }

    pub(super) fn hosts(&mut self, value: &str) {
        for entry in fields::list(value) {
            match entry.parse::<HostEntry>() {
                Ok(host) => {
                    let host = host.to_string();
                    if !self.add_hosts.contains(&host) {
                        self.add_hosts.push(host);
                    }
                }
                Err(_) if is_partial(&entry) => self.left("`add-hosts`", &unknown(&entry)),
                Err(why) => self.left("`add-hosts`", &why),
            }
        }
    }

    /// The input `allow`. With the host's network for all steps hoist asks for it by itself.
    pub(super) fn leave(&mut self, value: &str) {
        for entry in fields::list(value) {
            let of_network = entry == "network.host";
            if of_network && self.network == BuildNetwork::Host {
                continue;
            }
            if !of_network && entry != "security.insecure" {
                self.left(&format!("`allow: {entry}`"), "it has no key here");
            } else if !self.allow.contains(&entry) {
                self.allow.push(entry);
            }
        }
    }

    /// The input `ulimit`: a limit a line.
    pub(super) fn limits(&mut self, value: &str) {
        for entry in fields::list(value) {
            match entry.parse::<Ulimit>() {
                Ok(_) if self.ulimits.contains(&entry) => {}
                Ok(_) => self.ulimits.push(entry),
                Err(_) if is_partial(&entry) => self.left("`ulimit`", &unknown(&entry)),
                Err(why) => self.left("`ulimit`", &why),
            }
        }
    }

    /// The input `shm-size`. Docker's units are powers of 1024, and a number alone counts bytes.
    pub(super) fn shared_memory(&mut self, value: &str) {
        if is_partial(value) {
            return self.left("`shm-size`", &unknown(value));
        }
        let end = value.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (number, unit) = value.split_at(end.unwrap_or(value.len()));
        let unit = match &*unit.trim().to_lowercase() {
            "" | "b" => "B",
            "k" | "kb" | "kib" => "KiB",
            "m" | "mb" | "mib" => "MiB",
            "g" | "gb" | "gib" => "GiB",
            _ => return self.other("shm-size", value),
        };
        let size = format!("{number}{unit}");
        match size.parse::<ByteSize>() {
            Ok(_) => self.shm_size = Some(size),
            Err(why) => self.left(&format!("`shm-size: {value}`"), &why),
        }
    }

    /// What `outputs` says of the image itself.
    pub(super) fn outputs(&mut self, value: &str) {
        for line in fields::lines(value) {
            for (key, value) in fields::pairs(&line) {
                let Some(key) = key.as_deref() else { continue };
                if let Some((_, name)) = key
                    .strip_prefix("annotation")
                    .and_then(|rest| rest.split_once('.'))
                {
                    if is_partial(&value) {
                        self.left(&format!("annotation `{name}`"), &unknown(&value));
                    } else {
                        self.annotations.insert(name.to_owned(), value);
                    }
                } else if key == "compression" && value == "gzip" || OF_THE_EXPORT.contains(&key) {
                } else if key.contains("compression") {
                    self.left(
                        &format!("`{key}={value}` of `outputs`"),
                        "layers are compressed with gzip, which every engine reads",
                    );
                } else {
                    self.left(
                        &format!("`{key}={value}` of `outputs`"),
                        "it has no key here",
                    );
                }
            }
        }
    }
}
