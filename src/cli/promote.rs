//! `hoist promote`: a published pre-release becomes its core version.

use std::process::ExitCode;

use semver::Version;

use super::{
    context::Context,
    ending::RunVerb,
    exit, outcome,
    plan::{self, PlanView},
    question::{confirm, needs_answer},
    report::{ReportArgs, RunFacts},
};
use crate::{error::Result, project::parse_version, release::ReleaseRequest};

/// Publish a pre-release's image under its core version: the same bytes, no build
#[derive(Debug, clap::Args)]
pub(super) struct PromoteArgs {
    /// The pre-release, e.g. 1.3.0-rc.2
    #[arg(value_name = "PRERELEASE", add = super::candidates::prereleases())]
    candidate: String,
    /// Go ahead without asking; needed where there is no terminal
    #[arg(short, long)]
    yes: bool,
    /// Leave out the policy's hooks, the gate among them; the git tag says so
    #[arg(long)]
    skip_hooks: bool,
    /// Show what it would do; touch nothing
    #[arg(long, conflicts_with = "report")]
    dry_run: bool,
    /// Promote by a policy that no commit holds
    #[arg(long)]
    allow_dirty: bool,
    #[command(flatten)]
    report: ReportArgs,
}

pub(super) fn run(args: PromoteArgs, context: &Context) -> Result<ExitCode> {
    let terminal = &context.terminal;
    let candidate = parse_version(&args.candidate)?;
    if args.dry_run {
        let planned = context
            .release()?
            .for_publishing()
            .plan_promotion(&candidate)?;
        plan::print_one(&planned, terminal);
        return Ok(ExitCode::from(exit::OK));
    }
    args.report.around(RunVerb::Promote, context, |facts| {
        promoted(&args, &candidate, context, facts)
    })
}

fn promoted(
    args: &PromoteArgs,
    candidate: &Version,
    context: &Context,
    facts: &mut RunFacts,
) -> Result<ExitCode> {
    let terminal = &context.terminal;
    let mut request = ReleaseRequest::default();
    request.allow_dirty = args.allow_dirty;
    let release = context.release_for_work()?.with_hooks(!args.skip_hooks);
    release.must_be_prerelease(candidate)?;
    let done = match args.yes {
        true => release.promote(candidate, &request),
        false => {
            let shown = release.propose_promotion(candidate, &request)?;
            needs_answer(
                terminal,
                "`hoist promote` asks before it publishes",
                "nothing was moved",
                Some(&format!(
                    "`hoist promote {candidate} --dry-run` shows what it would do"
                )),
            )?;
            let question = format!(
                "{}Release {}?",
                plan::text(&shown, PlanView::on_stderr(terminal)),
                shown.version
            );
            confirm(&question, "not promoted", &context.cancel)?;
            terminal.agree();
            release.execute_promotion(candidate, &shown, &request)
        }
    };
    facts.plan = release.last_plan();
    let outcome = done?;
    facts.outcome = Some(outcome.clone());
    Ok(outcome::print(&outcome, RunVerb::Promote, terminal))
}
