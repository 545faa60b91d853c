//! Carries out the protocol: journal, act, see, next.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    io::{
        git::remote::{ObjectId, RemoteError},
        registry::{RegistryError, RepositoryApi},
    },
    oci::{Observed, Registry},
    publish::{
        deadline::{Deadline, LAST_LOOK, Signal},
        protocol::{
            journal::{Prepared, TagPlan},
            state::{self, Direction, State, Transaction, TransactionSpec},
        },
        recheck::Recheck,
        steps::transfer::Transfers,
        world::World,
    },
};

/// The least that each round of a roll back gets.
const FAIR_TRY: Duration = Duration::from_secs(30);

/// How long changing refs may go on being retried.
const GIT_PATIENCE: Duration = Duration::from_secs(60);

/// One run over one transaction.
pub(super) struct Run {
    pub(super) world: World,
    pub(super) prepared: Prepared,
    pub(super) shape: TransactionSpec,
    /// One a repository, in the order of [`Prepared::repositories`].
    pub(super) apis: Vec<Arc<dyn RepositoryApi>>,
    /// The journal's name.
    pub(super) journal: String,
    /// The lock object of this run.
    pub(super) lock: ObjectId,
    pub(super) txn: Transaction,
    pub(super) signal: Signal,
    pub(super) notes: Notes,
    /// Where a recovery was asked to lead; `None`: this is the first run.
    pub(super) goal: Option<state::Goal>,
    /// Whether the tags may still move; a recovery has none.
    pub(super) guard: Option<Recheck>,
    /// What went over the wire.
    pub(super) haul: Transfers,
    begun: OnceLock<Instant>,
    given_up: OnceLock<Instant>,
}

/// What was learnt on the way and is no part of the protocol.
#[derive(Default)]
pub(super) struct Notes {
    /// What went wrong with a tag, in the registry's words.
    tags: Mutex<BTreeMap<usize, String>>,
    /// What went wrong otherwise.
    other: Mutex<Vec<String>>,
    /// What holds a tag back since the plan was made.
    held: Mutex<BTreeMap<usize, String>>,
    /// What helps where git's server refused.
    hint: Mutex<Option<String>>,
    /// What each tag showed when it was last looked at.
    shown: Mutex<BTreeMap<usize, Observed>>,
    /// The release commit stays on its branch although the release is given up.
    branch_left: AtomicBool,
    /// Registries that do not take several tags in one request.
    plain: Mutex<BTreeSet<Registry>>,
}

fn open<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Nothing in here can be left half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Notes {
    pub(super) fn tag(&self, index: usize, what: impl ToString) {
        open(&self.tags).insert(index, what.to_string());
    }

    pub(super) fn other(&self, what: impl ToString) {
        let what = what.to_string();
        let mut other = open(&self.other);
        if other.last() != Some(&what) {
            other.push(what);
        }
    }

    pub(super) fn held(&self, index: usize, why: String) {
        open(&self.held).insert(index, why);
    }

    pub(super) fn why_held(&self, index: usize) -> Option<String> {
        open(&self.held).get(&index).cloned()
    }

    /// Git's server did not do it; its error may know what helps.
    pub(super) fn refused(&self, error: &RemoteError) {
        self.other(error);
        if let Some(hint) = &error.hint {
            *open(&self.hint) = Some(hint.clone());
        }
    }

    pub(super) fn hint(&self) -> Option<String> {
        open(&self.hint).clone()
    }

    pub(super) fn shown(&self, index: usize, now: Observed) {
        open(&self.shown).insert(index, now);
    }

    pub(super) fn of_tag(&self, index: usize) -> Option<String> {
        open(&self.tags).get(&index).cloned()
    }

    pub(super) fn last_other(&self) -> Option<String> {
        open(&self.other).last().cloned()
    }

    pub(super) fn last_shown(&self, index: usize) -> Option<Observed> {
        open(&self.shown).get(&index).cloned()
    }

    pub(super) fn branch_left(&self) -> bool {
        self.branch_left.load(Ordering::Relaxed)
    }

    pub(super) fn set_branch_left(&self) {
        self.branch_left.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_plain(&self, registry: &Registry) -> bool {
        open(&self.plain).contains(registry)
    }

    pub(super) fn set_plain(&self, registry: &Registry) {
        open(&self.plain).insert(registry.clone());
    }
}

impl Run {
    pub(super) fn new(
        world: World,
        prepared: Prepared,
        apis: Vec<Arc<dyn RepositoryApi>>,
        journal: String,
        lock: ObjectId,
        txn: Transaction,
    ) -> Self {
        Self {
            shape: prepared.shape(),
            signal: Signal::new(world.cancel.clone()),
            prepared,
            apis,
            journal,
            lock,
            txn,
            notes: Notes::default(),
            goal: None,
            guard: None,
            haul: Transfers::new(world.events.clone()),
            world,
            begun: OnceLock::new(),
            given_up: OnceLock::new(),
        }
    }

    pub(super) fn tag(&self, index: usize) -> (&TagPlan, &dyn RepositoryApi) {
        let tag = &self.prepared.tags[index];
        (tag, &*self.apis[tag.repository])
    }

    /// Whether what is done now leads back.
    pub(super) fn is_going_back(&self) -> bool {
        matches!(
            self.txn.state,
            State::Settling
                | State::RollingBack(_)
                | State::CheckingLock(Direction::Back(_))
                | State::Recovering(state::Goal::Back)
        )
    }

    fn grace(&self, share: f64) -> Duration {
        Duration::from_millis(self.prepared.grace).mul_f64(share)
    }

    fn limit(&self, until: Instant, share: f64) -> Deadline {
        Deadline {
            until,
            signal: self.signal.clone(),
            after_signal: self.grace(share),
        }
    }

    /// For going forward. After a signal, half of the grace period.
    pub(super) fn forward(&self) -> Deadline {
        let begun = *self.begun.get_or_init(Instant::now);
        self.limit(begun + Duration::from_millis(self.prepared.deadline), 0.5)
    }

    /// For going back. After a signal, nearly the whole grace period.
    pub(super) fn back(&self) -> Deadline {
        let given_up = *self.given_up.get_or_init(Instant::now);
        self.limit(
            // One tag that uses up the time must not keep the next ones from being tried.
            (given_up + Duration::from_millis(self.prepared.deadline))
                .max(Instant::now() + FAIR_TRY),
            0.9,
        )
    }

    /// For a registry to show what it accepted.
    pub(super) fn visible(&self, share: f64) -> Deadline {
        let timeout = Duration::from_millis(self.prepared.verify_timeout);
        self.limit(Instant::now() + timeout, share)
    }

    /// For the last look, after everything: what the shares above leave of the grace period.
    pub(super) fn last_look(&self) -> Deadline {
        self.limit(Instant::now() + LAST_LOOK, 1.0)
    }

    /// For changing refs. After a signal a push of the lock leaves time to give it back.
    pub(super) fn git(&self) -> Deadline {
        let share = match self.txn.state {
            State::Locking | State::CheckingLock(Direction::Forward(_)) => 0.5,
            _ => 0.95,
        };
        self.limit(Instant::now() + GIT_PATIENCE, share)
    }
}

/// A registry's error with the request that met it, for a cause line.
pub(super) fn words(error: &RegistryError) -> String {
    error.to_string()
}
