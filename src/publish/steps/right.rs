//! The right to write: the lock was read as this run's a moment ago, and nothing that its former
//! holder has sent the other way can be under way.

use tokio::time::Instant;

use crate::{
    event::Awaited,
    publish::{
        deadline::{Backoff, Deadline},
        protocol::{observation::LockSeen, state::Goal},
        remarks::Remarks,
        run::Position,
        steps::refs_seen::read_refs,
    },
};

/// Whether this run may write a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::publish) enum Right {
    /// It may, while its permit lasts.
    Held,
    /// The lock is another run's, or gone.
    Lost,
    /// The lock could not be read in time.
    Unknown,
}

/// Where a write at this position leads.
fn way(at: Position<'_>) -> Goal {
    if at.is_going_back() {
        Goal::Back
    } else {
        Goal::Forward
    }
}

/// Whether the lock was read so lately that a request may be sent at once.
pub(in crate::publish) fn is_permitted(at: Position<'_>) -> bool {
    let holding = &at.run.holding;
    holding.permit().check().is_ok() && holding.opens_at(way(at)).is_none()
}

/// Reads the lock, after waiting for what the former holder may have sent the other way. While it
/// cannot be read, nothing is written, and it is read again until `limit`.
pub(in crate::publish) async fn read_right(
    at: Position<'_>,
    limit: &Deadline,
    remarks: &mut Remarks,
) -> Right {
    let holding = &at.run.holding;
    if let Some(until) = holding.opens_at(way(at))
        && !at.run.wait_until(until, Awaited::FormerHolder, limit).await
    {
        return Right::Unknown;
    }
    let asked = Instant::now();
    // One read serves all that wait for it, but only one that was sent after they asked.
    let _one = holding.reading.lock().await;
    if holding.permit().check().is_ok() && holding.was_asked_since(asked) {
        return Right::Held;
    }
    let mut backoff = Backoff::retry();
    loop {
        match limit.run(read_refs(at.run, false)).await {
            None => return Right::Unknown,
            Some(Ok(seen)) if seen.lock == LockSeen::Ours => return Right::Held,
            Some(Ok(_)) => return Right::Lost,
            Some(Err(error)) => {
                at.run.git_waits(&error, limit);
                remarks.failed(error);
            }
        }
        if !limit.pause(backoff.delay()).await {
            return Right::Unknown;
        }
    }
}
