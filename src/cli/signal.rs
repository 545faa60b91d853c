//! SIGINT and SIGTERM: the first asks the run to end in a named state, a second one leaves the
//! rest to the journal.

use super::exit;
use crate::{
    error::{Error, Result},
    release::Cancel,
};
use tokio::signal::unix::{SignalKind, signal};

/// Cancels `token` at the first signal; ends the process at the second. Watches from a thread of
/// its own, since verbs block.
///
/// # Errors
/// The handlers cannot be installed.
pub(super) fn watch(token: Cancel) -> Result<()> {
    let failed = |error: std::io::Error| Error::failed("cannot watch for signals").because(&error);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(failed)?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        let interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        (interrupt, signal(SignalKind::terminate()).map_err(failed)?)
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            for round in 0.. {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if round == 0 {
                    token.cancel();
                } else {
                    #[expect(clippy::exit, reason = "a second signal means now")]
                    std::process::exit(i32::from(exit::INTERRUPTED));
                }
            }
        });
    });
    Ok(())
}
