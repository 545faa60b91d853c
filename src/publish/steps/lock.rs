//! The lock's refs and the git tag: compare-and-swap, and reading the refs after every answer
//! that leaves a doubt.

use crate::{
    git::{ObjectId, RefName},
    io::git::remote::{RefEdit, RemoteError},
    publish::{
        deadline::{Backoff, Deadline, REFUSALS},
        protocol::{
            lock_way::LockWay,
            observation::{GitSeen, GitTagSeen, LockSeen},
            state::{End, Goal, State},
        },
        remarks::Remarks,
        run::{Position, Run},
        steps::{
            branch::{BranchWork, branch_edit, branch_work, unlock_and_reset},
            refs_seen::{BranchSeen, RefsSeen, create_locks, delete_locks, read_refs},
        },
    },
};

/// Creates the lock's refs, expected absent, and moves the branch to the release commit, all at
/// once.
pub(in crate::publish) async fn take_lock(at: Position<'_>) -> (LockSeen, Remarks) {
    let mut remarks = Remarks::default();
    let limit = at.git_limit();
    let edits = match at.txn.state {
        // Taken anew: the branch may have moved already, and a way back leaves it alone.
        State::Relocking(goal) => match limit.run(read_refs(at.run, false)).await {
            Some(Ok(seen)) => {
                let mut edits = create_locks(&at.run.prepared.lock_refs, &at.run.holding.object());
                if goal == Goal::Forward && seen.branch == BranchSeen::Before {
                    edits.extend(branch_edit(&at.run.prepared));
                }
                edits
            }
            Some(Err(error)) => {
                remarks.remote_failed(&error);
                return (LockSeen::Unreachable, remarks);
            }
            None => return (LockSeen::Unreachable, remarks),
        },
        _ => {
            let mut edits = create_locks(&at.run.prepared.lock_refs, &at.run.holding.object());
            edits.extend(branch_edit(&at.run.prepared));
            edits
        }
    };
    let seen = try_to_lock(at, edits, &limit, &mut remarks).await;
    (seen, remarks)
}

async fn try_to_lock(
    at: Position<'_>,
    mut edits: Vec<RefEdit>,
    limit: &Deadline,
    remarks: &mut Remarks,
) -> LockSeen {
    let run = at.run;
    // A server without atomic pushes gave a part, and did not take it back.
    let mut partly = false;
    let mut backoff = Backoff::retry();
    loop {
        let asked = run.holding.asking();
        let error = match limit.run(run.world.remote.swap(&edits)).await {
            None => return LockSeen::Unreachable,
            Some(Ok(())) => {
                run.holding.read_as_ours(asked);
                return LockSeen::Ours;
            }
            Some(Err(error)) => error,
        };
        remarks.remote_failed(&error);
        // The answer may be lost and the lock taken all the same: the refs tell.
        match limit.run(read_refs(run, false)).await {
            None => return LockSeen::Unreachable,
            Some(Ok(seen)) => match after_failed_lock(run, &seen).await {
                AfterPush::Decided(seen) => return seen,
                AfterPush::MoveBranch => {
                    (edits, partly) = (branch_edit(&run.prepared).into_iter().collect(), true);
                }
                AfterPush::PushRest => {
                    partly |= !seen.ours.is_empty();
                    edits.retain(|edit| seen.ours.iter().all(|(name, _)| *name != edit.name));
                }
            },
            Some(Err(_)) => {}
        }
        if error.is_final() {
            // What was given must be given back.
            return if partly {
                LockSeen::Unreachable
            } else {
                LockSeen::Refused
            };
        }
        run.git_waits(&error, limit);
        // A conflict with a lock that is gone by now: its holder has just finished.
        if run.limits.is_interrupted() || !limit.pause(backoff.delay()).await {
            return LockSeen::Unreachable;
        }
    }
}

/// What is to be done after a push of the lock that was not accepted.
enum AfterPush {
    /// The refs tell what came of it.
    Decided(LockSeen),
    /// The lock is this run's, and the branch is still to move.
    MoveBranch,
    /// What is not there yet is pushed again.
    PushRest,
}

async fn after_failed_lock(run: &Run, seen: &RefsSeen) -> AfterPush {
    if seen.lock == LockSeen::Ours {
        return match branch_work(run, &seen.branch).await {
            BranchWork::None => AfterPush::Decided(LockSeen::Ours),
            BranchWork::Move => AfterPush::MoveBranch,
            BranchWork::Advanced => AfterPush::Decided(LockSeen::Advanced),
        };
    }
    if seen.others {
        return AfterPush::Decided(if seen.ours.is_empty() {
            LockSeen::Taken
        } else {
            LockSeen::Partly
        });
    }
    match seen.branch {
        BranchSeen::Other(_) => AfterPush::Decided(LockSeen::Advanced),
        BranchSeen::None | BranchSeen::Before | BranchSeen::Ours => AfterPush::PushRest,
    }
}

/// Whether the lock still holds this run's object, and so its nonce. Before the first tag goes back the
/// object is exchanged for one that says so: whoever takes the lock over must know which way the
/// requests went that may still be under way.
pub(in crate::publish) async fn check_lock(at: Position<'_>) -> (LockSeen, Remarks) {
    let mut remarks = Remarks::default();
    let limit = at.git_limit();
    let seen = if at.is_going_back() && at.run.holding.way() == LockWay::Forward {
        turn_lock(at, &limit, &mut remarks).await
    } else if is_nothing_sent(at.run) {
        LockSeen::Ours
    } else {
        read_lock(at.run, &limit, &mut remarks).await
    };
    (seen, remarks)
}

/// Whether the round before this one was none, because no registry takes several tags in one request: the
/// look under the lock stands right before the first request that moves a tag.
fn is_nothing_sent(run: &Run) -> bool {
    let mut apis = run.apis.iter();
    run.goal.is_none() && apis.all(|api| api.takes_single_tags_only()) && run.holding.is_unused()
}

async fn read_lock(run: &Run, limit: &Deadline, remarks: &mut Remarks) -> LockSeen {
    let mut backoff = Backoff::retry();
    loop {
        match limit.run(read_refs(run, false)).await {
            None => return LockSeen::Unreachable,
            Some(Ok(seen)) => return seen.lock,
            Some(Err(error)) => {
                run.git_waits(&error, limit);
                remarks.failed(error);
            }
        }
        if !limit.pause(backoff.delay()).await {
            return LockSeen::Unreachable;
        }
    }
}

async fn turn_lock(at: Position<'_>, limit: &Deadline, remarks: &mut Remarks) -> LockSeen {
    let run = at.run;
    let mut backoff = Backoff::retry();
    let mut refusals = 0;
    let mut turned = false;
    loop {
        let asked = run.holding.asking();
        let done = limit.run(try_to_turn(run, &mut turned)).await;
        match done {
            None => return LockSeen::Unreachable,
            Some(Ok(true)) => {
                run.holding.read_as_ours(asked);
                return LockSeen::Ours;
            }
            Some(Ok(false)) => return LockSeen::Taken,
            Some(Err(error)) => {
                run.git_waits(&error, limit);
                remarks.failed(&error);
                refusals += u32::from(error.is_final());
            }
        }
        if refusals == REFUSALS {
            // A server that lets nobody change the lock lets nobody take it over either.
            return read_lock(run, limit, remarks).await;
        }
        if !limit.pause(backoff.delay()).await {
            return LockSeen::Unreachable;
        }
    }
}

/// Whether the lock is this run's and says that the tags go back. `turned`: its new object is made.
async fn try_to_turn(run: &Run, turned: &mut bool) -> Result<bool, RemoteError> {
    if !*turned {
        let (title, text) = run.lock_text(LockWay::Back);
        let object = run.world.remote.write_lock(&title, &text).await?;
        run.holding.change_to(object, LockWay::Back);
        *turned = true;
    }
    let seen = read_refs(run, false).await?;
    if seen.lock != LockSeen::Ours {
        return Ok(false);
    }
    let object = run.holding.object();
    let old = seen.ours.iter().filter(|(_, there)| *there != object);
    let edits: Vec<_> = old
        .map(|(name, there)| RefEdit::update(name, there, &object))
        .collect();
    if !edits.is_empty() {
        run.world.remote.swap(&edits).await?;
    }
    Ok(true)
}

/// Creates the git tag or the mark, expected absent, and deletes the lock's refs, all at once. Where a
/// forge's release is still to be made public, the refs show an object instead that says so.
pub(in crate::publish) async fn finish(at: Position<'_>) -> (GitSeen, Remarks) {
    let mut remarks = Remarks::default();
    let seen = match finish_edits(at.run).await {
        Ok((edits, kept)) => change(at, edits, kept.as_ref(), &mut remarks).await,
        Err(why) => {
            remarks.failed(why);
            GitSeen::Refused
        }
    };
    (seen, remarks)
}

/// The object of tag or mark is stored once more: a run that takes another one over has only its bytes.
/// `Some`: the object that the lock's refs are to show afterwards.
async fn finish_edits(run: &Run) -> Result<(Vec<RefEdit>, Option<ObjectId>), String> {
    let mut edits = Vec::new();
    if let Some(tag) = &run.prepared.git_tag {
        let stored = run.world.remote.write_tag(&tag.object, run.prepared.commit);
        if stored.await.map_err(|error| error.to_string())? != tag.id {
            return Err("the git tag's object is not what the journal says".into());
        }
        edits.push(RefEdit::create(&tag.name, &tag.id));
    }
    if let Some(mark) = &run.prepared.mark {
        let stored = run.world.remote.write_mark(&mark.object);
        if stored.await.map_err(|error| error.to_string())? != mark.id {
            return Err("the mark's object is not what the journal says".into());
        }
        edits.push(RefEdit::create(&mark.name, &mark.id));
    }
    let old = run.holding.object();
    if run.prepared.forge.is_none() {
        edits.extend(delete_locks(&run.prepared.lock_refs, &old));
        return Ok((edits, None));
    }
    let (title, text) = run.lock_text(LockWay::Done);
    let done = run.world.remote.write_lock(&title, &text).await;
    let done = done.map_err(|error| error.to_string())?;
    run.holding.change_to(done.clone(), LockWay::Done);
    let update = |name: &RefName| RefEdit::update(name, &old, &done);
    edits.extend(run.prepared.lock_refs.iter().map(update));
    Ok((edits, Some(done)))
}

/// Deletes the lock's refs; a release that is given up takes its commit off the branch with them.
pub(in crate::publish) async fn unlock(at: Position<'_>) -> (GitSeen, Remarks) {
    let run = at.run;
    let keeps_commit = matches!(
        at.txn.state,
        State::Unlocking(End::Published | End::Hidden | End::Unpushed | End::Elsewhere)
    );
    if let Some(branch) = &run.prepared.branch
        && !keeps_commit
    {
        return unlock_and_reset(at, branch).await;
    }
    let mut remarks = Remarks::default();
    let edits = delete_locks(&run.prepared.lock_refs, &run.holding.object());
    let seen = change(at, edits, None, &mut remarks).await;
    (seen, remarks)
}

/// Carries out the last push of a run. It is compare-and-swap, so its acceptance proves that the lock
/// was this run's until then; a rejection proves the contrary, but for an earlier try whose answer was
/// lost.
///
/// `kept`: the object that the lock's refs show afterwards; `None`: they are deleted.
async fn change(
    at: Position<'_>,
    mut edits: Vec<RefEdit>,
    kept: Option<&ObjectId>,
    remarks: &mut Remarks,
) -> GitSeen {
    let run = at.run;
    let is_lock = |edit: &RefEdit| run.prepared.lock_refs.contains(&edit.name);
    let with_tag = edits.iter().any(|edit| !is_lock(edit));
    let limit = at.git_limit();
    let mut backoff = Backoff::retry();
    let mut refusals = 0;
    let mut doubtful = false;
    // The tag is out, and the lock is this run's, whatever it says.
    let mut is_out = false;
    loop {
        let pushed = match limit.run(run.world.remote.swap(&edits)).await {
            None => return GitSeen::Unreachable,
            Some(pushed) => pushed,
        };
        if let Err(error) = &pushed {
            remarks.failed(error);
            doubtful |= error.is_ambiguous();
            refusals += u32::from(error.is_final());
        }
        match (limit.run(read_refs(run, false)).await, &pushed) {
            (None | Some(Err(_)), Ok(())) => return GitSeen::Done,
            (None, Err(_)) => return GitSeen::Unreachable,
            (Some(Err(error)), Err(_)) => remarks.failed(error),
            (Some(Ok(seen)), _) => {
                let tag_is_missing = with_tag && seen.git_tag != GitTagSeen::Ours;
                let is_kept = kept.is_some()
                    && seen.lock == LockSeen::Ours
                    && seen.ours.iter().all(|(_, object)| Some(object) == kept);
                if is_kept && !tag_is_missing {
                    return GitSeen::Done;
                }
                is_out = kept.is_some() && !tag_is_missing && seen.lock == LockSeen::Ours;
                if seen.ours.is_empty() {
                    return match (pushed.is_ok(), doubtful, with_tag) {
                        // It was to stay.
                        _ if kept.is_some() => GitSeen::Taken,
                        // Accepted without having been done, or the tag is gone again.
                        (true, _, _) if tag_is_missing => GitSeen::Taken,
                        (true, _, _) => GitSeen::Done,
                        (false, false, _) => GitSeen::Taken,
                        // The tag's object is this release's own, so the earlier try has made it.
                        (false, true, true) if tag_is_missing => GitSeen::Taken,
                        (false, true, true) => GitSeen::Done,
                        (false, true, false) => GitSeen::Gone,
                    };
                }
                if tag_is_missing && seen.git_tag == GitTagSeen::Other {
                    remarks.failed("the remote has another ref of this name");
                    return GitSeen::Refused;
                }
                if pushed.is_ok() {
                    remarks.failed("the server accepted a push and did not carry it out");
                    refusals += 1;
                }
                // What is left: a server without atomic pushes may have done a part.
                edits.retain(|edit| !is_lock(edit) && tag_is_missing);
                let open = seen.ours.iter().filter(|(_, object)| Some(object) != kept);
                edits.extend(open.map(|(name, object)| match kept {
                    Some(kept) => RefEdit::update(name, object, kept),
                    None => RefEdit::delete(name, object),
                }));
            }
        }
        if refusals >= REFUSALS {
            return if is_out {
                GitSeen::Done
            } else {
                GitSeen::Refused
            };
        }
        if let Some(why) = remarks.last_failure() {
            run.git_waits(why, &limit);
        }
        if !limit.pause(backoff.delay()).await {
            return GitSeen::Unreachable;
        }
    }
}
