//! A project that a test releases: a git remote, clones, a repository of its own on the shared
//! registry, and the `hoist` binary run as a user runs it.

use std::process::{Command, Output, Stdio};

use crate::registry::server::TestRegistry;
use serde_json::Value;
use testkit::{
    project::{self, Builder},
    sandbox::{Clone, Engine, GitRemote, Registry},
};

/// A registry as a test looks at it.
pub trait Shelf {
    /// A repository as `release.toml` names it.
    fn repository(&self, name: &str) -> String;
    /// All tags of a repository, sorted, and what they show.
    fn tags(&self, name: &str) -> Vec<(String, String)>;
}

impl Shelf for Registry {
    fn repository(&self, name: &str) -> String {
        Self::repository(self, name)
    }

    fn tags(&self, name: &str) -> Vec<(String, String)> {
        let tags = Self::tags(self, name).into_iter();
        tags.filter_map(|tag| {
            let digest = self.digest(name, &tag)?;
            Some((tag, digest))
        })
        .collect()
    }
}

impl Shelf for TestRegistry {
    fn repository(&self, name: &str) -> String {
        Self::repository(self, name).to_string()
    }

    fn tags(&self, name: &str) -> Vec<(String, String)> {
        let tags = Self::tags(self, name).into_iter();
        tags.map(|(tag, digest)| (tag, digest.to_string()))
            .collect()
    }
}

/// Tags that a release of a feature moves or makes in two repositories: version, its line, commit,
/// major, latest and date.
pub const SET: usize = 12;

/// The world of one test.
pub struct World<'r> {
    pub remote: GitRemote,
    shelf: &'r dyn Shelf,
    engine: Option<&'r Engine>,
    names: Vec<String>,
}

impl World<'_> {
    /// A clone with this policy, which builds from `dist`.
    pub fn with_policy(&self, policy: &str) -> Clone<'_> {
        let clone = self.remote.clone("a", &[]);
        clone.write(".gitignore", "/dist\n");
        self.commit_policy(&clone, policy);
        clone
    }

    /// Commits and pushes a policy: `NAME` in it is the first repository of this world, `WORKER` the second.
    pub fn commit_policy(&self, clone: &Clone<'_>, policy: &str) {
        let mut policy = policy.to_owned();
        for (placeholder, name) in ["NAME", "WORKER"].iter().zip(&self.names) {
            policy = policy.replace(placeholder, &self.shelf.repository(name));
        }
        clone.write("release.toml", policy);
        clone.commit("feat: a policy");
        clone.push();
    }
}

/// What one run of the binary did.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl<'r> World<'r> {
    /// An empty remote, and empty repositories called `names`, which no other test uses.
    pub fn new(shelf: &'r dyn Shelf, names: &[&str]) -> Self {
        Self {
            remote: GitRemote::new(),
            shelf,
            engine: None,
            names: names.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    /// The image is built by this engine, not by the project's script.
    pub fn with_engine(mut self, engine: &'r Engine) -> Self {
        self.engine = Some(engine);
        self
    }

    /// A clone with the project in one pushed commit that counts for nothing.
    pub fn project(&self, name: &str) -> Clone<'_> {
        let clone = self.remote.clone(name, &[]);
        let repositories: Vec<_> = self
            .names
            .iter()
            .map(|n| self.shelf.repository(n))
            .collect();
        if self.engine.is_some() {
            let packages = super::packages().expect("an engine runs, so the packages are there");
            let busybox = packages.busybox().unwrap();
            project::write(&clone, &busybox, Builder::Engine, &repositories);
        } else {
            // The script's image is never run, so any small file will do.
            let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("LICENSE-MIT");
            project::write(&clone, &file, Builder::Script, &repositories);
        }
        clone.commit("chore: begin");
        clone.push();
        clone
    }

    /// A project whose 1.0.0 is out, and a feature that is pushed.
    #[track_caller]
    pub fn released(&self) -> Clone<'_> {
        let clone = self.project("a");
        self.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
        self.change(&clone, "feat: more");
        clone
    }

    /// A project with a registry that is known not to lag: whoever undoes a stranger's release
    /// waits two seconds for tags that may still arrive, not a minute.
    pub fn project_that_settles(&self, name: &str) -> Clone<'_> {
        let clone = self.project(name);
        let policy = std::fs::read_to_string(clone.path().join("release.toml")).unwrap();
        let publish = "\n[publish]\nverify-timeout = \"2s\"\n";
        clone.write("release.toml", policy + publish);
        clone.commit("chore: a registry that does not lag");
        clone.push();
        clone
    }

    /// A command for the binary in a clone, deaf to this machine's settings.
    pub fn command(&self, clone: &Clone<'_>, args: &[&str]) -> Command {
        let mut command = clone.command(env!("CARGO_BIN_EXE_hoist"));
        command.args(args).stdin(Stdio::null());
        if let Some(engine) = self.engine {
            command.env("DOCKER_HOST", engine.host());
        }
        command
    }

    /// Runs the binary in a clone.
    pub fn run(&self, clone: &Clone<'_>, args: &[&str]) -> Run {
        Run::of(&mut self.command(clone, args))
    }

    /// Runs the binary and expects success.
    #[track_caller]
    pub fn hoist(&self, clone: &Clone<'_>, args: &[&str]) -> Run {
        let run = self.run(clone, args);
        run.expect(0);
        run
    }

    /// Commits a change of the program, pushes it and returns the commit's id.
    #[track_caller]
    pub fn change(&self, clone: &Clone<'_>, message: &str) -> String {
        let program = format!("echo \"{message} @VERSION@\"\n");
        clone.write("greet.sh", program);
        let id = clone.commit(message);
        clone.push();
        id
    }

    /// Every tag of every repository and what it shows, one a line: the state that a release
    /// changes as a whole or not at all.
    pub fn tags(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for name in &self.names {
            for (tag, digest) in self.shelf.tags(name) {
                lines.push(format!("{name}:{tag} {digest}"));
            }
        }
        lines
    }

    /// The lines of [`Self::tags`] that are not in `before`.
    pub fn changed(&self, before: &[String]) -> Vec<String> {
        let mut lines = self.tags();
        lines.retain(|line| !before.contains(line));
        lines
    }

    /// A whole set moved or came since `before`, in two repositories, and shows one digest.
    #[track_caller]
    pub fn assert_all_new(&self, before: &[String], context: &str) {
        let latest = self.shows("latest").expect("a release");
        let changed = self.changed(before);
        assert_eq!(changed.len(), SET, "{context}: {changed:?}");
        assert!(
            changed.iter().all(|line| line.ends_with(&latest)),
            "{context}: {changed:?}"
        );
    }

    /// What a tag of the first repository shows.
    pub fn shows(&self, tag: &str) -> Option<String> {
        let mut tags = self.shelf.tags(&self.names[0]).into_iter();
        tags.find(|(name, _)| name == tag).map(|(_, digest)| digest)
    }

    /// No lock is left on the remote.
    #[track_caller]
    pub fn assert_unlocked(&self) {
        let refs = self.remote.refs();
        assert!(!refs.contains("refs/hoist"), "{refs}");
    }
}

impl Run {
    /// Runs to the end.
    pub fn of(command: &mut Command) -> Self {
        Self::from(command.output().unwrap())
    }

    /// Fails unless the exit code is this one, showing what was said.
    #[track_caller]
    pub fn expect(&self, code: i32) {
        assert_eq!(self.code, Some(code), "{self}");
    }

    /// Fails unless this was said, on either stream.
    #[track_caller]
    pub fn says(&self, words: &str) {
        assert!(
            self.stdout.contains(words) || self.stderr.contains(words),
            "`{words}` is missing: {self}"
        );
    }

    /// stdout as one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// The last of stdout's JSON lines, which must be the outcome.
    #[track_caller]
    pub fn outcome(&self) -> Value {
        let last = self.stdout.lines().last().unwrap_or_default();
        let outcome: Value =
            serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {self}"));
        assert_eq!(outcome["type"], "outcome", "{self}");
        assert_eq!(outcome["v"], 1, "{self}");
        outcome
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            code,
            stdout,
            stderr,
        } = self;
        write!(f, "exit {code:?}\n-- stdout\n{stdout}-- stderr\n{stderr}")
    }
}
