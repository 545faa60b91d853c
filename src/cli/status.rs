//! `hoist status`: what the journal, the lock and the registries say now.

use std::{process::ExitCode, sync::Arc};

use serde::Serialize;

use super::{
    context::Context,
    exit,
    images::{Images, plain},
    table::{self, TableCell, hanging, paragraph},
};
use crate::{
    error::Result,
    outcome::TagReport,
    release::{MissingGitTag, Release, RunState, Unfinished},
};

/// Show unfinished releases: whose, since when, and what each tag shows now
#[derive(Debug, clap::Args)]
pub(super) struct StatusArgs {
    /// Of every image: each committed file of the policy's name
    #[arg(long)]
    all: bool,
}

pub(super) fn run(args: StatusArgs, context: &Context) -> Result<ExitCode> {
    let terminal = &context.terminal;
    let releases = context.releases(args.all)?;
    let missing = releases.missing_git_tags();
    let both = releases.status().into_iter().zip(missing);
    let both = both
        .map(|(status, missing)| status.and_then(|unfinished| Ok((unfinished, missing.result?))));
    let status = Images::of(both.collect())?;
    let code = status.code(|(unfinished, missing)| {
        if unfinished.iter().any(is_open) {
            exit::BUSY
        } else if missing.is_empty() {
            exit::OK
        } else {
            exit::DISAGREE
        }
    });
    if terminal.json {
        terminal.json(&status.document(|(unfinished, missing_git_tags)| {
            plain(&StatusDocument {
                v: 1,
                unfinished,
                missing_git_tags,
            })
        }));
    } else {
        for (label, (unfinished, missing)) in status.values() {
            for one in missing {
                terminal.data(&label.data(&without_tag(one)));
                terminal.note(&label.about(&tag_way_on(one)));
            }
            for release in unfinished {
                let text = text(release, terminal.width()).join("\n");
                terminal.data(&label.data(&text));
            }
            let open = unfinished
                .iter()
                .find(|release| release.overtaken.is_none());
            if let Some(release) = open {
                terminal.note(&label.about(way_on(release)));
            }
            if unfinished
                .iter()
                .any(|release| release.settles_at.is_some())
            {
                terminal.note(&label.about(
                    "nothing is to be done: until then a release waits (exit 5); `hoist rollback` waits for it and closes the journal",
                ));
            }
        }
        if code == exit::OK {
            terminal.note(&quiet(releases.members()));
        }
    }
    status.tell_errors(terminal);
    Ok(ExitCode::from(code))
}

/// That nothing is going on, and which release was the last one.
fn quiet(releases: &[Arc<Release>]) -> String {
    let mut text = "no release is unfinished".to_owned();
    if let [release] = releases
        && let Ok(past) = release.project().log()
        && let Some(last) = past.first()
    {
        let day = last.time.format("%Y-%m-%d");
        text += &format!("; the last one is {} (`{}`, {day})", last.version, last.tag);
    }
    text
}

/// What is to be done about a release that stops others.
fn way_on(release: &Unfinished) -> &'static str {
    match release.run {
        RunState::Running => "`hoist release --wait 10m` waits for it, and then plans anew",
        RunState::Ended if release.tagged => {
            "git has its tag, so it cannot be undone: `hoist resume` makes its page public"
        }
        _ if release.tagged => {
            "git has its tag, so it cannot be undone; where it is certain that it does not run any more, `hoist resume --take-over` makes its page public"
        }
        RunState::Ended => "`hoist resume` finishes it, `hoist rollback` undoes it",
        _ => {
            "where it is certain that it does not run any more: `hoist resume --take-over` finishes it, `hoist rollback --take-over` undoes it"
        }
    }
}

fn without_tag(missing: &MissingGitTag) -> String {
    format!(
        "{} of commit {} is published, and its git tag `{}` is missing: the git server refused it",
        missing.version,
        missing.commit,
        missing.tag.short()
    )
}

/// What makes the git tag: the release finds its own images, and builds nothing.
fn tag_way_on(missing: &MissingGitTag) -> String {
    format!(
        "when the server allows it, `git checkout {} && hoist release --version {}` pushes the git tag",
        missing.commit.short(),
        missing.version
    )
}

/// The document of `hoist status --json`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct StatusDocument<'a> {
    /// The version of the format.
    v: u8,
    /// Releases that are not over, and those that this clone's journals only remember.
    unfinished: &'a [Unfinished],
    /// Versions that this clone has published and whose git tag the server refused.
    missing_git_tags: &'a [MissingGitTag],
}

/// Whether a release stops others: it waits for `resume` or `rollback`, or is not certainly undone.
fn is_open(release: &Unfinished) -> bool {
    release.overtaken.is_none() || release.settles_at.is_some()
}

/// A release for a person, in lines that fit `width`.
fn text(release: &Unfinished, width: Option<usize>) -> Vec<String> {
    let (version, commit) = (&release.version, &release.commit);
    let how = match release.run {
        RunState::Running => "is running",
        RunState::Ended => "is unfinished",
        _ => "is running, or was interrupted",
    };
    let head = match &release.overtaken {
        None => format!("{version} of commit {commit} {how}: {}", release.stands),
        Some(told) => format!(
            "{version} of commit {commit} is overtaken: {told}; the journal of this clone is old"
        ),
    };
    let mut lines = paragraph(&head, width);
    let mut item = |text: &str| lines.extend(hanging("  ", text, width));
    item(&format!(
        "by {}, since {}",
        release.owner,
        release.since.format("%Y-%m-%d %H:%M:%S UTC")
    ));
    item(match (release.here, release.locked) {
        (false, _) if release.damaged => {
            "its lock is on the remote; its journal in this clone is damaged"
        }
        (true, true) => "its journal is in this clone, its lock on the remote",
        (true, false) => "its journal is in this clone; the remote has no lock of it",
        (false, _) => "its lock is on the remote; its journal is in another clone",
    });
    if let Some(page) = &release.forge {
        item(&format!("its release on the forge: {page}"));
    }
    let row = |tag: &TagReport| -> Vec<TableCell> {
        let state = if tag.is_ours() {
            "new".to_owned()
        } else if tag.is_as_before() {
            "as before".to_owned()
        } else {
            format!("another: {}", tag.now)
        };
        [tag.repository.tag(&tag.tag), tag.now.to_string(), state]
            .map(TableCell::from)
            .into()
    };
    let rows: Vec<_> = release.tags.iter().map(row).collect();
    lines.extend(table::lines(&rows, 4, width));
    for repository in &release.not_asked {
        let text =
            format!("the tags in {repository} were not looked at: the policy does not name it");
        lines.extend(hanging("    ", &text, width));
    }
    lines
}
