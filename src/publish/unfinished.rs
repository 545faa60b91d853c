//! Unfinished releases: found in this clone's journals and in the remote's locks.

use std::{fmt, sync::Arc};

use crate::{
    error::{Error, ErrorCode, ErrorKind, Result},
    git::{ObjectId, RefName},
    io::git::remote::{RefPattern, RemoteError},
    oci::Repository,
    publish::{
        errors::{FINISHED_FIRST, recovery_error},
        lock_ref::lock_ref,
        protocol::{
            journal::{self, ReadError, decode},
            replay::{self, Replayed},
        },
        run_state::{RunState, run_state},
        takeover_check::TakeoverCheck,
        world::World,
    },
};

/// Finished journals that are kept for people to read.
const KEEP: usize = 20;

/// Which unfinished releases are meant.
#[derive(Clone)]
pub struct Scope {
    /// Those that publish to one of these repositories.
    pub repositories: Vec<Repository>,
    /// The prefix of the names of the lock's refs: `refs/hoist`.
    pub lock_refs: RefName,
    /// Asked before a recovery believes a lock's journal. `None`: such a journal is believed, as
    /// where nothing is recovered or the lock cannot come from outside.
    pub check: Option<Arc<dyn TakeoverCheck>>,
}

impl Scope {
    /// The names of the locks' refs.
    #[must_use]
    pub fn locks(&self) -> Vec<RefName> {
        let lock = |repository: &Repository| lock_ref(&self.lock_refs, repository);
        self.repositories.iter().map(lock).collect()
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("repositories", &self.repositories)
            .field("lock_refs", &self.lock_refs)
            .finish_non_exhaustive()
    }
}

/// What was found of one transaction.
pub(super) struct UnfinishedTransaction {
    pub(super) replayed: Replayed,
    /// The journal's name, where this clone has it.
    pub(super) journal: Option<String>,
    /// Whether this clone has the journal, and cannot read it.
    pub(super) damaged: bool,
    /// The lock's objects, where the remote has it. There are several only where a server without
    /// atomic pushes was left in the middle of a change.
    pub(super) locks: Vec<ObjectId>,
    /// The refs that hold them, as they were found.
    pub(super) refs: Vec<RefName>,
}

/// The unfinished journals of this clone that publish to one of `repositories`.
pub(super) fn unfinished_journals(world: &World, repositories: &[Repository]) -> Result<Journals> {
    let unreadable = |name: &str, error: &(dyn std::error::Error + 'static)| {
        Error::new(ErrorKind::Busy, format!("cannot read the journal `{name}`"))
            .with_code(ErrorCode::JournalUnreadable)
            .because(error)
            .state("nothing was changed by this command")
    };
    let journal_error = |name: &str, error: &ReadError| {
        let way_out = match error {
            ReadError::Damaged => "`hoist unlock` saves it and takes it away",
            ReadError::Newer(_) => {
                "use the hoist that wrote it; where there is none, `hoist unlock` saves it and takes it away"
            }
        };
        unreadable(name, error).hint(format!("it may tell of an unfinished release; {way_out}"))
    };
    let names = world
        .journals
        .list()
        .map_err(|error| Error::failed("cannot list the journals").because(&error))?;
    let mut found = Journals::default();
    for name in names {
        let text = match world.journals.read(&name) {
            Ok(text) => text,
            // Over, and forgotten by the release of another image since it was listed.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                return Err(unreadable(&name, &error).hint(
                    "it may tell of an unfinished release; when it can be read, run the same command again",
                ));
            }
        };
        let records = match decode(&text) {
            Ok(records) => records,
            // The lock may have a copy that is whole.
            Err(error @ ReadError::Damaged) => {
                let error = journal_error(&name, &error);
                found.damaged.push((name, error));
                continue;
            }
            Err(error) => return Err(journal_error(&name, &error)),
        };
        // Nothing whole was written, so nothing was done.
        let Some(replayed) = replay::replay(records) else {
            continue;
        };
        if !replayed.is_over() && concerns(&replayed, repositories) {
            found.whole.push((name, replayed));
        }
    }
    Ok(found)
}

/// The unfinished journals of this clone.
#[derive(Default)]
pub(super) struct Journals {
    pub(super) whole: Vec<(String, Replayed)>,
    /// Those whose first record is damaged, and the error that says so.
    pub(super) damaged: Vec<(String, Error)>,
}

fn concerns(replayed: &Replayed, repositories: &[Repository]) -> bool {
    let mut places = replayed.prepared.repositories.iter();
    places.any(|place| repositories.contains(&place.repository))
}

/// Forgets finished journals but the newest. A failure here does no harm.
pub(super) fn forget_old(world: &World) {
    let Ok(names) = world.journals.list() else {
        return;
    };
    for name in names.iter().rev().skip(KEEP) {
        let text = world.journals.read(name);
        let over = text.is_ok_and(|text| {
            decode(&text).is_ok_and(|records| replay::replay(records).is_some_and(|r| r.is_over()))
        });
        if over {
            let _ = world.journals.remove(name);
        }
    }
}

/// The error for a release that is in the way: it runs, it has died, or nobody here can know.
pub(super) fn unfinished_error(world: &World, replayed: &Replayed) -> Error {
    const BOTH: &str =
        "`hoist status` shows it; `hoist resume` finishes it, `hoist rollback` undoes it";
    const WAIT: &str = "`hoist release --wait 10m` waits for it, and then plans anew";
    let version = &replayed.prepared.version;
    let error = match run_state(world, replayed) {
        RunState::Running => Error::busy(format!("the release {version} is running"))
            .with_code(ErrorCode::Locked)
            .hint(WAIT)
            .hint("`hoist status` shows how it stands"),
        RunState::Ended => Error::busy(format!("the release {version} is unfinished"))
            .with_code(ErrorCode::UnfinishedRelease)
            .hint(match replayed.is_done() {
                true => "`hoist status` shows it; git has its tag, so it cannot be undone: `hoist resume` finishes it",
                false => BOTH,
            }),
        RunState::Unknown => Error::busy(format!(
            "the release {version} is running, or was interrupted"
        ))
        .with_code(ErrorCode::UnfinishedRelease)
        .hint(WAIT)
        .hint(match replayed.is_done() {
            true => "git has its tag, so it cannot be undone; where it is certain that it does not run any more, `hoist resume --take-over` finishes it",
            false => "where it is certain that it does not run any more: `hoist resume --take-over` finishes it, `hoist rollback --take-over` undoes it",
        }),
    };
    error.cause(held_by(replayed)).state("nothing was done")
}

/// Who has a transaction, and since when, as a cause.
pub(super) fn held_by(replayed: &Replayed) -> String {
    let since = replayed.since.format("%Y-%m-%d %H:%M:%S UTC");
    format!("held by {} since {since}", replayed.owner)
}

/// Who holds the first of these locks now, as a cause; `None`: nobody, or it cannot be read.
pub(super) async fn holder(world: &World, refs: &[RefName]) -> Option<String> {
    let there = world.remote.refs(&RefPattern::names(refs)).await;
    let (name, id) = there.ok()?.into_iter().next()?;
    Some(held_by(&read_lock(world, &name, &id).await?))
}

async fn read_lock(world: &World, name: &RefName, id: &ObjectId) -> Option<Replayed> {
    let text = world.remote.read_lock(name, id).await.ok()?;
    replay::replay(decode(text.as_bytes()).ok()?)
}

/// The error for a lock that somebody holds: who, and since when.
pub(super) async fn busy(world: &World, lock: &(RefName, ObjectId)) -> Error {
    let (name, mut object) = lock.clone();
    // It can go from one holder to the next while it is read.
    for _ in 0..3 {
        if let Some(replayed) = read_lock(world, &name, &object).await {
            return unfinished_error(world, &replayed);
        }
        let there = world.remote.refs(&RefPattern::names([&name])).await;
        match there.map(|refs| refs.into_iter().next()) {
            Ok(None) => return just_released(),
            Ok(Some((_, now))) if now != object => object = now,
            Ok(Some(_)) | Err(_) => break,
        }
    }
    Error::busy(format!("the lock `{}` is taken", lock.0))
        .with_code(ErrorCode::Locked)
        .state("nothing was done")
        .hint("`hoist status` shows it; `hoist resume` finishes it, `hoist rollback` undoes it")
}

/// The error for a lock whose holder was done before it could be named.
pub(super) fn just_released() -> Error {
    Error::busy("another release held the lock and has just given it back")
        .with_code(ErrorCode::Locked)
        .state("nothing was done")
        .hint(FINISHED_FIRST)
}

/// The locks' refs as they were read, or why they could not be.
pub type SeenLocks = std::result::Result<Vec<(RefName, ObjectId)>, RemoteError>;

/// Everything unfinished, from this clone's journals and the remote's locks. `seen`: what the locks were a
/// moment ago, where they were looked at.
pub(super) async fn find_unfinished(
    world: &World,
    scope: &Scope,
    seen: Option<SeenLocks>,
) -> Result<Vec<UnfinishedTransaction>> {
    let journals = unfinished_journals(world, &scope.repositories)?;
    let locks = locks(world, scope, seen).await?;
    let mut found: Vec<UnfinishedTransaction> = Vec::new();
    let mut damaged = Vec::new();
    for (name, error) in journals.damaged {
        let has_it = |lock: &FoundLock| journal::name(&lock.replayed.prepared) == name;
        if !locks.iter().any(has_it) {
            return Err(error);
        }
        damaged.push(name);
    }
    for (journal, mut replayed) in journals.whole {
        let same =
            |lock: &&FoundLock| lock.replayed.prepared.owner.nonce == replayed.prepared.owner.nonce;
        let lock = locks.iter().find(same);
        if let Some(lock) = lock {
            if lock.replayed.owner.nonce == replayed.owner.nonce {
                replayed.way = lock.replayed.way;
            } else {
                // Somebody has taken it over since: this journal's steps are no longer the last. What
                // the release is stays this clone's own word, for the lock's comes from outside.
                replayed = Replayed {
                    txn: replay::suspect_all(&replayed.prepared),
                    prepared: replayed.prepared,
                    ..lock.replayed.clone()
                };
            }
        }
        found.push(UnfinishedTransaction {
            replayed,
            journal: Some(journal),
            damaged: false,
            locks: lock.map_or_else(Vec::new, |lock| lock.objects.clone()),
            refs: lock.map_or_else(Vec::new, |lock| lock.refs.clone()),
        });
    }
    for lock in locks {
        if !found.iter().any(|known| known.locks == lock.objects) {
            found.push(UnfinishedTransaction {
                damaged: damaged.contains(&journal::name(&lock.replayed.prepared)),
                replayed: lock.replayed,
                journal: None,
                locks: lock.objects,
                refs: lock.refs,
            });
        }
    }
    found.sort_by_key(|one| one.replayed.prepared.started);
    Ok(found)
}

/// The lock of one transaction.
struct FoundLock {
    /// What its refs hold: several objects only where a server without atomic pushes was left in the
    /// middle of a change.
    objects: Vec<ObjectId>,
    /// The refs that hold them.
    refs: Vec<RefName>,
    /// The journal of the newest of them.
    replayed: Replayed,
}

/// The locks that concern the scope, one entry a transaction, their journals replayed. A lock's journal
/// has no steps, so every tag is suspected.
async fn locks(
    world: &World,
    scope: &Scope,
    mut seen: Option<SeenLocks>,
) -> Result<Vec<FoundLock>> {
    let names = RefPattern::names(&scope.locks());
    let failed = |error| recovery_error("cannot read the locks", &error);
    let mut again = 3;
    loop {
        let there = match seen.take() {
            Some(there) => there,
            None => world.remote.refs(&names).await,
        };
        let there = there.map_err(failed)?;
        let read = read_locks(world, &there).await;
        if read.is_ok() || again == 0 {
            return read;
        }
        // Whoever takes a lock over or gives it back takes its object away, too.
        if world.remote.refs(&names).await.map_err(failed)? == there {
            return read;
        }
        again -= 1;
    }
}

async fn read_locks(world: &World, there: &[(RefName, ObjectId)]) -> Result<Vec<FoundLock>> {
    let failed = |error| recovery_error("cannot read the locks", &error);
    let mut locks: Vec<FoundLock> = Vec::new();
    for (name, id) in there {
        if let Some(lock) = locks.iter_mut().find(|lock| lock.objects.contains(id)) {
            lock.refs.push(name.clone());
            continue;
        }
        let text = world.remote.read_lock(name, id).await.map_err(failed)?;
        let damaged = || {
            Error::new(
                ErrorKind::Busy,
                format!(
                    "the lock `{name}` on `{}` cannot be read",
                    world.remote.name()
                ),
            )
            .with_code(ErrorCode::JournalUnreadable)
            .state("nothing was done")
            .hint("use the hoist that wrote it; `hoist unlock` is the way out if none can read it")
        };
        let records = decode(text.as_bytes()).map_err(|error| damaged().because(&error))?;
        let mut replayed = replay::replay(records).ok_or_else(damaged)?;
        replayed.txn = replay::suspect_all(&replayed.prepared);
        let nonce = &replayed.prepared.owner.nonce;
        let known = locks
            .iter_mut()
            .find(|lock| lock.replayed.prepared.owner.nonce == *nonce);
        match known {
            Some(lock) => {
                lock.objects.push(id.clone());
                lock.refs.push(name.clone());
                if lock.replayed.last < replayed.last {
                    lock.replayed = replayed;
                }
            }
            None => locks.push(FoundLock {
                objects: vec![id.clone()],
                refs: vec![name.clone()],
                replayed,
            }),
        }
    }
    Ok(locks)
}
