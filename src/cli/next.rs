//! `hoist next`: the next version, and nothing else on stdout.

use std::process::ExitCode;

use semver::Version;
use serde::Serialize;
use serde_json::Value;

use super::{
    args::Overrides,
    context::Context,
    exit,
    images::{Images, plain},
    policy_file::PolicyFile,
    render::Terminal,
};
use crate::{
    error::{ErrorKind, Result},
    git::CommitId,
    policy::Level,
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

/// What one image's history comes to.
struct NextAnswer {
    decision: Next,
    /// The changes of the range that are shown where there is nothing to release.
    seen: Vec<String>,
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
        terminal.json(&answers.document(|answer| document(&answer.decision)));
    }
    for (file, answer) in answers.values() {
        let next = &answer.decision;
        print(file, next, terminal);
        if args.explain {
            remark(file, &answer.explanation, terminal);
        } else if next.version.is_none() && !terminal.json && file.config().is_none() {
            nothing_at_all(answer, terminal);
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
    if !explained && !terminal.json {
        // Where one line is asked for, no more is kept of a long history than decides it.
        if let Some(decision) = project.next_alone(request)? {
            return Ok(NextAnswer {
                decision,
                seen: Vec::new(),
                explanation: Vec::new(),
            });
        }
    }
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
        seen: match history.decision.version {
            Some(_) => Vec::new(),
            None => history.commit_lines(),
        },
        decision: history.decision,
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
fn nothing_at_all(answer: &NextAnswer, terminal: &Terminal) {
    nothing(PolicyFile::new(None), &answer.decision, terminal);
    if terminal.quiet {
        return;
    }
    let lines = &answer.seen;
    for line in lines.iter().take(SHOWN) {
        terminal.explained(line);
    }
    if lines.len() > SHOWN {
        let more = lines.len() - SHOWN;
        terminal.remark(&format!("and {more} more: `hoist next --explain`"));
    }
    if answer.decision.current.is_none() && !lines.is_empty() {
        terminal.note("a first version can be named: `--version 0.1.0`");
    }
}

/// The document of `hoist next --json`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct NextDocument<'a> {
    /// The version of the format.
    v: u8,
    /// The base: the highest version that HEAD descends from, a pre-release included.
    current: Option<&'a Version>,
    /// The git tag of `current`.
    current_tag: Option<&'a str>,
    /// The stable version that the range starts at.
    range_from: Option<&'a Version>,
    /// The next version; `null`: there is nothing to release.
    next: Option<&'a Version>,
    /// The level of the change, or the step from `range_from` where the version was named or is that of an earlier
    /// pre-release; `null` where nothing counts.
    bump: Option<Level>,
    /// Whether the next version is a pre-release.
    prerelease: bool,
    /// The name of the branch, where it has one.
    branch: Option<&'a str>,
    /// The commit that HEAD points at.
    head: CommitId,
    /// Every change of the range, newest first.
    commits: Vec<NextCommit<'a>>,
    /// Why this version, or why none.
    why: &'a str,
    /// What a person should know.
    notes: &'a [String],
}

/// One change of the range.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct NextCommit<'a> {
    /// The commit in full.
    sha: CommitId,
    /// The first line of the change.
    summary: &'a str,
    /// The level it gives; `null`: it does not count.
    bump: Option<Level>,
    /// Which rule gave it.
    why: &'a str,
}

fn document(next: &Next) -> Value {
    let commits = next.entries.iter();
    let commits = commits.map(|entry| NextCommit {
        sha: entry.id,
        summary: &entry.summary,
        bump: entry.level,
        why: &entry.why,
    });
    plain(&NextDocument {
        v: 1,
        current: next.current.as_ref(),
        current_tag: next.current_tag.as_deref(),
        range_from: next.range_from.as_ref(),
        next: next.version.as_ref(),
        bump: next.level,
        prerelease: next.is_prerelease(),
        branch: next.branch.as_deref(),
        head: next.head,
        commits: commits.collect(),
        why: &next.why,
        notes: &next.notes,
    })
}
