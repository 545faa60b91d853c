//! The lock's refs and the git tag: compare-and-swap, and reading the refs after every answer
//! that leaves a doubt.

use crate::{
    io::git::remote::{RefChange, RefEdit},
    publish::{
        deadline::{Backoff, REFUSALS},
        protocol::{
            observation::{GitSeen, GitTagSeen, LockSeen},
            state::{End, State},
        },
        remarks::Remarks,
        run::{Position, Run},
        steps::{
            branch::{after_lock, branch_edit, unlock_and_reset},
            refs_seen::{BranchSeen, RefsSeen, create_locks, delete_locks, read_refs},
        },
    },
};

/// Creates the lock's refs, expected absent, and moves the branch to the release commit, all at
/// once.
pub(in crate::publish) async fn take_lock(at: Position<'_>) -> (LockSeen, Remarks) {
    let mut remarks = Remarks::default();
    let seen = try_to_lock(at, &mut remarks).await;
    (seen, remarks)
}

async fn try_to_lock(at: Position<'_>, remarks: &mut Remarks) -> LockSeen {
    let run = at.run;
    let mut edits = create_locks(&run.prepared.lock_refs, &run.lock);
    edits.extend(branch_edit(&run.prepared));
    // A server without atomic pushes gave a part, and did not take it back.
    let mut partly = false;
    let limit = at.git_limit();
    let mut backoff = Backoff::retry();
    loop {
        let error = match limit.run(run.world.remote.swap(&edits)).await {
            None => return LockSeen::Unreachable,
            Some(Ok(())) => return LockSeen::Ours,
            Some(Err(error)) => error,
        };
        remarks.remote_failed(&error);
        // The answer may be lost and the lock taken all the same: the refs tell.
        match limit.run(read_refs(run, false)).await {
            None => return LockSeen::Unreachable,
            Some(Ok(seen)) => match after_failed_lock(run, &seen).await {
                Some(decided) => return decided,
                None if seen.lock == LockSeen::Ours => {
                    (edits, partly) = (branch_edit(&run.prepared).into_iter().collect(), true);
                }
                None => {
                    partly |= !seen.ours.is_empty();
                    edits.retain(|edit| !seen.ours.contains(&edit.name));
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
        // A conflict with a lock that is gone by now: its holder has just finished.
        if run.limits.is_interrupted() || !limit.pause(backoff.delay()).await {
            return LockSeen::Unreachable;
        }
    }
}

/// What the refs say after a push of the lock that was not accepted. `None`: some of it is still to
/// be pushed.
async fn after_failed_lock(run: &Run, seen: &RefsSeen) -> Option<LockSeen> {
    if seen.lock == LockSeen::Ours {
        return match after_lock(run, &seen.branch).await {
            Some(LockSeen::Unreachable) => None,
            Some(decided) => Some(decided),
            None => Some(LockSeen::Ours),
        };
    }
    if seen.others {
        return Some(if seen.ours.is_empty() {
            LockSeen::Taken
        } else {
            LockSeen::Partly
        });
    }
    matches!(seen.branch, BranchSeen::Other(_)).then_some(LockSeen::Advanced)
}

/// Whether the lock still holds this run's object, and so its nonce.
pub(in crate::publish) async fn check_lock(at: Position<'_>) -> (LockSeen, Remarks) {
    let mut remarks = Remarks::default();
    let limit = at.git_limit();
    let mut backoff = Backoff::retry();
    loop {
        match limit.run(read_refs(at.run, false)).await {
            None => return (LockSeen::Unreachable, remarks),
            Some(Ok(seen)) => return (seen.lock, remarks),
            Some(Err(error)) => remarks.failed(error),
        }
        if !limit.pause(backoff.delay()).await {
            return (LockSeen::Unreachable, remarks);
        }
    }
}

/// Creates the git tag, expected absent, and deletes the lock's refs, all at once.
pub(in crate::publish) async fn finish(at: Position<'_>) -> (GitSeen, Remarks) {
    let mut remarks = Remarks::default();
    let seen = match finish_edits(at.run).await {
        Ok(edits) => change(at, edits, true, &mut remarks).await,
        Err(why) => {
            remarks.failed(why);
            GitSeen::Refused
        }
    };
    (seen, remarks)
}

/// The tag's object is stored once more: a run that takes another one over has only its bytes.
async fn finish_edits(run: &Run) -> Result<Vec<RefEdit>, String> {
    let mut edits = Vec::new();
    if let Some(tag) = &run.prepared.git_tag {
        let stored = run.world.remote.write_tag(&tag.object, run.prepared.commit);
        if stored.await.map_err(|error| error.to_string())? != tag.id {
            return Err("the git tag's object is not what the journal says".into());
        }
        edits.push(RefEdit::create(&tag.name, &tag.id));
    }
    edits.extend(delete_locks(&run.prepared.lock_refs, &run.lock));
    Ok(edits)
}

/// Deletes the lock's refs; a release that is given up takes its commit off the branch with them.
pub(in crate::publish) async fn unlock(at: Position<'_>) -> (GitSeen, Remarks) {
    let run = at.run;
    if let Some(branch) = &run.prepared.branch
        && at.txn.state != State::Unlocking(End::Unpushed)
    {
        return unlock_and_reset(at, branch).await;
    }
    let mut remarks = Remarks::default();
    let edits = delete_locks(&run.prepared.lock_refs, &run.lock);
    let seen = change(at, edits, false, &mut remarks).await;
    (seen, remarks)
}

async fn change(
    at: Position<'_>,
    mut edits: Vec<RefEdit>,
    with_tag: bool,
    remarks: &mut Remarks,
) -> GitSeen {
    let run = at.run;
    let with_tag = with_tag && run.prepared.git_tag.is_some();
    let limit = at.git_limit();
    let mut backoff = Backoff::retry();
    let mut refusals = 0;
    loop {
        let error = match limit.run(run.world.remote.swap(&edits)).await {
            None => return GitSeen::Unreachable,
            Some(Ok(())) => return GitSeen::Done,
            Some(Err(error)) => error,
        };
        remarks.failed(&error);
        match limit.run(read_refs(run, false)).await {
            None => return GitSeen::Unreachable,
            Some(Err(error)) => remarks.failed(error),
            Some(Ok(seen)) => {
                let tag_is_missing = with_tag && seen.git_tag != GitTagSeen::Ours;
                if seen.ours.is_empty() {
                    return if tag_is_missing {
                        GitSeen::Taken
                    } else {
                        GitSeen::Done
                    };
                }
                if tag_is_missing && seen.git_tag == GitTagSeen::Other {
                    remarks.failed("the remote has another tag of this name");
                    return GitSeen::Refused;
                }
                // What is left: a server without atomic pushes may have done a part.
                edits.retain(|edit| match edit.change {
                    RefChange::Create { .. } | RefChange::Update { .. } => tag_is_missing,
                    RefChange::Delete { .. } => seen.ours.contains(&edit.name),
                });
            }
        }
        refusals += u32::from(error.is_final());
        if refusals == REFUSALS {
            return GitSeen::Refused;
        }
        if !limit.pause(backoff.delay()).await {
            return GitSeen::Unreachable;
        }
    }
}
