//! `hoist tags`: the tag set of a version, for use with any other builder.

mod format;
mod local;

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use serde_json::json;

use self::{
    format::{Format, Labels},
    local::Local,
};
use super::{
    Global, Terminal, exit,
    next::{Overrides, place},
};
use crate::{
    error::Result,
    io::environment::Environment,
    plan::{
        tags::{Published, TagSet},
        version::Request,
    },
};

/// Print the tags of a version, one a line, in the order in which a release writes them
#[derive(Debug, clap::Args)]
#[command(disable_version_flag = true)]
pub(super) struct Arguments {
    /// The version [default: the next one]
    #[arg(value_name = "VERSION")]
    of: Option<String>,
    /// Ask no registry: what git tags alone keep back is left out, the rest is printed
    #[arg(long)]
    offline: bool,
    /// Say for each template what it gives, or what suppresses it, on stderr
    #[arg(long)]
    explain: bool,
    /// The form
    #[arg(
        long,
        value_name = "FORM",
        default_value = "lines",
        conflicts_with = "json"
    )]
    format: Format,
    #[command(flatten)]
    overrides: Overrides,
}

/// Runs the verb.
pub(super) fn run(global: &Global, arguments: Arguments, terminal: &Terminal) -> Result<ExitCode> {
    let env = Environment::from_process();
    let request = Request::from(arguments.overrides);
    let local = Local::read(&place(global)?, &request, arguments.of.as_deref(), &env)?;
    for note in &local.notes {
        terminal.note(note);
    }
    let Some(version) = &local.version else {
        return Ok(nothing(&local, terminal));
    };
    let instant = instant(&env)?;
    let context = local.context(version, instant);
    let published: Vec<Published> = local
        .policy
        .image
        .all()
        .into_iter()
        .map(Published::not_asked)
        .collect();
    let set = crate::plan::tags::compute(&local.policy, &context, &published)?;
    let labels = local.labels(&set, &context)?;
    print(&set, &labels, arguments.format, arguments.explain, terminal);
    Ok(ExitCode::from(exit::OK))
}

fn print(set: &TagSet, labels: &Labels, format: Format, explain: bool, terminal: &Terminal) {
    if terminal.json {
        terminal.json(&format::document(set, explain));
    } else {
        let text = format::text(set, labels, format);
        if !text.is_empty() {
            terminal.data(&text);
        }
        let kept = set.tags().iter().filter(|planned| planned.is_kept());
        if !explain {
            for planned in kept {
                terminal.note(&format!("`{}` stays: {}", planned.tag, planned.why()));
            }
        }
    }
    if explain {
        for line in format::explanation(set) {
            terminal.remark(&line);
        }
    }
}

fn nothing(local: &Local, terminal: &Terminal) -> ExitCode {
    if terminal.json {
        let repositories = local.policy.image.all();
        terminal.json(&json!({
            "v": 1,
            "version": null,
            "tags": [],
            "repositories": repositories,
            "why": local.why,
        }));
    } else {
        terminal.note(&format!("nothing to release: {}", local.why));
        if let Some(version) = &local.on_head {
            terminal.note(&format!("its tags: `hoist tags {version}`"));
        }
    }
    ExitCode::from(exit::OK)
}

/// The release's instant: `SOURCE_DATE_EPOCH`, or now.
fn instant(env: &Environment) -> Result<DateTime<Utc>> {
    Ok(local::source_date(env)?.unwrap_or_else(Utc::now))
}
