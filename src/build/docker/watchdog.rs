//! Notices that an engine has died in the middle of its work.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    build::docker::{client::Engine, error::unreachable},
    error::Error,
};

/// How long the engine may be silent before it is asked whether it still answers. The step of a
/// build may be silent for hours.
const SILENCE: Duration = Duration::from_secs(60);

/// Counts what the engine sends and takes.
pub(crate) type Activity = Arc<AtomicU64>;

/// Returns only when the engine is silent and does not answer.
pub(crate) async fn watch(engine: &Engine, activity: &Activity) -> Error {
    let mut seen = 0;
    loop {
        tokio::time::sleep(SILENCE).await;
        let now = activity.load(Ordering::Relaxed);
        if now == seen && !engine.is_alive().await && !engine.is_alive().await {
            return unreachable(&engine.address, "it fell silent in the middle of the work");
        }
        seen = now;
    }
}
