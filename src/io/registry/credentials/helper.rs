//! Asks a credential helper: `docker-credential-NAME get`, with the registry on standard input.

use std::{io::ErrorKind, path::Path, process::Stdio, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, Command},
};

use crate::{
    io::{
        environment::Environment,
        registry::credentials::{credential::Credential, helper_failure::HelperFailure},
    },
    text::sanitize_line,
};

/// How long a credential helper may take; some ask the user.
pub(super) const HELPER_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the output of a helper that has ended is waited for.
const AFTER_END: Duration = Duration::from_secs(1);
/// Most bytes that are read of what a helper prints.
const LARGEST_OUTPUT: u64 = 256 * 1024;
/// Longest line of a helper's standard error that is repeated, in characters.
const LONGEST_LINE: usize = 200;

/// What `docker-credential-NAME` keeps under `server`; `None` where it says that it has nothing.
///
/// # Errors
/// The helper cannot be run, fails, prints something else, or takes longer than `limit`. It is
/// killed then, with the programs that it started.
pub(super) async fn ask(
    environment: &Environment,
    name: &str,
    server: &str,
    limit: Duration,
) -> Result<Option<Credential>, HelperFailure> {
    let helper = format!("docker-credential-{name}");
    if name.contains(['/', '\0']) {
        return Err(HelperFailure::NotStarted {
            helper: sanitize_line(&helper, LONGEST_LINE),
            why: "its name is not the name of a program".to_owned(),
        });
    }
    let group = start(environment, &helper)?;
    match tokio::time::timeout(limit, talk(group, server)).await {
        Ok(Ok(output)) => read(helper, &output),
        Ok(Err(error)) => Err(HelperFailure::NotStarted {
            helper,
            why: error.to_string(),
        }),
        Err(_) => Err(HelperFailure::Silent { helper, limit }),
    }
}

/// A helper and the programs that it started. They are killed when this value is dropped, unless the
/// helper has ended by itself.
struct HelperGroup {
    child: Child,
    /// The id of the process group, which is the helper's own. `None` when the helper has ended.
    id: Option<rustix::process::Pid>,
}

impl Drop for HelperGroup {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            // It fails where all of them have ended in the meantime.
            let _ = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
        }
    }
}

fn start(environment: &Environment, helper: &str) -> Result<HelperGroup, HelperFailure> {
    let mut command = Command::new(helper);
    command.arg("get").process_group(0).kill_on_drop(true);
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let path = environment.get("PATH");
    if let Some(path) = path {
        command.env("PATH", path);
    }
    let child = command.spawn().map_err(|error| {
        let is_there = path.is_some_and(|path| {
            std::env::split_paths(path).any(|folder| is_file(&folder.join(helper)))
        });
        let helper = sanitize_line(helper, LONGEST_LINE);
        match error.kind() {
            ErrorKind::NotFound if !is_there => HelperFailure::NotInstalled { helper },
            ErrorKind::NotFound => HelperFailure::NotStarted {
                helper,
                why: "the program that its first line names is not there".to_owned(),
            },
            _ => HelperFailure::NotStarted {
                helper,
                why: error.to_string(),
            },
        }
    })?;
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    Ok(HelperGroup {
        id: id.and_then(rustix::process::Pid::from_raw),
        child,
    })
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file())
}

struct HelperOutput {
    status: std::process::ExitStatus,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

async fn talk(mut group: HelperGroup, server: &str) -> std::io::Result<HelperOutput> {
    let stdin = group.child.stdin.take();
    let (out, err) = (group.child.stdout.take(), group.child.stderr.take());
    let write = async move {
        if let Some(mut stdin) = stdin {
            // A helper that ends before it has read its input says why by itself.
            let _ = stdin.write_all(server.as_bytes()).await;
        }
    };
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let status = {
        let talk = async {
            tokio::join!(
                write,
                beginning(out, &mut stdout),
                beginning(err, &mut stderr)
            )
        };
        let end = group.child.wait();
        tokio::pin!(talk, end);
        tokio::select! {
            _ = &mut talk => end.await?,
            status = &mut end => {
                // An agent that the helper has started can keep the pipes open for good.
                let _ = tokio::time::timeout(AFTER_END, talk).await;
                status?
            }
        }
    };
    group.id = None;
    Ok(HelperOutput {
        status,
        stdout,
        stderr,
    })
}

/// Reads to the end, and keeps the beginning. What cannot be read is as if it were not there.
async fn beginning(from: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    if let Some(mut from) = from {
        let _ = (&mut from).take(LARGEST_OUTPUT).read_to_end(kept).await;
        let _ = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
    }
}

fn read(helper: String, output: &HelperOutput) -> Result<Option<Credential>, HelperFailure> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        let stdout = String::from_utf8_lossy(&output.stdout);
        if has_nothing(&stdout) || has_nothing(&stderr) {
            return Ok(None);
        }
        return Err(HelperFailure::Failed {
            helper,
            status: output.status.to_string(),
            line: last_line(&stderr, &stdout),
        });
    }
    let failure = |why| HelperFailure::Answer {
        helper: helper.clone(),
        why,
    };
    let answer: Value = serde_json::from_slice(&output.stdout).map_err(|_| {
        failure(match output.stdout.is_empty() {
            true => "it printed nothing",
            false => "what it printed is not JSON",
        })
    })?;
    let field = |name: &str| {
        let fields = answer.as_object()?.iter();
        let mut same = fields.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        same.find_map(|(_, value)| value.as_str())
    };
    let (Some(username), Some(secret)) = (field("Username"), field("Secret")) else {
        return Err(failure("its answer lacks `Username` or `Secret`"));
    };
    Credential::new(username, secret)
        .map_err(|_| failure("its answer has a `Username`, and its `Secret` is empty"))
}

/// Whether a helper says that it has no credential. The first words are what Docker's own helpers
/// print; they are all in `docker-credential-helpers`.
fn has_nothing(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    [
        "credentials not found",
        "credentials do not exist",
        "no credentials found",
        "no credentials server url",
        "could not be found in the keychain",
        "element not found",
    ]
    .iter()
    .any(|words| text.contains(words))
}

/// The last line of standard error that can be repeated: one that may hold an answer, or a part of
/// it, is left out.
fn last_line(stderr: &str, stdout: &str) -> Option<String> {
    let printed: Vec<&str> = stdout
        .split(|c: char| c.is_whitespace() || matches!(c, '"' | ',' | ':' | '{' | '}'))
        .filter(|word| word.len() >= 4)
        .collect();
    stderr
        .lines()
        .rev()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .find(|line| {
            let is_answer = line.contains('{') || line.to_ascii_lowercase().contains("secret\"");
            // A shell that traces (`set -x`) repeats commands with all that is in them.
            let is_trace = line.starts_with('+');
            !is_answer && !is_trace && !printed.iter().any(|word| line.contains(word))
        })
        .map(|line| sanitize_line(line, LONGEST_LINE))
}
