//! How a caller ends a run early.

use tokio_util::sync::CancellationToken;

use crate::{error::Error, release::errors};

/// Ends a run in a named state: before a tag moved nothing is half done, and after that the
/// journal says what is. Clones end the same runs.
#[derive(Debug, Clone, Default)]
pub struct Cancel(pub(super) CancellationToken);

impl Cancel {
    /// A handle that nobody has used yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks every run that has this handle to end.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Waits until somebody asks.
    pub(crate) async fn cancelled(&self) {
        self.0.cancelled().await;
    }

    /// Ends every program that this process runs. For the last moment before it exits.
    pub(crate) fn end_programs(&self) {
        crate::io::end_all();
    }

    /// How a run ends that was asked to before any tag moved.
    pub(crate) fn interrupted(&self) -> Error {
        errors::interrupted()
    }
}
