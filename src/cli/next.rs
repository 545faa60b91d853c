//! `hoist next`: the next version, and nothing else on stdout.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{Context, Global, Terminal, all, exit};
use crate::{
    error::{ErrorKind, Result},
    oci,
    plan::{
        history::facts::Facts,
        version::{VersionRequest, explain, next::Next},
    },
    policy::Level,
    project::{History, ImageResult, Location},
};

/// Print the next version, or nothing when there is nothing to release
#[derive(Debug, clap::Args)]
#[command(disable_version_flag = true)]
pub struct Arguments {
    /// Say why, on stderr: the base, every commit with its level, what would change the answer
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    overrides: Overrides,
    /// For every image: each committed file of the policy's name; prints `FILE VERSION` lines
    #[arg(long)]
    all: bool,
}

/// What stands in for the history's answer; the same for `next`, `tags`, `plan` and `release`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Overrides {
    /// Take this level, whatever the commits say
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    bump: Option<Level>,
    /// Take this version
    #[arg(long, value_name = "VERSION", allow_hyphen_values = true, conflicts_with_all = ["bump", "pre"])]
    version: Option<String>,
    /// Make it a pre-release with this label, e.g. `rc`
    #[arg(long, value_name = "LABEL")]
    pre: Option<String>,
    /// Answer for this branch
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
}

impl Overrides {
    /// `--version`
    pub(super) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }
}

impl From<Overrides> for VersionRequest {
    fn from(flags: Overrides) -> Self {
        Self {
            bump: flags.bump,
            version: flags.version,
            pre: flags.pre,
            branch: flags.branch,
        }
    }
}

/// The place that the global flags name.
pub fn place(global: &Global) -> Result<Location> {
    let images = global
        .image
        .iter()
        .map(|name| {
            name.parse::<oci::Repository>().map_err(|error| {
                crate::error::Error::usage(format!("`--image {name}` is no repository"))
                    .because(&error)
            })
        })
        .collect::<Result<_>>()?;
    Ok(Location {
        directory: global.directory.clone().unwrap_or_else(|| ".".into()),
        config: global.config.clone(),
        images,
    })
}

/// Runs the verb.
pub fn run(arguments: Arguments, context: &Context) -> Result<ExitCode> {
    if arguments.all {
        return run_all(arguments, context);
    }
    let terminal = &context.terminal;
    let request = VersionRequest::from(arguments.overrides);
    let project = context.project()?;
    let facts = project.facts(&request)?;
    let next = &project.decide(&facts, &request).inspect_err(|error| {
        // Whoever is refused wants to know what was seen most of all.
        if arguments.explain && error.kind == ErrorKind::Refused {
            remark(&explain::refused(project.policy(), &facts), terminal);
        }
    })?;
    if terminal.json {
        terminal.json(&document(next));
    } else if let Some(version) = &next.next {
        terminal.data(&version.to_string());
    }
    for note in &next.notes {
        terminal.note(note);
    }
    if arguments.explain {
        let lines = explain::explain(project.policy(), &facts, &request, next);
        remark(&lines, terminal);
    } else if next.next.is_none() && !terminal.json {
        nothing(next, &facts, terminal);
    }
    Ok(ExitCode::from(exit::OK))
}

fn run_all(arguments: Arguments, context: &Context) -> Result<ExitCode> {
    let terminal = &context.terminal;
    all::refuse_version(&arguments.overrides)?;
    let request = VersionRequest::from(arguments.overrides);
    let projects = context.projects(true)?;
    let each = projects.next(&request);
    if terminal.json {
        let entry = |one: &ImageResult<History>| {
            let document = one.result.as_ref().map(|history| document(&history.next));
            all::entry(all::config(one), document)
        };
        let entries: Vec<Value> = each.iter().map(entry).collect();
        terminal.json(&all::document(&entries));
    }
    for (one, project) in each.iter().zip(projects.projects()) {
        let config = all::config(one);
        let Ok(History { facts, next }) = &one.result else {
            continue;
        };
        match &next.next {
            _ if terminal.json => {}
            Some(version) => terminal.data(&format!("{config} {version}")),
            None => terminal.note(&format!("`{config}`: nothing to release: {}", next.why)),
        }
        for note in &next.notes {
            terminal.note(&format!("`{config}`: {}", all::about(config, note)));
        }
        if arguments.explain {
            terminal.remark(&format!("{config}:"));
            remark(
                &explain::explain(project.policy(), facts, &request, next),
                terminal,
            );
        }
    }
    all::tell_errors(&each, terminal);
    Ok(ExitCode::from(all::code(&each, |_| exit::OK)))
}

fn remark(lines: &[String], terminal: &Terminal) {
    for line in lines {
        terminal.remark(line);
    }
}

/// Why there is nothing to release, with what was seen.
fn nothing(next: &Next, facts: &Facts, terminal: &Terminal) {
    const SHOWN: usize = 10;
    terminal.note(&format!("nothing to release: {}", next.why));
    if terminal.quiet {
        return;
    }
    for entry in next.entries.iter().take(SHOWN) {
        terminal.remark(&explain::line(entry, facts));
    }
    if next.entries.len() > SHOWN {
        let more = next.entries.len() - SHOWN;
        terminal.remark(&format!("and {more} more: `hoist next --explain`"));
    }
    if next.current.is_none() && !next.entries.is_empty() {
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
        "next": text(&next.next),
        "bump": next.level,
        "prerelease": next.is_prerelease(),
        "branch": next.branch,
        "head": next.head.to_string(),
        "commits": commits,
        "why": next.why,
        "notes": next.notes,
    })
}

fn level(text: &str) -> Result<Level, String> {
    match text {
        "patch" => Ok(Level::Patch),
        "minor" => Ok(Level::Minor),
        "major" => Ok(Level::Major),
        _ => Err("expected `patch`, `minor` or `major`".into()),
    }
}
