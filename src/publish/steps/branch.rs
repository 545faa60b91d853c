//! The branch of a release commit: it moves together with the lock, before any tag does, and goes
//! back with it where the release is given up.

use crate::{
    git::ObjectId,
    io::git::remote::{RefEdit, RemoteError},
    publish::{
        deadline::{Backoff, REFUSALS},
        protocol::{
            journal::{BranchMove, Prepared},
            observation::GitSeen,
        },
        remarks::Remarks,
        run::{Position, Run},
        steps::refs_seen::{BranchSeen, delete_seen, read_refs},
    },
};

/// The branch's move to the release commit, where there is one.
pub(in crate::publish) fn branch_edit(prepared: &Prepared) -> Option<RefEdit> {
    prepared
        .branch
        .as_ref()
        .map(|branch| RefEdit::update(&branch.name, branch.before, prepared.commit))
}

/// What is left to do on the branch once this run is seen to have the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::publish) enum BranchWork {
    /// Nothing.
    None,
    /// It is still to move to the release commit.
    Move,
    /// It cannot move there any more: somebody has pushed to it.
    Advanced,
}

/// What is left to do on the branch once this run is seen to have the lock.
pub(in crate::publish) async fn branch_work(run: &Run, seen: &BranchSeen) -> BranchWork {
    match seen {
        BranchSeen::None | BranchSeen::Ours => BranchWork::None,
        BranchSeen::Before => BranchWork::Move,
        BranchSeen::Other(tip) => match is_built_on(run, tip.as_ref()).await {
            Ok(true) => BranchWork::None,
            Ok(false) | Err(_) => BranchWork::Advanced,
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
    // Whether an earlier try may have been carried out although it failed.
    let mut doubtful = false;
    loop {
        match limit.run(try_reset(at.run, branch, stays)).await {
            None => return (GitSeen::Unreachable, remarks),
            Some(Ok(Reset::Gone)) if doubtful => return (GitSeen::Gone, remarks),
            Some(Ok(Reset::Gone)) => return (GitSeen::Taken, remarks),
            Some(Ok(Reset::Done)) => return (GitSeen::Done, remarks),
            Some(Ok(Reset::BranchLeft)) => {
                remarks.branch_stays();
                return (GitSeen::BranchLeft, remarks);
            }
            Some(Err(error)) => {
                at.run.git_waits(&error, &limit);
                remarks.failed(&error);
                doubtful |= error.is_ambiguous();
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

/// What came of one try to give the lock and the branch back.
enum Reset {
    Done,
    /// The lock is given back, and the release commit stays on its branch.
    BranchLeft,
    /// The lock is not this run's, or it is gone.
    Gone,
}

async fn try_reset(run: &Run, branch: &BranchMove, stays: bool) -> Result<Reset, RemoteError> {
    let seen = read_refs(run, false).await?;
    if seen.ours.is_empty() {
        return Ok(Reset::Gone);
    }
    let (reset, left) = match &seen.branch {
        BranchSeen::None | BranchSeen::Before => (None, false),
        BranchSeen::Ours if stays => (None, true),
        BranchSeen::Ours => {
            let edit = RefEdit::update(&branch.name, run.prepared.commit, branch.before);
            (Some(edit), false)
        }
        BranchSeen::Other(tip) => (None, is_built_on(run, tip.as_ref()).await?),
    };
    let mut edits: Vec<_> = reset.into_iter().collect();
    edits.extend(delete_seen(&seen.ours));
    run.world.remote.swap(&edits).await?;
    Ok(if left { Reset::BranchLeft } else { Reset::Done })
}
