//! One engine, and releases with it.

use std::{
    cell::Cell as Counter,
    fs,
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;
use testkit::sandbox::{
    BuildkitSocket, Clone, Engine, GitRemote, PASSWORD, Packages, Registry, USER,
};

use super::Cell;
use crate::Result;

/// How many trials there may be with one engine.
const TRIALS: usize = 30;
/// What a trial's secret is.
pub const SECRET: &str = "open-sesame-71";
/// How long something may take to happen after it was asked for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who builds.
pub struct Builds<'a> {
    /// The engine's address, as `DOCKER_HOST` takes it.
    pub host: String,
    /// The value of `image.build.builder`.
    pub builder: Option<String>,
    /// The file of that builder, where it is one of buildx.
    pub instance: Option<String>,
    /// The connections to BuildKit, where they can be cut.
    pub socket: Option<&'a BuildkitSocket>,
    /// A folder with programs that hoist finds before those of the machine.
    pub programs: Option<&'a Path>,
}

/// One engine, with what its trials need.
pub struct Bench<'a> {
    hoist: &'a Path,
    engine: Engine,
    builds: &'a Builds<'a>,
    registry: &'a Registry,
    private: &'a Registry,
    /// One for each trial: versions and branches of one do not meet those of another.
    remotes: Vec<GitRemote>,
    busybox: PathBuf,
    agent: tempfile::TempDir,
    number: usize,
    trials: Counter<usize>,
}

/// One project on the bench.
pub struct Trial<'b> {
    bench: &'b Bench<'b>,
    clone: Clone<'b>,
    name: String,
}

impl<'a> Bench<'a> {
    pub fn new(
        hoist: &'a Path,
        packages: &Packages,
        builds: &'a Builds<'a>,
        (registry, private): (&'a Registry, &'a Registry),
        number: usize,
    ) -> Result<Self> {
        let login = BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"));
        let address = private.address().to_string();
        let config = serde_json::json!({"auths": {address: {"auth": login}}}).to_string();
        let remotes: Vec<_> = std::iter::repeat_with(GitRemote::new)
            .take(TRIALS)
            .collect();
        for remote in &remotes {
            let folder = remote.home().join(".docker");
            fs::create_dir_all(&folder)?;
            fs::write(folder.join("config.json"), &config)?;
            if let (Some(name), Some(instance)) = (&builds.builder, &builds.instance) {
                let instances = folder.join("buildx/instances");
                fs::create_dir_all(&instances)?;
                fs::write(instances.join(name), instance)?;
            }
        }
        let agent = tempfile::tempdir()?;
        let listener = UnixListener::bind(agent.path().join("agent"))?;
        // Nobody asks it for a key: that it can be reached is the trial.
        thread::spawn(move || listener.incoming().for_each(drop));
        Ok(Self {
            hoist,
            engine: Engine::at(packages, &builds.host),
            builds,
            registry,
            private,
            remotes,
            busybox: packages.busybox()?,
            agent,
            number,
            trials: Counter::new(0),
        })
    }

    /// What `hoist check` says of the builder.
    pub fn who(&self) -> Result<String> {
        let trial = self.trial("", "FROM scratch\n")?;
        let output = trial.run(&["check"])?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = text.lines().find_map(|line| line.split_once("builder: "));
        Ok(line.map_or(text.clone(), |(_, who)| who.to_owned()))
    }

    /// A project with these keys of `[image.build]` and this Dockerfile.
    pub fn trial(&self, keys: &str, dockerfile: &str) -> Result<Trial<'_>> {
        self.trial_in(self.registry, keys, dockerfile)
    }

    /// The same, released into the registry that asks for a password.
    pub fn private_trial(&self, dockerfile: &str) -> Result<Trial<'_>> {
        self.trial_in(self.private, "", dockerfile)
    }

    fn trial_in(&self, registry: &Registry, keys: &str, dockerfile: &str) -> Result<Trial<'_>> {
        let number = self.trials.get() + 1;
        self.trials.set(number);
        let name = format!("engines/e{}-t{number}", self.number);
        let remote = self.remotes.get(number - 1).ok_or("too many trials")?;
        let clone = remote.clone("work", &[]);
        fs::copy(&self.busybox, clone.path().join("busybox"))?;
        clone.write("shared/one", "shared file");
        clone.write("Dockerfile", dockerfile);
        let builder = match &self.builds.builder {
            Some(address) => format!("builder = \"{address}\"\n"),
            None => String::new(),
        };
        let repository = registry.repository(&name);
        clone.write(
            "release.toml",
            format!("[image]\nrepository = \"{repository}\"\n[image.build]\n{builder}{keys}"),
        );
        clone.commit("feat: a trial");
        clone.push();
        Ok(Trial {
            bench: self,
            clone,
            name,
        })
    }

    /// The address of the registry without a password.
    pub fn repository(&self, name: &str) -> String {
        self.registry.repository(name)
    }

    /// Whether a repository has a tag.
    pub fn has(&self, name: &str, tag: &str) -> bool {
        self.registry.digest(name, tag).is_some()
    }

    /// The images that the engine lists, each with its name.
    pub fn images(&self) -> Result<String> {
        Ok(self.engine.run(&[
            "images",
            "--all",
            "--format",
            "{{.Repository}}:{{.Tag}} {{.ID}}",
        ])?)
    }

    /// A number that no other bench has.
    pub fn number(&self) -> usize {
        self.number
    }
}

impl Trial<'_> {
    pub fn reference(&self, version: &str) -> String {
        let registry = self.bench.private.address();
        format!("{registry}/{}:{version}", self.name)
    }

    pub fn public_reference(&self, version: &str) -> String {
        format!("{}:{version}", self.bench.registry.repository(&self.name))
    }

    fn command(&self, args: &[&str]) -> Command {
        self.surrounded(self.clone.command(self.bench.hoist), args)
    }

    /// The same with hoist's own folder on a disk of this size, which is gone after the command.
    fn on_small_disk(&self, size: &str, args: &[&str]) -> Command {
        let mut command = self.clone.command(Path::new("unshare"));
        let mounted = "mount -t tmpfs -o size=$1 tmpfs .git/hoist && shift && \"$@\"; code=$?; echo \"kept: $(find .git/hoist -type f | grep -v /logs/)\" >&2; exit $code";
        command.args(["--mount", "--", "sh", "-c", mounted, "small", size]);
        command.arg(self.bench.hoist);
        self.surrounded(command, args)
    }

    fn surrounded(&self, mut command: Command, args: &[&str]) -> Command {
        if let Some(programs) = self.bench.builds.programs {
            let machine = std::env::var_os("PATH").unwrap_or_default();
            let all = std::iter::once(programs.to_owned()).chain(std::env::split_paths(&machine));
            if let Ok(path) = std::env::join_paths(all) {
                command.env("PATH", path);
            }
        }
        command
            .args(args)
            .env("DOCKER_HOST", &self.bench.builds.host)
            .env("TRIAL_SECRET", SECRET)
            .env("SSH_AUTH_SOCK", self.bench.agent.path().join("agent"))
            .stdin(Stdio::null());
        command
    }

    /// Releases where there is no room for the image, and then where there is.
    pub fn without_room(&self) -> Result<Cell> {
        let args = ["release", "--version", "1.0.0", "--yes"];
        fs::create_dir_all(self.clone.path().join(".git/hoist"))?;
        let output = self.on_small_disk("1m", &args).output()?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let told = text.contains("bytes left") && text.contains("\nkept: \n");
        if output.status.code() != Some(6) || !told || self.is_released() {
            return Ok(Cell::Fails(text));
        }
        Ok(match self.release()? {
            Ok(()) => Cell::Works,
            Err(cell) => cell,
        })
    }

    /// Begins a release, waits until a process whose command line holds `words` runs, and cuts the connections to
    /// BuildKit.
    pub fn cut(&self, words: &str) -> Result<Cell> {
        let Some(socket) = self.bench.builds.socket else {
            return Ok(Cell::Untried);
        };
        let mut command = self.command(&["release", "--version", "1.0.0", "--yes"]);
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        if !eventually(|| runs(words)) {
            return Ok(Cell::Fails(format!("no step ran: {}", end(child)?)));
        }
        socket.cut();
        let text = end(child)?;
        if !text.contains("the connection to BuildKit broke") || self.is_released() {
            return Ok(Cell::Fails(text));
        }
        Ok(match eventually(|| !runs(words)) {
            true => Cell::Works,
            false => Cell::Fails("the step runs on after the release has ended".into()),
        })
    }

    pub fn run(&self, args: &[&str]) -> Result<Output> {
        Ok(self.command(args).output()?)
    }

    /// Releases version 1.0.0; what comes of it unless that works is the trial's end.
    pub fn release(&self) -> Result<std::result::Result<(), Cell>> {
        let output = self.run(&["release", "--version", "1.0.0", "--yes"])?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok(match output.status.code() {
            Some(0) => Ok(()),
            Some(4) if text.contains("can do") => Err(Cell::Refused),
            _ => Err(Cell::Fails(text)),
        })
    }

    /// Whether the version has its tag.
    pub fn is_released(&self) -> bool {
        self.bench.has(&self.name, "1.0.0")
    }

    /// A document of the released image.
    pub fn manifest(&self, reference: &str) -> Result<Value> {
        let path = format!("manifests/{reference}");
        Ok(serde_json::from_slice(
            &self.bench.registry.get(&self.name, &path).1,
        )?)
    }

    /// The configuration of the released image.
    pub fn config(&self) -> Result<Value> {
        let manifest = self.manifest("1.0.0")?;
        let digest = manifest["config"]["digest"].as_str().unwrap_or_default();
        let path = format!("blobs/{digest}");
        Ok(serde_json::from_slice(
            &self.bench.registry.get(&self.name, &path).1,
        )?)
    }

    /// Begins a release, waits until a process whose command line holds `words` runs, and interrupts the release.
    pub fn interrupted(&self, words: &str) -> Result<Cell> {
        let mut command = self.command(&["release", "--version", "1.0.0", "--yes"]);
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        if !eventually(|| runs(words)) {
            return Ok(Cell::Fails(format!("no step ran: {}", end(child)?)));
        }
        let pid = child.id().to_string();
        Command::new("kill").args(["-INT", &pid]).status()?;
        let text = end(child)?;
        if !text.contains("interrupted") {
            return Ok(Cell::Fails(text));
        }
        if text.contains("Podman brings the step that was running to its end") {
            // Nobody else ends it.
            if let Some(step) = running(words) {
                Command::new("kill").args(["-KILL", &step]).status()?;
            }
            return Ok(Cell::Told);
        }
        Ok(match eventually(|| !runs(words)) {
            true => Cell::Works,
            false => Cell::Fails("the step runs on after the release has ended".into()),
        })
    }
}

fn end(child: Child) -> Result<String> {
    let output = child.wait_with_output()?;
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

fn eventually(holds: impl Fn() -> bool) -> bool {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if holds() {
            return true;
        }
        thread::sleep(Duration::from_millis(100));
    }
    false
}

/// Whether a process with these words, separated as arguments are, runs on this machine.
fn runs(words: &str) -> bool {
    running(words).is_some()
}

/// The id of such a process.
fn running(words: &str) -> Option<String> {
    let wanted = words.replace(' ', "\0");
    let mut processes = fs::read_dir("/proc").ok()?.flatten();
    let found = processes.find(|entry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&wanted)
    })?;
    Some(found.file_name().to_string_lossy().into_owned())
}
