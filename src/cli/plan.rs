//! `hoist plan`: everything that a release would do; touches nothing.

use std::process::ExitCode;

use anstyle::Style;

use super::{
    args::Overrides,
    context::Context,
    exit,
    images::Images,
    nothing,
    policy_file::PolicyFile,
    render::{self, Terminal, VERB},
    table::{self, Meaning, TableCell},
};
use crate::{
    error::Result,
    oci::{ImageName, Observed, Repository},
    release::{Plan, Planned, PlannedMove, PlannedSource, ReleaseRequest, TagAction},
};

/// Show what a release would do; touch nothing
#[derive(Debug, clap::Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    overrides: Overrides,
    /// Say why for every tag, not only for those that stay
    #[arg(long)]
    explain: bool,
    /// Exit 3 where there is nothing to release
    #[arg(long)]
    require_release: bool,
    /// For every image: each committed file of the policy's name
    #[arg(long)]
    all: bool,
}

pub(super) fn run(args: PlanArgs, context: &Context) -> Result<ExitCode> {
    let request = ReleaseRequest::new(args.overrides.request(args.all)?);
    let planned = Images::of(context.releases(args.all)?.plan(&request))?;
    print(&planned, args.explain, &context.terminal);
    let is_nothing =
        |planned: &Result<Planned>| matches!(planned, Ok(Planned::NothingToRelease(_)));
    if args.require_release && planned.iter().all(|(_, planned)| is_nothing(planned)) {
        return Ok(ExitCode::from(exit::NOTHING));
    }
    Ok(ExitCode::from(planned.code(|_| exit::OK)))
}

/// Every image's plan, or why it has none.
pub(super) fn print(planned: &Images<Planned>, explain: bool, terminal: &Terminal) {
    if terminal.json {
        terminal.json(&planned.document(|planned| match planned {
            Planned::Release(plan) => document(plan),
            Planned::NothingToRelease(nothing) => nothing::plan_document(nothing),
        }));
        return planned.tell_errors(terminal);
    }
    let plans = plans(planned);
    for (file, plan) in &plans {
        terminal.styled(text(plan, PlanView::on_stdout(explain, terminal)).trim_end());
        nothing::messages(*file, &plan.messages, terminal);
    }
    tell_without_plan(planned, terminal);
    if planned.are_labelled() || !plans.is_empty() {
        terminal.note("nothing was built or pushed");
    }
}

/// The plans, without the images that have none.
pub(super) fn plans(planned: &Images<Planned>) -> Vec<(PolicyFile<'_>, &Plan)> {
    planned
        .values()
        .filter_map(|(file, planned)| match planned {
            Planned::Release(plan) => Some((file, plan.as_ref())),
            Planned::NothingToRelease(_) => None,
        })
        .collect()
}

/// The images without a plan: nothing to release, or what is in the way.
pub(super) fn tell_without_plan(planned: &Images<Planned>, terminal: &Terminal) {
    for (file, planned) in planned.values() {
        if let Planned::NothingToRelease(nothing) = planned {
            nothing::tell(file, nothing, terminal);
        }
    }
    planned.tell_errors(terminal);
}

/// A plan that was asked for by name.
pub(super) fn print_one(plan: &Plan, terminal: &Terminal) {
    if terminal.json {
        return terminal.json(&document(plan));
    }
    terminal.styled(text(plan, PlanView::on_stdout(false, terminal)).trim_end());
    nothing::messages(PolicyFile::new(None), &plan.messages, terminal);
    terminal.note("nothing was built or pushed");
}

fn document(plan: &Plan) -> serde_json::Value {
    serde_json::to_value(plan).expect("a plan is plain data")
}

/// How a plan is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlanView {
    /// The reasons of all tags, not only of those that stay or are not known.
    pub(super) explain: bool,
    /// The terminal's width.
    pub(super) width: Option<usize>,
}

impl PlanView {
    fn on_stdout(explain: bool, terminal: &Terminal) -> Self {
        Self {
            explain: explain || terminal.verbose > 0,
            width: terminal.width(),
        }
    }

    /// Before a question.
    pub(super) fn on_stderr(terminal: &Terminal) -> Self {
        Self {
            explain: terminal.verbose > 0,
            width: terminal.stderr_width(),
        }
    }
}

/// The plan as a person reads it: harmless lines, styled.
pub(super) fn text(plan: &Plan, view: PlanView) -> String {
    let mut lines = head(plan, view.width);
    let mut names: Vec<ImageName> = plan.images.iter().map(|one| one.name.plain()).collect();
    names.dedup();
    for image in &names {
        let moves = plan.tags.iter();
        let moves: Vec<&PlannedMove> = moves.filter(|one| one.image.plain() == *image).collect();
        if names.len() > 1 {
            let text = format!("{image}: {}", repositories(&moves));
            lines.push(render::step_lines(Style::new(), "image", &text, view.width));
        }
        lines.extend(table::lines(&rows(&moves, view.explain), 4, view.width));
    }
    lines.join("\n") + "\n"
}

/// The repositories that tags are in, each once.
fn repositories(moves: &[&PlannedMove]) -> String {
    let mut places: Vec<String> = Vec::new();
    for place in moves.iter().map(|one| one.repository.to_string()) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places.join(", ")
}

/// The tags of one image and its variants. Repositories that agree share a row.
fn rows(moves: &[&PlannedMove], explain: bool) -> Vec<Vec<TableCell>> {
    let mut rows = Vec::new();
    for planned in moves {
        let mut same_tag = moves.iter().filter(|other| other.tag == planned.tag);
        let agree = same_tag
            .clone()
            .all(|other| other.action == planned.action && other.before == planned.before);
        let is_first = same_tag
            .next()
            .is_some_and(|first| first.repository == planned.repository);
        if !agree {
            rows.push(row(planned, explain, Some(&planned.repository)));
        } else if is_first {
            rows.push(row(planned, explain, None));
        }
    }
    rows
}

/// What is released from where, and what happens beside the tags.
fn head(plan: &Plan, width: Option<usize>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut add = |style: Style, verb: &str, text: &str| {
        lines.push(render::step_lines(style, verb, text, width));
    };
    let plain = Style::new();
    let mut places = plan.repositories.iter().map(ToString::to_string);
    let first = places.next().unwrap_or_default();
    add(VERB, "Planned", &format!("{first} {}", released(plan)));
    for place in places {
        add(plain, "and", &place);
    }
    add(plain, "because", &plan.why);
    for image in &plan.images {
        if let PlannedSource::Adopt { digest, from, why } = &image.source {
            let which = match (image.name.is_of_main(), image.name.variant()) {
                (true, None) => String::new(),
                (true, Some(variant)) => format!(" for {variant}"),
                (false, _) => format!(" for {}", image.name),
            };
            let text = format!("{}{which}: {why}", from.digest(digest));
            add(plain, "adopts", &text);
        }
    }
    if let Some(made) = &plan.release_commit {
        let text = format!(
            "{} {} on `{}`: {}",
            plan.commit.short(),
            made.subject,
            made.branch.short(),
            made.files.join(", ")
        );
        add(plain, "commits", &text);
    }
    let verb = if plan.git_tag.create { "tag" } else { "has" };
    let text = format!("{verb} `{}`", plan.git_tag.name.short());
    add(plain, "git", &text);
    if let Some(forge) = &plan.forge {
        add(plain, "forge", &format!("makes {forge}"));
    }
    lines
}

/// The version, and what it comes from.
fn released(plan: &Plan) -> String {
    let from = plan
        .current
        .as_ref()
        .map_or(String::new(), |current| format!("{current} → "));
    let level = plan.bump.map_or(String::new(), |bump| format!(" ({bump})"));
    let since = match &plan.range_from {
        Some(version) => format!(" since {version}"),
        None => String::new(),
    };
    let count = plan.commits.len();
    let commits = if count == 1 { "commit" } else { "commits" };
    format!(
        "{from}{}{level} from {count} {commits}{since}",
        plan.version
    )
}

fn row(planned: &PlannedMove, explain: bool, only_in: Option<&Repository>) -> Vec<TableCell> {
    let before = match (&planned.before, planned.action) {
        (Observed::At(digest), TagAction::Move) => format!("{} → this build", digest.short()),
        (Observed::At(digest), _) => digest.short().to_owned(),
        (Observed::Absent, _) => String::new(),
        (Observed::Unknown, _) => "not readable".into(),
    };
    let meaning = match planned.action {
        TagAction::Create => Meaning::Good,
        TagAction::Move => Meaning::Change,
        TagAction::Keep | TagAction::Same => Meaning::Quiet,
        TagAction::Unknown | TagAction::Mixed => Meaning::Bad,
    };
    // That a tag is made for this release, or moves to it, is what a release is for.
    let is_expected = matches!(planned.action, TagAction::Create | TagAction::Move)
        && planned.successor.is_none();
    let why = match is_expected && !explain {
        true => "",
        false => planned.why.as_str(),
    };
    let why = match only_in {
        None => why.to_owned(),
        Some(repository) if why.is_empty() => format!("in {repository}"),
        Some(repository) => format!("{why} (in {repository})"),
    };
    vec![
        planned.tag.to_string().into(),
        TableCell::new(planned.action.as_str(), meaning),
        before.into(),
        why.into(),
    ]
}
