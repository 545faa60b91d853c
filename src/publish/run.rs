//! One run over one transaction, as data. The steps read it; only the loop changes the transaction.

use std::sync::Arc;

use tokio::time::Instant;

use crate::{
    event::Awaited,
    io::{forge::ReleaseFile, registry::RepositoryApi, wait_report::WaitReport},
    oci::Manifest,
    publish::{
        deadline::{Deadline, Limits},
        holding::Holding,
        protocol::{
            journal::{Prepared, Record, TagRecord, encode},
            lock_way::LockWay,
            state::{Direction, End, Goal, State, Transaction, TransactionSpec},
        },
        recheck::Recheck,
        transfers::Transfers,
        waits::Waits,
        world::World,
    },
};

/// What does not change while a run lasts.
pub(super) struct Run {
    pub(super) world: World,
    pub(super) prepared: Prepared,
    pub(super) spec: TransactionSpec,
    /// One for each repository, in the order of [`Prepared::repositories`].
    pub(super) apis: Vec<Arc<dyn RepositoryApi>>,
    /// The name of the journal that this run appends to.
    pub(super) journal: String,
    /// What this run knows of its lock.
    pub(super) holding: Holding,
    pub(super) limits: Limits,
    /// Where a recovery was asked to lead; `None`: this is the first run.
    pub(super) goal: Option<Goal>,
    /// Whether the tags may still move; a recovery has none.
    pub(super) recheck: Option<Recheck>,
    /// The files that a draft of somebody else gets under the lock; a recovery has none.
    pub(super) draft_files: Vec<ReleaseFile>,
    /// Counts what goes over the wire.
    pub(super) transfers: Transfers,
    /// Tells of what is tried again.
    pub(super) waits: Waits,
    /// One for each repository: whose turn it is to delete a digest.
    turns: Vec<tokio::sync::Mutex<()>>,
}

impl Run {
    /// The first run of a transaction that is prepared, journaled and has its lock's object.
    pub(super) fn new(
        world: World,
        prepared: Prepared,
        apis: Vec<Arc<dyn RepositoryApi>>,
        journal: String,
        holding: Holding,
    ) -> Self {
        let former = holding.former.map(|former| (former.way, former.quiet_at));
        Self {
            spec: prepared.spec(),
            limits: Limits::new(&prepared, world.cancel.clone(), former),
            prepared,
            journal,
            holding,
            goal: None,
            recheck: None,
            draft_files: Vec::new(),
            transfers: Transfers::new(world.events.clone()),
            waits: Waits::new(world.events.clone()),
            turns: apis.iter().map(|_| tokio::sync::Mutex::default()).collect(),
            apis,
            world,
        }
    }

    /// The title and the text of a lock's object whose holder leads the tags `way`.
    pub(super) fn lock_text(&self, way: LockWay) -> (String, String) {
        lock_text(&self.world, &self.prepared, self.goal.is_some(), way)
    }

    /// Waits until `until`, and says for what; false when `limit` is up first.
    pub(super) async fn wait_until(
        &self,
        until: Instant,
        awaited: Awaited,
        limit: &Deadline,
    ) -> bool {
        let mut report = WaitReport::new(&self.world.events, awaited).until(until);
        report.during(limit.pause_until(until)).await
    }

    /// The turn to delete a digest in a tag's repository; the others wait.
    pub(super) async fn turn(&self, index: usize) -> tokio::sync::MutexGuard<'_, ()> {
        self.turns[self.prepared.tags[index].repository]
            .lock()
            .await
    }

    /// A tag could not be moved: what failed, and until when it is tried again.
    pub(super) fn tag_waits(&self, index: usize, why: impl ToString, limit: &Deadline) {
        let (tag, _) = self.tag(index);
        let repository = self.prepared.repository(tag);
        self.waits.tag_move(repository, &tag.tag, why, limit.until);
    }

    /// The same for a tag that is put back.
    pub(super) fn tag_waits_back(&self, index: usize, why: impl ToString, limit: &Deadline) {
        let (tag, _) = self.tag(index);
        let repository = self.prepared.repository(tag);
        self.waits.tag_back(repository, &tag.tag, why, limit.until);
    }

    /// The git remote could not be read or changed: what failed, and until when it is tried again.
    pub(super) fn git_waits(&self, why: impl ToString, limit: &Deadline) {
        self.waits.git(self.world.remote.name(), why, limit.until);
    }

    /// A tag and its repository.
    pub(super) fn tag(&self, index: usize) -> (&TagRecord, &dyn RepositoryApi) {
        let tag = &self.prepared.tags[index];
        (tag, &*self.apis[tag.repository])
    }

    /// The manifest that a tag is to show.
    pub(super) fn manifest(&self, index: usize) -> &Manifest {
        let tag = &self.prepared.tags[index];
        self.prepared
            .document(self.prepared.wanted(tag))
            .expect("a journal without its images' manifests is refused when it is read")
    }
}

/// The title and the text of a lock's object whose holder leads the tags `way`. `taken`: the holder has
/// taken the lock over.
pub(super) fn lock_text(
    world: &World,
    prepared: &Prepared,
    taken: bool,
    way: LockWay,
) -> (String, String) {
    let owner = &world.owner;
    let title = format!("hoist: publishing {}, {owner}", prepared.version);
    let mut text = encode(&Record::Prepared(Box::new(prepared.clone())));
    let at = world.clock.now();
    if taken {
        let owner = owner.clone();
        text += &encode(&Record::TakenOver { at, owner });
    }
    if way != LockWay::Forward {
        text += &encode(&Record::Directed { at, way });
    }
    (title, text)
}

/// A run while one step is carried out, which does not change the transaction.
#[derive(Clone, Copy)]
pub(super) struct Position<'a> {
    pub(super) run: &'a Run,
    pub(super) txn: &'a Transaction,
}

impl Position<'_> {
    /// Whether what is done now leads back.
    pub(super) fn is_going_back(&self) -> bool {
        matches!(
            self.txn.state,
            State::Settling
                | State::RollingBack(_)
                | State::Confirming(_)
                | State::Withdrawing(_)
                | State::Judging(End::RolledBack | End::Leftover | End::NotBegun)
                | State::Unlocking(End::RolledBack | End::Leftover | End::NotBegun)
                | State::CheckingLock(Direction::Back(_))
                | State::Recovering(Goal::Back)
        )
    }

    /// How long reading and changing refs may take.
    pub(super) fn git_limit(&self) -> Deadline {
        self.run.limits.git(self.txn.state)
    }
}
