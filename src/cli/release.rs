//! `hoist release`: build once, publish all, tag git.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{
    Context,
    all::{self, release::How},
    exit,
    next::Overrides,
    outcome, plan,
    render::{ask as ask_person, can_answer},
};
use crate::{
    error::{Error, ErrorKind, Result},
    plan::{FORMAT, Plan},
    release::{Planned, ReleaseRequest, ReleaseResult, blocking::Release},
};

/// Release: build once, move every tag or none, tag git
#[derive(Debug, clap::Args)]
#[command(disable_version_flag = true)]
pub(super) struct Args {
    #[command(flatten)]
    request: Overrides,
    /// Go ahead without asking; needed where there is no terminal
    #[arg(long)]
    yes: bool,
    /// Plan and prove that nothing would stop it; touch nothing
    #[arg(long, conflicts_with = "plan")]
    dry_run: bool,
    /// Release exactly this plan (`hoist plan --json`), or refuse
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Release files that no commit holds
    #[arg(long)]
    allow_dirty: bool,
    /// Exit 3 where there is nothing to release
    #[arg(long)]
    require_release: bool,
    /// Every image side by side: each committed file of the policy's name
    #[arg(long, conflicts_with = "plan")]
    all: bool,
}

pub(super) fn run(args: Args, context: &Context) -> Result<ExitCode> {
    let required = args.require_release;
    if args.all {
        all::refuse_version(&args.request)?;
        let how = How {
            yes: args.yes,
            dry_run: args.dry_run,
            required,
        };
        return all::release::run(&ask(&args, None), how, context);
    }
    let reviewed = args.plan.as_deref().map(read).transpose()?;
    let ask = ask(&args, reviewed.as_ref());
    let release = context.open_for_work()?;
    if args.dry_run {
        return dry_run(&release, &ask, required, context);
    }
    let mut shown = reviewed;
    if !args.yes {
        match confirm(&release, &ask, context)? {
            Confirmation::Yes(plan) => shown = shown.or(Some(*plan)),
            Confirmation::No => return Ok(ExitCode::from(exit::OK)),
            Confirmation::Nothing => return nothing_exit(required),
        }
    }
    if let Some(plan) = shown {
        let ended = release.execute(&plan, &ask)?;
        return Ok(outcome::print(&ended, context));
    }
    match release.release(&ask)? {
        ReleaseResult::Nothing(nothing) => {
            outcome::nothing(&nothing, context);
            nothing_exit(required)
        }
        ReleaseResult::Ended(ended) => Ok(outcome::print(&ended, context)),
    }
}

/// A reviewed plan says which version was meant, and from which branch.
fn ask(args: &Args, reviewed: Option<&Plan>) -> ReleaseRequest {
    let mut request: crate::plan::version::VersionRequest = args.request.clone().into();
    if let Some(plan) = reviewed {
        request.branch = request.branch.or_else(|| plan.branch.clone());
    }
    let mut ask = ReleaseRequest::new(request);
    ask.allow_dirty = args.allow_dirty;
    ask
}

fn dry_run(
    release: &Release,
    ask: &ReleaseRequest,
    required: bool,
    context: &Context,
) -> Result<ExitCode> {
    match release.dry_run(ask)? {
        Planned::NothingToRelease(nothing) => {
            plan::tell_nothing(&nothing, context);
            nothing_exit(required)
        }
        Planned::Release(planned) => {
            plan::show(&planned, context);
            Ok(ExitCode::from(exit::OK))
        }
    }
}

enum Confirmation {
    Yes(Box<Plan>),
    No,
    Nothing,
}

/// Shows the plan and asks. Where nobody can answer, that is a usage error.
fn confirm(release: &Release, ask: &ReleaseRequest, context: &Context) -> Result<Confirmation> {
    somebody_can_answer(false, context)?;
    match release.plan(ask)? {
        Planned::NothingToRelease(nothing) => {
            plan::tell_nothing(&nothing, context);
            Ok(Confirmation::Nothing)
        }
        Planned::Release(planned) => {
            let text = plan::text(&planned);
            let yes = ask_person(&format!("{text}Release {}?", planned.version));
            Ok(if yes {
                Confirmation::Yes(planned)
            } else {
                Confirmation::No
            })
        }
    }
}

/// Where nobody can answer, the question is a usage error.
pub(super) fn somebody_can_answer(all: bool, context: &Context) -> Result<()> {
    let all = if all { " --all" } else { "" };
    if !can_answer(context) {
        return Err(Error::usage(
            "`hoist release` asks before it releases, and here nobody can answer",
        )
        .state("nothing was built or moved")
        .hint(format!(
            "`hoist release{all} --yes` goes ahead; `hoist plan{all}` shows what it would do"
        )));
    }
    Ok(())
}

fn nothing_exit(required: bool) -> Result<ExitCode> {
    if required {
        return Err(Error::new(
            ErrorKind::NothingToRelease,
            "there is nothing to release",
        ));
    }
    Ok(ExitCode::from(exit::OK))
}

fn read(file: &Path) -> Result<Plan> {
    let name = file.display();
    let text = fs::read_to_string(file)
        .map_err(|error| Error::usage(format!("cannot read the plan `{name}`")).because(&error))?;
    let plan: Plan = serde_json::from_str(&text).map_err(|error| {
        Error::usage(format!("`{name}` is no plan"))
            .because(&error)
            .hint("`hoist plan --json` writes one")
    })?;
    if plan.v > FORMAT {
        return Err(Error::usage(format!(
            "`{name}` was made by a newer hoist (format {})",
            plan.v
        )));
    }
    Ok(plan)
}
