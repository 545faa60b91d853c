//! `hoist plan`: everything that a release would do; touches nothing.

use std::{fmt::Write as _, process::ExitCode};

use super::{Context, all, exit, next::Overrides};
use crate::{
    error::Result,
    oci::Observed,
    plan::{Plan, PlannedMove, PlannedSource, tags::Action},
    project::ImageResult,
    release::{NothingToRelease, Planned, ReleaseRequest},
};

/// Show what a release would do; touch nothing
#[derive(Debug, clap::Args)]
#[command(disable_version_flag = true)]
pub(super) struct Args {
    #[command(flatten)]
    request: Overrides,
    /// For every image: each committed file of the policy's name
    #[arg(long)]
    all: bool,
}

pub(super) fn run(args: Args, context: &Context) -> Result<ExitCode> {
    if args.all {
        all::refuse_version(&args.request)?;
    }
    let ask = ReleaseRequest::new(args.request.into());
    if args.all {
        let each = context.open_set(true)?.plan(&ask);
        return Ok(ExitCode::from(show_all(&each, context)));
    }
    let release = context.open()?;
    match release.plan(&ask)? {
        Planned::Release(plan) => show(&plan, context),
        Planned::NothingToRelease(nothing) => tell_nothing(&nothing, context),
    }
    Ok(ExitCode::from(exit::OK))
}

/// The plan on stdout.
pub(super) fn show(plan: &Plan, context: &Context) {
    if context.terminal.json {
        let document = serde_json::to_value(plan).expect("a plan is plain data");
        return context.terminal.json(&document);
    }
    context.terminal.data(text(plan).trim_end());
    messages(&plan.messages, context);
    context.terminal.note("nothing was built or pushed");
}

/// Why there is nothing to release, and what is not as it should be all the same.
pub(super) fn tell_nothing(nothing: &NothingToRelease, context: &Context) {
    if context.terminal.json {
        return context.terminal.json(&nothing_document(nothing));
    }
    context
        .terminal
        .note(&format!("nothing to release: {}", nothing.why));
    messages(&nothing.messages, context);
}

fn nothing_document(nothing: &NothingToRelease) -> serde_json::Value {
    serde_json::json!({
        "v": 1,
        "version": null,
        "current": nothing.current,
        "why": nothing.why,
        "messages": nothing.messages,
    })
}

/// Every image's plan; the exit code.
pub(super) fn show_all(each: &[ImageResult<Planned>], context: &Context) -> u8 {
    if context.terminal.json {
        let document = |planned: &Planned| match planned {
            Planned::Release(plan) => serde_json::to_value(plan).expect("a plan is plain data"),
            Planned::NothingToRelease(nothing) => nothing_document(nothing),
        };
        let entry = |one: &ImageResult<Planned>| {
            let document = one.result.as_ref().map(document);
            all::entry(all::config(one), document)
        };
        let entries: Vec<_> = each.iter().map(entry).collect();
        context.terminal.json(&all::document(&entries));
        all::tell_errors(each, &context.terminal);
    } else {
        for one in each {
            if let Ok(Planned::Release(plan)) = &one.result {
                context.terminal.data(text(plan).trim_end());
                messages_of(all::config(one), &plan.messages, context);
            }
        }
        tell_others(each, context);
        context.terminal.note("nothing was built or pushed");
    }
    all::code(each, |_| exit::OK)
}

/// The images without a plan: nothing to release, or what is in the way.
pub(super) fn tell_others(each: &[ImageResult<Planned>], context: &Context) {
    for one in each {
        if let Ok(Planned::NothingToRelease(nothing)) = &one.result {
            tell_nothing_of(all::config(one), nothing, context);
        }
    }
    all::tell_errors(each, &context.terminal);
}

/// Why there is nothing to release for one of several images.
pub(super) fn tell_nothing_of(config: &str, nothing: &NothingToRelease, context: &Context) {
    let why = format!("`{config}`: nothing to release: {}", nothing.why);
    context.terminal.note(&why);
    messages_of(config, &nothing.messages, context);
}

fn messages_of(config: &str, messages: &[String], context: &Context) {
    for message in messages {
        let message = all::about(config, message);
        context.terminal.note(&format!("`{config}`: {message}"));
    }
}

pub(super) fn messages(messages: &[String], context: &Context) {
    for message in messages {
        context.terminal.note(message);
    }
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
            let which = image
                .variant
                .name()
                .map_or(String::new(), |v| format!(" for {v}"));
            let _ = writeln!(out, "      adopts {}{which}: {why}", from.digest(digest));
        }
    }
    if let Some(made) = &plan.release_commit {
        let _ = writeln!(
            out,
            "     commits {} {} on `{}`: {}",
            plan.commit.get(..7).unwrap_or(&plan.commit),
            made.subject,
            made.branch,
            made.files.join(", ")
        );
    }
    let _ = writeln!(
        out,
        "         git {} `{}`",
        if plan.git_tag.create { "tag" } else { "has" },
        plan.git_tag.name
    );
    out.push_str(&table(plan));
    out
}

fn table(plan: &Plan) -> String {
    let mut rows: Vec<[String; 4]> = Vec::new();
    for planned in &plan.tags {
        let row = row(planned);
        let same_tag: Vec<&PlannedMove> = plan
            .tags
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
        (Observed::At(digest), Action::Move) => format!("{} → this build", digest.short()),
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
