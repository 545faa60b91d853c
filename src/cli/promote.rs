//! `hoist promote`: a published pre-release becomes its core version.

use std::process::ExitCode;

use super::{Context, exit, outcome, plan};
use crate::{error::Result, plan::version::request::parse_version};

/// Publish a pre-release's image under its core version: the same bytes, no build
#[derive(Debug, clap::Args)]
#[command(disable_version_flag = true)]
pub(super) struct Args {
    /// The pre-release, e.g. 1.3.0-rc.2
    #[arg(value_name = "PRERELEASE")]
    candidate: String,
    /// Show what it would do; touch nothing
    #[arg(long)]
    dry_run: bool,
    /// Taken for the sake of scripts: naming the pre-release is the word that is needed
    #[arg(long, hide = true)]
    yes: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<ExitCode> {
    let candidate = parse_version(&args.candidate)?;
    if args.dry_run {
        let planned = context.open()?.plan_promotion(&candidate)?;
        plan::show(&planned, context);
        return Ok(ExitCode::from(exit::OK));
    }
    let ended = context.open_for_work()?.promote(&candidate)?;
    Ok(outcome::print(&ended, context))
}
