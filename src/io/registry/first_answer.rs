//! The first answer of a registry, which tells how to log in. Requests that begin side by side before it is
//! there would all be refused, and all be sent again.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::{
    sync::{Mutex, MutexGuard},
    time::timeout,
};

/// For so long the other requests wait for the first answer; then they go out as well.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether the first request of a run was answered.
#[derive(Default)]
pub(crate) struct FirstAnswer {
    is_here: AtomicBool,
    /// The lock is held while the first request is under way.
    turn: Mutex<()>,
}

/// The first request. When it is dropped, the others need not wait any more.
pub(crate) struct FirstRequest<'a> {
    answer: &'a FirstAnswer,
    _turn: MutexGuard<'a, ()>,
}

impl Drop for FirstRequest<'_> {
    fn drop(&mut self) {
        self.answer.is_here.store(true, Ordering::Relaxed);
    }
}

impl FirstAnswer {
    /// To be called before a request: `Some` for the first one, to be held until what its answer says is
    /// known. The others wait for that, where there is a login that they may have to send.
    pub(crate) async fn wait(
        &self,
        has_login: impl Future<Output = bool>,
    ) -> Option<FirstRequest<'_>> {
        if self.is_here.load(Ordering::Relaxed) {
            return None;
        }
        if let Ok(turn) = self.turn.try_lock() {
            return Some(FirstRequest {
                answer: self,
                _turn: turn,
            });
        }
        if has_login.await {
            // An answer that is late holds nobody up for long.
            let _ = timeout(PATIENCE, self.turn.lock()).await;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::ready};

    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_has_a_login_waits_for_the_first_answer_and_not_for_long() {
        for (answered_after, with_login, waits) in [
            (400, true, 400),
            (400, false, 0),
            (5000, true, 1000),
            (5000, false, 0),
        ] {
            let answer = FirstAnswer::default();
            let begun = Instant::now();
            let first = async {
                let first = answer.wait(ready(with_login)).await;
                assert!(first.is_some());
                sleep(Duration::from_millis(answered_after)).await;
            };
            let second = async {
                assert!(answer.wait(ready(with_login)).await.is_none());
                begun.elapsed().as_millis()
            };
            let third = async {
                assert!(answer.wait(ready(with_login)).await.is_none());
                begun.elapsed().as_millis()
            };
            let ((), second, third) = tokio::join!(first, second, third);
            assert_eq!((second, third), (waits, waits));
            // Now that it is there, nobody waits, and nobody is asked for a login.
            let asked = Cell::new(false);
            let has_login = async {
                asked.set(true);
                true
            };
            assert!(answer.wait(has_login).await.is_none());
            assert!(!asked.get());
        }
    }
}
