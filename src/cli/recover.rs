//! `hoist resume` and `hoist rollback`: finish or undo an interrupted release, from any machine.

use std::process::ExitCode;

use semver::Version;

use super::{
    Context, exit, outcome,
    render::{ask, can_answer},
};
use crate::{
    error::{Error, Result},
    outcome::Outcome,
    plan::version::request::parse_version,
    release::Recovery,
};

/// Finish an interrupted release, to the digest in its journal; never builds
#[derive(Debug, clap::Args)]
pub(super) struct ResumeArgs {
    #[command(flatten)]
    how: How,
}

/// Undo an interrupted release: every tag shows again what it showed before. With a version: move its
/// moving tags back to the version before it
#[derive(Debug, clap::Args)]
#[command(disable_version_flag = true)]
pub(super) struct RollbackArgs {
    /// A finished release, whose moving tags go back, each to the version before it in its line
    #[arg(value_name = "VERSION", conflicts_with = "take_over")]
    of: Option<String>,
    /// Move them without asking; needed where there is no terminal
    #[arg(long, requires = "of")]
    yes: bool,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, clap::Args)]
struct How {
    /// Take the lock from an owner who may still be running
    #[arg(long)]
    take_over: bool,
}

impl How {
    fn recovery(&self) -> Recovery {
        if self.take_over {
            Recovery::TakeOver
        } else {
            Recovery::IfAbandoned
        }
    }
}

pub(super) fn resume(args: ResumeArgs, context: &Context) -> Result<ExitCode> {
    let ended = context.open_for_work()?.resume(args.how.recovery())?;
    Ok(end(
        ended,
        "nothing to finish: no release is unfinished",
        context,
    ))
}

pub(super) fn rollback(args: RollbackArgs, context: &Context) -> Result<ExitCode> {
    if let Some(of) = &args.of {
        return take_back(&parse_version(of)?, args.yes, context);
    }
    let ended = context.open_for_work()?.rollback(args.how.recovery())?;
    Ok(end(
        ended,
        "nothing to undo: no release is unfinished",
        context,
    ))
}

/// Moves the moving tags of a finished release back.
fn take_back(version: &Version, yes: bool, context: &Context) -> Result<ExitCode> {
    if !yes && !can_answer(context) {
        return Err(Error::usage(format!(
            "`hoist rollback {version}` asks before it moves tags, and here nobody can answer"
        ))
        .state("nothing was moved")
        .hint(format!("`hoist rollback {version} --yes` goes ahead")));
    }
    let release = context.open_for_work()?;
    let taken = release.plan_rollback(version)?;
    for (repository, tag, why) in &taken.stays {
        let what = repository.tag(tag);
        context.terminal.note(&format!("`{what}` stays: {why}"));
    }
    for (repository, drift) in taken.moves() {
        let (what, to) = (repository.tag(&drift.tag), &drift.version);
        context.terminal.note(&format!("`{what}` goes to {to}"));
    }
    let some = taken.moves().next().is_some();
    if some && !yes && !ask(&format!("Take {version} back?")) {
        return Ok(ExitCode::from(exit::OK));
    }
    let ended = release.roll_back(&taken)?;
    if ended.as_ref().is_some_and(|ended| ended.error.is_none()) {
        context.terminal.note(&format!(
            "{version} keeps its own tags; the next release of its lines moves on, and so does `hoist repair`"
        ));
    }
    let nothing = format!("no moving tag goes back from {version}");
    Ok(end(ended, &nothing, context))
}

fn end(ended: Option<Outcome>, nothing: &str, context: &Context) -> ExitCode {
    match ended {
        Some(outcome) => outcome::print(&outcome, context),
        None if context.terminal.json => {
            context.terminal.json(&serde_json::json!({
                "v": 1, "type": "outcome", "outcome": "nothing", "exit": exit::OK, "version": null,
                "why": nothing,
            }));
            ExitCode::from(exit::OK)
        }
        None => {
            context.terminal.note(nothing);
            ExitCode::from(exit::OK)
        }
    }
}
