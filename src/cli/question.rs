//! A question to the person at the terminal.

use std::{
    io::{IsTerminal as _, Write as _, stderr, stdin},
    thread,
};

use tokio::sync::oneshot;

use super::{command_line, render::Terminal};
use crate::{
    error::{Error, ErrorCode, ErrorKind, Result},
    release::Cancel,
};

/// Whether somebody can answer a question; else why nobody can.
pub(super) fn can_be_answered(terminal: &Terminal) -> std::result::Result<(), &'static str> {
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

/// Refuses, where nobody can answer, with the line to run instead. `asks` says which verb asks before
/// what, `state` what is true outside, `preview` is a further hint.
///
/// # Errors
/// Usage (exit 2): no terminal.
pub(super) fn needs_answer(
    terminal: &Terminal,
    asks: &str,
    state: &str,
    preview: Option<&str>,
) -> Result<()> {
    can_be_answered(terminal).map_err(|why| {
        let line = command_line::with("--yes");
        let preview = preview.map_or(String::new(), |preview| format!("; {preview}"));
        Error::usage(format!("{asks}, and {why}"))
            .with_code(ErrorCode::NotATerminal)
            .state(state)
            .hint(format!("`{line}` goes ahead{preview}"))
    })
}

/// Asks on the terminal, and goes on only after a yes. `undone` begins the message after a no.
///
/// # Errors
/// Interrupted (exit 130): the answer was no, or a signal came before the answer.
pub(super) fn confirm(question: &str, undone: &str, cancel: &Cancel) -> Result<()> {
    match ask(question, cancel)? {
        true => Ok(()),
        false => Err(declined(undone)),
    }
}

/// The error after a no.
pub(super) fn declined(undone: &str) -> Error {
    Error::new(
        ErrorKind::Interrupted,
        format!("{undone}: the answer was no"),
    )
    .with_code(ErrorCode::Declined)
    .state("nothing was changed")
}

/// Asks on the terminal until the answer is yes or no. Nothing, and the end of the input, is a no.
///
/// # Errors
/// Interrupted (exit 130): a signal came before the answer.
pub(super) fn ask(question: &str, cancel: &Cancel) -> Result<bool> {
    let mut err = anstream::stderr();
    let mut question = question.to_owned();
    loop {
        let _ = write!(err, "{question} [y/N] ");
        let _ = err.flush();
        let line = answer(cancel, || {
            let mut line = String::new();
            let read = stdin().read_line(&mut line);
            read.map_or_else(|_| String::new(), |_| line)
        });
        if !line.as_ref().is_ok_and(|line| line.ends_with('\n')) {
            // What follows does not go behind the question.
            let _ = writeln!(err);
        }
        match meant(&line?) {
            Some(yes) => return Ok(yes),
            None => question = "Please answer y (yes) or n (no):".to_owned(),
        }
    }
}

/// Asks on the terminal for a text; nothing is an answer, too.
///
/// # Errors
/// Interrupted (exit 130): a signal came before the answer.
pub(super) fn ask_for(question: &str, cancel: &Cancel) -> Result<String> {
    let mut err = anstream::stderr();
    let _ = write!(err, "{question} ");
    let _ = err.flush();
    let line = answer(cancel, || {
        let mut line = String::new();
        let read = stdin().read_line(&mut line);
        read.map_or_else(|_| String::new(), |_| line)
    });
    if line.is_err() {
        let _ = writeln!(err);
    }
    Ok(line?.trim().to_owned())
}

/// What an answer means; `None`: neither yes nor no.
fn meant(line: &str) -> Option<bool> {
    match &*line.trim().to_lowercase() {
        "y" | "yes" => Some(true),
        "" | "n" | "no" => Some(false),
        _ => None,
    }
}

/// The line that `read` gets. A signal does not interrupt the reading, so that is done on another
/// thread, which is left behind.
fn answer(cancel: &Cancel, read: impl FnOnce() -> String + Send + 'static) -> Result<String> {
    let (give, given) = oneshot::channel();
    thread::spawn(move || give.send(read()));
    tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| Error::failed("cannot wait for an answer").because(&error))?
        .block_on(async {
            tokio::select! {
                biased;
                () = cancel.cancelled() => Err(cancel.interrupted()),
                line = given => Ok(line.unwrap_or_default()),
            }
        })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use crate::{
        cli::question::{answer, declined, meant},
        error::ErrorCode,
        release::Cancel,
    };

    #[test]
    fn only_yes_and_no_are_answers() {
        for (line, answer) in [
            ("y\n", Some(true)),
            ("Y\n", Some(true)),
            (" yes \r\n", Some(true)),
            ("YES\n", Some(true)),
            ("n\n", Some(false)),
            ("No\n", Some(false)),
            ("\n", Some(false)),
            ("", Some(false)),
            ("yep\n", None),
            ("maybe\n", None),
            ("ye\n", None),
            ("q\n", None),
        ] {
            assert_eq!(meant(line), answer, "{line:?}");
        }
    }

    #[test]
    fn a_no_is_an_interruption_with_a_code_of_its_own() {
        let error = declined("not released");
        assert_eq!(
            (error.exit_code(), error.code()),
            (130, ErrorCode::Declined)
        );
    }

    #[test]
    fn a_signal_ends_a_question_that_nobody_answers() {
        let cancel = Cancel::new();
        let (_keep, never) = mpsc::channel::<String>();
        let signal = cancel.clone();
        let answer = answer(&cancel, move || {
            signal.cancel();
            never.recv().unwrap_or_default()
        });
        let error = answer.expect_err("there was a signal");
        assert_eq!(error.code(), ErrorCode::Interrupted);
        assert_eq!(error.exit_code(), 130);
    }

    /// A yes that comes with the signal, or after it, starts nothing.
    #[test]
    fn a_signal_takes_precedence_over_an_answer() {
        let cancel = Cancel::new();
        cancel.cancel();
        assert!(answer(&cancel, || "y\n".to_owned()).is_err());
    }
}
