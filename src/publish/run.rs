//! One run over one transaction, as data. The steps read it; only the loop changes the transaction.

use std::sync::Arc;

use crate::{
    io::registry::RepositoryApi,
    oci::Manifest,
    publish::{
        deadline::{Deadline, Limits},
        holding::Holding,
        protocol::{
            journal::{Prepared, Record, TagRecord, encode},
            state::{Direction, End, Goal, State, Transaction, TransactionSpec},
        },
        recheck::Recheck,
        transfers::Transfers,
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
    /// Counts what goes over the wire.
    pub(super) transfers: Transfers,
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
            apis,
            journal,
            holding,
            goal: None,
            recheck: None,
            transfers: Transfers::new(world.events.clone()),
            world,
        }
    }

    /// The title and the text of a lock's object whose holder leads the tags `way`.
    pub(super) fn lock_text(&self, way: Goal) -> (String, String) {
        lock_text(&self.world, &self.prepared, self.goal.is_some(), way)
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
    way: Goal,
) -> (String, String) {
    let owner = &world.owner;
    let title = format!("hoist: publishing {}, {owner}", prepared.version);
    let mut text = encode(&Record::Prepared(Box::new(prepared.clone())));
    let at = world.clock.now();
    if taken {
        let owner = owner.clone();
        text += &encode(&Record::TakenOver { at, owner });
    }
    if way == Goal::Back {
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
