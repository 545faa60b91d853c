//! `hoist changelog`: release notes from the commits.

use std::process::ExitCode;

use super::{Context, exit, next};
use crate::{
    error::{Error, Result},
    plan::version::VersionRequest,
    project::Wanted,
};

/// Print release notes as markdown: of the next version, of a released one, or of a range
#[derive(Debug, clap::Args)]
#[command(disable_version_flag = true)]
pub(super) struct Arguments {
    /// A released version (`1.2.3`) or a range (`v1.2.0..HEAD`); without one, what is not released yet
    #[arg(value_name = "VERSION|RANGE")]
    of: Option<String>,
    /// Leave out the heading, as in the message of the git tag
    #[arg(long)]
    no_heading: bool,
    /// Put the notes into `CHANGELOG.md`, before the older ones
    #[arg(long, conflicts_with = "no_heading")]
    write: bool,
    #[command(flatten)]
    overrides: next::Overrides,
}

/// Runs the verb.
pub(super) fn run(arguments: Arguments, context: &Context) -> Result<ExitCode> {
    let terminal = &context.terminal;
    let wanted = match &arguments.of {
        Some(text) => Wanted::parse(text)?,
        None => Wanted::Next,
    };
    let project = context.project()?;
    let request = VersionRequest::from(arguments.overrides);
    let mut found = project.notes(&wanted, &request, chrono::Utc::now().date_naive())?;
    found.heading = !arguments.no_heading;
    if arguments.write {
        let name = project.write_notes(&found)?;
        terminal.note(&format!("{} is in `{name}` now", found.title));
        return Ok(ExitCode::from(exit::OK));
    }
    let text = project.render_notes(&found)?;
    if terminal.json {
        let mut document = serde_json::json!({ "v": 1, "text": text });
        let fields = serde_json::to_value(&found)
            .map_err(|error| Error::bug("notes are no JSON").because(&error))?;
        if let (Some(document), Some(fields)) = (document.as_object_mut(), fields.as_object()) {
            document.extend(fields.clone());
        }
        terminal.json(&document);
    } else {
        terminal.data(text.trim_end());
    }
    Ok(ExitCode::from(exit::OK))
}
