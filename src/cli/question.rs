//! A question to the person at the terminal.

use std::{
    io::{IsTerminal as _, Write as _, stderr, stdin},
    thread,
};

use tokio::sync::oneshot;

use super::render::Terminal;
use crate::{
    error::{Error, Result},
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

/// Asks on the terminal; anything but a yes is a no.
///
/// # Errors
/// Interrupted (exit 130): a signal came before the answer.
pub(super) fn ask(question: &str, cancel: &Cancel) -> Result<bool> {
    let mut err = anstream::stderr();
    let _ = write!(err, "{question} [y/N] ");
    let _ = err.flush();
    let answer = answer(cancel, || {
        let mut line = String::new();
        let read = stdin().read_line(&mut line);
        read.map_or_else(|_| String::new(), |_| line)
    });
    if answer.is_err() {
        // What follows does not go behind the question.
        let _ = writeln!(err);
    }
    answer
}

/// Whether what `read` gets is a yes. A signal does not interrupt the reading, so that is done on
/// another thread, which is left behind.
fn answer(cancel: &Cancel, read: impl FnOnce() -> String + Send + 'static) -> Result<bool> {
    let (give, given) = oneshot::channel();
    thread::spawn(move || give.send(read()));
    let line = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| Error::failed("cannot wait for an answer").because(&error))?
        .block_on(async {
            tokio::select! {
                biased;
                () = cancel.cancelled() => Err(cancel.interrupted()),
                line = given => Ok(line.unwrap_or_default()),
            }
        })?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use crate::{cli::question::answer, error::ErrorCode, release::Cancel};

    #[test]
    fn anything_but_a_yes_is_a_no() {
        for (line, yes) in [
            ("y\n", true),
            ("Y\n", true),
            (" yes \r\n", true),
            ("n\n", false),
            ("yep\n", false),
            ("\n", false),
            ("", false),
        ] {
            let answer = answer(&Cancel::new(), || line.to_owned());
            assert_eq!(answer.expect("there was no signal"), yes, "{line:?}");
        }
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
