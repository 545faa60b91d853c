//! A bare git remote and clones of it, deaf to the machine's own git settings.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicU64, Ordering},
};

use tempfile::TempDir;

/// The first commit's time, in seconds since 1970: 2026-01-02 03:04:05 UTC.
const EPOCH: u64 = 1_767_323_045;

/// A bare repository in a folder of its own; clones lie beside it. All of it goes on drop.
#[derive(Debug)]
pub struct GitRemote {
    dir: TempDir,
    clock: AtomicU64,
}

/// A clone of the remote.
#[derive(Debug)]
pub struct Clone<'a> {
    remote: &'a GitRemote,
    path: PathBuf,
}

impl GitRemote {
    /// An empty remote whose default branch is `main`.
    ///
    /// # Panics
    /// Where git is missing or the temporary folder cannot be written.
    #[must_use]
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("the temporary folder can be written");
        fs::create_dir(dir.path().join("home")).expect("a fresh folder");
        let remote = Self {
            dir,
            clock: AtomicU64::new(EPOCH),
        };
        let mut init = remote.hermetic("git");
        init.args(["init", "--quiet", "--bare", "--initial-branch=main"])
            .arg(remote.path());
        check(&mut init);
        remote
    }

    /// The bare repository.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("remote.git")
    }

    /// The home folder of everything that runs here: no configuration of the machine's user.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// Clones into a folder called `name`; `args` go to `git clone` (`--depth=1`, `--no-tags`).
    ///
    /// # Panics
    /// Where git fails.
    #[must_use]
    pub fn clone(&self, name: &str, args: &[&str]) -> Clone<'_> {
        let path = self.dir.path().join(name);
        let mut clone = self.hermetic("git");
        // The URL form, because depth is ignored for plain paths.
        clone
            .args(["clone", "--quiet"])
            .args(args)
            .arg(format!("file://{}", self.path().display()))
            .arg(&path);
        check(&mut clone);
        let clone = Clone { remote: self, path };
        // Clones of an empty remote take the branch name from the machine otherwise.
        clone.git(&["symbolic-ref", "HEAD", "refs/heads/main"]);
        clone
    }

    /// Runs git in the bare repository and returns what it printed.
    ///
    /// # Panics
    /// Where git fails.
    pub fn git(&self, args: &[&str]) -> String {
        check(self.hermetic("git").current_dir(self.path()).args(args))
    }

    /// Every ref of the remote and its object, one a line.
    #[must_use]
    pub fn refs(&self) -> String {
        self.git(&[
            "for-each-ref",
            "--format=%(refname) %(objectname) %(objecttype)",
        ])
    }

    /// A command that sees this sandbox's home and nothing of the machine's git or Docker
    /// settings. Each gets a later date than the one before, so that commits are in order.
    #[must_use]
    pub fn hermetic(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let date = format!("{} +0000", self.clock.fetch_add(60, Ordering::Relaxed));
        let mut command = Command::new(program);
        command.env_clear();
        for name in ["PATH", "TMPDIR", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .env("HOME", self.home())
            .env("DOCKER_CONFIG", self.home().join(".docker"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", self.home().join(".gitconfig"))
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date)
            .env("LC_ALL", "C")
            .env("TZ", "UTC");
        for who in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{who}_NAME"), "A Developer")
                .env(format!("GIT_{who}_EMAIL"), "dev@example.org");
        }
        command
    }
}

impl Default for GitRemote {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone<'_> {
    /// The work tree.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs git here and returns what it printed, trimmed.
    ///
    /// # Panics
    /// Where git fails, with its words.
    #[track_caller]
    pub fn git(&self, args: &[&str]) -> String {
        check(self.command("git").args(args))
    }

    /// A hermetic command that starts in the work tree.
    #[must_use]
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = self.remote.hermetic(program);
        command.current_dir(&self.path);
        command
    }

    /// Writes a file of the work tree, with its folders.
    ///
    /// # Panics
    /// Where it cannot be written.
    #[track_caller]
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path.join(path);
        fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("writable");
        fs::write(path, content).expect("writable");
    }

    /// Commits everything that lies in the work tree (nothing, if nothing changed) and returns the
    /// commit's id.
    ///
    /// # Panics
    /// Where git fails.
    #[track_caller]
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Pushes the current branch and all tags.
    ///
    /// # Panics
    /// Where git fails.
    #[track_caller]
    pub fn push(&self) {
        self.git(&[
            "push",
            "--quiet",
            "--set-upstream",
            "origin",
            "HEAD",
            "--tags",
        ]);
    }
}

#[track_caller]
fn check(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("git is installed");
    assert!(
        status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&stderr)
    );
    String::from_utf8_lossy(&stdout).trim().to_owned()
}
