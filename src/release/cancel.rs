//! How a caller ends a run early.

use tokio_util::sync::CancellationToken;

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
}
