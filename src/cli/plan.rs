//! `hoist plan`: everything that a release would do; touches nothing.

use std::{fmt::Write as _, process::ExitCode};

use super::{
    args::Overrides, context::Context, exit, images::Images, nothing, policy_file::PolicyFile,
    render::Terminal,
};
use crate::{
    error::Result,
    oci::{ImageName, Observed},
    release::{Plan, Planned, PlannedMove, PlannedSource, ReleaseRequest, TagAction},
};

/// Show what a release would do; touch nothing
#[derive(Debug, clap::Args)]
#[command(disable_version_flag = true)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    overrides: Overrides,
    /// For every image: each committed file of the policy's name
    #[arg(long)]
    all: bool,
}

pub(super) fn run(args: PlanArgs, context: &Context) -> Result<ExitCode> {
    let request = ReleaseRequest::new(args.overrides.request(args.all)?);
    let planned = Images::of(context.releases(args.all)?.plan(&request))?;
    print(&planned, &context.terminal);
    Ok(ExitCode::from(planned.code(|_| exit::OK)))
}

/// Every image's plan, or why it has none.
pub(super) fn print(planned: &Images<Planned>, terminal: &Terminal) {
    if terminal.json {
        terminal.json(&planned.document(|planned| match planned {
            Planned::Release(plan) => document(plan),
            Planned::NothingToRelease(nothing) => nothing::plan_document(nothing),
        }));
        return planned.tell_errors(terminal);
    }
    let plans = plans(planned);
    for (file, plan) in &plans {
        terminal.data(text(plan).trim_end());
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
    terminal.data(text(plan).trim_end());
    nothing::messages(PolicyFile::new(None), &plan.messages, terminal);
    terminal.note("nothing was built or pushed");
}

fn document(plan: &Plan) -> serde_json::Value {
    serde_json::to_value(plan).expect("a plan is plain data")
}

/// The plan as a person reads it.
pub(super) fn text(plan: &Plan) -> String {
    let mut out = String::new();
    let places: Vec<String> = plan.repositories.iter().map(ToString::to_string).collect();
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
    let _ = writeln!(
        out,
        "     Planned {} {from}{}{level} from {count} {commits}{since}",
        places.first().map_or("", String::as_str),
        plan.version
    );
    for place in places.iter().skip(1) {
        let _ = writeln!(out, "         and {place}");
    }
    let _ = writeln!(out, "     because {}", plan.why);
    for image in &plan.images {
        if let PlannedSource::Adopt { digest, from, why } = &image.source {
            let which = match (image.name.is_of_main(), image.name.variant()) {
                (true, None) => String::new(),
                (true, Some(variant)) => format!(" for {variant}"),
                (false, _) => format!(" for {}", image.name),
            };
            let _ = writeln!(out, "      adopts {}{which}: {why}", from.digest(digest));
        }
    }
    if let Some(made) = &plan.release_commit {
        let _ = writeln!(
            out,
            "     commits {} {} on `{}`: {}",
            plan.commit.short(),
            made.subject,
            made.branch.short(),
            made.files.join(", ")
        );
    }
    let _ = writeln!(
        out,
        "         git {} `{}`",
        if plan.git_tag.create { "tag" } else { "has" },
        plan.git_tag.name.short()
    );
    let mut names: Vec<ImageName> = plan.images.iter().map(|one| one.name.plain()).collect();
    names.dedup();
    for image in &names {
        let moves = plan.tags.iter();
        let moves: Vec<&PlannedMove> = moves.filter(|one| one.image.plain() == *image).collect();
        if names.len() > 1 {
            let _ = writeln!(out, "       image {image}: {}", repositories(&moves));
        }
        out.push_str(&table(&moves));
    }
    out
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

/// The tags of one image and its variants. Repositories that agree share a line.
fn table(moves: &[&PlannedMove]) -> String {
    let mut rows: Vec<[String; 4]> = Vec::new();
    for planned in moves {
        let row = row(planned);
        let same_tag: Vec<&&PlannedMove> = moves
            .iter()
            .filter(|other| other.tag == planned.tag)
            .collect();
        let agree = same_tag
            .iter()
            .all(|other| other.action == planned.action && other.before == planned.before);
        if agree {
            if same_tag
                .first()
                .is_some_and(|first| first.repository == planned.repository)
            {
                rows.push(row);
            }
        } else {
            let [tag, action, before, why] = row;
            rows.push([
                tag,
                action,
                before,
                format!("{why} ({})", planned.repository),
            ]);
        }
    }
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2)];
    let mut out = String::new();
    for [tag, action, before, why] in &rows {
        let line = format!(
            "    {tag:a$}  {action:b$}  {before:c$}  {why}",
            a = widths[0],
            b = widths[1],
            c = widths[2]
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

fn row(planned: &PlannedMove) -> [String; 4] {
    let before = match (&planned.before, planned.action) {
        (Observed::At(digest), TagAction::Move) => format!("{} → this build", digest.short()),
        (Observed::At(digest), _) => digest.short().to_owned(),
        (Observed::Absent, _) => String::new(),
        (Observed::Unknown, _) => "not readable".into(),
    };
    [
        planned.tag.to_string(),
        planned.action.as_str().to_owned(),
        before,
        planned.why.clone(),
    ]
}
