//! Words and colours on the terminal: errors, notes, step lines.

use std::io::Write;

use anstyle::{AnsiColor, Style};

use super::{Color, Global};
use crate::error::Error;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();
const STATE: Style = AnsiColor::Yellow.on_default().bold();

/// Where a verb's words go: data to stdout, everything else to stderr.
#[derive(Debug, Clone)]
pub struct Terminal {
    /// JSON was asked for.
    pub json: bool,
    /// Errors only.
    pub quiet: bool,
    /// How much more was asked for.
    pub verbose: u8,
}

impl Terminal {
    /// Sets the process's colour choice and remembers the rest.
    #[must_use]
    pub fn new(global: &Global) -> Self {
        match global.color {
            Color::Auto => {}
            Color::Always => anstream::ColorChoice::Always.write_global(),
            Color::Never => anstream::ColorChoice::Never.write_global(),
        }
        Self {
            json: global.json,
            quiet: global.quiet,
            verbose: global.verbose,
        }
    }

    /// Data: to stdout. A reader that went away ends the output, not the run.
    pub fn data(&self, text: &str) {
        let _ = writeln!(anstream::stdout(), "{text}");
    }

    /// One JSON document, or one JSON line, to stdout.
    pub fn json(&self, document: &serde_json::Value) {
        self.data(&document.to_string());
    }

    /// A note to stderr, unless only errors were asked for.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            let _ = writeln!(anstream::stderr(), "{HINT}note:{HINT:#} {text}");
        }
    }

    /// A line that was asked for, to stderr, because stdout carries data only.
    pub fn remark(&self, text: &str) {
        let _ = writeln!(anstream::stderr(), "{text}");
    }

    /// A warning to stderr, unless only errors were asked for.
    pub fn warning(&self, text: &str) {
        if !self.quiet {
            let _ = writeln!(anstream::stderr(), "{STATE}warning:{STATE:#} {text}");
        }
    }

    /// An error: what failed, why, what is true outside now, what helps.
    pub fn error(&self, error: &Error) {
        let mut out = anstream::stderr().lock();
        let _ = writeln!(out, "{ERROR}error:{ERROR:#} {}", error.message);
        for cause in &error.causes {
            let _ = writeln!(out, "caused by: {cause}");
        }
        if let Some(state) = &error.state {
            let _ = writeln!(out, "{STATE}state:{STATE:#} {state}");
        }
        if let Some(hint) = &error.hint {
            let _ = writeln!(out, "{HINT}hint:{HINT:#} {hint}");
        }
    }
}

/// Whether a person is there to answer.
pub(super) fn can_answer(context: &super::Context) -> bool {
    use std::io::{IsTerminal as _, stderr, stdin};
    !context.terminal.json && stdin().is_terminal() && stderr().is_terminal()
}

/// Asks on the terminal; anything but a yes is a no.
pub(super) fn ask(question: &str) -> bool {
    let mut err = anstream::stderr();
    let _ = write!(err, "{question} [y/N] ");
    let _ = err.flush();
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    read.is_ok() && matches!(line.trim(), "y" | "Y" | "yes")
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
