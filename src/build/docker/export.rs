//! Takes the built image out of the engine.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::{StreamExt, TryStreamExt};
use tokio_util::{
    io::{StreamReader, SyncIoBridge},
    sync::CancellationToken,
};

use crate::{
    build::{
        docker::client::Engine,
        engine::{
            error::failed,
            watchdog::{Activity, watch},
        },
        errors::{interrupted, task_result},
    },
    error::Result,
    event::{Event, Events},
    io::layout::{Store, WantedImage, adopt_archive},
    oci::Image,
};

/// How many bytes lie between two progress events.
const REPORT_EVERY: u64 = 8 << 20;

/// So much of the image has been taken out of the engine; all of it where `total` is known.
fn taken(done: u64, total: Option<u64>) -> Event {
    Event::Progress {
        id: "export".into(),
        label: "taking the image from the engine".into(),
        done,
        total,
    }
}

/// Streams the image under `tag` from the engine into the store.
pub(crate) async fn export(
    engine: &Engine,
    tag: &str,
    store: &Store,
    wanted: WantedImage,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Image> {
    let activity = Activity::default();
    let stop = cancel.child_token();
    let stopped = stop.clone();
    let done = Arc::new(AtomicU64::new(0));
    let counted = {
        let (activity, events) = (activity.clone(), events.clone());
        let total = done.clone();
        let mut reported = 0;
        move |bytes: &bytes::Bytes| {
            activity.fetch_add(1, Ordering::Relaxed);
            let done = total.fetch_add(bytes.len() as u64, Ordering::Relaxed) + bytes.len() as u64;
            if done - reported >= REPORT_EVERY {
                reported = done;
                events.emit(taken(done, None));
            }
        }
    };
    let broken = Arc::new(std::sync::Mutex::new(None));
    let stream = engine
        .export(tag)
        .inspect_ok(counted)
        .inspect_err({
            let broken = broken.clone();
            move |error: &io::Error| {
                let text = failed("cannot take the image from the engine", error);
                *broken
                    .lock()
                    .expect("no thread panics while it holds the lock") = Some(text);
            }
        })
        .take_until(async move { stopped.cancelled().await });
    let reader = SyncIoBridge::new(StreamReader::new(Box::pin(stream)));
    let (store, events, token) = (store.clone(), events.clone(), stop.clone());
    let told = events.clone();
    let adopting = tokio::task::spawn_blocking(move || {
        adopt_archive(reader, &store, &wanted, &events, &token)
    });
    let silent = tokio::select! {
        biased;
        adopted = adopting => {
            let adopted = task_result(adopted);
            let done = done.load(Ordering::Relaxed);
            told.emit(taken(done, Some(done)));
            if cancel.is_cancelled() && adopted.is_err() {
                return Err(interrupted());
            }
            let broken = broken.lock().expect("no thread panics while it holds the lock").take();
            return adopted.map_err(|error| broken.unwrap_or(error));
        }
        error = watch(engine, &activity) => error,
    };
    stop.cancel();
    Err(silent)
}
