//! SIGINT and SIGTERM: the first asks the run to end in a named state, a second one leaves the
//! rest to the journal.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::exit;

/// Cancels `token` at the first signal; ends the process at the second.
///
/// Must be called inside a runtime. Where handlers cannot be installed, signals keep their
/// default action: the journal covers that too.
pub fn watch(token: CancellationToken) {
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return;
    };
    tokio::spawn(async move {
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
}
