//! `hoist resume`: finish an interrupted release, from any machine.

use std::process::ExitCode;

use super::{
    context::Context,
    ending::RunVerb,
    outcome,
    recovery_args::{RecoveryArgs, consent},
    report::ReportArgs,
};
use crate::{error::Result, release::Consent};

/// Finish an interrupted release, to the digest in its journal; never builds
#[derive(Debug, clap::Args)]
pub(super) struct ResumeArgs {
    #[command(flatten)]
    recovery: RecoveryArgs,
    #[command(flatten)]
    report: ReportArgs,
}

pub(super) fn run(args: ResumeArgs, context: &Context) -> Result<ExitCode> {
    args.report.around(RunVerb::Resume, context, |facts| {
        let consent = consent(args.recovery.yes, Consent::Given, context);
        let release = context.release_for_work()?;
        let outcome = release.resume(args.recovery.recovery(), &consent)?;
        let nothing = "nothing to finish: no release is unfinished";
        facts.ended_or(outcome.as_ref(), nothing);
        Ok(outcome::print_or(
            outcome,
            nothing,
            RunVerb::Resume,
            &context.terminal,
        ))
    })
}
