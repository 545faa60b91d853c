//! The one place that runs the `git` program: the user's credential helpers, ssh agent, signing keys
//! and hooks just work.
//!
//! A run belongs to the repository that was named, whatever git's own environment variables say. It
//! asks nothing on the terminal. It is ended, with all that it has started, when its future is dropped
//! or its time is up. No credential that git or this process knows is repeated in an error.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;
use tracing::debug_span;

use crate::{
    event::Events,
    git::{CommitId, ObjectId},
    io::{
        git::{
            error::{RemoteError, RemoteErrorKind},
            secrets,
            wait::{RemoteCall, WaitLimits},
        },
        mask::Mask,
        program::Program,
    },
    text::output_line,
};

/// Variables that git sets for its hooks and aliases, or that a user sets for one repository: they
/// would lead a run to another repository, other objects or other refs than those that were named.
/// Most of them are what `git rev-parse --local-env-vars` lists; settings that are given on a command
/// line (`GIT_CONFIG_COUNT` and the like) stay, because credentials are given in this way.
pub(crate) const OF_ANOTHER_REPOSITORY: [&str; 17] = [
    "GIT_DIR",
    "GIT_COMMON_DIR",
    "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_PREFIX",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_QUARANTINE_PATH",
    "GIT_NAMESPACE",
    "GIT_CONFIG",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_REPLACE_REF_BASE",
    "GIT_ATTR_SOURCE",
];

/// How the variables begin that hold passwords of registries.
const PASSWORDS: &str = "HOIST_REGISTRY_PASSWORD";
/// Most lines of a server's explanation that are shown: the last ones.
const MAX_SERVER_LINES: usize = 8;
/// Longest such line, in characters.
const MAX_SERVER_LINE: usize = 300;

/// Who makes git objects where git's configuration names nobody.
pub(crate) const ANONYMOUS: &str = "hoist <hoist@noreply.invalid>";

/// Runs `git` in one repository.
#[derive(Debug, Clone)]
pub(crate) struct Git {
    dir: PathBuf,
    /// Hears of long waits.
    events: Events,
    limits: WaitLimits,
}

/// What a run of `git` printed, and whether it succeeded.
pub(crate) struct GitOutput {
    /// Whether it ended with status 0.
    pub(crate) success: bool,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    /// Hides what must not be shown of both, where it has failed.
    pub(super) mask: Mask,
}

impl GitOutput {
    /// Standard output as trimmed text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim().to_owned()
    }

    /// The last lines of standard error, without hints and without credentials in URLs.
    pub(crate) fn error_text(&self) -> String {
        let lines: Vec<_> = self
            .stderr
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with("hint:"))
            .collect();
        let from = lines.len().saturating_sub(4);
        self.shown(&lines[from..].join("; "))
    }

    /// What can be shown of something that git has said.
    pub(super) fn shown(&self, text: &str) -> String {
        self.mask.hide(&without_credentials(text))
    }

    /// What the server itself has said: hooks and forges explain a refusal in such lines.
    pub(super) fn server_words(&self) -> Option<String> {
        let words: Vec<_> = self
            .stderr
            .lines()
            .filter_map(|line| line.trim().strip_prefix("remote:"))
            .map(|line| output_line(line, MAX_SERVER_LINE).trim().to_owned())
            .filter(|line| line.chars().any(char::is_alphanumeric))
            .collect();
        let from = words.len().saturating_sub(MAX_SERVER_LINES);
        let words = self.shown(&words[from..].join("; "));
        (!words.is_empty()).then_some(words)
    }

    /// The error of a run that the remote left without an answer, or with half of one.
    pub(super) fn unreachable(&self) -> RemoteError {
        let error = RemoteError::new(RemoteErrorKind::Unreachable, self.error_text());
        match hint_to_ask(&self.stderr) {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// What helps where `git` or `ssh` wanted an answer from a person.
fn hint_to_ask(stderr: &str) -> Option<&'static str> {
    const ASKED: [&str; 6] = [
        "terminal prompts disabled",
        "could not read Username",
        "could not read Password",
        "ssh_askpass",
        "Host key verification failed",
        "Permission denied (publickey",
    ];
    let asked = ASKED.iter().any(|words| stderr.contains(words));
    asked.then_some(
        "`git` and `ssh` ask nothing on the terminal while hoist runs them: a credential helper, \
         an ssh agent or `known_hosts` must have the answer",
    )
}

/// `https://user:secret@host/` becomes `https://host/`.
fn without_credentials(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + 3);
        out.push_str(before);
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '/' | '\'' | '"'))
            .unwrap_or(after.len());
        let host = after[..end].rfind('@').map_or(0, |at| at + 1);
        out.push_str(&after[host..end]);
        rest = &after[end..];
    }
    out + rest
}

/// What `git` is asked to do, such as `push`: after `-C`, its folder and settings, which have a `=`.
fn verb(command: &Command) -> String {
    let mut words = command.as_std().get_args().skip(2);
    let is_verb = |word: &&OsStr| {
        let word = word.as_encoded_bytes();
        !word.starts_with(b"-") && !word.contains(&b'=')
    };
    let verb = words.find(is_verb).unwrap_or_default();
    verb.to_string_lossy().into_owned()
}

/// An object's id as `git` prints it.
pub(crate) fn object_id(text: &str) -> Result<ObjectId, RemoteError> {
    text.parse()
        .map_err(|error| RemoteError::new(RemoteErrorKind::Local, format!("git: {error}")))
}

impl Git {
    pub(crate) fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            events: Events::none(),
            limits: WaitLimits::default(),
        }
    }

    /// Where the repository is.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Lets `events` hear what is waited for.
    pub(super) fn telling(mut self, events: Events) -> Self {
        self.events = events;
        self
    }

    fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.dir).args(args);
        // A few messages are read, to tell "cannot do this at all" from other failures: in English.
        command.env("LC_ALL", "C");
        for name in OF_ANOTHER_REPOSITORY {
            command.env_remove(name);
        }
        // Helpers and hooks of git may want any other variable, but nobody's besides hoist's are these.
        let passwords = std::env::vars_os().map(|(name, _)| name);
        let passwords =
            passwords.filter(|name| name.as_encoded_bytes().starts_with(PASSWORDS.as_bytes()));
        for name in passwords {
            command.env_remove(name);
        }
        // Neither git nor ssh may wait for an answer on a terminal. A program that asks in a window
        // of its own is used where the user has set one.
        command.env("GIT_TERMINAL_PROMPT", "0");
        if std::env::var_os("SSH_ASKPASS_REQUIRE").is_none() {
            command.env("SSH_ASKPASS_REQUIRE", "force");
        }
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs `git` with `input` on its standard input. The program is ended when the future is dropped.
    pub(crate) async fn run<A: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = A>,
        input: &[u8],
        environment: &[(&str, &str)],
    ) -> Result<GitOutput, RemoteError> {
        let mut command = self.command(args);
        command.envs(environment.iter().copied());
        let _span = debug_span!("git", verb = %verb(&command));
        let failed = |error: std::io::Error| {
            RemoteError::new(RemoteErrorKind::Local, format!("cannot run `git`: {error}"))
        };
        let not_started = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => RemoteError::new(
                RemoteErrorKind::Local,
                "there is no program `git` in `PATH`",
            )
            .hint("install git, or put the folder that has it into `PATH`"),
            _ => failed(error),
        };
        let program = Program::start(&mut command).map_err(not_started)?;
        let output = program.output(input, u64::MAX).await.map_err(failed)?;
        let success = output.status.success();
        let mask = match success || output.stderr.is_empty() {
            true => Mask::default(),
            false => self.mask().await,
        };
        Ok(GitOutput {
            success,
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            mask,
        })
    }

    /// What hides the secrets that git was given.
    async fn mask(&self) -> Mask {
        let mut command = self.command(["config", "--list", "-z"]);
        let settings = async {
            let program = Program::start(&mut command).ok()?;
            program.output(b"", u64::MAX).await.ok()
        };
        let settings = settings.await.map(|output| output.stdout);
        let variables = std::env::vars_os();
        let text = |text: OsString| text.into_string().ok();
        let variables = variables.filter_map(|(name, value)| Some((text(name)?, text(value)?)));
        secrets::mask(variables, &settings.unwrap_or_default())
    }

    /// Runs `git` where it asks the remote called `remote`: within the limit of `call`, and with a
    /// word on what is waited for.
    pub(super) async fn ask<A: AsRef<OsStr>>(
        &self,
        remote: &str,
        call: RemoteCall,
        args: impl IntoIterator<Item = A>,
    ) -> Result<GitOutput, RemoteError> {
        let run = self.run(args, b"", &[]);
        self.limits.wait(remote, call, &self.events, run).await
    }

    /// Runs an operation on the repository at hand, whose failure is an error, and gives its output.
    pub(crate) async fn run_local<A: AsRef<OsStr>>(
        &self,
        what: &str,
        args: impl IntoIterator<Item = A>,
        input: &[u8],
    ) -> Result<String, RemoteError> {
        let output = self.run(args, input, &[]).await?;
        if output.success {
            Ok(output.text())
        } else {
            let message = format!("cannot {what}: {}", output.error_text());
            Err(RemoteError::new(RemoteErrorKind::Local, message))
        }
    }

    /// As [`Git::run_local`], for an operation that gives an object's id.
    pub(crate) async fn run_for_id<A: AsRef<OsStr>>(
        &self,
        what: &str,
        args: impl IntoIterator<Item = A>,
        input: &[u8],
    ) -> Result<ObjectId, RemoteError> {
        object_id(&self.run_local(what, args, input).await?)
    }

    /// Whether `commit` is `tip` or an ancestor of it.
    pub(crate) async fn is_ancestor(
        &self,
        commit: CommitId,
        tip: &ObjectId,
    ) -> Result<bool, RemoteError> {
        let commit = commit.to_string();
        let args = ["merge-base", "--is-ancestor", &commit, tip.as_str()];
        let output = self.run(args, b"", &[]).await?;
        // Status 1 is a silent "no"; any other failure has a message.
        if output.success || output.stderr.trim().is_empty() {
            return Ok(output.success);
        }
        Err(RemoteError::new(
            RemoteErrorKind::Local,
            output.error_text(),
        ))
    }

    /// The value of a setting in git's configuration.
    pub(crate) async fn setting(&self, name: &str) -> Result<Option<String>, RemoteError> {
        let output = self.run(["config", "--get", name], b"", &[]).await?;
        Ok(output
            .success
            .then(|| output.text())
            .filter(|text| !text.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::PermissionsExt as _,
        sync::{Arc, Mutex},
        time::{Duration, Instant},
    };

    use super::*;
    use crate::{
        event::{Awaited, Event},
        io::process::ProcessIdentity,
    };

    /// Does not listen to its caller, and not to a polite request to end.
    const SERVER: &str = "#!/bin/sh\ntrap '' TERM\necho $$ >PLACE\nsleep 600\n";

    /// A repository whose remote never answers, and writes its process id to a file.
    async fn hung(dir: &Path) -> (Git, std::path::PathBuf) {
        let (server, begun) = (dir.join("server"), dir.join("begun"));
        let script = SERVER.replace("PLACE", &begun.display().to_string());
        fs::write(&server, script).expect("written");
        fs::set_permissions(&server, fs::Permissions::from_mode(0o755)).expect("a program");
        let git = Git::new(dir);
        let server = server.to_str().expect("plain text");
        for args in [
            &["init", "--quiet"][..],
            &["remote", "add", "origin", "."],
            &["config", "remote.origin.uploadpack", server],
            &["config", "remote.origin.receivepack", server],
        ] {
            git.run_local("set up", args, b"").await.expect("git works");
        }
        (git, begun)
    }

    fn has_ended(begun: &Path) {
        let pid = fs::read_to_string(begun).expect("it began");
        let pid = pid.trim().parse().expect("a process id");
        let until = Instant::now() + Duration::from_secs(20);
        while ProcessIdentity::runs(pid, None) {
            assert!(Instant::now() < until, "{pid} still runs");
            std::thread::sleep(Duration::from_millis(5));
        }
        fs::remove_file(begun).expect("it goes");
    }

    /// The remote does not answer this call, which ends with an error that names both.
    async fn gets_no_answer(call: RemoteCall, args: &[&str]) {
        let dir = tempfile::tempdir().expect("a directory");
        let (mut git, begun) = hung(dir.path()).await;
        git.limits = WaitLimits::short(Duration::from_millis(1), Duration::from_secs(6));
        let words = Arc::new(Mutex::new(Vec::new()));
        git.events = Events::new({
            let words = words.clone();
            move |event| {
                if let Event::Waiting(wait) = event {
                    words.lock().expect("nobody panics").push(wait);
                }
            }
        });
        let error = match git.ask("origin", call, args).await {
            Ok(output) => panic!("{args:?} was answered: {}", output.stderr),
            Err(error) => error,
        };
        assert_eq!(error.kind, RemoteErrorKind::Unreachable);
        let words = words.lock().expect("nobody panics").clone();
        let name = args[..args.len() - 1].join(" ").replace(" origin", "");
        for part in ["`origin`", "within 6 s", &format!("({name})")] {
            let text = &error.message;
            assert!(text.contains(part), "{part} is missing: {text}");
        }
        assert!(error.hint.is_some());
        let expected = Awaited::GitRemote {
            remote: "origin".to_owned(),
            call: name,
        };
        assert!(!words.is_empty(), "{args:?}");
        assert!(
            words.iter().all(|wait| wait.awaited == expected
                && wait.until.is_some_and(
                    |until| (5_900..=6_000).contains(&(until - wait.since).num_milliseconds())
                )),
            "{words:?}"
        );
        has_ended(&begun);
    }

    #[tokio::test]
    async fn row_42_a_remote_that_hangs_is_named_waited_for_and_left() {
        const PUSH: &[&str] = &["push", "origin", ":refs/x/y"];
        const TRY: &[&str] = &["push", "--dry-run", "origin", ":refs/x/y"];
        tokio::join!(
            gets_no_answer(RemoteCall::List, &["ls-remote", "origin"]),
            gets_no_answer(RemoteCall::Fetch, &["fetch", "origin"]),
            gets_no_answer(RemoteCall::Push, PUSH),
            gets_no_answer(RemoteCall::TryPush, TRY),
        );
    }

    #[tokio::test]
    async fn a_wait_that_is_given_up_ends_the_whole_group() {
        let dir = tempfile::tempdir().expect("a directory");
        let (git, begun) = hung(dir.path()).await;
        let begins = async {
            while fs::read_to_string(&begun).map_or(true, |text| !text.ends_with('\n')) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            _ = git.ask("origin", RemoteCall::List, ["ls-remote", "origin"]) => panic!("an answer"),
            () = begins => {}
        }
        has_ended(&begun);
    }

    #[test]
    fn nothing_of_another_repository_reaches_git() {
        let command = Git::new("/somewhere").command(["status"]);
        let changes: Vec<_> = command.as_std().get_envs().collect();
        for name in OF_ANOTHER_REPOSITORY {
            assert!(changes.contains(&(OsStr::new(name), None)), "{name}");
        }
        assert!(changes.contains(&(OsStr::new("GIT_TERMINAL_PROMPT"), Some(OsStr::new("0")))));
    }

    #[test]
    fn a_question_that_nobody_could_answer_is_explained() {
        for (stderr, asked) in [
            (
                "fatal: could not read Username for 'https://h': terminal prompts disabled",
                true,
            ),
            (
                "fatal: could not read Password for 'https://me@h': No such device",
                true,
            ),
            (
                "Host key verification failed.\nfatal: Could not read from remote",
                true,
            ),
            (
                "ssh_askpass: exec(/usr/bin/ssh-askpass): No such file or directory",
                true,
            ),
            ("git@h: Permission denied (publickey).", true),
            (
                "fatal: unable to access 'https://h/': Could not resolve host: h",
                false,
            ),
            ("", false),
        ] {
            assert_eq!(hint_to_ask(stderr).is_some(), asked, "{stderr}");
        }
    }

    #[test]
    fn the_servers_own_words_are_kept() {
        for (stderr, words) in [
            (
                "remote: \nremote: ==========\nremote: Permission to acme/greet denied to dana.\u{1b}[K\nTo x\n ! [remote rejected] a -> b (pre-receive hook declined)\n",
                Some("Permission to acme/greet denied to dana."),
            ),
            (
                "remote: one\r\nremote:   two https://me:pw@h/x  \n",
                Some("one; two https://h/x"),
            ),
            ("fatal: could not read\n", None),
        ] {
            let output = GitOutput {
                success: false,
                stdout: Vec::new(),
                stderr: stderr.to_owned(),
                mask: Mask::default(),
            };
            assert_eq!(output.server_words().as_deref(), words, "{stderr:?}");
        }
    }

    #[test]
    fn credentials_in_urls_are_left_out() {
        for (given, clean) in [
            (
                "fatal: unable to access 'https://me:secret@host/x.git/': no",
                "fatal: unable to access 'https://host/x.git/': no",
            ),
            (
                "fatal: unable to access 'https://me:s3cret@git.example.org/a.git/': no",
                "fatal: unable to access 'https://git.example.org/a.git/': no",
            ),
            (
                "ssh://git@host:22/a and http://x@y@z/q",
                "ssh://host:22/a and http://z/q",
            ),
            ("nothing: here", "nothing: here"),
        ] {
            assert_eq!(without_credentials(given), clean);
        }
    }
}
