//! Notices that a builder has died in the middle of its work.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    build::engine::{error::unreachable, host::EngineAddress},
    error::Error,
};

/// How long the builder may be silent before it is asked whether it still answers. The step of a
/// build may be silent for hours.
const SILENCE: Duration = Duration::from_secs(60);

/// Counts what the builder sends and takes.
pub(crate) type Activity = Arc<AtomicU64>;

/// Someone who can be asked whether they live.
pub(crate) trait Watched: Sync {
    /// Where it is, for messages.
    fn address(&self) -> &EngineAddress;

    /// What is said when it does not answer any more.
    fn lost(&self, why: &str) -> Error {
        unreachable(self.address(), why)
    }

    /// Whether it still answers.
    fn is_alive(&self) -> impl Future<Output = bool> + Send;
}

/// Returns only when the builder is silent and does not answer.
pub(crate) async fn watch(builder: &impl Watched, activity: &Activity) -> Error {
    let mut seen = 0;
    loop {
        tokio::time::sleep(SILENCE).await;
        let now = activity.load(Ordering::Relaxed);
        if now == seen && !builder.is_alive().await && !builder.is_alive().await {
            return builder.lost("it fell silent in the middle of the work");
        }
        seen = now;
    }
}
