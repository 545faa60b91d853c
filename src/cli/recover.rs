//! `hoist resume` and `hoist rollback`: finish or undo an interrupted release, from any machine.

use std::process::ExitCode;

use super::{Context, exit, outcome};
use crate::{error::Result, outcome::Outcome, release::Recovery};

/// Finish an interrupted release, to the digest in its journal; never builds
#[derive(Debug, clap::Args)]
pub(super) struct ResumeArgs {
    #[command(flatten)]
    how: How,
}

/// Undo an interrupted release: every tag shows again what it showed before
#[derive(Debug, clap::Args)]
pub(super) struct RollbackArgs {
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
    let ended = context.open_for_work()?.rollback(args.how.recovery())?;
    Ok(end(
        ended,
        "nothing to undo: no release is unfinished",
        context,
    ))
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
