//! The image's way out of the engine.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
};

use futures_util::{StreamExt, TryStreamExt};
use tokio_util::{
    io::{StreamReader, SyncIoBridge},
    sync::CancellationToken,
};

use crate::{
    build::docker::{
        client::Engine,
        error::{failed, interrupted, joined},
        stream::{Activity, watch},
    },
    error::Result,
    event::{Event, Events},
    io::layout::{Store, Wanted, adopt_archive},
    oci::Image,
};

/// A bar that is drawn more often than this many bytes helps nobody.
const TELL: u64 = 8 << 20;

/// Streams the image under `tag` from the engine into the store.
pub(crate) async fn take(
    engine: &Engine,
    tag: &str,
    store: &Store,
    wanted: Wanted,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Image> {
    let activity = Activity::default();
    let stop = cancel.child_token();
    let stopped = stop.clone();
    let counted = {
        let (activity, events) = (activity.clone(), events.clone());
        let (mut done, mut told) = (0, 0);
        move |bytes: &bytes::Bytes| {
            activity.fetch_add(1, Ordering::Relaxed);
            done += bytes.len() as u64;
            if done - told >= TELL {
                told = done;
                events.emit(Event::Progress {
                    id: "export".into(),
                    label: "taking the image from the engine".into(),
                    done,
                    total: None,
                });
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
                *broken.lock().expect("nobody panics while holding it") = Some(text);
            }
        })
        .take_until(async move { stopped.cancelled().await });
    let reader = SyncIoBridge::new(StreamReader::new(Box::pin(stream)));
    let (store, told, token) = (store.clone(), events.clone(), stop.clone());
    let taking =
        tokio::task::spawn_blocking(move || adopt_archive(reader, &store, &wanted, &told, &token));
    let silent = tokio::select! {
        biased;
        taken = taking => {
            let taken = joined(taken);
            if cancel.is_cancelled() && taken.is_err() {
                return Err(interrupted());
            }
            let broken = broken.lock().expect("nobody panics while holding it").take();
            return taken.map_err(|error| broken.unwrap_or(error));
        }
        error = watch(engine, &activity) => error,
    };
    stop.cancel();
    Err(silent)
}
