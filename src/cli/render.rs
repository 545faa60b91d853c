//! Words and colours on the terminal: data, notes, remarks, errors, tables.

use std::{
    fmt::Write as _,
    io::Write as _,
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anstyle::{AnsiColor, Style};
use console::Term;
use serde_json::Value;

use super::{
    args::{Color, Global},
    ci::{Ci, RunReport},
    live::{self, Live},
    standpoint::Standpoint,
    table::{self, NARROW, TableCell, wrapped},
};
use crate::{
    error::Error,
    text::{is_harmful, sanitize},
};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();
const STATE: Style = AnsiColor::Yellow.on_default().bold();

/// The verb of something that is done.
pub(super) const VERB: Style = AnsiColor::Green.on_default().bold();
/// The verb of something that goes on.
pub(super) const BUSY: Style = AnsiColor::Cyan.on_default().bold();
/// The verb of something that goes back, or does not go on.
pub(super) const BACK: Style = AnsiColor::Yellow.on_default().bold();

/// How wide the column of verbs is. The text of a step begins behind it.
const VERB_COLUMN: usize = 12;

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
    /// What changes on the terminal while work goes on.
    pub(super) live: Live,
    /// The flags that a command needs in order to run as it is shown.
    standpoint: Standpoint,
    /// The same where all images are meant, and texts name their policy files from the top of the tree.
    at_top: Arc<OnceLock<Standpoint>>,
    /// When the program was started.
    begun: Instant,
    /// Whether a JSON document was printed.
    has_json: Arc<AtomicBool>,
    /// When a person has agreed to a plan.
    agreed: Arc<OnceLock<Instant>>,
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
            live: match global.quiet || global.json {
                true => Live::default(),
                false => Live::on_stderr(),
            },
            standpoint: Standpoint::of(global),
            at_top: Arc::default(),
            begun: Instant::now(),
            has_json: Arc::default(),
            agreed: Arc::default(),
        }
    }

    /// From now on texts name policy files from `top`.
    pub(super) fn name_from_top(&self, top: &Path) {
        self.at_top.get_or_init(|| self.standpoint.at_top(top));
    }

    /// The flags that a command needs.
    pub(super) fn standpoint(&self) -> &Standpoint {
        self.at_top.get().unwrap_or(&self.standpoint)
    }

    /// An error whose commands run from where the person stands.
    pub(super) fn with_whole_commands(&self, error: Error) -> Error {
        error.map_hints(|hint| self.standpoint().commands(hint))
    }

    /// A person was shown a plan, and agrees to it now.
    pub(super) fn agree(&self) {
        self.agreed.get_or_init(Instant::now);
    }

    /// Whether a person was shown a plan and has agreed to it.
    pub(super) fn has_agreed(&self) -> bool {
        self.agreed.get().is_some()
    }

    /// When a person has agreed to what was shown.
    pub(super) fn agreed(&self) -> Option<Instant> {
        self.agreed.get().copied()
    }

    /// How long the work has been going on. Time to think about a question is not part of it.
    pub(super) fn elapsed(&self) -> Duration {
        self.agreed.get().unwrap_or(&self.begun).elapsed()
    }

    /// How wide the terminal is that standard output leads to; `None`: it leads elsewhere.
    pub(super) fn width(&self) -> Option<usize> {
        live::width(&Term::stdout())
    }

    /// The same of standard error.
    pub(super) fn stderr_width(&self) -> Option<usize> {
        live::width(&Term::stderr())
    }

    /// A step, to stderr: its verb in a column, and a text that is wrapped behind it.
    pub(super) fn step(&self, style: Style, verb: &str, text: &str) {
        self.raw(&step_lines(style, verb, text, self.stderr_width()));
    }

    /// The last line of a run, to stderr, unless only errors were asked for.
    pub(super) fn end(&self, style: Style, verb: &str, text: &str) {
        if !self.quiet {
            self.step(style, verb, text);
        }
    }

    /// A line that belongs to a step, to stderr.
    pub(super) fn progress_line(&self, line: &str) {
        self.raw(&sanitize(line.to_owned()));
    }

    /// A closed stderr must not end a release.
    fn raw(&self, line: &str) {
        self.live
            .aside(|| drop(writeln!(anstream::stderr(), "{line}")));
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

    /// A table to stdout, as wide as the terminal.
    pub(super) fn table(&self, rows: &[Vec<TableCell>]) {
        for line in table::lines(rows, 0, self.width()) {
            let _ = writeln!(anstream::stdout(), "{line}");
        }
    }

    /// The same to stderr, because stdout carries data only.
    pub(super) fn table_aside(&self, rows: &[Vec<TableCell>]) {
        for line in table::lines(rows, 0, self.stderr_width()) {
            let _ = writeln!(anstream::stderr(), "{line}");
        }
    }

    /// Lines that are harmless and may be styled, to stdout.
    pub(super) fn styled(&self, text: &str) {
        let _ = writeln!(anstream::stdout(), "{text}");
    }

    /// The same to stderr.
    pub(super) fn styled_aside(&self, text: &str) {
        self.raw(text);
    }

    /// One JSON document, or one JSON line, to stdout; its notes and hints have the flags that those in
    /// words have.
    pub(super) fn json(&self, document: &Value) {
        self.has_json.store(true, Ordering::Relaxed);
        let mut document = document.clone();
        self.standpoint().document(&mut document);
        print_json(&document);
    }

    /// Data that is made by a program for another one: as it is.
    pub(super) fn bytes(&self, text: &[u8]) {
        let _ = std::io::stdout().write_all(text);
    }

    /// A note to stderr, unless only errors were asked for.
    pub(super) fn note(&self, text: &str) {
        if !self.quiet {
            self.remarked(HINT, "note:", &self.standpoint().commands(text));
        }
    }

    /// A word and a text that is wrapped behind it.
    fn remarked(&self, style: Style, word: &str, text: &str) {
        let text = self.hanging(word, text);
        self.raw(&format!("{style}{word}{style:#} {text}"));
    }

    /// A harmless text that is wrapped behind `word`, on a terminal.
    fn hanging(&self, word: &str, text: &str) -> String {
        let text = sanitize(text.to_owned());
        let Some(width) = self.stderr_width() else {
            return text;
        };
        let indent = word.len() + 1;
        let room = width.saturating_sub(indent + 1).max(NARROW);
        wrapped(&text, room).join(&format!("\n{:indent$}", ""))
    }

    /// A line of an explanation, to stderr; the level of a commit in its colour.
    pub(super) fn explained(&self, line: &str) {
        let line = sanitize(line.to_owned());
        let mut lines = table::paragraph(&line, self.stderr_width()).into_iter();
        let first = lines.next().unwrap_or_default();
        let mut words = first.splitn(3, ' ');
        let styled = match (words.next(), words.next(), words.next()) {
            (Some(commit), Some(level), Some(rest)) => {
                level_style(level).map(|style| format!("{commit} {style}{level}{style:#} {rest}"))
            }
            _ => None,
        };
        self.raw(&styled.unwrap_or(first));
        lines.for_each(|line| self.raw(&line));
    }

    /// A line that was asked for, to stderr, because stdout carries data only.
    pub(super) fn remark(&self, text: &str) {
        let _ = writeln!(anstream::stderr(), "{}", sanitize(text.to_owned()));
    }

    /// A warning to stderr, unless only errors were asked for.
    pub(super) fn warning(&self, text: &str) {
        if !self.quiet {
            let text = &self.standpoint().commands(text);
            self.remarked(STATE, "warning:", text);
            if let Some(line) = self.ci.warning(text) {
                let _ = writeln!(anstream::stderr(), "{}", sanitize(line));
            }
        }
    }

    /// An error: what failed, why, what is true outside now, what helps.
    pub(super) fn error(&self, error: &Error) {
        let error = self.with_whole_commands(error.clone());
        self.live.aside(|| self.write_error(&error));
    }

    fn write_error(&self, error: &Error) {
        let mut out = anstream::stderr().lock();
        let part = |out: &mut dyn std::io::Write, style: Style, word: &str, text: &str| {
            let lines = self.hanging(word, text);
            let _ = writeln!(out, "{style}{word}{style:#} {lines}");
        };
        part(&mut out, ERROR, "error:", error.message());
        for cause in error.causes() {
            part(&mut out, Style::new(), "caused by:", cause);
        }
        for excerpt in error.excerpts() {
            let _ = writeln!(out, "{STATE}{}:{STATE:#}", excerpt.title);
            for line in &excerpt.lines {
                let _ = writeln!(out, "  {line}");
            }
        }
        if let Some(state) = error.state_now() {
            part(&mut out, STATE, "state:", state);
        }
        for hint in error.hints() {
            part(&mut out, HINT, "hint:", hint);
        }
        if let Some(line) = self.ci.error(error) {
            let _ = writeln!(out, "{line}");
        }
    }
}

/// The colour of a commit's level, where a word is one.
fn level_style(word: &str) -> Option<Style> {
    match word {
        "major" => Some(ERROR),
        "minor" => Some(AnsiColor::Yellow.on_default()),
        "patch" => Some(AnsiColor::Green.on_default()),
        _ => None,
    }
}

/// A step: its verb in a column, and a text that is made harmless and wrapped behind it.
pub(super) fn step_lines(style: Style, verb: &str, text: &str, width: Option<usize>) -> String {
    // Some terminals break a line that fills the last column.
    let width = width.map(|width| width.saturating_sub(1));
    let text = sanitize(text.to_owned());
    let verb = format!("{verb:>VERB_COLUMN$}");
    let lines = table::hanging(&format!("{verb} "), &text, width).join("\n");
    let behind = lines.strip_prefix(&verb).unwrap_or_default();
    format!("{style}{verb}{style:#}{behind}")
}

/// One JSON document to stdout.
pub(super) fn print_json(document: &Value) {
    let document = harmless_json(&document.to_string());
    let _ = writeln!(anstream::stdout(), "{document}");
}

/// An error that is told already in words, to stderr, without colours.
pub(super) fn plain_error(text: &str) {
    let _ = writeln!(
        anstream::stderr(),
        "{}",
        sanitize(text.trim_end().to_owned())
    );
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
