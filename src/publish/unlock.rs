//! The way out of a lock that no hoist can read: what it holds is handed out as it is, and it is deleted
//! only from exactly that object.

use crate::{
    error::{Error, ErrorCode, Result},
    git::{ObjectId, RefName},
    io::git::remote::{RefEdit, RefPattern, RemoteErrorKind},
    publish::{
        errors::git_error,
        lock_ref::lock_ref,
        protocol::{journal::decode, replay},
        takeover_check::{LockJournal, TakeoverCheck},
        unfinished::{Scope, unfinished_error},
        world::World,
    },
};

/// A lock, as it lies on the remote.
#[derive(Debug, Clone)]
pub struct RawLock {
    /// The ref; `None`: the lock file of this clone as a whole.
    pub name: Option<RefName>,
    /// The object that the ref shows.
    pub object: Option<ObjectId>,
    /// What the object holds where a journal should be.
    pub bytes: Vec<u8>,
    /// Why nobody can go on with it; the error of a new release where somebody can.
    pub state: LockState,
}

/// Whether `resume` or `rollback` can go on with a lock.
#[derive(Debug, Clone)]
pub enum LockState {
    /// They cannot, for this reason.
    Unusable(String),
    /// They can. The error says who has it.
    Usable(Box<Error>),
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
    let unread = |error| git_error("cannot read the locks", &error);
    if let Some(bytes) = world.remote.damaged_locks().await.map_err(unread)? {
        return Ok(vec![RawLock {
            name: None,
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
    let mut found = Vec::new();
    for (name, object) in there {
        let bytes = world.remote.lock_bytes(&name, &object).await;
        let bytes = bytes.map_err(unread)?;
        let state = match decode(&bytes).map(replay::replay) {
            Err(error) => LockState::Unusable(error.to_string()),
            Ok(None) => LockState::Unusable("it holds no journal".to_owned()),
            Ok(Some(replayed)) => {
                let journal = LockJournal {
                    replayed: &replayed,
                    refs: std::slice::from_ref(&name),
                };
                match check.fits(journal).await {
                    Ok(()) => LockState::Usable(Box::new(unfinished_error(world, &replayed))),
                    Err(error) if error.code() == ErrorCode::JournalUnfit => {
                        LockState::Unusable(error.causes().join(": "))
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        found.push(RawLock {
            name: Some(name),
            object: Some(object),
            bytes,
            state,
        });
    }
    Ok(found)
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
            _ => done = world.remote.clear_damaged_locks(&lock.bytes).await,
        }
    }
    if done.is_ok() && !edits.is_empty() {
        done = world.remote.swap(&edits).await;
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
        | RemoteErrorKind::Local => git_error("cannot delete the lock", &error),
    })
}
