//! Asks a credential helper: `docker-credential-NAME get`, with the registry on standard input.

use std::{
    io::ErrorKind,
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use tokio::process::Command;

use crate::{
    io::{
        environment::Environment,
        mask::Mask,
        program::Program,
        registry::credentials::{credential::Credential, helper_failure::HelperFailure},
    },
    text::sanitize_line,
};

/// How long a credential helper may take; some ask the user.
pub(super) const HELPER_TIMEOUT: Duration = Duration::from_secs(60);
/// Most bytes that are read of what a helper prints.
const LARGEST_OUTPUT: u64 = 256 * 1024;
/// Longest line of a helper's standard error that is repeated, in characters.
const LONGEST_LINE: usize = 200;

/// What `docker-credential-NAME` keeps under `server`; `None` where it says that it has nothing.
///
/// # Errors
/// The helper cannot be run, fails, prints something else, or takes longer than `limit`. It is
/// ended then, with the programs that it started.
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
    let talk = start(environment, &helper)?.output(server.as_bytes(), LARGEST_OUTPUT);
    match tokio::time::timeout(limit, talk).await {
        Ok(Ok(output)) => read(helper, &output),
        Ok(Err(error)) => Err(HelperFailure::NotStarted {
            helper,
            why: error.to_string(),
        }),
        Err(_) => Err(HelperFailure::Silent { helper, limit }),
    }
}

fn start(environment: &Environment, helper: &str) -> Result<Program, HelperFailure> {
    let mut command = Command::new(helper);
    command.arg("get").stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let path = environment.get("PATH");
    if let Some(path) = path {
        command.env("PATH", path);
    }
    Program::start(&mut command).map_err(|error| {
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
    })
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file())
}

fn read(helper: String, output: &Output) -> Result<Option<Credential>, HelperFailure> {
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
    let mask = Mask::new(printed.iter().copied().filter(|word| word.len() >= 6));
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
        .map(|line| sanitize_line(&mask.hide(line), LONGEST_LINE))
}
