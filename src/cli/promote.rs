//! `hoist promote`: a published pre-release becomes its core version.

use std::process::ExitCode;

use super::{context::Context, exit, outcome, plan};
use crate::{error::Result, project::parse_version};

/// Publish a pre-release's image under its core version: the same bytes, no build
#[derive(Debug, clap::Args)]
#[command(disable_version_flag = true)]
pub(super) struct PromoteArgs {
    /// The pre-release, e.g. 1.3.0-rc.2
    #[arg(value_name = "PRERELEASE")]
    candidate: String,
    /// Leave out the policy's hooks, the gate among them; the git tag says so
    #[arg(long)]
    skip_hooks: bool,
    /// Show what it would do; touch nothing
    #[arg(long)]
    dry_run: bool,
    /// Accepted for the sake of scripts: naming the pre-release is all the consent that is needed
    #[arg(long, hide = true)]
    yes: bool,
}

pub(super) fn run(args: PromoteArgs, context: &Context) -> Result<ExitCode> {
    let candidate = parse_version(&args.candidate)?;
    if args.dry_run {
        let planned = context
            .release()?
            .for_publishing()
            .plan_promotion(&candidate)?;
        plan::print_one(&planned, &context.terminal);
        return Ok(ExitCode::from(exit::OK));
    }
    let outcome = context
        .release_for_work()?
        .with_hooks(!args.skip_hooks)
        .promote(&candidate)?;
    Ok(outcome::print(&outcome, &context.terminal))
}
