//! `cargo xtask release`: this project's own release, made with hoist.
//!
//! With `--dry-run` or `--sandbox` it happens in a sandbox: a clone of HEAD whose remote is a bare repository, with a
//! registry and an engine of its own. A dry run plans; `--sandbox` releases, runs the image, and installs hoist from the
//! release's files in each way. Only the program is not built anew: the release gets the one at hand.

use std::{path::PathBuf, process::Command, time::Instant};

use testkit::project::Builder;
use testkit::sandbox::{self, Clone, Engine, GitRemote, Packages, Registry, RegistryOptions};

use crate::{Result, cargo, dist, succeed, ways};

const IMAGE: &str = "hoistrs/hoist";

/// `args` go to `hoist release`.
pub fn run(args: &[&str]) -> Result<()> {
    if args == ["--sandbox"] {
        return in_sandbox(|sandbox| sandbox.whole());
    }
    if args.contains(&"--dry-run") {
        return in_sandbox(|sandbox| sandbox.hoist("release", args));
    }
    succeed(
        cargo()
            .args([
                "run", "--quiet", "--locked", "--bin", "hoist", "--", "release",
            ])
            .args(args),
    )
}

/// What `cargo xtask test` asks of a release: that it can be planned, and that it can be made.
pub fn try_all() -> Result<()> {
    in_sandbox(|sandbox| {
        sandbox.hoist("release", &["--dry-run"])?;
        sandbox.whole()
    })
}

/// The parts of one release, all of which go with this value.
struct Sandbox<'a> {
    hoist: PathBuf,
    clone: Clone<'a>,
    registry: Registry,
    engine: Option<Engine>,
}

fn in_sandbox(work: impl FnOnce(&Sandbox<'_>) -> Result<()>) -> Result<()> {
    succeed(cargo().args(["build", "--quiet", "--locked", "--bin", "hoist"]))?;
    let hoist = std::env::current_exe()?.with_file_name("hoist");
    let packages = Packages::fetch()?;
    let options = RegistryOptions::default();
    let registry = Registry::start(&packages, &options)?;
    let engine = match sandbox::without_engine() {
        true => None,
        false => Some(Engine::start(&packages)?),
    };
    let checkout = sandbox::checkout();
    let remote = GitRemote::new();
    let destination = remote.path().display().to_string();
    // From where HEAD is, whatever it is called: the sandbox knows it as `main`.
    let mut push = remote.hermetic("git");
    push.args(["push", "--quiet", &destination])
        .args(["HEAD:refs/heads/main"]);
    succeed(push.current_dir(checkout))?;
    let clone = remote.clone("hoist", &[]);
    without_forge(&clone)?;
    work(&Sandbox {
        hoist,
        clone,
        registry,
        engine,
    })
}

/// A bare repository has no pages for releases.
fn without_forge(clone: &Clone<'_>) -> Result<()> {
    let policy = std::fs::read_to_string(clone.path().join("release.toml"))?;
    let (before, forge) = policy
        .split_once("[forge]\n")
        .ok_or("release.toml has no [forge]")?;
    let after = forge.find("\n[").map_or("", |at| &forge[at + 1..]);
    clone.write("release.toml", format!("{before}{after}"));
    clone.commit("chore: the sandbox has no forge");
    clone.push();
    Ok(())
}

impl Sandbox<'_> {
    fn hoist(&self, verb: &str, args: &[&str]) -> Result<()> {
        succeed(&mut self.command(verb, args))
    }

    fn command(&self, verb: &str, args: &[&str]) -> Command {
        let mut command = self.clone.command(&self.hoist);
        command.args(["--image", &self.registry.repository(IMAGE)]);
        command.arg(verb).args(args);
        if let Some(engine) = &self.engine {
            command.env("DOCKER_HOST", engine.host());
        }
        command
    }

    /// Releases the version of `Cargo.toml`, and runs what was published.
    fn whole(&self) -> Result<()> {
        let version = dist::version(&self.hoist)?;
        let version = &*version;
        let folder = tempfile::tempdir()?;
        let program = folder.path().join("hoist");
        // Symbols are two fifths of a program that was built for tests.
        let mut strip = Command::new("strip");
        succeed(strip.arg("-o").arg(&program).arg(&self.hoist))?;
        let mut release = self.command("release", &["--version", version, "--yes"]);
        // `cargo xtask dist` is run by hoist, with the compiler's own settings.
        let own = |name: &str| name.starts_with("RUST") || name.starts_with("CARGO_");
        let settings = std::env::vars().filter(|(name, _)| name == "HOME" || own(name));
        release
            .envs(settings)
            .env("CARGO_TARGET_DIR", dist::target_folder())
            .env(dist::BINARY, &program);
        succeed(&mut release)?;
        self.hoist("verify", &[version])?;
        if let Some(engine) = &self.engine {
            self.run_image(engine, version)?;
            self.release_from_image(engine, version)?;
            // What was made on the way is what people download. A root of its own needs root, as the engine does.
            ways::run_from(&self.clone.path().join("target/dist"))?;
        }
        Ok(())
    }

    /// What the image needs at run time is there: the program runs, git and a shell are found, and git finds the
    /// program for remotes by HTTPS.
    fn run_image(&self, engine: &Engine, version: &str) -> Result<()> {
        let image = format!("{}:{version}", self.registry.repository(IMAGE));
        let run = |args: &[&str]| engine.run(&[&["run", "--rm", "--network=none"], args].concat());
        let said = run(&[&image, "--version"])?;
        if said.trim() != format!("hoist {version}") {
            return Err(format!("the image is of another program: {said}").into());
        }
        let script = "set -e; git init -q /tmp/a; cd /tmp/a; hoist schema | head -c 1; \
            ssh -V; test -s /etc/ssl/certs/ca-certificates.crt; \
            git ls-remote https://127.0.0.1:9/a.git 2>&1 | grep -i connect; id -u";
        let said = run(&["--entrypoint", "sh", &image, "-c", script])?;
        if !said.starts_with('{') || !said.ends_with("1000\n") {
            return Err(format!("the image lacks something: {said}").into());
        }
        println!("{image} runs");
        Ok(())
    }

    /// The image makes the releases of the demonstration, with the engine that it runs in.
    fn release_from_image(&self, engine: &Engine, version: &str) -> Result<()> {
        println!("\n== image");
        let image = format!("{}:{version}", self.registry.repository(IMAGE));
        let remote = GitRemote::new();
        let clone = remote.clone("hello", &[]);
        let shared = clone.path().parent().ok_or("a clone lies in a folder")?;
        let socket = engine.host().trim_start_matches("unix://");
        let releases = ways::Releases {
            clone: &clone,
            registry: &self.registry,
            repository: "acme/hello-image".to_owned(),
        };
        let start = Instant::now();
        releases.make(&Packages::fetch()?.busybox()?, Builder::Engine, |args| {
            let mut docker = engine.docker();
            docker.args(["run", "--rm", "--network=host", "--user=0"]);
            for (name, value) in clone.command("hoist").get_envs() {
                if let Some(value) = value.filter(|_| name != "PATH") {
                    docker
                        .arg("--env")
                        .arg(format!("{}={}", name.display(), value.display()));
                }
            }
            let place = shared.display();
            docker.arg(format!("--volume={place}:{place}"));
            docker.arg(format!("--volume={socket}:/var/run/docker.sock"));
            docker
                .arg("--workdir")
                .arg(clone.path())
                .arg(&image)
                .args(args);
            docker
        })?;
        println!(
            "released from the image in {:.1} s",
            start.elapsed().as_secs_f32()
        );
        Ok(())
    }
}
