//! A question to the person at the terminal.

use std::io::{IsTerminal as _, Write as _, stderr, stdin};

use super::render::Terminal;

/// Whether somebody can answer a question; else why nobody can.
pub(super) fn can_be_answered(terminal: &Terminal) -> Result<(), &'static str> {
    if terminal.json {
        return Err("`--json` leaves no room for a question");
    }
    if !stdin().is_terminal() {
        return Err("standard input is not a terminal");
    }
    if !stderr().is_terminal() {
        return Err("standard error is not a terminal");
    }
    Ok(())
}

/// Asks on the terminal; anything but a yes is a no.
pub(super) fn ask(question: &str) -> bool {
    let mut err = anstream::stderr();
    let _ = write!(err, "{question} [y/N] ");
    let _ = err.flush();
    let mut line = String::new();
    let read = stdin().read_line(&mut line);
    read.is_ok() && matches!(line.trim(), "y" | "Y" | "yes")
}
