//! A Docker Engine of our own: own socket, own bridge, own data.

use std::{
    fs,
    io::{Read, Write},
    net::Ipv4Addr,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::{
    Packages, Result, Unavailable,
    supervise::{self, Supervised},
};

/// A running engine. One that was started here stops, and its bridge and data go, when this value
/// is dropped or the process ends.
#[derive(Debug)]
pub struct Engine {
    packages: Packages,
    host: String,
    /// The client's settings.
    config: PathBuf,
    _daemon: Option<Supervised>,
}

impl Engine {
    /// Starts `dockerd` and waits until it answers.
    ///
    /// It shares nothing with a daemon of the machine's user: a second daemon on the default
    /// bridge, or one told to have none, would break the first one's network. Firewall and
    /// forwarding of the machine stay as they are.
    ///
    /// # Errors
    /// Where no engine can run (no root, no namespaces, no bridge), with the reason.
    pub fn start(packages: &Packages) -> Result<Self> {
        if !is_root() {
            return Err(Unavailable::new("a Docker Engine of our own needs root"));
        }
        supervise::sweep(packages);
        let dir = supervise::folder()?;
        let bridge = add_bridge(packages, &dir).inspect_err(|_| drop(fs::remove_dir_all(&dir)))?;
        // Without a file of our own the machine's would be read.
        fs::write(dir.join("daemon.json"), "{}")
            .map_err(|error| Unavailable::while_doing("writing the engine's settings", error))?;
        let daemon = dockerd(&dir, &bridge);
        let mut daemon = Supervised::start(packages, dir.clone(), &daemon)?;
        let socket = dir.join("docker.sock");
        daemon
            .wait_until(|_| ping(&socket).filter(|answer| answer.contains(" 200 ")))
            .map_err(|error| Unavailable::while_doing("starting dockerd", error))?;
        Ok(Self {
            packages: packages.clone(),
            host: format!("unix://{}", socket.display()),
            config: dir.join("config"),
            _daemon: Some(daemon),
        })
    }

    /// The engine at this address (as `DOCKER_HOST` takes it), which somebody else runs. It is
    /// used as it is and left running.
    #[must_use]
    pub fn at(packages: &Packages, host: &str) -> Self {
        Self {
            packages: packages.clone(),
            host: host.to_owned(),
            config: super::folder().join("docker-config"),
            _daemon: None,
        }
    }

    /// The engine's address, as `DOCKER_HOST` takes it.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// A `docker` command for this engine, with a configuration of its own.
    #[must_use]
    pub fn docker(&self) -> Command {
        let mut command = self.packages.command("docker");
        command
            .env("DOCKER_HOST", &self.host)
            .env("DOCKER_CONFIG", &self.config)
            .env_remove("DOCKER_CONTEXT")
            .env_remove("DOCKER_TLS_VERIFY");
        command
    }

    /// Runs `docker` with `args` and returns what it printed.
    ///
    /// # Errors
    /// With its last words when it fails.
    pub fn run(&self, args: &[&str]) -> Result<String> {
        let output = self
            .docker()
            .args(args)
            .output()
            .map_err(|error| Unavailable::while_doing("running docker", error))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let words = String::from_utf8_lossy(&output.stderr);
        Err(Unavailable::new(format!(
            "docker {}: {}",
            args.join(" "),
            words.trim()
        )))
    }
}

fn dockerd(dir: &Path, bridge: &str) -> Vec<String> {
    let path = |name: &str| dir.join(name).display().to_string();
    let mut args = vec!["dockerd".to_owned()];
    for (flag, value) in [
        ("--bridge", bridge.to_owned()),
        ("--data-root", path("data")),
        ("--exec-root", path("exec")),
        ("--pidfile", path("pid")),
        ("--host", format!("unix://{}", path("docker.sock"))),
        ("--config-file", path("daemon.json")),
    ] {
        args.extend([flag.to_owned(), value]);
    }
    for flag in ["iptables", "ip6tables", "ip-masq", "ip-forward"] {
        args.push(format!("--{flag}=false"));
    }
    args
}

pub(super) fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .is_some_and(|ids| ids.split_whitespace().nth(1) == Some("0"))
}

/// A bridge that no other daemon uses, on a network that no route uses.
pub(super) fn add_bridge(packages: &Packages, dir: &Path) -> Result<String> {
    let suffix = dir.to_string_lossy();
    let suffix = suffix.rsplit('-').next().unwrap_or_default().to_owned();
    // The kernel takes 15 characters.
    let name = format!("hoist-{suffix}");
    let network = free_network(&routes())
        .ok_or_else(|| Unavailable::new("no private network is left for a bridge"))?;
    let [a, b, c, _] = network.octets();
    supervise::record_bridge(dir, &name)?;
    let ip = |args: &[&str]| {
        supervise::run(packages, "ip", args)
            .map_err(|error| Unavailable::while_doing("making a network bridge", error))
    };
    ip(&["link", "add", &name, "type", "bridge"])?;
    ip(&["addr", "add", &format!("{a}.{b}.{c}.1/24"), "dev", &name])
        .and_then(|()| ip(&["link", "set", &name, "up"]))
        .inspect_err(|_| drop(supervise::run(packages, "ip", &["link", "del", &name])))?;
    Ok(name)
}

/// Destination and mask of every route, from the kernel's table (little-endian hex).
fn routes() -> Vec<(u32, u32)> {
    let number = |hex: &str| u32::from_str_radix(hex, 16).ok().map(u32::swap_bytes);
    fs::read_to_string("/proc/net/route")
        .unwrap_or_default()
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            Some((number(fields.get(1)?)?, number(fields.get(7)?)?))
        })
        .collect()
}

/// One of 256 small networks; which one is tried first depends on the process, so that two that
/// start at once seldom choose the same.
fn free_network(routes: &[(u32, u32)]) -> Option<Ipv4Addr> {
    let first = std::process::id();
    (0..256)
        .map(|step| Ipv4Addr::new(10, 213, ((first + step) % 256) as u8, 0))
        .find(|network| {
            let network = u32::from(*network);
            !routes.iter().any(|&(to, mask)| {
                let common = mask & 0xffff_ff00;
                mask != 0 && network & common == to & common
            })
        })
}

pub(super) fn ping(socket: &Path) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream
        .write_all(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n")
        .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_used_network_is_passed_over() {
        let mut routes = vec![(0, 0)];
        let first = free_network(&routes).expect("one is free");
        routes.push((u32::from(first), 0xffff_ff00));
        assert_ne!(free_network(&routes), Some(first));
        routes.push((u32::from(Ipv4Addr::new(10, 0, 0, 0)), 0xff00_0000));
        assert_eq!(free_network(&routes), None);
    }
}
