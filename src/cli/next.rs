//! `hoist next`: the next version, and nothing else on stdout.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{
    args::Overrides, context::Context, exit, images::Images, policy_file::PolicyFile,
    render::Terminal,
};
use crate::{
    error::{ErrorKind, Result},
    project::{Next, NextVersion, Project, VersionRequest},
};

/// Commits that are shown where there is nothing to release.
const SHOWN: usize = 10;

/// Print the next version, or nothing when there is nothing to release
#[derive(Debug, clap::Args)]
pub(super) struct NextArgs {
    /// Say why, on stderr: the base, every commit with its level, what would change the answer
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    overrides: Overrides,
    /// For every image: each committed file of the policy's name; prints `FILE VERSION` lines
    #[arg(long)]
    all: bool,
}

/// One image's history, and what follows from it.
struct NextAnswer {
    history: NextVersion,
    /// Asked for with `--explain`.
    explanation: Vec<String>,
}

pub(super) fn run(args: NextArgs, context: &Context) -> Result<ExitCode> {
    let terminal = &context.terminal;
    let request = args.overrides.request(args.all)?;
    let projects = context.projects(args.all)?;
    let answers = projects.each(|project| answer(project, &request, args.explain, terminal));
    let answers = Images::of(answers)?;
    if terminal.json {
        terminal.json(&answers.document(|answer| document(&answer.history.decision)));
    }
    for (file, answer) in answers.values() {
        let next = &answer.history.decision;
        print(file, next, terminal);
        if args.explain {
            remark(file, &answer.explanation, terminal);
        } else if next.version.is_none() && !terminal.json && file.config().is_none() {
            nothing_at_all(&answer.history, terminal);
        }
    }
    answers.tell_errors(terminal);
    Ok(ExitCode::from(answers.code(|_| exit::OK)))
}

fn answer(
    project: &Project,
    request: &VersionRequest,
    explained: bool,
    terminal: &Terminal,
) -> Result<NextAnswer> {
    project.refuse_without_policy()?;
    let facts = project.facts(request)?;
    let next = project.decide(&facts, request).inspect_err(|error| {
        // Whoever is refused wants to know what was seen most of all.
        if explained && error.kind() == ErrorKind::Refused {
            let file = PolicyFile::new(project.config());
            remark(file, &project.explain_facts(&facts), terminal);
        }
    })?;
    let history = NextVersion {
        facts,
        decision: next,
    };
    let explanation = match explained {
        true => project.explain(request, &history),
        false => Vec::new(),
    };
    Ok(NextAnswer {
        history,
        explanation,
    })
}

fn print(file: PolicyFile<'_>, next: &Next, terminal: &Terminal) {
    match (&next.version, file.config()) {
        _ if terminal.json => {}
        (Some(version), None) => terminal.data(&version.to_string()),
        (Some(version), Some(config)) => terminal.data(&format!("{config} {version}")),
        // Of one image more is told.
        (None, None) => {}
        (None, Some(_)) => nothing(file, next, terminal),
    }
    for note in &next.notes {
        terminal.note(&file.note(note));
    }
}

fn remark(file: PolicyFile<'_>, lines: &[String], terminal: &Terminal) {
    if let Some(config) = file.config() {
        terminal.remark(&format!("{config}:"));
    }
    for line in lines {
        terminal.explained(line);
    }
}

fn nothing(file: PolicyFile<'_>, next: &Next, terminal: &Terminal) {
    terminal.note(&file.note(&format!("nothing to release: {}", next.why)));
}

/// Why there is nothing to release, and what was seen.
fn nothing_at_all(history: &NextVersion, terminal: &Terminal) {
    nothing(PolicyFile::new(None), &history.decision, terminal);
    if terminal.quiet {
        return;
    }
    let lines = history.commit_lines();
    for line in lines.iter().take(SHOWN) {
        terminal.explained(line);
    }
    if lines.len() > SHOWN {
        let more = lines.len() - SHOWN;
        terminal.remark(&format!("and {more} more: `hoist next --explain`"));
    }
    if history.decision.current.is_none() && !lines.is_empty() {
        terminal.note("a first version can be named: `--version 0.1.0`");
    }
}

/// `hoist next --json`
fn document(next: &Next) -> Value {
    let commits: Vec<Value> = next
        .entries
        .iter()
        .map(|entry| {
            json!({
                "sha": entry.id.to_string(),
                "summary": entry.summary,
                "bump": entry.level,
                "why": entry.why,
            })
        })
        .collect();
    let text = |version: &Option<semver::Version>| version.as_ref().map(ToString::to_string);
    json!({
        "v": 1,
        "current": text(&next.current),
        "current_tag": next.current_tag,
        "range_from": text(&next.range_from),
        "next": text(&next.version),
        "bump": next.level,
        "prerelease": next.is_prerelease(),
        "branch": next.branch,
        "head": next.head.to_string(),
        "commits": commits,
        "why": next.why,
        "notes": next.notes,
    })
}
