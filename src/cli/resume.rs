//! `hoist resume`: finish an interrupted release, from any machine.

use std::process::ExitCode;

use super::{context::Context, outcome, recovery_args::RecoveryArgs};
use crate::error::Result;

/// Finish an interrupted release, to the digest in its journal; never builds
#[derive(Debug, clap::Args)]
pub(super) struct ResumeArgs {
    #[command(flatten)]
    recovery: RecoveryArgs,
}

pub(super) fn run(args: ResumeArgs, context: &Context) -> Result<ExitCode> {
    let outcome = context
        .release_for_work()?
        .resume(args.recovery.recovery())?;
    let nothing = "nothing to finish: no release is unfinished";
    Ok(outcome::print_or(outcome, nothing, &context.terminal))
}
