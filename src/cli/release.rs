//! `hoist release`: build once, publish all, tag git.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use serde_json::Value;

use super::{
    args::Overrides,
    ci::{RunEnd, RunReport},
    context::Context,
    ending::RunVerb,
    exit,
    images::{self, Images},
    nothing, outcome,
    plan::{self, PlanView},
    plan_file::{PlanFile, read_plan},
    policy_file::PolicyFile,
    question::{confirm, needs_answer},
    recovery_args::consent,
    render::Terminal,
    report::{ReportArgs, RunFacts},
};
use crate::{
    error::Result,
    outcome::OutcomeKind,
    policy::parse_duration,
    project::{ImageResult, Project, VersionRequest, Wanted},
    release::{Cancel, Consent, LegPath, Plan, Planned, ReleaseRequest, ReleaseResult},
};

/// Release: build once, move every tag or none, tag git
#[derive(Debug, clap::Args)]
pub(super) struct ReleaseArgs {
    #[command(flatten)]
    overrides: Overrides,
    /// Go ahead without asking; needed where there is no terminal
    #[arg(short, long)]
    yes: bool,
    /// Plan and prove that nothing would stop it; touch nothing
    #[arg(long, conflicts_with = "report")]
    dry_run: bool,
    /// Release exactly this plan (`hoist plan --json`), or refuse; with `--dry-run` prove that it still holds
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Join legs of other machines: layouts, archives, files of `build --stage`; [IMAGE[/VARIANT]=]PATH
    #[arg(long, value_name = "LEG", num_args = 1.., conflicts_with = "all")]
    from: Vec<String>,
    /// Release files that no commit holds
    #[arg(long)]
    allow_dirty: bool,
    /// Release a layout although another release published the same image
    #[arg(long)]
    allow_same_image: bool,
    /// Leave out the policy's hooks, the gate among them; the git tag says so
    #[arg(long)]
    skip_hooks: bool,
    /// Wait so long for a release that is running, e.g. `10m`; then plan anew
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    wait: Option<Duration>,
    /// Release an image that is over `[image.budget]`
    #[arg(long)]
    over_budget: bool,
    /// Exit 3 where there is nothing to release
    #[arg(long)]
    require_release: bool,
    /// Every image side by side: each committed file of the policy's name
    #[arg(long, conflicts_with_all = ["plan", "report"])]
    all: bool,
    #[command(flatten)]
    report: ReportArgs,
}

pub(super) fn run(args: ReleaseArgs, context: &Context) -> Result<ExitCode> {
    if args.dry_run {
        return dry_run(&args, context);
    }
    let report = args.report.clone();
    report.around(RunVerb::Release, context, |facts| {
        released(&args, context, facts)
    })
}

fn released(args: &ReleaseArgs, context: &Context, facts: &mut RunFacts) -> Result<ExitCode> {
    let terminal = &context.terminal;
    let reviewed = match reviewed(args, context)? {
        // Somebody has seen that nothing is released, so nothing is.
        Some(PlanFile::Nothing(nothing)) => {
            facts.nothing = Some(("nothing", nothing.why.clone()));
            let nothing = ReleaseResult::Nothing(nothing);
            let done = Images::of(vec![ImageResult::new(None, Ok(nothing))])?;
            return print(&done, args.require_release, terminal);
        }
        Some(PlanFile::Release(plan)) => Some(plan),
        None => None,
    };
    let request = asked_for(args, reviewed.as_deref(), context)?;
    let releases = context
        .releases_for_work(args.all)?
        .with_hooks(!args.skip_hooks)
        .for_publishing();
    let mut shown = reviewed.map(|plan| {
        let planned = Planned::Release(plan);
        vec![ImageResult::new(None, Ok(planned))]
    });
    if !args.yes {
        can_answer(args.all, terminal)?;
        let planned = Images::of(releases.propose(&request))?;
        plan::tell_without_plan(&planned, terminal);
        if !is_asked(&planned, terminal, &context.cancel)? {
            for (_, planned) in planned.values() {
                if let Planned::NothingToRelease(nothing) = planned {
                    facts.nothing = Some(("nothing", nothing.why.clone()));
                }
            }
            return without_plan(&planned, args.require_release, terminal);
        }
        shown = shown.or_else(|| Some(planned.into_results()));
    }
    let done = match shown {
        Some(shown) => releases.execute(shown, &request),
        None => releases.release(&request),
    };
    facts.plan = releases.members().first().and_then(|one| one.last_plan());
    let done = Images::of(done)?;
    tell_facts(&done, facts);
    report(&done, args.all, context);
    print(&done, args.require_release, terminal)
}

/// The plan that `--plan` names.
fn reviewed(args: &ReleaseArgs, context: &Context) -> Result<Option<PlanFile>> {
    let file = args.plan.as_deref().map(|file| context.path(file));
    file.as_deref().map(read_plan).transpose()
}

/// What a report of the only image is made from.
fn tell_facts(done: &Images<ReleaseResult>, facts: &mut RunFacts) {
    for (_, result) in done.values() {
        match result {
            ReleaseResult::Ended(ended) => facts.outcome = Some((**ended).clone()),
            ReleaseResult::Nothing(nothing) => {
                facts.nothing = Some(("nothing", nothing.why.clone()));
            }
        }
    }
}

/// Shows the plans, having proven that nothing would stop them. It publishes nothing, so a password
/// that names no host is not used.
fn dry_run(args: &ReleaseArgs, context: &Context) -> Result<ExitCode> {
    let terminal = &context.terminal;
    let reviewed = match reviewed(args, context)? {
        Some(PlanFile::Nothing(nothing)) => {
            let nothing = Planned::NothingToRelease(nothing);
            let planned = Images::of(vec![ImageResult::new(None, Ok(nothing))])?;
            plan::print(&planned, false, terminal);
            return without_plan(&planned, args.require_release, terminal);
        }
        Some(PlanFile::Release(plan)) => Some(plan),
        None => None,
    };
    let mut request = asked_for(args, reviewed.as_deref(), context)?;
    request.reviewed = reviewed;
    // With `--json` the plan is the one document.
    let releases = match terminal.json {
        true => context.releases(args.all)?,
        false => context.releases_for_work(args.all)?,
    };
    let releases = releases.with_hooks(!args.skip_hooks);
    let planned = Images::of(releases.dry_run(&request))?;
    plan::print(&planned, false, terminal);
    without_plan(&planned, args.require_release, terminal)
}

/// Tells the CI service what came of each image.
fn report(done: &Images<ReleaseResult>, all: bool, context: &Context) {
    let mut notes = match context.terminal.ci.wants_notes() {
        true => notes_of(done, all, context).into_iter(),
        false => Vec::new().into_iter(),
    };
    let reports = done.iter().map(|(label, result)| {
        let end = match result {
            Ok(ReleaseResult::Nothing(nothing)) => RunEnd::Nothing(&nothing.why),
            Ok(ReleaseResult::Ended(ended)) => RunEnd::Ended(ended),
            Err(error) => RunEnd::Failed(error),
        };
        let mut report = RunReport::new(label, end);
        report.notes = notes.next().flatten();
        report
    });
    context.terminal.report(&reports.collect::<Vec<_>>());
}

/// The notes of what was published, an entry an image. They are read from git once more; where they
/// cannot be read, the release is none the worse.
fn notes_of(done: &Images<ReleaseResult>, all: bool, context: &Context) -> Vec<Option<String>> {
    let Ok(projects) = context.projects(all) else {
        return Vec::new();
    };
    let today = chrono::Utc::now().date_naive();
    let results = done.iter().map(|(_, result)| result);
    let one = |(project, result): (&Project, &Result<ReleaseResult>)| match result {
        Ok(ReleaseResult::Ended(ended)) if ended.kind == OutcomeKind::Published => {
            let wanted = Wanted::Version(ended.version.clone());
            let notes = project.notes(&wanted, &VersionRequest::default(), today);
            project.render_notes(&notes.ok()?).ok()
        }
        _ => None,
    };
    projects.projects().iter().zip(results).map(one).collect()
}

/// What is asked for, and who agrees to what else may be met.
fn asked_for(
    args: &ReleaseArgs,
    reviewed: Option<&Plan>,
    context: &Context,
) -> Result<ReleaseRequest> {
    let mut request = request(args, reviewed, context)?;
    request.consent = consent(args.yes, Consent::GivenIfProven, context);
    Ok(request)
}

/// A reviewed plan says which branch was meant.
fn request(
    args: &ReleaseArgs,
    reviewed: Option<&Plan>,
    context: &Context,
) -> Result<ReleaseRequest> {
    let mut request = args.overrides.clone().request(args.all)?;
    if let Some(plan) = reviewed {
        request.branch = request.branch.or_else(|| plan.branch.clone());
    }
    let mut request = ReleaseRequest::new(request);
    request.allow_dirty = args.allow_dirty;
    request.allow_same_image = args.allow_same_image;
    request.wait = args.wait;
    let leg = |text: &String| LegPath {
        text: text.clone(),
        directory: context.directory().to_owned(),
    };
    request.from = args.from.iter().map(leg).collect();
    request.over_budget = args.over_budget;
    Ok(request)
}

fn can_answer(all: bool, terminal: &Terminal) -> Result<()> {
    let all = if all { " --all" } else { "" };
    needs_answer(
        terminal,
        "`hoist release` asks before it releases",
        "nothing was built or moved",
        Some(&format!("`hoist plan{all}` shows what it would do")),
    )
}

/// Shows every plan and asks once, and goes on only after a yes. Where no image has a plan, nothing is
/// asked.
fn is_asked(planned: &Images<Planned>, terminal: &Terminal, cancel: &Cancel) -> Result<bool> {
    let plans = plan::plans(planned);
    let what = match &*plans {
        [] => return Ok(false),
        [(_, plan)] if !planned.are_labelled() => plan.version.to_string(),
        [_] => "1 image".to_owned(),
        plans => format!("{} images", plans.len()),
    };
    let shown: String = plans
        .iter()
        .map(|(_, plan)| plan::text(plan, PlanView::on_stderr(terminal)))
        .collect();
    confirm(&format!("{shown}Release {what}?"), "not released", cancel)?;
    terminal.agree();
    Ok(true)
}

/// The end where nothing was carried out.
fn without_plan(
    planned: &Images<Planned>,
    required: bool,
    terminal: &Terminal,
) -> Result<ExitCode> {
    let nothing = |result: &Result<Planned>| matches!(result, Ok(Planned::NothingToRelease(_)));
    if required && planned.iter().all(|(_, result)| nothing(result)) {
        return missed(planned.are_labelled(), terminal);
    }
    Ok(ExitCode::from(planned.code(|_| exit::OK)))
}

/// What came of each image, and the end of the process.
fn print(done: &Images<ReleaseResult>, required: bool, terminal: &Terminal) -> Result<ExitCode> {
    let mut lines = Vec::new();
    for (file, result) in done.iter() {
        let line = line(result);
        if terminal.json {
            terminal.json(&images::line(file, line.clone()));
        } else {
            tell(file, result, terminal);
        }
        lines.push((file, line));
    }
    let nothing = |result: &Result<ReleaseResult>| matches!(result, Ok(ReleaseResult::Nothing(_)));
    let missing = required && done.iter().all(|(_, result)| nothing(result));
    let code = match missing {
        true => exit::NOTHING,
        false => done.code(code),
    };
    if terminal.json && done.are_labelled() {
        terminal.json(&outcome::of_all(&lines, code));
    }
    match missing {
        true => missed(done.are_labelled(), terminal),
        false => Ok(ExitCode::from(code)),
    }
}

/// The end where a release was required and there was nothing to release.
fn missed(several: bool, terminal: &Terminal) -> Result<ExitCode> {
    let error = nothing::required(several);
    if !several {
        return Err(error);
    }
    // Of several images, the last JSON line has told the outcome already.
    terminal.error(&error);
    Ok(exit::code(&error))
}

fn code(done: &ReleaseResult) -> u8 {
    match done {
        ReleaseResult::Nothing(_) => exit::OK,
        ReleaseResult::Ended(ended) => outcome::code(ended),
    }
}

/// One image for a person: references on stdout, the rest on stderr.
fn tell(file: PolicyFile<'_>, result: &Result<ReleaseResult>, terminal: &Terminal) {
    match result {
        Ok(ReleaseResult::Nothing(nothing)) => nothing::tell(file, nothing, terminal),
        Ok(ReleaseResult::Ended(ended)) => outcome::tell(file, ended, RunVerb::Release, terminal),
        Err(error) => terminal.error(&file.error(error)),
    }
}

/// The outcome of one image as a JSON line.
fn line(result: &Result<ReleaseResult>) -> Value {
    match result {
        Ok(ReleaseResult::Nothing(nothing)) => nothing::outcome_line(nothing),
        Ok(ReleaseResult::Ended(ended)) => outcome::document(ended),
        Err(error) => outcome::failed(error),
    }
}
