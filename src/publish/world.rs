//! The outside world of a transaction.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use crate::{
    error::Result,
    event::Events,
    io::{git::remote::Remote, journal_file::JournalStore, registry::RepositoryApi},
    oci::Repository,
    publish::protocol::journal::Owner,
};

/// How a repository is reached. A recovery connects to what the journal names.
pub type Connect = Arc<dyn Fn(&Repository) -> Result<Arc<dyn RepositoryApi>> + Send + Sync>;

/// The outside world of a transaction. Cheap to clone.
#[derive(Clone)]
pub struct World {
    /// Reaches a repository.
    pub connect: Connect,
    /// Where lock and git tag live.
    pub remote: Arc<dyn Remote>,
    /// Where journals live.
    pub journals: Arc<dyn JournalStore>,
    /// Who hears what happens.
    pub events: Events,
    /// The first signal: end in a named state, soon.
    pub cancel: CancellationToken,
    /// This process.
    pub owner: Owner,
    /// Whether a process of this machine runs.
    pub alive: fn(u32) -> bool,
    /// The time of day.
    pub clock: Clock,
}

/// The time of day, moved on by the runtime's own clock: with that one paused, time is data.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: DateTime<Utc>,
    since: tokio::time::Instant,
}

impl Clock {
    /// It is `now`.
    #[must_use]
    pub fn new(now: DateTime<Utc>) -> Self {
        Self {
            start: now,
            since: tokio::time::Instant::now(),
        }
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        let passed = TimeDelta::from_std(self.since.elapsed()).unwrap_or(TimeDelta::MAX);
        self.start.checked_add_signed(passed).unwrap_or(self.start)
    }
}
