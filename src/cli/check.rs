//! `hoist check`: everything that could stop a release, without one; or commit messages alone.

use std::{path::PathBuf, process::ExitCode};

use serde_json::json;

use super::{Context, Terminal, exit};
use crate::{
    error::{Error, Result},
    plan::notes::lint::Severity,
    project::CheckedMessage,
    release::{Check, first_problem},
    text::sanitize_line,
};

/// Check everything that could stop a release, without one; or commit messages alone
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what"))]
pub(super) struct Arguments {
    /// The commits to check, e.g. `origin/main..HEAD`
    #[arg(long, value_name = "RANGE", group = "what")]
    commits: Option<String>,
    /// The file with the message; as hook: `exec hoist check --commit-msg "$1"`
    #[arg(long, value_name = "FILE", group = "what")]
    commit_msg: Option<PathBuf>,
}

/// Runs the verb: exit 4 where a message must be mended.
pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<ExitCode> {
    let terminal = &context.terminal;
    let checked = match (&arguments.commits, &arguments.commit_msg) {
        (Some(range), _) => context.project()?.check_commits(range)?,
        (None, Some(file)) => {
            let name = file.display().to_string();
            let directory = context.global.directory.clone().unwrap_or_default();
            let path = directory.join(file);
            let text = std::fs::read(path)
                .map_err(|error| Error::usage(format!("cannot read `{name}`")).because(&error))?;
            let text = String::from_utf8_lossy(&text);
            vec![context.project()?.check_message(&name, &text)?]
        }
        (None, None) => return everything(context),
    };
    if terminal.json {
        terminal.json(&document(&checked));
    } else {
        checked.iter().for_each(|one| print(one, terminal));
    }
    let bad = checked.iter().filter(|one| one.is_bad()).count();
    if let (Some(note), false) = (summary(arguments, checked.len(), bad), terminal.json) {
        terminal.note(&note);
    }
    Ok(ExitCode::from(match bad {
        0 => exit::OK,
        _ => exit::REFUSED,
    }))
}

/// How it went, and the way on. A hook that lets a commit pass says nothing.
fn summary(arguments: &Arguments, checked: usize, bad: usize) -> Option<String> {
    let messages = |count| match count {
        1 => "1 message".to_owned(),
        _ => format!("{count} messages"),
    };
    match (&arguments.commit_msg, bad) {
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
fn everything(context: &Context) -> Result<ExitCode> {
    let findings = context.open()?.check();
    if context.terminal.json {
        let entry = |finding: &Check| match &finding.result {
            Ok(how) => json!({ "what": finding.what, "ok": true, "message": how }),
            Err(error) => json!({ "what": finding.what, "ok": false, "error": error }),
        };
        let findings: Vec<_> = findings.iter().map(entry).collect();
        context
            .terminal
            .json(&json!({ "v": 1, "findings": findings }));
    } else {
        for finding in &findings {
            match &finding.result {
                Ok(how) => context
                    .terminal
                    .data(&format!("ok       {}: {how}", finding.what)),
                Err(error) => {
                    context.terminal.data(&format!("problem  {}", finding.what));
                    context.terminal.error(error);
                }
            }
        }
    }
    let code = first_problem(&findings).map_or(exit::OK, |error| exit::number(error.kind));
    Ok(ExitCode::from(code))
}

fn print(checked: &CheckedMessage, terminal: &Terminal) {
    for finding in &checked.findings {
        let severity = severity(finding.severity);
        let subject: String = checked.subject.chars().take(7).collect();
        let subject = if checked.subject.len() == 40 {
            subject
        } else {
            checked.subject.clone()
        };
        let summary = sanitize_line(&checked.summary, 60);
        let message = sanitize_line(&finding.message, 200);
        let hint = finding.hint.as_ref().map_or_else(String::new, |hint| {
            format!("; {}", sanitize_line(hint, 200))
        });
        terminal.data(&format!(
            "{subject} {severity}: {message}: `{summary}`{hint}"
        ));
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn document(checked: &[CheckedMessage]) -> serde_json::Value {
    let findings: Vec<_> = checked
        .iter()
        .flat_map(|one| one.findings.iter().map(move |finding| (one, finding)))
        .map(|(one, finding)| {
            json!({
                "subject": one.subject,
                "summary": one.summary,
                "severity": severity(finding.severity),
                "message": finding.message,
                "hint": finding.hint,
            })
        })
        .collect();
    json!({ "v": 1, "checked": checked.len(), "findings": findings })
}
