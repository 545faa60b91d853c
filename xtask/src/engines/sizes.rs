//! `cargo xtask engines sizes`: a large image, handed over and published by hoist, beside `docker push --all-tags` and
//! `skopeo copy` in the same run: a first release, one with a small layer changed, and one more from a fresh clone.
//!
//! The large layers are random, made by the engine's own steps, and already built when anything is measured: what is
//! compared is the way from the engine to the registry.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use testkit::sandbox::{
    Clone, Engine, GitRemote, Modern, ModernEngine, ModernRoot, Packages, Registry, RegistryOptions,
};

use crate::{
    Result,
    bench::{
        proxy::Proxy,
        run::{Cost, measured},
    },
    cargo, succeed,
};

/// How many large layers there are.
const LAYERS: u64 = 4;
/// The image's size in MiB, unless another one is asked for.
const MIB: u64 = 2048;
/// The image's name in the engine.
const LOCAL: &str = "large:local";
/// The releases, and the tags that each of them has.
const RELEASES: &[(&str, &str, &[&str])] = &[
    ("first", "1.0.0", &["1.0.0", "1.0", "1", "latest"]),
    ("second", "1.0.1", &["1.0.1", "1.0", "1", "latest"]),
    ("fresh clone", "1.0.2", &["1.0.2", "1.0", "1", "latest"]),
];

const USAGE: &str =
    "usage: cargo xtask engines sizes [--binary FILE] [--mib N] [--keys TOML] [ENGINE ...]";

/// What is asked for.
struct Wanted<'a> {
    /// The program that is measured; unset: one that is built for it.
    hoist: Option<PathBuf>,
    mib: u64,
    /// Further keys of `[image.build]`.
    keys: String,
    /// Parts of the names of engines; empty: all.
    engines: Vec<&'a str>,
}

/// An engine with the name that the table has.
struct Measured {
    name: &'static str,
    engine: Engine,
    socket: PathBuf,
}

/// One registry, behind a proxy that counts what is sent to it.
struct Counted {
    proxy: Proxy,
    _registry: Registry,
}

/// What every measurement needs.
struct Bed<'a> {
    hoist: &'a Path,
    root: &'a ModernRoot,
    packages: &'a Packages,
    busybox: &'a Path,
    wanted: &'a Wanted<'a>,
}

pub fn run(args: &[&str]) -> Result<()> {
    let wanted = wanted(args)?;
    let hoist = match &wanted.hoist {
        Some(hoist) => fs::canonicalize(hoist)?,
        None => {
            succeed(cargo().args(["build", "--release", "--locked", "--bin", "hoist"]))?;
            let target = std::env::current_exe()?;
            let target = target.ancestors().nth(2).ok_or("cargo's target folder")?;
            target.join("release/hoist")
        }
    };
    let packages = Packages::fetch()?;
    let root = ModernRoot::fetch()?;
    let busybox = packages.busybox()?;
    let bed = Bed {
        hoist: &hoist,
        root: &root,
        packages: &packages,
        busybox: &busybox,
        wanted: &wanted,
    };
    println!(
        "| engine | registries | release | docker build | docker push --all-tags | skopeo copy | hoist release | its CPU | its peak | sent by docker | by skopeo | by hoist |"
    );
    println!("|{}", "---|".repeat(12));
    for name in [
        "Docker, this Debian's",
        "Docker, overlay2",
        "Docker, containerd",
    ] {
        let is_meant = |part: &&str| name.contains(part);
        if !wanted.engines.is_empty() && !wanted.engines.iter().any(is_meant) {
            continue;
        }
        let (engine, _running) = bed.start(name)?;
        for registries in [1, 2] {
            bed.measure(&engine, registries)?;
        }
    }
    Ok(())
}

fn wanted<'a>(args: &[&'a str]) -> Result<Wanted<'a>> {
    let mut wanted = Wanted {
        hoist: None,
        mib: MIB,
        keys: String::new(),
        engines: Vec::new(),
    };
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match *arg {
            "--binary" => wanted.hoist = Some(rest.next().ok_or(USAGE)?.into()),
            "--mib" => wanted.mib = rest.next().ok_or(USAGE)?.parse()?,
            "--keys" => wanted.keys = format!("{}\n", rest.next().ok_or(USAGE)?),
            name if !name.starts_with('-') => wanted.engines.push(name),
            _ => return Err(USAGE.into()),
        }
    }
    Ok(wanted)
}

impl Bed<'_> {
    fn start(&self, name: &'static str) -> Result<(Measured, Option<ModernEngine>)> {
        let which = match name {
            "Docker, overlay2" => Some(Modern::DockerOverlay2),
            "Docker, containerd" => Some(Modern::DockerContainerd),
            _ => None,
        };
        let (engine, running) = match which {
            None => (Engine::start(self.packages)?, None),
            Some(which) => {
                let running = ModernEngine::start(self.root, self.packages, which)?;
                (Engine::at(self.packages, &running.host()), Some(running))
            }
        };
        let socket = engine.host().trim_start_matches("unix://").into();
        let measured = Measured {
            name,
            engine,
            socket,
        };
        Ok((measured, running))
    }

    /// All releases, to so many registries.
    fn measure(&self, engine: &Measured, registries: usize) -> Result<()> {
        let start = || Counted::start(self.packages);
        let registries: Vec<_> = std::iter::repeat_with(start)
            .take(registries)
            .collect::<Result<_>>()?;
        let remote = GitRemote::new();
        let mut clone = remote.clone("first", &[]);
        fs::copy(self.busybox, clone.path().join("busybox"))?;
        clone.write("Dockerfile", self.dockerfile());
        let repositories: Vec<_> = registries.iter().map(|r| r.repository("hoist")).collect();
        clone.write(
            "release.toml",
            format!(
                "[image]\nrepositories = {repositories:?}\n[image.build]\n{}",
                self.wanted.keys
            ),
        );
        for (index, (name, version, tags)) in RELEASES.iter().enumerate() {
            if index + 1 == RELEASES.len() {
                clone = remote.clone("fresh", &[]);
            }
            clone.write("small", format!("content {version}"));
            clone.commit("fix: a small change");
            clone.push();
            let build = self.docker_build(engine, &clone)?;
            let docker = self.docker_push(engine, &registries, tags)?;
            let skopeo = self.skopeo(engine, &registries, tags)?;
            let (hoist, sent) = counted(&registries, || self.release(engine, &clone, version))?;
            println!(
                "| {} | {} | {name} | {:.1} s | {:.1} s | {:.1} s | {:.1} s | {:.1} s | {} MiB | {} | {} | {} |",
                engine.name,
                registries.len(),
                build.as_secs_f64(),
                docker.0.as_secs_f64(),
                skopeo.0.as_secs_f64(),
                hoist.wall,
                hoist.cpu,
                hoist.peak,
                bytes(docker.1),
                bytes(skopeo.1),
                bytes(sent),
            );
        }
        Ok(())
    }

    fn dockerfile(&self) -> String {
        let mib = self.wanted.mib / LAYERS;
        let layer = |number| {
            format!(
                "RUN [\"/bin/busybox\", \"dd\", \"if=/dev/urandom\", \"of=/layer{number}\", \"bs=1M\", \"count={mib}\"]\n"
            )
        };
        let layers: String = (0..LAYERS).map(layer).collect();
        format!("FROM scratch\nCOPY busybox /bin/busybox\n{layers}COPY small /small\n")
    }

    /// Fills the engine's build cache, too, which hoist's build then finds as well.
    fn docker_build(&self, engine: &Measured, clone: &Clone<'_>) -> Result<Duration> {
        let started = Instant::now();
        let mut docker = engine.engine.docker();
        docker
            .env("DOCKER_BUILDKIT", "1")
            .arg("build")
            .args(["--quiet", "--tag", LOCAL]);
        quiet(docker.arg(clone.path()))?;
        Ok(started.elapsed())
    }

    fn docker_push(
        &self,
        engine: &Measured,
        registries: &[Counted],
        tags: &[&str],
    ) -> Result<(Duration, u64)> {
        let started = Instant::now();
        counted(registries, || {
            for registry in registries {
                let repository = registry.repository("docker");
                for tag in tags {
                    engine
                        .engine
                        .run(&["tag", LOCAL, &format!("{repository}:{tag}")])?;
                }
                engine
                    .engine
                    .run(&["push", "--quiet", "--all-tags", &repository])?;
            }
            Ok(started.elapsed())
        })
    }

    /// The first tag from the engine, the others from the registry, where the image then is.
    fn skopeo(
        &self,
        engine: &Measured,
        registries: &[Counted],
        tags: &[&str],
    ) -> Result<(Duration, u64)> {
        let folder = engine.socket.parent().ok_or("a socket lies in a folder")?;
        let socket = engine.socket.file_name().ok_or("a socket has a name")?;
        let socket = format!("unix:///srv/box/{}", socket.to_string_lossy());
        let started = Instant::now();
        counted(registries, || {
            for registry in registries {
                let repository = registry.repository("skopeo");
                let mut from = format!("docker-daemon:{LOCAL}");
                for tag in tags {
                    let to = format!("docker://{repository}:{tag}");
                    let mut skopeo = self.root.command(folder, "skopeo");
                    skopeo.args(["--insecure-policy", "copy", "--quiet"]);
                    skopeo.args(["--src-daemon-host", &socket]);
                    skopeo.args(["--src-tls-verify=false", "--dest-tls-verify=false"]);
                    quiet(skopeo.args([&from, &to]))?;
                    from = to;
                }
            }
            Ok(started.elapsed())
        })
    }

    fn release(&self, engine: &Measured, clone: &Clone<'_>, version: &str) -> Result<Cost> {
        let hoist = self.hoist.display();
        let line = format!("{hoist} release --yes --version {version}");
        measured(&line, |command| {
            command.env_clear().current_dir(clone.path());
            for (name, value) in clone.command("true").get_envs() {
                if let Some(value) = value {
                    command.env(name, value);
                }
            }
            command.env("DOCKER_HOST", engine.engine.host());
        })
    }
}

impl Counted {
    fn start(packages: &Packages) -> Result<Self> {
        let registry = Registry::start(packages, &RegistryOptions::default())?;
        Ok(Self {
            proxy: Proxy::start(registry.address(), Duration::ZERO, None)?,
            _registry: registry,
        })
    }

    fn repository(&self, tool: &str) -> String {
        format!("{}/large/{tool}", self.proxy.address())
    }
}

/// What came of `work`, and how many bytes it sent to the registries.
fn counted<T>(registries: &[Counted], work: impl FnOnce() -> Result<T>) -> Result<(T, u64)> {
    let take = || registries.iter().map(|r| r.proxy.take_bytes()).sum::<u64>();
    take();
    let done = work()?;
    Ok((done, take()))
}

fn quiet(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{command:?}: {}", words.trim()).into())
}

fn bytes(count: u64) -> String {
    match count {
        0..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        _ => format!("{:.1} MB", count as f64 / 1e6),
    }
}
