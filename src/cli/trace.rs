//! `--trace FILE`: when each step, each request and each run of `git` began and ended, in the trace format
//! of Chrome, which `chrome://tracing`, Perfetto and other viewers draw.

use std::{fs::File, path::Path};

use tracing::Level;
use tracing_chrome::{ChromeLayerBuilder, FlushGuard, TraceStyle};
use tracing_subscriber::{
    filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::error::{Error, Result};

/// Writes the trace as long as the answer lives.
///
/// # Errors
/// Usage (exit 2): the file cannot be made.
pub(super) fn begin(path: &Path) -> Result<FlushGuard> {
    let file = File::create(path).map_err(|error| {
        Error::usage(format!("cannot write the trace to `{}`", path.display()))
            .because(&error)
            .state("nothing was done")
    })?;
    let (layer, guard) = ChromeLayerBuilder::new()
        .writer(file)
        .include_args(true)
        .include_locations(false)
        // Steps and requests overlap: each is a bar of its own, and not the stack of a thread.
        .trace_style(TraceStyle::Async)
        .build();
    // Other crates have spans, too, and nobody has looked at what those say.
    let own = Targets::new().with_target(env!("CARGO_PKG_NAME"), Level::DEBUG);
    tracing_subscriber::registry().with(own).with(layer).init();
    Ok(guard)
}
