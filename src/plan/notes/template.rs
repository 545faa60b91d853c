//! Release notes rendered with a template.

use minijinja::value::Serde;

use crate::{
    error::{Error, Result},
    plan::notes::{engine, release_notes::ReleaseNotes},
};

/// The template that is used where the policy names none.
pub const TEMPLATE: &str = include_str!("notes.md.jinja");

/// Renders the notes with `template`, or with the built-in one. `name` is the template's name for
/// messages. The text ends with one line end.
///
/// # Errors
/// Usage (exit 2), with the template's line, where it cannot be read or rendered.
pub fn render(notes: &ReleaseNotes, template: Option<(&str, &str)>) -> Result<String> {
    let (name, source) = template.unwrap_or(("notes.md.jinja", TEMPLATE));
    let text = engine::engine()
        .render_named_str(name, source, Serde(notes))
        .map_err(|error| {
            let fails = Error::usage(format!("the template `{name}` of the release notes fails"));
            engine::because(fails, &error).hint("`hoist changelog` shows what it makes")
        })?;
    Ok(format!("{}\n", text.trim()))
}
