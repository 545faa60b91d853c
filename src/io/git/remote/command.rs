//! The `git` program: the user's credential helpers, ssh agent, signing keys and hooks just work.

use std::{ffi::OsStr, path::PathBuf, process::Stdio};

use tokio::{io::AsyncWriteExt as _, process::Command};

use crate::io::git::remote::{RemoteError, RemoteErrorKind};

/// Runs `git` in one repository.
#[derive(Debug, Clone)]
pub(crate) struct Git {
    dir: PathBuf,
}

/// What a run of `git` said.
pub(crate) struct GitOutput {
    /// It ended with status 0.
    pub(crate) good: bool,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl GitOutput {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).trim().to_owned()
    }

    /// The last words, without hints and without credentials in URLs.
    pub(crate) fn complaint(&self) -> String {
        let lines: Vec<_> = self
            .err
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with("hint:"))
            .collect();
        let from = lines.len().saturating_sub(4);
        without_credentials(&lines[from..].join("; "))
    }
}

/// `https://user:secret@host/` without what stands before the `@`.
pub(crate) fn without_credentials(text: &str) -> String {
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

impl Git {
    pub(crate) fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.dir).args(args);
        // Words are read only to tell "cannot do this at all" from other failures; in English.
        command.env("LC_ALL", "C");
        // Set by git for its hooks and aliases; the repository is the one that was named.
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
            command.env_remove(name);
        }
        command.kill_on_drop(true);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs `git`, with `input` on its standard input. Dropped, the program is ended.
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
                // A program that ends before it reads everything says why by itself.
                let _ = stdin.write_all(input).await;
            }
            drop(stdin);
        };
        let (output, ()) = tokio::join!(child.wait_with_output(), write);
        let output = output.map_err(failed)?;
        Ok(GitOutput {
            good: output.status.success(),
            out: output.stdout,
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs a local operation whose failure is an error.
    pub(crate) async fn local<A: AsRef<OsStr>>(
        &self,
        what: &str,
        args: impl IntoIterator<Item = A>,
        input: &[u8],
    ) -> Result<String, RemoteError> {
        let said = self.run(args, input, &[]).await?;
        if said.good {
            Ok(said.text())
        } else {
            let message = format!("cannot {what}: {}", said.complaint());
            Err(RemoteError::new(RemoteErrorKind::Local, message))
        }
    }

    /// Whether `commit` is `tip` or an ancestor of it.
    pub(crate) async fn is_ancestor(&self, commit: &str, tip: &str) -> Result<bool, RemoteError> {
        let args = ["merge-base", "--is-ancestor", commit, tip];
        let said = self.run(args, b"", &[]).await?;
        // Status 1 is a silent no; anything else complains.
        if said.good || said.err.trim().is_empty() {
            return Ok(said.good);
        }
        Err(RemoteError::new(RemoteErrorKind::Local, said.complaint()))
    }

    /// A setting, where there is one.
    pub(crate) async fn setting(&self, name: &str) -> Result<Option<String>, RemoteError> {
        let said = self.run(["config", "--get", name], b"", &[]).await?;
        Ok(said
            .good
            .then(|| said.text())
            .filter(|text| !text.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use crate::io::git::remote::command::without_credentials;

    #[test]
    fn credentials_in_urls_are_left_out() {
        for (given, clean) in [
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
