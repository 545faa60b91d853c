//! `hoist unlock`: the way out of a lock that neither `resume` nor `rollback` can use, or that nobody
//! should follow.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{
    context::Context,
    exit,
    locked_release::{cautions, would_do},
    question::{confirm, needs_answer},
    render::{Terminal, shown},
    table::TableCell,
};
use crate::{
    error::Result,
    oci::Observed,
    outcome::TagReport,
    release::{DriftReport, DriftState, LockToDelete, UnlockChoice, UnlockContent, UnlockPlan},
};

/// Delete a lock that no hoist can read, or that the policy does not fit
///
/// Its journal is saved to a file first, and the moving tags are listed as they are.
#[derive(Debug, clap::Args)]
pub(super) struct UnlockArgs {
    /// Also delete the lock of a release that could go on: it is given up, and every tag stays as it is
    #[arg(long)]
    discard: bool,
    /// Delete it without asking; needed where there is no terminal
    #[arg(short, long)]
    yes: bool,
}

pub(super) fn run(args: UnlockArgs, context: &Context) -> Result<ExitCode> {
    let terminal = &context.terminal;
    if !args.yes {
        let asks = "`hoist unlock` asks before it deletes a lock";
        needs_answer(terminal, asks, "nothing was deleted", None)?;
    }
    let release = context.release()?;
    let choice = match args.discard {
        true => UnlockChoice::Discard,
        false => UnlockChoice::Unusable,
    };
    let Some(plan) = release.plan_unlock(choice)? else {
        match terminal.json {
            true => terminal.json(&json!({ "v": 1, "locks": [], "tags": [], "deleted": false })),
            false => terminal.note("there is no lock"),
        }
        return Ok(ExitCode::from(exit::OK));
    };
    if !terminal.json {
        show(&plan, terminal);
    }
    if !args.yes {
        let question = "Is it certain that no release is running? Delete the lock?";
        confirm(question, "the lock was not deleted", &context.cancel)?;
    }
    release.unlock(&plan)?;
    match terminal.json {
        true => terminal.json(&document(&plan)),
        false => terminal.note(
            "the lock is deleted; `hoist repair` shows which moving tags are not where they should be",
        ),
    }
    Ok(ExitCode::from(exit::OK))
}

fn show(plan: &UnlockPlan, terminal: &Terminal) {
    for lock in &plan.locks {
        let name = lock
            .name
            .as_ref()
            .map_or("the lock file", |name| name.as_str());
        match &lock.content {
            UnlockContent::Unusable(why) => {
                terminal.note(&format!("`{name}` cannot be used: {why}"));
            }
            UnlockContent::Release { release, moved } => {
                terminal.remark(&format!("`{name}`: {}", would_do(release)));
                for tag in moved {
                    terminal.warning(&moved_text(tag));
                }
            }
        }
        terminal.note(&format!(
            "its journal is saved in `{}`",
            lock.saved.display()
        ));
    }
    match &plan.tags {
        Ok(tags) => terminal.table(&rows(tags)),
        Err(error) => terminal.warning(&format!("the tags cannot be listed: {error:#}")),
    }
}

/// A tag of a release that is given up, and is not as it was.
fn moved_text(tag: &TagReport) -> String {
    let name = tag.repository.tag(&tag.tag);
    let before = tag
        .before
        .as_ref()
        .map_or("absent", |digest| digest.short());
    match tag.is_ours() {
        true => format!("`{name}` shows this release already; before it was {before}"),
        false => format!("`{name}` shows {}; before it was {before}", tag.now),
    }
}

fn rows(tags: &DriftReport) -> Vec<Vec<TableCell>> {
    let mut rows = Vec::new();
    for surveyed in &tags.repositories {
        for drift in &surveyed.drift {
            let now = match &drift.shown {
                Observed::At(digest) => digest.short().to_owned(),
                Observed::Absent => "-".to_owned(),
                Observed::Unknown => "?".to_owned(),
            };
            let should = match drift.state {
                DriftState::Right => drift.version.to_string(),
                DriftState::Missing | DriftState::Wrong(_) | DriftState::Unreadable => {
                    format!("should be {} ({})", drift.version, drift.want.short())
                }
            };
            rows.push(vec![
                surveyed.repository.tag(&drift.tag).into(),
                now.into(),
                should.into(),
            ]);
        }
    }
    rows
}

fn document(plan: &UnlockPlan) -> Value {
    let mut tags = Vec::new();
    for surveyed in plan.tags.iter().flat_map(|tags| &tags.repositories) {
        for drift in &surveyed.drift {
            tags.push(json!({
                "repository": surveyed.repository,
                "tag": drift.tag,
                "state": drift.state.as_str(),
                "version": drift.version.to_string(),
                "want": drift.want,
                "shown": shown(&drift.shown),
            }));
        }
    }
    json!({
        "v": 1,
        "locks": plan.locks.iter().map(lock_document).collect::<Vec<_>>(),
        "tags": tags,
        "deleted": true,
    })
}

fn lock_document(lock: &LockToDelete) -> Value {
    let (why, release) = match &lock.content {
        UnlockContent::Unusable(why) => (Some(why), None),
        UnlockContent::Release { release, moved } => (
            None,
            Some(json!({
                "version": release.version,
                "commit": release.commit,
                "owner": release.owner,
                "since": release.since,
                "moves": release.moves,
                "cautions": cautions(release).collect::<Vec<_>>(),
                "moved": moved,
            })),
        ),
    };
    json!({
        "ref": lock.name,
        "object": lock.object,
        "why": why,
        "release": release,
        "saved": lock.saved.display().to_string(),
    })
}
