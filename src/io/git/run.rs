//! The one place that runs the `git` program: the user's credential helpers, ssh agent, signing keys
//! and hooks just work.
//!
//! A run belongs to the repository that was named, whatever git's own environment variables say; it
//! is ended when its future is dropped; and no credential in a URL is repeated in an error.

use std::{ffi::OsStr, path::PathBuf, process::Stdio};

use tokio::{io::AsyncWriteExt as _, process::Command};

use crate::{
    git::{CommitId, ObjectId},
    io::git::error::{RemoteError, RemoteErrorKind},
};

/// Who makes git objects where git's configuration names nobody.
pub(crate) const ANONYMOUS: &str = "hoist <hoist@noreply.invalid>";

/// Runs `git` in one repository.
#[derive(Debug, Clone)]
pub(crate) struct Git {
    dir: PathBuf,
}

/// What a run of `git` printed, and whether it succeeded.
pub(crate) struct GitOutput {
    /// Whether it ended with status 0.
    pub(crate) success: bool,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
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
        without_credentials(&lines[from..].join("; "))
    }
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

/// An object's id as `git` prints it.
pub(crate) fn object_id(text: &str) -> Result<ObjectId, RemoteError> {
    text.parse()
        .map_err(|error| RemoteError::new(RemoteErrorKind::Local, format!("git: {error}")))
}

impl Git {
    pub(crate) fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.dir).args(args);
        // A few messages are read, to tell "cannot do this at all" from other failures: in English.
        command.env("LC_ALL", "C");
        // Git sets these for its hooks and aliases; the repository is the one that was named.
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
            command.env_remove(name);
        }
        command.kill_on_drop(true);
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
        command.stdin(Stdio::piped());
        command.envs(environment.iter().copied());
        let failed = |error: std::io::Error| {
            RemoteError::new(RemoteErrorKind::Local, format!("cannot run `git`: {error}"))
        };
        let mut child = command.spawn().map_err(failed)?;
        let mut stdin = child.stdin.take();
        let write = async {
            if let Some(stdin) = &mut stdin {
                // A program that ends before it has read everything says why by itself.
                let _ = stdin.write_all(input).await;
            }
            drop(stdin);
        };
        let (output, ()) = tokio::join!(child.wait_with_output(), write);
        let output = output.map_err(failed)?;
        Ok(GitOutput {
            success: output.status.success(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
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
    use crate::io::git::run::without_credentials;

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
