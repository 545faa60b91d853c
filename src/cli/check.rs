//! `hoist check`: everything that could stop a release, without one; or commit messages alone.

use std::{path::PathBuf, process::ExitCode};

use serde::Serialize;
use serde_json::Value;

use super::{
    context::Context,
    exit,
    images::{Images, plain},
    nothing,
    policy_file::PolicyFile,
    render::Terminal,
    table::{Meaning, TableCell},
};
use crate::{
    error::{Error, ErrorCode, Result},
    project::{CheckedMessage, Severity},
    regular_file,
    release::{Check, LockCheck, first_problem},
    text::sanitize_line,
};

/// Check everything that could stop a release, without one; or commit messages alone
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what"))]
pub(super) struct CheckArgs {
    /// The commits to check, e.g. `origin/main..HEAD`
    #[arg(long, value_name = "RANGE", group = "what")]
    commits: Option<String>,
    /// The file with the message; as hook: `exec hoist check --commit-msg "$1"`
    #[arg(long, value_name = "FILE", group = "what")]
    commit_msg: Option<PathBuf>,
    /// Also prove that the git remote takes a release's locks: make a ref beside them, and delete it
    #[arg(long, group = "what")]
    locks: bool,
    /// For every image: each committed file of the policy's name
    #[arg(long)]
    all: bool,
}

/// Runs the verb: exit 4 where a message must be mended.
pub(super) fn run(args: CheckArgs, context: &Context) -> Result<ExitCode> {
    let checked = match (&args.commits, &args.commit_msg) {
        (Some(range), _) => context.projects(args.all)?.check_commits(range),
        (None, Some(file)) => {
            let name = file.display().to_string();
            let text = regular_file::read_given(&context.path(file))
                .map_err(|error| Error::usage(format!("cannot read `{name}`")).because(&error))?;
            let text = String::from_utf8_lossy(&text);
            let projects = context.projects(args.all)?;
            projects.each(|project| Ok(vec![project.check_message(&name, &text)]))
        }
        (None, None) => return everything(&args, context),
    };
    let checked = Images::of(checked)?;
    print_messages(&checked, &args, &context.terminal);
    checked.tell_errors(&context.terminal);
    Ok(ExitCode::from(checked.code(|checked| match bad(checked) {
        0 => exit::OK,
        _ => exit::REFUSED,
    })))
}

fn print_messages(checked: &Images<Vec<CheckedMessage>>, args: &CheckArgs, terminal: &Terminal) {
    if terminal.json {
        return terminal.json(&checked.document(|checked| messages_document(checked)));
    }
    for (file, checked) in checked.values() {
        for line in checked.iter().flat_map(lines) {
            terminal.data(&file.data(&line));
        }
        if let Some(note) = summary(args, checked.len(), bad(checked)) {
            terminal.note(&file.note(&note));
        }
    }
}

/// How many messages must be mended.
fn bad(checked: &[CheckedMessage]) -> usize {
    checked.iter().filter(|one| one.is_bad()).count()
}

/// How it went, and the way on. A hook that lets a commit pass says nothing.
fn summary(args: &CheckArgs, checked: usize, bad: usize) -> Option<String> {
    let messages = |count| match count {
        1 => "1 message".to_owned(),
        _ => format!("{count} messages"),
    };
    match (&args.commit_msg, bad) {
        (Some(_), 0) => None,
        (Some(file), _) => Some(format!(
            "nothing was committed; the message is in `{0}`: `git commit --edit --file={0}`",
            file.display()
        )),
        (None, 0) => Some(format!("{} checked, none to reword", messages(checked))),
        (None, _) => Some(format!(
            "{} of {checked} to reword: `git commit --amend`, or `git rebase -i` for older ones",
            messages(bad)
        )),
    }
}

/// Branch and tree, plan, registries, builder: one line each.
fn everything(args: &CheckArgs, context: &Context) -> Result<ExitCode> {
    let terminal = &context.terminal;
    let locks = match args.locks {
        true => LockCheck::Push,
        false => LockCheck::Read,
    };
    let findings = Images::of(context.releases(args.all)?.check(locks))?;
    if terminal.json {
        terminal.json(&findings.document(|findings| findings_document(findings)));
    } else {
        for (file, findings) in findings.values() {
            for (index, finding) in findings.iter().enumerate() {
                print_finding(file, finding, &findings[..index], terminal);
            }
        }
    }
    findings.tell_errors(terminal);
    Ok(ExitCode::from(findings.code(|findings| {
        first_problem(findings).map_or(exit::OK, Error::exit_code)
    })))
}

/// A reason that one of the findings before it has told is not told again.
fn print_finding(file: PolicyFile<'_>, finding: &Check, before: &[Check], terminal: &Terminal) {
    match &finding.result {
        Ok(how) => {
            let text = format!("{}: {how}", finding.what);
            terminal
                .table(&[file.row(vec![TableCell::new("ok     ", Meaning::Good), text.into()])]);
        }
        Err(error) => {
            let mut told = before.iter().filter_map(|one| {
                let told = one.result.as_ref().err()?;
                is_same(told, error).then_some(&one.what)
            });
            let told = told.next();
            let what = match told {
                Some(first) => format!("{}: for the reason told at `{first}`", finding.what),
                None => finding.what.clone(),
            };
            terminal.table(&[file.row(vec![TableCell::new("problem", Meaning::Bad), what.into()])]);
            if told.is_none() {
                terminal.error(&file.error(error));
            }
        }
    }
    nothing::messages(file, &finding.notes, terminal);
}

/// Whether two errors have one reason and one way on. The reason alone may be as general as a missing file.
/// A login that is missing is one reason, whether it was wanted for reading or for pushing.
fn is_same(one: &Error, other: &Error) -> bool {
    let reason = |error: &Error| match &*error.causes() {
        [] => error.message().to_owned(),
        causes => causes.join("; "),
    };
    let wants_login = |error: &Error| error.code() == ErrorCode::Unauthorized;
    (reason(one) == reason(other) || (wants_login(one) && wants_login(other)))
        && one.hints() == other.hints()
}

/// The document of `hoist check --json`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct CheckDocument<'a> {
    /// The version of the format.
    v: u8,
    /// One for each thing that was looked at, good or bad.
    findings: Vec<CheckFinding<'a>>,
}

/// One thing that was looked at.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CheckFinding<'a> {
    /// `branch and tree`, `policy file`, `git remote`, `plan`, `other releases`, a repository (or all of a
    /// registry that lack its login, separated by commas), `builder`, `hooks`, `signatures`, `attachments`, `forge`, `announcements` or `budget`.
    what: &'a str,
    /// Whether a release would go on.
    ok: bool,
    /// How it is, where it is as it should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    /// What would stop a release.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<Error>"))]
    error: Option<&'a Error>,
    /// What a person should know beside that: for `plan` all that `hoist plan` says.
    notes: &'a [String],
}

fn findings_document(findings: &[Check]) -> Value {
    let findings = findings.iter().map(|finding| CheckFinding {
        what: &finding.what,
        ok: finding.result.is_ok(),
        message: finding.result.as_deref().ok(),
        error: finding.result.as_ref().err(),
        notes: &finding.notes,
    });
    plain(&CheckDocument {
        v: 1,
        findings: findings.collect(),
    })
}

fn lines(checked: &CheckedMessage) -> Vec<String> {
    let subject = match checked.subject.len() {
        40 => checked.subject.chars().take(7).collect(),
        _ => checked.subject.clone(),
    };
    let summary = sanitize_line(&checked.summary, 60);
    let findings = checked.findings.iter();
    findings
        .map(|finding| {
            let severity = severity(finding.severity);
            let message = sanitize_line(&finding.message, 200);
            let hint = finding.hint.as_ref().map_or_else(String::new, |hint| {
                format!("; {}", sanitize_line(hint, 200))
            });
            format!("{subject} {severity}: {message}: `{summary}`{hint}")
        })
        .collect()
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// The document of `hoist check --commits RANGE --json`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct MessagesDocument<'a> {
    /// The version of the format.
    v: u8,
    /// How many messages were checked.
    checked: usize,
    /// What is wrong with them.
    findings: Vec<MessageFinding<'a>>,
}

/// One problem of a commit message.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct MessageFinding<'a> {
    /// The commit's id, or the file's name.
    subject: &'a str,
    /// The message's first line.
    summary: &'a str,
    /// How much it matters; only an error has to be mended.
    severity: Severity,
    /// What is wrong.
    message: &'a str,
    /// What would be right, where that can be said.
    hint: Option<&'a str>,
}

fn messages_document(checked: &[CheckedMessage]) -> Value {
    let findings = checked
        .iter()
        .flat_map(|one| one.findings.iter().map(move |finding| (one, finding)))
        .map(|(one, finding)| MessageFinding {
            subject: &one.subject,
            summary: &one.summary,
            severity: finding.severity,
            message: &finding.message,
            hint: finding.hint.as_deref(),
        });
    plain(&MessagesDocument {
        v: 1,
        checked: checked.len(),
        findings: findings.collect(),
    })
}
