//! Sends a request that moves a tag, and keeps account of what may still be under way.

use std::{future::Future, time::Duration};

use tokio::time::Instant;

use crate::{
    io::registry::{RegistryError, RegistryErrorKind},
    publish::{
        deadline::{Backoff, Deadline},
        run::Run,
    },
};

/// The answer to a request that moves a tag. `None`: the time was up before there was one.
pub(in crate::publish) async fn send<T>(
    run: &Run,
    tags: &[usize],
    limit: &Deadline,
    request: impl Future<Output = Result<T, RegistryError>>,
) -> Option<Result<T, RegistryError>> {
    let sent = Instant::now();
    let answer = limit.run(request).await;
    let (was_sent, is_doubtful) = match &answer {
        None => (true, true),
        Some(Ok(_)) => (true, false),
        Some(Err(error)) => match error.kind {
            RegistryErrorKind::NotPermitted | RegistryErrorKind::Unreachable => (false, false),
            _ => (true, error.is_ambiguous()),
        },
    };
    if was_sent {
        for &tag in tags {
            run.holding.writes(tag, sent);
        }
    }
    if is_doubtful {
        run.holding.doubts(tags, sent);
    }
    answer
}

/// How long to wait before a request is sent again: as long as the registry asks for, if it does.
pub(in crate::publish) fn pause_after(error: &RegistryError, backoff: &mut Backoff) -> Duration {
    let delay = backoff.delay();
    match error.kind {
        RegistryErrorKind::TooManyRequests(Some(asked)) => delay.max(asked),
        RegistryErrorKind::NotPermitted => Duration::ZERO,
        _ => delay,
    }
}
