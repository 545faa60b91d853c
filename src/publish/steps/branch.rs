//! The branch of a release commit: it moves together with the lock, before any tag does, and goes
//! back with it where the release is given up.

use crate::{
    git::ObjectId,
    io::git::remote::{RefEdit, RemoteError},
    publish::{
        deadline::{Backoff, REFUSALS},
        protocol::{
            journal::{BranchMove, Prepared},
            observation::{GitSeen, LockSeen},
        },
        remarks::Remarks,
        run::{Position, Run},
        steps::refs_seen::{BranchSeen, delete_locks, read_refs},
    },
};

/// The branch's move to the release commit, where there is one.
pub(in crate::publish) fn branch_edit(prepared: &Prepared) -> Option<RefEdit> {
    prepared
        .branch
        .as_ref()
        .map(|branch| RefEdit::update(&branch.name, branch.before, prepared.commit))
}

/// What is left to do on the branch once this run is seen to have the lock. `None`: nothing;
/// unreachable: the move itself.
pub(in crate::publish) async fn after_lock(run: &Run, seen: &BranchSeen) -> Option<LockSeen> {
    match seen {
        BranchSeen::None | BranchSeen::Ours => None,
        BranchSeen::Before => Some(LockSeen::Unreachable),
        BranchSeen::Other(tip) => match is_built_on(run, tip.as_ref()).await {
            Ok(true) => None,
            Ok(false) | Err(_) => Some(LockSeen::Advanced),
        },
    }
}

/// Whether the release commit is in the history of what the branch shows.
async fn is_built_on(run: &Run, tip: Option<&ObjectId>) -> Result<bool, RemoteError> {
    let (Some(branch), Some(tip)) = (&run.prepared.branch, tip) else {
        return Ok(false);
    };
    let commit = run.prepared.commit;
    run.world.remote.contains(&branch.name, tip, commit).await
}

/// Deletes the lock's refs and puts the branch back to what it was, all at once. Where others have
/// built on the release commit, or the server does not let it be taken back, the commit stays and
/// the lock goes alone.
pub(in crate::publish) async fn unlock_and_reset(
    at: Position<'_>,
    branch: &BranchMove,
) -> (GitSeen, Remarks) {
    let mut remarks = Remarks::default();
    let limit = at.git_limit();
    let mut backoff = Backoff::retry();
    let (mut refusals, mut stays) = (0, false);
    loop {
        match limit.run(try_reset(at.run, branch, stays)).await {
            None => return (GitSeen::Unreachable, remarks),
            Some(Ok(seen)) => {
                if seen == GitSeen::BranchLeft {
                    remarks.branch_stays();
                }
                return (seen, remarks);
            }
            Some(Err(error)) => {
                remarks.failed(&error);
                refusals += u32::from(error.is_final());
                if refusals == REFUSALS && stays {
                    return (GitSeen::Refused, remarks);
                }
                if refusals == REFUSALS {
                    (refusals, stays) = (0, true);
                }
            }
        }
        if !limit.pause(backoff.delay()).await {
            return (GitSeen::Unreachable, remarks);
        }
    }
}

async fn try_reset(run: &Run, branch: &BranchMove, stays: bool) -> Result<GitSeen, RemoteError> {
    let seen = read_refs(run, false).await?;
    if seen.ours.is_empty() && seen.others {
        return Ok(GitSeen::Taken);
    }
    let (reset, left) = match &seen.branch {
        BranchSeen::None | BranchSeen::Before => (None, false),
        BranchSeen::Ours if stays => (None, true),
        // The lock is gone and the commit is not: whoever has pushed it again decides about it.
        BranchSeen::Ours if seen.ours.is_empty() => (None, true),
        BranchSeen::Ours => {
            let edit = RefEdit::update(&branch.name, run.prepared.commit, branch.before);
            (Some(edit), false)
        }
        BranchSeen::Other(tip) => (None, is_built_on(run, tip.as_ref()).await?),
    };
    let mut edits: Vec<_> = reset.into_iter().collect();
    edits.extend(delete_locks(&seen.ours, &run.lock));
    if !edits.is_empty() {
        run.world.remote.swap(&edits).await?;
    }
    Ok(if left {
        GitSeen::BranchLeft
    } else {
        GitSeen::Done
    })
}
