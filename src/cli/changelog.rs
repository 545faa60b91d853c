//! `hoist changelog`: release notes from the commits.

use std::process::ExitCode;

use serde::Serialize;
use serde_json::Value;

use super::{
    args::Overrides,
    context::Context,
    exit,
    images::{Images, plain},
};
use crate::{
    error::Result,
    project::{Project, ReleaseNotes, Wanted},
};

/// Print release notes as markdown: of the next version, of a released one, or of a range
#[derive(Debug, clap::Args)]
pub(super) struct ChangelogArgs {
    /// A released version (`1.2.3`) or a range (`v1.2.0..HEAD`); without one, what is not released yet
    #[arg(value_name = "VERSION|RANGE", add = super::candidates::versions())]
    of: Option<String>,
    /// Leave out the heading, as in the message of the git tag
    #[arg(long)]
    no_heading: bool,
    /// Put the notes into `CHANGELOG.md`, before the older ones
    #[arg(long, conflicts_with = "no_heading")]
    write: bool,
    #[command(flatten)]
    overrides: Overrides,
    /// For every image: each committed file of the policy's name
    #[arg(long)]
    all: bool,
}

/// The notes of one image, and what became of them.
enum Written {
    Text { text: String, document: Value },
    File { name: String, title: String },
}

pub(super) fn run(args: ChangelogArgs, context: &Context) -> Result<ExitCode> {
    let terminal = &context.terminal;
    let wanted = match &args.of {
        Some(text) => Wanted::parse(text)?,
        None => Wanted::Next,
    };
    let request = args.overrides.request(args.all)?;
    let today = chrono::Utc::now().date_naive();
    let written = context.projects(args.all)?.each(|project| {
        let mut notes = project.notes(&wanted, &request, today)?;
        notes.heading = !args.no_heading;
        write(project, &notes, args.write)
    });
    let written = Images::of(written)?;
    for (file, written) in written.values() {
        if let Written::File { name, title } = written {
            terminal.note(&file.note(&format!("{title} is in `{name}` now")));
        }
    }
    if terminal.json && !args.write {
        terminal.json(&written.document(|written| match written {
            Written::Text { document, .. } => document.clone(),
            Written::File { .. } => Value::Null,
        }));
    }
    for (file, written) in written.values().filter(|_| !terminal.json) {
        if let Written::Text { text, .. } = written {
            let heading = file.config().map(|config| format!("# `{config}`\n\n"));
            terminal.data(&(heading.unwrap_or_default() + text.trim_end()));
        }
    }
    written.tell_errors(terminal);
    Ok(ExitCode::from(written.code(|_| exit::OK)))
}

/// The document of `hoist changelog --json`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ChangelogDocument<'a> {
    /// The version of the format.
    v: u8,
    /// The notes as markdown.
    text: &'a str,
    /// What they are made from.
    #[serde(flatten)]
    notes: &'a ReleaseNotes,
}

fn write(project: &Project, notes: &ReleaseNotes, to_file: bool) -> Result<Written> {
    if to_file {
        return Ok(Written::File {
            name: project.write_notes(notes)?.to_owned(),
            title: notes.title.clone(),
        });
    }
    let text = project.render_notes(notes)?;
    let document = plain(&ChangelogDocument {
        v: 1,
        text: &text,
        notes,
    });
    Ok(Written::Text { text, document })
}
