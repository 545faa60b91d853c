//! `cargo xtask demo`: the main job, end to end, on real parts of its own.

use std::{path::PathBuf, process::Command, time::Instant};

use testkit::{
    project::{self, Builder},
    sandbox::{Clone, Engine, GitRemote, Packages, Registry, RegistryOptions},
};

use crate::{Result, cargo, succeed};

const IMAGE: &str = "acme/hello";

/// What the demonstration runs on. The registry and the engine stop when this goes.
struct Stage<'a> {
    hoist: PathBuf,
    clone: Clone<'a>,
    registry: Registry,
    engine: Option<Engine>,
}

/// `host`: an engine of the user's to use instead of a private one.
pub fn run(host: Option<&str>) -> Result<()> {
    let start = Instant::now();
    say("build hoist");
    succeed(cargo().args(["build", "--quiet", "--locked", "--bin", "hoist"]))?;
    let hoist = std::env::current_exe()?.with_file_name("hoist");

    say("start a private registry and a private Docker Engine");
    let packages = Packages::fetch()?;
    let registry = Registry::start(
        &packages,
        &RegistryOptions {
            delete: true,
            ..RegistryOptions::default()
        },
    )?;
    eprintln!("registry: {}", registry.address());
    let engine = engine(&packages, host);

    say("make a git repository: a bare remote, a clone, a multi-stage Dockerfile, a history");
    let remote = GitRemote::new();
    let stage = Stage {
        hoist,
        clone: remote.clone("hello", &[]),
        registry,
        engine,
    };
    stage.first_commits(&packages)?;

    say("the first release is named by hand");
    stage.hoist(&["plan", "--version", "1.0.0"])?;
    stage.hoist(&["release", "--version", "1.0.0", "--yes"])?;

    say("a feature is committed and pushed: the history asks for 1.1.0");
    stage.feature();
    stage.hoist(&["next", "--explain"])?;
    stage.hoist(&["plan"])?;
    stage.hoist(&["release", "--yes"])?;

    say("the tag table: every tag of 1.1.0 shows one digest, and git knows the release");
    stage.hoist(&["verify", "1.1.0"])?;
    stage.show("git", &["ls-remote", "origin"])?;

    say("pull one tag back and run it");
    stage.pull_back()?;

    say("a second run has nothing to do");
    stage.hoist(&["release", "--yes"])?;

    drop(stage);
    say(&format!(
        "done in {:.0?}; engine and registry are stopped",
        start.elapsed()
    ));
    Ok(())
}

fn engine(packages: &Packages, host: Option<&str>) -> Option<Engine> {
    let engine = match host {
        Some(host) => Ok(Engine::at(packages, host)),
        None => Engine::start(packages),
    };
    match engine {
        Ok(engine) => {
            eprintln!("engine:   {}", engine.host());
            Some(engine)
        }
        Err(reason) => {
            eprintln!("no engine can run here: {reason}");
            eprintln!("the same job follows with an image that a script makes (an OCI layout)");
            None
        }
    }
}

impl Stage<'_> {
    fn first_commits(&self, packages: &Packages) -> Result<()> {
        let builder = match self.engine {
            Some(_) => Builder::Engine,
            None => Builder::Script,
        };
        let repository = self.registry.repository(IMAGE);
        project::write(&self.clone, &packages.busybox()?, builder, &[repository]);
        self.clone.commit("chore: begin");
        self.clone.write("README.md", "# hello\n");
        self.clone.commit("docs: say what it is");
        self.clone.write("LICENSE", "MIT\n");
        self.clone.commit("fix: add the missing licence");
        self.clone.push();
        self.show("git", &["log", "--oneline"])
    }

    fn feature(&self) {
        let program = "echo \"hello${1:+, $1}, from @VERSION@\"\n";
        self.clone.write("greet.sh", program);
        self.clone.commit("feat: greet by name");
        self.clone.push();
    }

    fn hoist(&self, args: &[&str]) -> Result<()> {
        println!("\n$ hoist {}", args.join(" "));
        succeed(self.command(&self.hoist).args(args))
    }

    fn show(&self, program: &str, args: &[&str]) -> Result<()> {
        println!("\n$ {program} {}", args.join(" "));
        succeed(self.command(program).args(args))
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = self.clone.command(program);
        if let Some(engine) = &self.engine {
            command.env("DOCKER_HOST", engine.host());
        }
        command
    }

    fn pull_back(&self) -> Result<()> {
        let image = format!("{}:1.1", self.registry.repository(IMAGE));
        if let Some(engine) = &self.engine {
            let run = ["run", "--rm", &image, "world"];
            for args in [&["pull", &image][..], &run, &["rmi", &image]] {
                println!("\n$ docker {}", args.join(" "));
                succeed(engine.docker().args(args))?;
            }
            return Ok(());
        }
        let (media_type, manifest) = self.registry.get(IMAGE, "manifests/1.1");
        println!("\n{image}: {media_type}, {} bytes", manifest.len());
        let manifest: serde_json::Value = serde_json::from_slice(&manifest)?;
        let digest = manifest["layers"][0]["digest"].as_str().ok_or("no layer")?;
        let (_, layer) = self.registry.get(IMAGE, &format!("blobs/{digest}"));
        let folder = tempfile::tempdir()?;
        let tar = folder.path().join("layer.tar");
        std::fs::write(&tar, layer)?;
        succeed(
            Command::new("tar")
                .arg("-xf")
                .arg(&tar)
                .arg("-C")
                .arg(folder.path()),
        )?;
        let program = folder.path().join("bin");
        succeed(
            Command::new(program.join("busybox"))
                .arg("sh")
                .arg(program.join("greet"))
                .arg("world"),
        )
    }
}

fn say(what: &str) {
    println!("\n== {what}");
}
