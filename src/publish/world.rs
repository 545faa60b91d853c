//! The outside world of a transaction.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    error::Result,
    event::Events,
    io::{
        forge::ForgeApi,
        git::remote::Remote,
        journal_file::JournalStore,
        lease::{LeaseClock, LeaseTimes},
        registry::RepositoryApi,
    },
    oci::Repository,
    publish::protocol::journal::Owner,
};

/// How a repository is reached. A recovery connects to what the journal names.
pub type Connect = Arc<dyn Fn(&Repository) -> Result<Arc<dyn RepositoryApi>> + Send + Sync>;

/// The project on the forge, or why there is none.
pub type ForgeAccess = std::result::Result<Arc<dyn ForgeApi>, String>;

/// The outside world of a transaction. Cheap to clone.
#[derive(Clone)]
pub struct World {
    /// How a repository is reached.
    pub connect: Connect,
    /// The git remote that holds the lock and gets the tag.
    pub remote: Arc<dyn Remote>,
    /// The project on the forge that releases are made on.
    pub forge: ForgeAccess,
    /// The journals of this clone.
    pub journals: Arc<dyn JournalStore>,
    /// The listener for what happens.
    pub events: Events,
    /// Cancelled at the first signal: the run then ends in a named state, soon.
    pub cancel: CancellationToken,
    /// This process, as the lock and the journal name it.
    pub owner: Owner,
    /// Whether the process of an owner is running, which is on this machine.
    pub alive: fn(&Owner) -> bool,
    /// The time of day, for what is written down.
    pub clock: Clock,
    /// The clock that permits go by.
    pub lease_clock: LeaseClock,
    /// How long permits last.
    pub lease_times: LeaseTimes,
}

/// The time of day, moved on by the runtime's own clock: with that one paused, time is data.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: DateTime<Utc>,
    since: Instant,
}

impl Clock {
    /// A clock that shows `now` at this moment.
    #[must_use]
    pub fn new(now: DateTime<Utc>) -> Self {
        Self {
            start: now,
            since: Instant::now(),
        }
    }

    /// What the clock shows.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        let passed = TimeDelta::from_std(self.since.elapsed()).unwrap_or(TimeDelta::MAX);
        self.start.checked_add_signed(passed).unwrap_or(self.start)
    }
}
