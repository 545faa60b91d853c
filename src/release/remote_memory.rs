//! The git remote of one release, and what it showed when the release looked at it first.

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::io::git::remote::{GitRemote, RemoteLook};

/// How old a look may be that still stands for another one: long enough for what is read from this
/// clone between the two.
const LOOK_AGE: Duration = Duration::from_secs(10);

/// The git remote of one release.
#[derive(Default)]
pub(super) struct RemoteMemory {
    /// Made when it is first asked for, so that where it is, is found out once.
    pub(super) remote: OnceLock<Arc<GitRemote>>,
    look: Mutex<Option<(Instant, RemoteLook)>>,
}

impl RemoteMemory {
    /// Keeps what the remote showed to a request at `asked`, for whoever asks for the same next.
    pub(super) fn keep(&self, asked: Instant, look: RemoteLook) {
        *self.look.lock().unwrap_or_else(PoisonError::into_inner) = Some((asked, look));
    }

    /// What the remote showed a moment ago. It is given once: whoever asks again wants a new look.
    pub(super) fn take(&self) -> Option<RemoteLook> {
        let look = self
            .look
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let (asked, look) = look?;
        (asked.elapsed() < LOOK_AGE).then_some(look)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_look_stands_for_one_other_and_not_for_long() {
        let memory = RemoteMemory::default();
        memory.keep(Instant::now(), RemoteLook::default());
        assert!(memory.take().is_some());
        assert!(memory.take().is_none());
        memory.keep(Instant::now(), RemoteLook::default());
        tokio::time::advance(LOOK_AGE).await;
        assert!(memory.take().is_none());
    }
}
