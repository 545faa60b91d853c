//! A report as Markdown: for the summary of a CI job, or a comment on a pull request.

use std::fmt::Write as _;

use crate::{
    plan::inspect::report::Report,
    text::{bytes, sanitize_line},
};

/// How many lines of each kind are shown.
const SHOWN: usize = 10;

/// Size, growth, waste, what made it, and advice.
pub(crate) fn markdown(report: &Report) -> String {
    let mut out = String::new();
    let platform = report.platform.as_deref();
    let platform = platform.map_or_else(String::new, |it| format!(" ({})", escape(it)));
    let name = report.name.as_deref().filter(|name| *name != "main");
    let name = name.map_or_else(String::new, |name| format!("{}: ", code(name)));
    let _ = writeln!(out, "### {name}{}{platform}\n", code(&report.image));
    let growth = grown(report).map(|(more, less, since)| {
        let (sign, size) = if less > 0 { ('-', less) } else { ('+', more) };
        format!(", {sign}{} since {}", bytes(size), code(since))
    });
    let number = match report.layers.len() {
        1 => "1 layer".to_owned(),
        count => format!("{count} layers"),
    };
    let _ = writeln!(
        out,
        "**{} to pull**{}; {} unpacked, {} wasted, {number}",
        bytes(report.size),
        growth.unwrap_or_default(),
        bytes(report.unpacked),
        bytes(report.wasted)
    );
    for note in report.left_out() {
        let _ = writeln!(out, "\n{}", escape(&note));
    }
    if !report.over_budget.is_empty() {
        let _ = writeln!(out, "\n**Over its budget:**\n");
    }
    for excess in &report.over_budget {
        let _ = writeln!(out, "- {}", escape(&excess.text));
        for cause in &excess.causes {
            let _ = writeln!(out, "  - {}", escape(cause));
        }
    }
    layers(&mut out, report);
    if !report.advice.is_empty() {
        let _ = writeln!(out, "\n| saves | advice |\n|---:|---|");
    }
    for advice in &report.advice {
        let saves = advice.saves.map_or_else(String::new, bytes);
        let (why, text) = (escape(&advice.why), escape(&advice.text));
        let _ = writeln!(out, "| {saves} | {why} → {text} |");
    }
    if let Some(words) = report.without_advice() {
        let _ = writeln!(out, "\n{}", escape(&words));
    }
    out
}

/// How many bytes more, or fewer, there are to pull than of another image, and its name.
fn grown(report: &Report) -> Option<(u64, u64, &str)> {
    if let Some(changes) = &report.changes {
        let size = changes.size.unsigned_abs();
        let (more, less) = if changes.size < 0 {
            (0, size)
        } else {
            (size, 0)
        };
        return Some((more, less, &changes.since));
    }
    let last = report.past.last()?;
    let more = report.size.saturating_sub(last.size);
    Some((more, last.size.saturating_sub(report.size), &last.name))
}

fn layers(out: &mut String, report: &Report) {
    let _ = writeln!(
        out,
        "\n| pull | unpacked | wasted | layer |\n|---:|---:|---:|---|"
    );
    let mut order: Vec<_> = report.layers.iter().enumerate().collect();
    order.sort_by_key(|(_, layer)| std::cmp::Reverse(layer.size));
    for (index, layer) in order.iter().take(SHOWN) {
        let new = if layer.shared == Some(false) {
            " (new)"
        } else {
            ""
        };
        let made = code(layer.created_by.as_deref().unwrap_or(layer.digest.short()));
        let _ = writeln!(
            out,
            "| {} | {} | {} | {}{new} {made} |",
            bytes(layer.size),
            bytes(layer.unpacked),
            bytes(layer.wasted),
            index + 1,
        );
    }
    let hidden = order.iter().skip(SHOWN);
    let hidden: Vec<u64> = hidden.map(|(_, layer)| layer.size).collect();
    if !hidden.is_empty() {
        let size = bytes(hidden.iter().sum());
        let _ = writeln!(out, "| {size} | | | and {} more |", hidden.len());
    }
}

/// Text that can stand in a cell of a table and means nothing in Markdown or HTML.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in sanitize_line(text, 300).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' => out.push_str("&#64;"),
            ':' => out.push_str("&#58;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '(' | ')' | '#' | '|' | '!' | '~' | '$' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// As `<code>`, in which nothing else is Markdown or HTML.
fn code(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_nothing_in_markdown() {
        assert_eq!(
            escape("a|b <img src=x> [x](http://e) `c` @team\n# h"),
            "a\\|b &lt;img src=x&gt; \\[x\\]\\(http&#58;//e\\) \\`c\\` &#64;team\\u{a}\\# h"
                .replace("\\u", "\\\\u")
        );
    }
}
