//! Does the same work for many items, on all cores.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use crate::error::Result;

/// Runs `work` for every item. After the first error no further item is begun, and that error is
/// returned.
pub(super) fn for_each<T: Sync>(items: &[T], work: impl Fn(&T) -> Result<()> + Sync) -> Result<()> {
    let (next, stop, failed) = (
        AtomicUsize::new(0),
        AtomicBool::new(false),
        Mutex::new(None),
    );
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers.min(items.len()) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed)
                    && let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    if let Err(error) = work(item) {
                        stop.store(true, Ordering::Relaxed);
                        failed
                            .lock()
                            .expect("no thread panics while it holds the lock")
                            .get_or_insert(error);
                    }
                }
            });
        }
    });
    match failed
        .into_inner()
        .expect("no thread panics while it holds the lock")
    {
        Some(error) => Err(error),
        None => Ok(()),
    }
}
