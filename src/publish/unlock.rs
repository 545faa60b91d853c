//! The way out of a lock that no hoist can read, or that nobody should follow: what it holds is handed
//! out as it is, and it is deleted only from exactly that object.

use std::collections::BTreeSet;

use tokio::time::{Instant, sleep_until};

use crate::{
    error::{Error, ErrorCode, ErrorKind, Result},
    event::Awaited,
    git::{ObjectId, RefName},
    io::{
        git::remote::{RefEdit, RefPattern, RemoteError, RemoteErrorKind},
        wait_report::WaitReport,
    },
    outcome::TagReport,
    publish::{
        deadline::{Deadline, LAST_LOOK},
        errors::{git_error, recovery_error},
        lock_ref::lock_ref,
        protocol::{
            journal::{self, Record, decode, encode},
            replay::{self, Abandoned, Replayed},
        },
        report::read_all,
        run_state::may_run,
        takeover::move_lock,
        takeover_check::{LockJournal, TakeoverCheck},
        unfinished::{Scope, unfinished_error, unfinished_journals},
        world::World,
    },
};

/// A lock, as it lies on the remote; or a journal of this clone that cannot be read.
#[derive(Debug, Clone)]
pub struct RawLock {
    /// The ref; `None`: the lock file of this clone as a whole, or a journal.
    pub name: Option<RefName>,
    /// The journal's name, where it is one of this clone's.
    pub journal: Option<String>,
    /// The object that the ref shows.
    pub object: Option<ObjectId>,
    /// What the object holds where a journal should be.
    pub bytes: Vec<u8>,
    /// Whether somebody can go on with it.
    pub state: LockState,
}

/// Whether `resume` or `rollback` can go on with a lock.
#[derive(Debug, Clone)]
pub enum LockState {
    /// They cannot, for this reason.
    Unusable(String),
    /// They can, with this release.
    Usable(Box<Replayed>),
}

/// The locks of the scope's repositories. One that can be read is unusable where `check` refuses it.
///
/// # Errors
/// Failed (exit 6) where the remote or a lock's object cannot be had.
pub async fn find_locks(
    world: &World,
    scope: &Scope,
    check: &dyn TakeoverCheck,
) -> Result<Vec<RawLock>> {
    let unread = |error| recovery_error("cannot read the locks", &error);
    if let Some(bytes) = world.remote.damaged_locks().await.map_err(unread)? {
        return Ok(vec![RawLock {
            name: None,
            journal: None,
            object: None,
            bytes,
            state: LockState::Unusable("the lock file of this clone is damaged".to_owned()),
        }]);
    }
    let names: Vec<_> = scope
        .repositories
        .iter()
        .map(|repository| RefPattern::Name(lock_ref(&scope.lock_refs, repository)))
        .collect();
    let there = world.remote.refs(&names).await.map_err(unread)?;
    let mut further = BTreeSet::new();
    let mut found = Vec::new();
    for (name, object) in there {
        let bytes = world.remote.lock_bytes(&name, &object).await;
        let bytes = bytes.map_err(unread)?;
        let state = match decode(&bytes).map(replay::replay) {
            Err(error) => LockState::Unusable(error.to_string()),
            Ok(None) => LockState::Unusable("it holds no journal".to_owned()),
            Ok(Some(replayed)) => {
                let others = replayed.prepared.lock_refs.iter().cloned();
                further.extend(others.map(|name| (name, object.clone())));
                let journal = LockJournal {
                    replayed: &replayed,
                    refs: std::slice::from_ref(&name),
                };
                match check.fits(journal).await {
                    Ok(()) => LockState::Usable(Box::new(replayed)),
                    Err(error) if error.code() == ErrorCode::JournalUnfit => {
                        LockState::Unusable(error.causes().join(": "))
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        found.push(RawLock {
            name: Some(name),
            journal: None,
            object: Some(object),
            bytes,
            state,
        });
    }
    let elsewhere = further_refs(world, scope, &found, further).await;
    found.extend(elsewhere.map_err(unread)?);
    let journals = unreadable_journals(world, &found)?;
    found.extend(journals);
    Ok(found)
}

/// The refs of the same locks for repositories that the policy does not name any more. What a journal calls a ref
/// of its lock comes from outside: it is one where it lies among the locks and shows the very same object.
async fn further_refs(
    world: &World,
    scope: &Scope,
    found: &[RawLock],
    named: BTreeSet<(RefName, ObjectId)>,
) -> Result<Vec<RawLock>, RemoteError> {
    let below = format!("{}/", scope.lock_refs);
    let is_known = |name: &RefName| found.iter().any(|lock| lock.name.as_ref() == Some(name));
    let mut names: Vec<&RefName> = named.iter().map(|(name, _)| name).collect();
    names.retain(|name| name.as_str().starts_with(&below) && !is_known(name));
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let there = world.remote.refs(&RefPattern::names(names)).await?;
    let locks = there.into_iter().filter_map(|(name, object)| {
        let same = |lock: &&RawLock| lock.object.as_ref() == Some(&object);
        let lock = found.iter().find(same).cloned()?;
        named.contains(&(name.clone(), object)).then(|| RawLock {
            name: Some(name),
            ..lock
        })
    });
    Ok(locks.collect())
}

/// The journals of this clone that cannot be read, but for those that a usable lock has whole.
fn unreadable_journals(world: &World, locks: &[RawLock]) -> Result<Vec<RawLock>> {
    let failed = |error: &std::io::Error| {
        Error::failed("cannot read the journals")
            .because(error)
            .state("nothing was changed")
    };
    let has_lock = |name: &str| {
        locks.iter().any(|lock| match &lock.state {
            LockState::Usable(replayed) => journal::name(&replayed.prepared) == name,
            LockState::Unusable(_) => false,
        })
    };
    let mut found = Vec::new();
    for name in world.journals.list().map_err(|error| failed(&error))? {
        let bytes = world.journals.read(&name).map_err(|error| failed(&error))?;
        let Err(why) = decode(&bytes) else { continue };
        if !has_lock(&name) {
            found.push(RawLock {
                name: None,
                journal: Some(name),
                object: None,
                bytes,
                state: LockState::Unusable(why.to_string()),
            });
        }
    }
    Ok(found)
}

/// The error of `unlock` for a lock that `resume` and `rollback` can use.
#[must_use]
pub fn usable_error(world: &World, release: &Replayed) -> Error {
    let error = unfinished_error(world, release);
    if may_run(world, release) {
        return error;
    }
    error.hint(
        "`hoist unlock --discard` gives the release up: it deletes the lock, and every tag stays as it is",
    )
}

/// Refuses to give up a release that somebody has: one that runs here, or that this clone has begun.
///
/// # Errors
/// Busy (exit 5) in both cases; also where the journals cannot be read.
pub fn refuse_discard(world: &World, scope: &Scope, release: &Replayed) -> Result<()> {
    if may_run(world, release) {
        return Err(unfinished_error(world, release));
    }
    let journals = unfinished_journals(world, &scope.repositories)?;
    let nonce = &release.prepared.owner.nonce;
    let mut own = journals.whole.iter();
    if !own.any(|(_, own)| own.prepared.owner.nonce == *nonce) {
        return Ok(());
    }
    let version = &release.prepared.version;
    Err(Error::busy(format!(
        "the release {version} was begun in this clone, which has its journal"
    ))
    .with_code(ErrorCode::UnfinishedRelease)
    .state("nothing was changed")
    .hint("`hoist rollback` undoes it, `hoist resume` finishes it: both go by this clone's own journal, and not by the lock's"))
}

/// The tags of the release that are not as the lock's journal says they were before. A lock comes from
/// outside, so only the scope's repositories are asked.
pub async fn moved_tags(world: &World, scope: &Scope, release: &Replayed) -> Vec<TagReport> {
    let mut prepared = release.prepared.clone();
    let tags = std::mem::take(&mut prepared.tags);
    let is_in_scope = |repository| scope.repositories.contains(repository);
    prepared.tags = tags
        .into_iter()
        .filter(|tag| is_in_scope(release.prepared.repository(tag)))
        .collect();
    let limit = Deadline::new(LAST_LOOK, world.cancel.clone());
    let mut tags = read_all(world, &prepared, &limit).await;
    tags.retain(|tag| !tag.is_as_before());
    tags
}

/// Takes the locks that can be used over, waits until nothing of their former holders can be under way,
/// and deletes all of `locks`. No tag is written.
///
/// # Errors
/// As [`delete_locks`]; interrupted (exit 130) by a signal while it waits.
pub async fn discard_locks(world: &World, locks: &[RawLock]) -> Result<()> {
    let mut taken = locks.to_vec();
    let mut is_quiet = true;
    for lock in locks {
        let (LockState::Usable(release), Some(old)) = (&lock.state, &lock.object) else {
            continue;
        };
        let same = |lock: &&mut RawLock| lock.object.as_ref() == Some(old);
        let refs: Vec<&mut RawLock> = taken.iter_mut().filter(same).collect();
        let names: Vec<_> = refs.iter().filter_map(|lock| lock.name.clone()).collect();
        if names.is_empty() {
            // One lock in several refs: it was taken as a whole.
            continue;
        }
        let why = replay::abandoned(&release.owner, &world.owner, world.alive);
        is_quiet &= why == Some(Abandoned::Dead);
        let new = own_object(world, release, &lock.bytes).await?;
        move_lock(world, &names, None, (std::slice::from_ref(old), &new)).await?;
        for lock in refs {
            lock.object = Some(new.clone());
        }
    }
    if !is_quiet {
        await_quiet(world).await?;
    }
    delete_locks(world, &taken).await
}

/// The lock's object with this process as the owner. Should this process die now, the release can be
/// finished and undone as before.
async fn own_object(world: &World, release: &Replayed, journal: &[u8]) -> Result<ObjectId> {
    let title = format!(
        "hoist: discarding {}, {}",
        release.prepared.version, world.owner
    );
    let mut text = String::from_utf8_lossy(journal).into_owned();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let (at, owner) = (world.clock.now(), world.owner.clone());
    text += &encode(&Record::TakenOver { at, owner });
    let object = world.remote.write_lock(&title, &text).await;
    object.map_err(|error| recovery_error("cannot make the lock's object", &error))
}

/// Waits as whoever takes a lock over does: the former holder may have a permit to write, and the next
/// release must not meet its requests.
async fn await_quiet(world: &World) -> Result<()> {
    let until = Instant::now() + world.lease_times.quiet();
    let mut report = WaitReport::new(&world.events, Awaited::FormerHolder).until(until);
    tokio::select! {
        biased;
        () = report.during(sleep_until(until)) => Ok(()),
        () = world.cancel.cancelled() => Err(Error::new(
            ErrorKind::Interrupted,
            "interrupted while waiting for the former owner of the lock",
        )
        .state("the lock is not deleted yet; no tag was moved")
        .hint("`hoist unlock --discard` goes on")),
    }
}

/// Deletes the locks, all at once, each only if it still is what was found.
///
/// # Errors
/// Busy (exit 5) where one has changed since, or a process holds it; failed (exit 6) where the remote
/// refuses.
pub async fn delete_locks(world: &World, locks: &[RawLock]) -> Result<()> {
    let mut edits = Vec::new();
    let mut done = Ok(());
    for lock in locks {
        match (&lock.name, &lock.object) {
            (Some(name), Some(object)) => edits.push(RefEdit::delete(name, object.clone())),
            _ if lock.journal.is_some() => {}
            _ => done = world.remote.clear_damaged_locks(&lock.bytes).await,
        }
    }
    if done.is_ok() && !edits.is_empty() {
        done = world.remote.swap(&edits).await;
    }
    if done.is_ok() {
        let journals = locks.iter().filter_map(|lock| lock.journal.as_ref());
        for name in journals {
            put_aside(world, name)?;
        }
    }
    done.map_err(|error| match error.kind {
        RemoteErrorKind::Conflict | RemoteErrorKind::Raced => {
            Error::busy("the lock has changed since it was read")
                .with_code(ErrorCode::Locked)
                .because(&error)
                .state("no lock was deleted")
                .hint("`hoist status` shows how it stands")
        }
        RemoteErrorKind::Refused
        | RemoteErrorKind::Unreachable
        | RemoteErrorKind::Setup
        | RemoteErrorKind::Local
        | RemoteErrorKind::LockFile => {
            git_error("cannot delete the lock", &error).state("no lock was deleted")
        }
    })
}

/// No verb finds the journal any more, and what it holds stays on the disk.
fn put_aside(world: &World, name: &str) -> Result<()> {
    let failed = |error: &std::io::Error| {
        Error::failed(format!("cannot put the journal `{name}` aside"))
            .because(error)
            .state("the journal stays where it is")
    };
    if !world.journals.hold(name).map_err(|error| failed(&error))? {
        return Err(
            Error::busy(format!("another process has the journal `{name}`"))
                .with_code(ErrorCode::Locked)
                .state("the journal stays where it is")
                .hint("`hoist status` shows how it stands"),
        );
    }
    let done = world.journals.set_aside(name);
    done.map_err(|error| failed(&error))
}
