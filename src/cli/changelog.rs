//! `hoist changelog`: release notes from the commits.

use std::process::ExitCode;

use super::{Global, Terminal, exit, next};
use crate::{
    error::{Error, Result},
    io::{environment::Environment, git::read::Repository},
    plan::{notes::prepend, version::next::Request},
    project::{
        changelog, load,
        notes::{self, Wanted},
    },
};

/// Print release notes as markdown: of the next version, of a released one, or of a range
#[derive(Debug, clap::Args)]
#[command(disable_version_flag = true)]
pub struct Arguments {
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
pub fn run(global: &Global, arguments: Arguments, terminal: &Terminal) -> Result<ExitCode> {
    let place = next::place(global)?;
    let wanted = match &arguments.of {
        Some(text) => Wanted::parse(text)?,
        None => Wanted::Next,
    };
    let env = Environment::from_process();
    let today = chrono::Utc::now().format("%Y-%m-%d").to_string();
    let request = Request::from(arguments.overrides);
    let mut found = notes::read(&place, &wanted, &request, &env, &today)?;
    found.heading = !arguments.no_heading;
    let repository = Repository::open(&place.directory)?;
    let policy = load(&place, &repository)?;
    let top = repository.directory().unwrap_or(&place.directory);
    let text = notes::render(&found, &policy, top)?;
    if arguments.write {
        let name = changelog(&place, &repository);
        let file = top.join(&name);
        let old = match std::fs::read_to_string(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            read => read
                .map_err(|error| Error::failed(format!("cannot read `{name}`")).because(&error))?,
        };
        std::fs::write(&file, prepend(&old, &text, &found.title))
            .map_err(|error| Error::failed(format!("cannot write `{name}`")).because(&error))?;
        terminal.note(&format!("{} is in `{name}` now", found.title));
    } else if terminal.json {
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
