//! Pages for a browser: one style for all of them, no script, nothing from a network, every text
//! escaped.

use minijinja::{AutoEscape, Environment, HtmlEscape, UndefinedBehavior, Value, value::Serde};
use serde::Serialize;

use crate::text::{bytes, sanitize_line};

/// The style of every page.
const STYLE: &str = include_str!("page.css");
/// The longest text in one place of a page, in characters.
const LONGEST: usize = 400;

/// A page from its template, which has `{{ style }}` where the style goes. Its filters: `line` for text
/// from outside, `prose` for sentences whose words between backticks are code, `bytes` for sizes, `signed` for how sizes have changed.
///
/// # Errors
/// The template does not fit its data.
pub(crate) fn html(template: &str, view: &impl Serialize) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_filter("bytes", bytes);
    environment.add_filter("line", |text: String| sanitize_line(&text, LONGEST));
    environment.add_filter("prose", |text: String| {
        Value::from_safe_string(prose(&text))
    });
    environment.add_filter("signed", signed);
    environment.add_global("style", Value::from_safe_string(STYLE.to_owned()));
    environment.render_named_str("page.html", template, Serde(view))
}

/// A sentence as HTML: what is between two backticks is code, and one alone is a backtick.
fn prose(text: &str) -> String {
    let line = sanitize_line(text, LONGEST);
    let (mut html, mut rest) = (String::new(), &*line);
    while let Some((before, opened)) = rest.split_once('`')
        && let Some((code, after)) = opened.split_once('`')
    {
        html += &format!("{}<code>{}</code>", HtmlEscape(before), HtmlEscape(code));
        rest = after;
    }
    html + &HtmlEscape(rest).to_string()
}

/// A change of a size, with its sign.
#[must_use]
pub(crate) fn signed(count: i64) -> String {
    let sign = if count < 0 { "−" } else { "+" };
    format!("{sign}{}", bytes(count.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths and names without a space come from outside, in any sentence: on a phone the page would scroll sideways.
    #[test]
    fn every_text_breaks_where_it_has_no_space() {
        let (_, body) = STYLE.split_once("\nbody {").expect("a style of the body");
        let (body, _) = body.split_once('}').expect("its end");
        assert!(body.contains("overflow-wrap: break-word"), "{body}");
    }

    #[test]
    fn what_is_between_backticks_is_code_and_nothing_is_markup() {
        for (text, html) in [
            ("name `.git` in it", "name <code>.git</code> in it"),
            ("`a` and `b`", "<code>a</code> and <code>b</code>"),
            ("one ` alone", "one ` alone"),
            ("`<b>` & <i>", "<code>&lt;b&gt;</code> &amp; &lt;i&gt;"),
            ("``", "<code></code>"),
        ] {
            assert_eq!(prose(text), html);
        }
    }
}
