//! `hoist rollback`: undo an interrupted release from any machine, or take a finished one back.

use std::process::ExitCode;

use semver::Version;

use super::{
    context::Context,
    outcome,
    question::{confirm, needs_answer},
    recovery_args::{RecoveryArgs, consent},
};
use crate::{
    error::Result,
    project::parse_version,
    release::{Consent, RollbackPlan},
};

/// Undo an interrupted release: every tag shows again what it showed before. With a version: move its
/// moving tags back to the version before it
#[derive(Debug, clap::Args)]
#[command(disable_version_flag = true)]
pub(super) struct RollbackArgs {
    /// A finished release, whose moving tags go back, each to the version before it in its line
    #[arg(value_name = "VERSION", conflicts_with = "take_over")]
    of: Option<String>,
    #[command(flatten)]
    recovery: RecoveryArgs,
}

pub(super) fn run(args: RollbackArgs, context: &Context) -> Result<ExitCode> {
    if let Some(of) = &args.of {
        return take_back(&parse_version(of)?, args.recovery.yes, context);
    }
    let consent = consent(args.recovery.yes, Consent::Given, context);
    let release = context.release_for_work()?;
    let outcome = release.roll_back_unfinished(args.recovery.recovery(), &consent);
    let outcome = outcome?;
    let nothing = "nothing to undo: no release is unfinished";
    Ok(outcome::print_or(outcome, nothing, &context.terminal))
}

/// Moves the moving tags of a finished release back.
fn take_back(version: &Version, yes: bool, context: &Context) -> Result<ExitCode> {
    let terminal = &context.terminal;
    let release = context.release_for_work()?;
    if let Some(error) = release.hindrance()? {
        return Err(error);
    }
    // First whether there is such a version, and what would move.
    let plan = release.plan_take_back(version)?;
    show(&plan, context);
    if plan.moves().next().is_some() && !yes {
        let asks = format!("`hoist rollback {version}` asks before it moves tags");
        needs_answer(terminal, &asks, "nothing was moved", None)?;
        let question = format!("Take {version} back?");
        let undone = format!("{version} was not taken back");
        confirm(&question, &undone, &context.cancel)?;
    }
    let outcome = release.take_back(&plan)?;
    if outcome
        .as_ref()
        .is_some_and(|outcome| outcome.error.is_none())
    {
        terminal.note(&format!(
            "{version} keeps its own tags; the next release of its lines moves on, and so does `hoist repair`"
        ));
    }
    let nothing = format!("no moving tag goes back from {version}");
    Ok(outcome::print_or(outcome, &nothing, terminal))
}

fn show(plan: &RollbackPlan, context: &Context) {
    for (repository, tag, why) in &plan.stays {
        let what = repository.tag(tag);
        context.terminal.note(&format!("`{what}` stays: {why}"));
    }
    for (repository, drift) in plan.moves() {
        let (what, to) = (repository.tag(&drift.tag), &drift.version);
        context.terminal.note(&format!("`{what}` goes to {to}"));
    }
}
