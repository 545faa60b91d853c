//! `hoist resume`: finish an interrupted release, from any machine.

use std::process::ExitCode;

use super::{
    context::Context,
    ending::RunVerb,
    outcome,
    recovery_args::{RecoveryArgs, consent},
};
use crate::{error::Result, release::Consent};

/// Finish an interrupted release, to the digest in its journal; never builds
#[derive(Debug, clap::Args)]
pub(super) struct ResumeArgs {
    #[command(flatten)]
    recovery: RecoveryArgs,
}

pub(super) fn run(args: ResumeArgs, context: &Context) -> Result<ExitCode> {
    let consent = consent(args.recovery.yes, Consent::Given, context);
    let release = context.release_for_work()?;
    let outcome = release.resume(args.recovery.recovery(), &consent);
    let outcome = outcome?;
    let nothing = "nothing to finish: no release is unfinished";
    Ok(outcome::print_or(
        outcome,
        nothing,
        RunVerb::Resume,
        &context.terminal,
    ))
}
