//! Engines as new as Debian has them, in a private root: Docker with either image store, and Podman.
//!
//! The root is made once by debootstrap below `target/sandbox/modern`, from the mirror that the machine's own apt
//! uses. A daemon runs with that root as its own, in a mount namespace of its own; nothing of the machine changes.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{
    Packages, Result, Unavailable,
    engine::{add_bridge, is_root, ping},
    folder,
    newest::{NEWEST, mirror},
    supervise::{self, Supervised},
};

/// What the root holds besides the smallest system.
const INCLUDED: &str = "ca-certificates,iptables,docker.io,docker-cli,docker-buildx,containerd,runc,podman,buildah,skopeo,crun,netavark,crane";
/// Written last, so that an interrupted run starts again.
const COMPLETE: &str = ".complete";

/// Makes the root that the rest of the process sees: the folder `$root`, with the daemon's own `$dir` at `/srv/box`.
/// Both have to be mount points, or runc and containerd's snapshotters refuse to work.
const ENTER: &str = r#"
set -e
root=$1 dir=$2; shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
mount --bind "$dir" "$root/srv/box"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
cd "$root"
pivot_root . srv/machine
umount -l /srv/machine
exec chroot / "$@"
"#;

/// Podman raises the limits of its steps by itself, which a machine may not allow.
const PODMAN_SETTINGS: &str =
    "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n";

/// Which engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modern {
    /// Docker with containerd's image store.
    DockerContainerd,
    /// Docker with the classic image store.
    DockerOverlay2,
    /// Podman's service with Docker's API.
    Podman,
}

/// The private root.
#[derive(Debug, Clone)]
pub struct ModernRoot {
    root: PathBuf,
}

/// A running engine in the private root. It stops, and what it has goes, when this value is dropped or the process
/// ends.
#[derive(Debug)]
pub struct ModernEngine {
    socket: PathBuf,
    _daemon: Supervised,
}

impl ModernRoot {
    /// Makes the root once; later runs find it in the target folder.
    ///
    /// # Errors
    /// Without root, debootstrap or a mirror, with the last words of what failed.
    pub fn fetch() -> Result<Self> {
        if !is_root() {
            return Err(Unavailable::new("a private root needs root"));
        }
        let folder = folder();
        let doing = |error| Unavailable::while_doing("making the private root", error);
        fs::create_dir_all(&folder).map_err(doing)?;
        let lock = File::create(folder.join("modern.lock")).map_err(doing)?;
        fs4::FileExt::lock(&lock).map_err(doing)?;
        let root = folder.join("modern");
        if !root.join(COMPLETE).exists() {
            let _ = fs::remove_dir_all(&root);
            let mirror = mirror()?;
            eprintln!(
                "sandbox: a private root of Debian {NEWEST} from {mirror} (once, some minutes)"
            );
            debootstrap(&root, &mirror)?;
            for place in ["srv/box", "srv/machine"] {
                fs::create_dir_all(root.join(place)).map_err(doing)?;
            }
            fs::write(root.join(COMPLETE), "").map_err(doing)?;
        }
        Ok(Self { root })
    }

    /// A program of the root, such as `/usr/bin/skopeo`, that runs with the machine's files: for static programs.
    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// A command inside the root, which sees `dir` as `/srv/box` and works there.
    #[must_use]
    pub fn command(&self, dir: &Path, program: &str) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--", "sh", "-c"]);
        command.arg(ENTER.replace("exec chroot /", "cd /srv/box; exec"));
        command.arg("enter").arg(&self.root).arg(dir).arg(program);
        command
    }
}

impl ModernEngine {
    /// Starts the engine and waits until it answers.
    ///
    /// # Errors
    /// With the end of its log when it does not.
    pub fn start(root: &ModernRoot, packages: &Packages, which: Modern) -> Result<Self> {
        Self::start_with(root, packages, which, &[])
    }

    /// The same with registries that speak HTTP without TLS: Docker takes them on loopback by itself, Podman has to be
    /// told of each.
    ///
    /// # Errors
    /// With the end of its log when it does not start.
    pub fn start_with(
        root: &ModernRoot,
        packages: &Packages,
        which: Modern,
        plain: &[SocketAddr],
    ) -> Result<Self> {
        supervise::sweep(packages);
        let dir = supervise::folder()?;
        let daemon = match which {
            Modern::Podman => {
                let registries = plain.iter().map(|address| {
                    format!("[[registry]]\nlocation = \"{address}\"\ninsecure = true\n")
                });
                for (name, text) in [
                    ("containers.conf", PODMAN_SETTINGS),
                    ("registries.conf", &*registries.collect::<String>()),
                ] {
                    fs::write(dir.join(name), text).map_err(|error| {
                        Unavailable::while_doing("writing the engine's settings", error)
                    })?;
                }
                podman()
            }
            Modern::DockerContainerd | Modern::DockerOverlay2 => {
                let bridge =
                    add_bridge(packages, &dir).inspect_err(|_| drop(fs::remove_dir_all(&dir)))?;
                let containerd = which == Modern::DockerContainerd;
                let settings =
                    format!("{{\"features\":{{\"containerd-snapshotter\":{containerd}}}}}");
                fs::write(dir.join("daemon.json"), settings).map_err(|error| {
                    Unavailable::while_doing("writing the engine's settings", error)
                })?;
                dockerd(&bridge)
            }
        };
        let enter = ["unshare", "--mount", "--", "sh", "-c", ENTER, "enter"].map(str::to_owned);
        let places = [&root.root, &dir].map(|path| path.display().to_string());
        let args: Vec<String> = enter.into_iter().chain(places).chain(daemon).collect();
        let socket = dir.join("engine.sock");
        let mut daemon = Supervised::start(packages, dir, &args)?;
        daemon
            .wait_until(|_| ping(&socket).filter(|answer| answer.contains(" 200 ")))
            .map_err(|error| Unavailable::while_doing("starting a modern engine", error))?;
        Ok(Self {
            socket,
            _daemon: daemon,
        })
    }

    /// The engine's socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The engine's address, as `DOCKER_HOST` takes it.
    #[must_use]
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }
}

fn dockerd(bridge: &str) -> Vec<String> {
    let mut args = vec!["/usr/sbin/dockerd".to_owned()];
    for (flag, value) in [
        ("--bridge", bridge),
        ("--data-root", "/srv/box/data"),
        ("--exec-root", "/srv/box/exec"),
        ("--pidfile", "/srv/box/pid"),
        ("--host", "unix:///srv/box/engine.sock"),
        ("--config-file", "/srv/box/daemon.json"),
    ] {
        args.extend([flag.to_owned(), value.to_owned()]);
    }
    for flag in ["iptables", "ip6tables", "ip-masq", "ip-forward"] {
        args.push(format!("--{flag}=false"));
    }
    args
}

fn podman() -> Vec<String> {
    [
        "/usr/bin/env",
        "CONTAINERS_CONF=/srv/box/containers.conf",
        "CONTAINERS_REGISTRIES_CONF=/srv/box/registries.conf",
        "/usr/bin/podman",
        "--root=/srv/box/data",
        "--runroot=/srv/box/exec",
        // The machine may have the older control groups, which crun does not take.
        "--runtime=runc",
        "--cgroup-manager=cgroupfs",
        "system",
        "service",
        "--time=0",
        "unix:///srv/box/engine.sock",
    ]
    .map(str::to_owned)
    .into()
}

fn debootstrap(root: &Path, mirror: &str) -> Result<()> {
    let log = root.with_extension("log");
    let doing = |error| Unavailable::while_doing("running debootstrap", error);
    let out = File::create(&log).map_err(doing)?;
    let status = Command::new("debootstrap")
        .args([
            "--variant=minbase",
            &format!("--include={INCLUDED}"),
            NEWEST,
        ])
        .arg(root)
        .arg(mirror)
        .stdin(Stdio::null())
        .stdout(out.try_clone().map_err(doing)?)
        .stderr(out)
        .status()
        .map_err(doing)?;
    if status.success() {
        return Ok(());
    }
    let text = fs::read_to_string(&log).unwrap_or_default();
    let last = text.lines().last().unwrap_or_default();
    Err(Unavailable::new(format!("debootstrap failed: {last}")))
}
