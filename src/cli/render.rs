//! Words and colours on the terminal: data, notes, remarks, errors, tables.

use std::{
    fmt::Write as _,
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use super::{
    args::{Color, Global},
    ci::{Ci, RunReport},
};
use crate::{
    error::Error,
    oci::Observed,
    text::{is_harmful, sanitize},
};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();
const STATE: Style = AnsiColor::Yellow.on_default().bold();

/// Where a verb's words go: data to stdout, everything else to stderr.
#[derive(Debug, Clone)]
pub(super) struct Terminal {
    /// JSON was asked for.
    pub(super) json: bool,
    /// Errors only.
    pub(super) quiet: bool,
    /// How much more was asked for.
    pub(super) verbose: u8,
    /// What the CI service is told.
    pub(super) ci: Ci,
    /// Whether a JSON document was printed.
    has_json: Arc<AtomicBool>,
}

impl Terminal {
    /// Sets the process's colour choice and remembers the rest.
    pub(super) fn new(global: &Global) -> Self {
        match global.color {
            Color::Auto => {}
            Color::Always => anstream::ColorChoice::Always.write_global(),
            Color::Never => anstream::ColorChoice::Never.write_global(),
        }
        Self {
            json: global.json,
            quiet: global.quiet,
            verbose: global.verbose,
            ci: match global.no_ci {
                true => Ci::default(),
                false => Ci::from_process(),
            },
            has_json: Arc::default(),
        }
    }

    /// Tells the CI service how a run ended.
    pub(super) fn report(&self, reports: &[RunReport<'_>]) {
        let errors = match self.json {
            true => self.ci.errors_in_json(reports),
            false => Vec::new(),
        };
        for line in errors {
            let _ = writeln!(anstream::stderr(), "{line}");
        }
        for problem in self.ci.report(reports) {
            self.warning(&problem);
        }
    }

    /// Adds Markdown to the page of a CI run.
    pub(super) fn summary(&self, text: &str) {
        if let Some(problem) = self.ci.summary(text) {
            self.warning(&problem);
        }
    }

    /// Whether a JSON document, or a JSON line, was printed.
    pub(super) fn has_printed_json(&self) -> bool {
        self.has_json.load(Ordering::Relaxed)
    }

    /// Data: to stdout. A reader that went away ends the output, not the run.
    pub(super) fn data(&self, text: &str) {
        let _ = writeln!(anstream::stdout(), "{}", sanitize(text.to_owned()));
    }

    /// One JSON document, or one JSON line, to stdout.
    pub(super) fn json(&self, document: &Value) {
        self.has_json.store(true, Ordering::Relaxed);
        print_json(document);
    }

    /// Data that is made by a program for another one: as it is.
    pub(super) fn bytes(&self, text: &[u8]) {
        let _ = std::io::stdout().write_all(text);
    }

    /// A note to stderr, unless only errors were asked for.
    pub(super) fn note(&self, text: &str) {
        if !self.quiet {
            let _ = writeln!(
                anstream::stderr(),
                "{HINT}note:{HINT:#} {}",
                sanitize(text.to_owned())
            );
        }
    }

    /// A line that was asked for, to stderr, because stdout carries data only.
    pub(super) fn remark(&self, text: &str) {
        let _ = writeln!(anstream::stderr(), "{}", sanitize(text.to_owned()));
    }

    /// A warning to stderr, unless only errors were asked for.
    pub(super) fn warning(&self, text: &str) {
        if !self.quiet {
            let _ = writeln!(
                anstream::stderr(),
                "{STATE}warning:{STATE:#} {}",
                sanitize(text.to_owned())
            );
            if let Some(line) = self.ci.warning(text) {
                let _ = writeln!(anstream::stderr(), "{}", sanitize(line));
            }
        }
    }

    /// An error: what failed, why, what is true outside now, what helps.
    pub(super) fn error(&self, error: &Error) {
        let mut out = anstream::stderr().lock();
        let _ = writeln!(out, "{ERROR}error:{ERROR:#} {}", error.message());
        for cause in error.causes() {
            let _ = writeln!(out, "caused by: {cause}");
        }
        for excerpt in error.excerpts() {
            let _ = writeln!(out, "{STATE}{}:{STATE:#}", excerpt.title);
            for line in &excerpt.lines {
                let _ = writeln!(out, "  {line}");
            }
        }
        if let Some(state) = error.state_now() {
            let _ = writeln!(out, "{STATE}state:{STATE:#} {state}");
        }
        for hint in error.hints() {
            let _ = writeln!(out, "{HINT}hint:{HINT:#} {hint}");
        }
        if let Some(line) = self.ci.error(error) {
            let _ = writeln!(out, "{line}");
        }
    }
}

/// One JSON document to stdout.
pub(super) fn print_json(document: &Value) {
    let document = harmless_json(&document.to_string());
    let _ = writeln!(anstream::stdout(), "{document}");
}

/// A hint to stderr, behind an error that is told already.
pub(super) fn hint(text: &str) {
    let _ = writeln!(anstream::stderr(), "{HINT}hint:{HINT:#} {text}");
}

/// A JSON document with the characters escaped that [`sanitize`] escapes. They stand in strings only.
fn harmless_json(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    for c in document.chars() {
        if is_harmful(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// What a tag shows as JSON: the digest, or null where there is no such tag or it is not readable.
pub(super) fn shown(observed: &Observed) -> Value {
    match observed {
        Observed::At(digest) => json!(digest),
        Observed::Absent | Observed::Unknown => Value::Null,
    }
}

/// Rows as lines, each column as wide as its widest cell.
pub(super) fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, w)| format!("{cell:w$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_shown_and_lines_stay() {
        assert_eq!(sanitize("a\n\tb".to_owned()), "a\n\tb");
        assert_eq!(
            sanitize("\u{1b}[2J\u{9b}1m\r\u{202e}x".to_owned()),
            "\\u{1b}[2J\\u{9b}1m\\u{d}\\u{202e}x"
        );
    }

    #[test]
    fn a_json_document_stays_the_same_document() {
        let document =
            serde_json::json!({ "a": "\u{9b}1m \u{7f} \u{202e}é\u{2028}\u{e0041}\u{1d173}\n" });
        let text = harmless_json(&document.to_string());
        assert!(!text.contains(is_harmful), "{text}");
        let read: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read, document);
    }
}
