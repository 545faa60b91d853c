//! `hoist resume`: finish an interrupted release, from any machine.

use std::process::ExitCode;

use super::{
    context::Context,
    outcome,
    recovery_args::{Question, RecoveryArgs},
};
use crate::{error::Result, release::Consent};

/// Finish an interrupted release, to the digest in its journal; never builds
#[derive(Debug, clap::Args)]
pub(super) struct ResumeArgs {
    #[command(flatten)]
    recovery: RecoveryArgs,
}

pub(super) fn run(args: ResumeArgs, context: &Context) -> Result<ExitCode> {
    let question = Question::new(args.recovery.yes, Consent::Given, context);
    let release = context.release_for_work()?;
    let outcome = release.resume(args.recovery.recovery(), &question.consent);
    let outcome = question.answered(outcome)?;
    let nothing = "nothing to finish: no release is unfinished";
    Ok(outcome::print_or(outcome, nothing, &context.terminal))
}
