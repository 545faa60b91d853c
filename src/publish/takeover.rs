//! Takes an unfinished release over: whether that is allowed, the lock, where the run begins.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    error::{Error, ErrorCode, ErrorKind, Result},
    event::Awaited,
    git::{ObjectId, RefName},
    io::{
        git::remote::{RefEdit, RefPattern, RemoteError},
        lease::Lease,
        wait_report::WaitReport,
    },
    outcome::Outcome,
    publish::{
        deadline::Backoff,
        drive::drive,
        errors::{journal_error, recovery_error},
        holding::{FormerHolder, Holding},
        protocol::{
            journal::{Prepared, Record, encode, name},
            lock_way::LockWay,
            replay::{self, Abandoned, Replayed},
            state::{Goal, Lockless, State, Transaction},
        },
        run::{Run, lock_text},
        steps::branch::branch_edit,
        takeover_check::{LockJournal, with_own_settings},
        unfinished::{self, Scope, UnfinishedTransaction, find_unfinished},
        world::World,
    },
};

/// How often the lock is taken over when pushes get in each other's way.
const TRIES: u32 = 5;

/// What a recovery may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// Take over only what is certainly abandoned.
    IfAbandoned,
    /// Take over although the owner may still run: the user says that it does not.
    TakeOver,
}

/// Goes on with an unfinished release, to the digest that its journal names; never builds.
/// `None`: there is none.
///
/// # Errors
/// What is unfinished could not be found out, or another process may still have it.
pub async fn resume(world: &World, scope: &Scope, how: Recovery) -> Result<Option<Outcome>> {
    recover(world, scope, how, Goal::Forward).await
}

/// Undoes an unfinished release: every tag is put back. `None`: there is none.
///
/// # Errors
/// What is unfinished could not be found out, or another process may still have it.
pub async fn rollback(world: &World, scope: &Scope, how: Recovery) -> Result<Option<Outcome>> {
    recover(world, scope, how, Goal::Back).await
}

/// Takes the oldest unfinished release over and leads it to `goal`. `None`: there is none.
///
/// # Errors
/// It could not be found out, or another process may still have it.
async fn recover(
    world: &World,
    scope: &Scope,
    how: Recovery,
    goal: Goal,
) -> Result<Option<Outcome>> {
    // As for a crash: whatever of this was done, the next recovery finds it.
    let run = tokio::select! {
        biased;
        run = start(world, scope, how, goal) => run?,
        () = world.cancel.cancelled() => return Err(interrupted()),
    };
    match run {
        Some((run, txn)) => Ok(Some(drive(run, txn).await)),
        None => Ok(None),
    }
}

fn interrupted() -> Error {
    Error::new(
        ErrorKind::Interrupted,
        "interrupted while taking the release over",
    )
    .state("this run moved no tag")
    .hint("`hoist status` shows what is where; the same command again goes on")
}

async fn start(
    world: &World,
    scope: &Scope,
    how: Recovery,
    goal: Goal,
) -> Result<Option<(Run, Transaction)>> {
    let mut all = find_unfinished(world, scope, None).await?;
    if all.is_empty() {
        return Ok(None);
    }
    if let Some(other) = all.get(1) {
        world.events.note(format!(
            "{} is unfinished too: run this again afterwards",
            other.replayed.prepared.version
        ));
    }
    take_over(world, scope, all.swap_remove(0), how, goal)
        .await
        .map(Some)
}

async fn take_over(
    world: &World,
    scope: &Scope,
    found: UnfinishedTransaction,
    how: Recovery,
    goal: Goal,
) -> Result<(Run, Transaction)> {
    let (journal, locks, refs) = (found.journal, found.locks, found.refs);
    let mut replayed = found.replayed;
    let why = check_owner(world, &replayed, how)?;
    if journal.is_none() {
        check_journal(scope, &replayed, &refs, goal).await?;
    }
    if let Some(check) = &scope.check {
        replayed.prepared = with_own_settings(replayed.prepared, &**check, journal.is_none());
    }
    let former = former(world, &replayed, why);
    let is_done = replayed.is_done();
    let prepared = replayed.prepared;
    let apis = prepared
        .repositories
        .iter()
        .map(|target| (world.connect)(&target.repository))
        .collect::<Result<Vec<_>>>()?;
    // First the journal, then the lock: without a journal nothing is touched.
    let journal = match journal {
        Some(journal) => journal,
        None => copy_journal(world, &prepared)?,
    };
    if !world
        .journals
        .hold(&journal)
        .map_err(|error| journal_error(&error))?
    {
        return Err(in_use(&prepared));
    }
    let taken = encode(&Record::TakenOver {
        at: world.clock.now(),
        owner: world.owner.clone(),
    });
    let way = match is_done {
        true => LockWay::Done,
        false => LockWay::from(goal),
    };
    let (title, text) = lock_text(world, &prepared, true, way);
    let new = world.remote.write_lock(&title, &text).await;
    let new = new.map_err(|error| recovery_error("cannot make the lock's object", &error))?;
    let is_locked = !locks.is_empty();
    let txn = match is_locked && is_done {
        true => replay::recover_done(replayed.txn),
        false => begin(replayed.txn, goal, how, is_locked),
    };
    let lease = Lease::new(world.lease_clock, world.lease_times);
    let holding = Holding::new(lease, new.clone(), way, Some(former));
    if !locks.is_empty() {
        let branch = match goal {
            Goal::Forward => branch_left(world, &prepared).await?,
            Goal::Back => None,
        };
        move_lock(world, &prepared.lock_refs, branch, (&locks, &new)).await?;
    }
    let appended = world.journals.append(&journal, &taken);
    appended.map_err(|error| journal_error(&error))?;
    let mut run = Run::new(world.clone(), prepared, apis, journal, holding);
    run.goal = Some(goal);
    Ok((run, txn))
}

/// What only the lock says comes from outside: it is done only if it fits, and somebody agrees.
async fn check_journal(
    scope: &Scope,
    replayed: &Replayed,
    refs: &[RefName],
    goal: Goal,
) -> Result<()> {
    let Some(check) = &scope.check else {
        return Ok(());
    };
    check.agrees(LockJournal { replayed, refs }, goal).await
}

/// Begins a journal in this clone for a transaction that only its lock tells of; its name.
fn copy_journal(world: &World, prepared: &Prepared) -> Result<String> {
    let name = name(prepared);
    let line = encode(&Record::Prepared(Box::new(prepared.clone())));
    let written = match world.journals.create(&name, &line) {
        // Damaged, or cut before its first record was whole: the lock's copy is.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => world
            .journals
            .set_aside(&name)
            .and_then(|()| world.journals.create(&name, &line)),
        written => written,
    };
    written.map_err(|error| journal_error(&error))?;
    Ok(name)
}

/// Another process of this clone has the journal.
fn in_use(prepared: &Prepared) -> Error {
    Error::busy(format!(
        "another process of this clone is working on the release {}",
        prepared.version
    ))
    .with_code(ErrorCode::Locked)
    .state("nothing was changed")
    .hint("`hoist status` shows how it stands")
}

/// Where a recovery begins. That there is no lock proves nothing, so a look comes first.
fn begin(txn: Transaction, goal: Goal, how: Recovery, locked: bool) -> Transaction {
    if locked || matches!(txn.state, State::Ended(_)) {
        return replay::recover(txn, goal);
    }
    let lockless = Lockless {
        goal,
        take_over: how == Recovery::TakeOver,
        never_locked: txn.state == State::Locking,
    };
    Transaction {
        state: State::WithoutLock(lockless),
        ..txn
    }
}

/// What is to be known of the run that had the lock.
fn former(world: &World, replayed: &Replayed, why: Option<Abandoned>) -> FormerHolder {
    let now = Instant::now();
    let quiet = match why {
        Some(Abandoned::Dead) => Duration::ZERO,
        Some(Abandoned::JobOver) | None => world.lease_times.quiet(),
    };
    let timeout = Duration::from_millis(replayed.prepared.verify_timeout);
    // What was asked for last was asked for no later than at the last record, if clocks agree.
    let ago = (world.clock.now() - replayed.last)
        .to_std()
        .unwrap_or_default();
    let watched = if replayed.txn.may_be_under_way() {
        timeout.saturating_sub(ago)
    } else {
        Duration::ZERO
    };
    FormerHolder {
        way: replayed.way(),
        quiet_at: now + quiet,
        watched_until: now + watched,
    }
}

fn check_owner(world: &World, replayed: &Replayed, how: Recovery) -> Result<Option<Abandoned>> {
    let why = replay::abandoned(&replayed.owner, &world.owner, world.alive);
    if why.is_some() || how == Recovery::TakeOver {
        return Ok(why);
    }
    let error = Error::busy(format!(
        "the release {} may still be running",
        replayed.prepared.version
    ))
    .with_code(ErrorCode::Locked);
    Err(error
        .cause(unfinished::held_by(replayed))
        .state("nothing was changed")
        .hint(
            "when it is certain that it does not run any more: the same command with `--take-over`",
        ))
}

/// What is left to do on the branch of a release commit before its tags may move: a server without
/// atomic pushes may have stopped between lock and branch.
async fn branch_left(world: &World, prepared: &Prepared) -> Result<Option<RefEdit>> {
    let (Some(branch), Some(edit)) = (&prepared.branch, branch_edit(prepared)) else {
        return Ok(None);
    };
    let failed = |error| recovery_error("cannot read the branch", &error);
    let shown = world.remote.refs(&RefPattern::names([&branch.name])).await;
    let shown = shown.map_err(failed)?.into_iter().next().map(|(_, id)| id);
    if shown.as_ref() == edit.expected() {
        return Ok(Some(edit));
    }
    let holds = match &shown {
        None => false,
        Some(tip) if *tip == prepared.commit => true,
        Some(tip) => {
            let contains = world.remote.contains(&branch.name, tip, prepared.commit);
            contains.await.map_err(failed)?
        }
    };
    if holds {
        return Ok(None);
    }
    let (short, remote) = (branch.short(), world.remote.name());
    let shows = shown.map_or_else(|| "gone".to_owned(), String::from);
    Err(Error::failed(format!(
        "`{short}` of `{remote}` does not hold the release commit {}",
        prepared.commit
    ))
    .cause(format!("`{short}` is {shows}"))
    .state("nothing was changed")
    .hint("`hoist rollback` undoes the release"))
}

/// Moves the lock from `old` to `new`, all refs at once: of two that try, one gets it.
pub(super) async fn move_lock(
    world: &World,
    refs: &[RefName],
    branch: Option<RefEdit>,
    (old, new): (&[ObjectId], &ObjectId),
) -> Result<()> {
    let unread = |error| recovery_error("cannot read the lock", &error);
    let mut backoff = Backoff::retry();
    let mut tries = TRIES;
    let mut failed: Option<RemoteError> = None;
    let remote = world.remote.name().to_owned();
    let mut report = WaitReport::new(&world.events, Awaited::GitRefs { remote });
    loop {
        // After a failure, too, the refs tell: the answer may be lost.
        let there = world
            .remote
            .refs(&RefPattern::names(refs))
            .await
            .map_err(unread)?;
        let Some(mut edits) = lock_edits(refs, &there, old, new) else {
            return Err(lost(world, refs).await);
        };
        if let Some(edit) = &branch {
            let shown = world.remote.refs(&RefPattern::names([&edit.name])).await;
            let shown = shown.map_err(unread)?.into_iter().next().map(|(_, id)| id);
            edits.extend((shown.as_ref() == edit.expected()).then(|| edit.clone()));
        }
        if edits.is_empty() {
            return Ok(());
        }
        if let Some(error) = failed {
            if error.is_final() || tries == 0 {
                return Err(recovery_error("cannot take the lock over", &error));
            }
            report.retry(format!("{error}; {tries} further tries"));
            tokio::time::sleep(backoff.delay()).await;
        }
        failed = match world.remote.swap(&edits).await {
            Ok(()) => return Ok(()),
            Err(error) => Some(error),
        };
        tries -= 1;
    }
}

/// What is still to be changed. A server without atomic pushes can leave a part of the refs.
/// `None`: somebody else has them, or they are gone.
fn lock_edits(
    refs: &[RefName],
    there: &[(RefName, ObjectId)],
    old: &[ObjectId],
    new: &ObjectId,
) -> Option<Vec<RefEdit>> {
    if there.is_empty() || there.iter().any(|(_, id)| !old.contains(id) && id != new) {
        return None;
    }
    let at = |name: &RefName| there.iter().find(|(there, _)| there == name);
    let edits = refs
        .iter()
        .map(|name| match at(name) {
            Some((_, expected)) => RefEdit::update(name, expected, new),
            None => RefEdit::create(name, new),
        })
        .filter(|edit| edit.expected() != Some(new));
    Some(edits.collect())
}

async fn lost(world: &World, refs: &[RefName]) -> Error {
    let error = match unfinished::holder(world, refs).await {
        Some(who) => Error::busy("somebody else has just taken this release over")
            .with_code(ErrorCode::Locked)
            .cause(who)
            .hint("`hoist status` shows how it stands"),
        None => Error::busy("somebody else has just ended this release")
            .with_code(ErrorCode::Locked)
            .hint("`hoist plan` shows what is left to do"),
    };
    error.state("nothing was changed")
}
