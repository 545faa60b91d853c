//! Pages for a browser: one style for all of them, no script, nothing from a network, every text
//! escaped.

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, value::Serde};
use serde::Serialize;

use crate::text::{bytes, sanitize_line};

/// The style of every page.
const STYLE: &str = include_str!("page.css");
/// The longest text in one place of a page, in characters.
const LONGEST: usize = 400;

/// A page from its template, which has `{{ style }}` where the style goes. Its filters: `line` for text
/// from outside, `bytes` for sizes, `signed` for how sizes have changed.
///
/// # Errors
/// The template does not fit its data.
pub(crate) fn html(template: &str, view: &impl Serialize) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_filter("bytes", bytes);
    environment.add_filter("line", |text: String| sanitize_line(&text, LONGEST));
    environment.add_filter("signed", signed);
    environment.add_global("style", Value::from_safe_string(STYLE.to_owned()));
    environment.render_named_str("page.html", template, Serde(view))
}

/// A change of a size, with its sign.
#[must_use]
pub(crate) fn signed(count: i64) -> String {
    let sign = if count < 0 { "−" } else { "+" };
    format!("{sign}{}", bytes(count.unsigned_abs()))
}
