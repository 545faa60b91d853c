//! `hoist unlock`: the way out of a lock that neither `resume` nor `rollback` can use, or that nobody
//! should follow.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use semver::Version;
use serde::Serialize;
use serde_json::Value;

use super::{
    context::Context,
    exit,
    images::plain,
    locked_release::{cautions, would_do},
    question::{confirm, needs_answer},
    render::Terminal,
    table::TableCell,
};
use crate::{
    error::Result,
    git::{CommitId, ObjectId, RefName},
    oci::{Digest, Observed, Repository, Tag},
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
            true => terminal.json(&plain(&UnlockDocument {
                v: 1,
                locks: Vec::new(),
                tags: Vec::new(),
                deleted: false,
            })),
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
        false => {
            let is_lock = plan.locks.iter().any(|lock| lock.journal.is_none());
            let what = match is_lock {
                true => "the lock is deleted",
                false => "the journal is put aside",
            };
            terminal.note(&format!(
                "{what}; `hoist repair` shows which moving tags are not where they should be"
            ));
        }
    }
    Ok(ExitCode::from(exit::OK))
}

fn show(plan: &UnlockPlan, terminal: &Terminal) {
    for lock in &plan.locks {
        let name = lock
            .name
            .as_ref()
            .map(RefName::as_str)
            .or(lock.journal.as_deref())
            .unwrap_or("the lock file");
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
        let saved = lock.saved.display();
        terminal.note(&match lock.journal {
            Some(_) => format!("this journal of this clone is saved in `{saved}`"),
            None => format!("its journal is saved in `{saved}`"),
        });
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

/// The document of `hoist unlock --json`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct UnlockDocument<'a> {
    /// The version of the format.
    v: u8,
    /// The locks that were deleted; empty: there was none.
    locks: Vec<DeletedLock<'a>>,
    /// The moving tags as they are; empty where they could not be listed.
    tags: Vec<TagBehind<'a>>,
    /// Whether a lock was deleted.
    deleted: bool,
}

/// A lock that was deleted.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct DeletedLock<'a> {
    /// Its ref; `null`: the lock file of this clone, or a journal.
    #[serde(rename = "ref")]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    name: &'a Option<RefName>,
    /// The name of the journal of this clone that could not be read and was put aside; `null`: it is a lock.
    journal: Option<&'a str>,
    /// The object that the ref showed.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    object: &'a Option<ObjectId>,
    /// Why neither `resume` nor `rollback` could use it; `null` where they could.
    why: Option<&'a str>,
    /// The release that was given up, where it could have gone on.
    release: Option<GivenUpRelease<'a>>,
    /// The file that its journal was saved to.
    saved: String,
}

/// A release that was given up.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct GivenUpRelease<'a> {
    /// Its version.
    version: &'a Version,
    /// Its commit.
    commit: CommitId,
    /// The process that had it, as the lock says.
    owner: &'a str,
    /// Since when its owner had it, as the lock says.
    since: DateTime<Utc>,
    /// What it would have done: one line for each tag and ref.
    moves: &'a [String],
    /// What was doubtful about it.
    cautions: Vec<&'a str>,
    /// Its tags that are not as they were before.
    moved: &'a [TagReport],
}

/// A moving tag, and what it should show.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct TagBehind<'a> {
    /// The repository of the tag.
    repository: &'a Repository,
    /// The tag's name.
    tag: &'a Tag,
    /// `right`, `missing`, `wrong` or `unreadable`.
    state: &'static str,
    /// The version that it should show.
    version: &'a Version,
    /// The image that it should show.
    want: &'a Digest,
    /// What it shows; `null`: there is no such tag, or it could not be read.
    shown: Option<&'a Digest>,
}

fn document(plan: &UnlockPlan) -> Value {
    let mut tags = Vec::new();
    for surveyed in plan.tags.iter().flat_map(|tags| &tags.repositories) {
        tags.extend(surveyed.drift.iter().map(|drift| TagBehind {
            repository: &surveyed.repository,
            tag: &drift.tag,
            state: drift.state.as_str(),
            version: &drift.version,
            want: &drift.want,
            shown: drift.shown.digest(),
        }));
    }
    plain(&UnlockDocument {
        v: 1,
        locks: plan.locks.iter().map(deleted).collect(),
        tags,
        deleted: true,
    })
}

fn deleted(lock: &LockToDelete) -> DeletedLock<'_> {
    let (why, release) = match &lock.content {
        UnlockContent::Unusable(why) => (Some(&**why), None),
        UnlockContent::Release { release, moved } => (
            None,
            Some(GivenUpRelease {
                version: &release.version,
                commit: release.commit,
                owner: &release.owner,
                since: release.since,
                moves: &release.moves,
                cautions: cautions(release).map(String::as_str).collect(),
                moved,
            }),
        ),
    };
    DeletedLock {
        name: &lock.name,
        journal: lock.journal.as_deref(),
        object: &lock.object,
        why,
        release,
        saved: lock.saved.display().to_string(),
    }
}
