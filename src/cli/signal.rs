//! SIGINT and SIGTERM, for every verb: a process that a signal ends exits with 130.

use std::time::Duration;

use tokio::{
    signal::unix::{SignalKind, signal},
    time::sleep,
};

use super::{exit, render::Terminal};
use crate::{
    error::{Error, ErrorKind, Result},
    release::Cancel,
};

/// How long a verb that only looks has to end by itself: to drop its requests, and to end the
/// programs that it runs.
const MOMENT: Duration = Duration::from_millis(500);

/// What the first signal leaves to a verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// A moment: the verb only looks, so nothing is lost.
    Moment,
    /// All the time that it needs to end in a named state. A second signal leaves the rest to the
    /// journal.
    UntilSecond,
}

/// Said where the process ends in the middle of its work.
fn at_once() -> Error {
    Error::new(ErrorKind::Interrupted, "stopped at once")
        .state("what had begun is not brought to an end")
        .hint("`hoist status` shows what is unfinished, and how it goes on")
}

/// Cancels `token` at the first signal; ends the process when its time is over, or at the second
/// signal. Watches from a thread of its own, since verbs block.
///
/// # Errors
/// The handlers cannot be installed.
pub(super) fn watch(token: Cancel, patience: Patience, terminal: Terminal) -> Result<()> {
    let failed = |error: std::io::Error| Error::failed("cannot watch for signals").because(&error);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        let interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        (interrupt, signal(SignalKind::terminate()).map_err(failed)?)
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            let mut given = async || {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            };
            given().await;
            token.cancel();
            if patience == Patience::UntilSecond && terminal.live.is_busy() {
                terminal.note(
                    "interrupted: what has begun is brought to an end; once more to stop at once",
                );
            }
            match patience {
                Patience::UntilSecond => given().await,
                Patience::Moment => tokio::select! {
                    () = given() => {}
                    () = sleep(MOMENT) => {}
                },
            }
            token.end_programs();
            let is_busy = terminal.live.is_busy();
            terminal.live.end();
            if patience == Patience::UntilSecond && is_busy {
                terminal.error(&at_once());
            }
            #[expect(clippy::exit, reason = "the verb does not end by itself")]
            std::process::exit(i32::from(exit::INTERRUPTED));
        });
    });
    Ok(())
}
