//! The branch of a release commit: it moves together with the lock, before any tag does, and goes
//! back with it where the release is given up.

use crate::{
    io::git::remote::{ObjectId, RefEdit, RemoteError, RemoteErrorKind},
    publish::{
        deadline::{Backoff, REFUSALS},
        protocol::{
            journal::{BranchMove, Prepared},
            observation::{GitSeen, LockSeen},
        },
        run::Run,
        steps::refs_seen::BranchSeen,
    },
};

impl Prepared {
    /// The branch's move to the release commit, where there is one.
    pub(in crate::publish) fn branch_edit(&self) -> Option<RefEdit> {
        self.branch.as_ref().map(|branch| RefEdit {
            name: branch.name.clone(),
            expected: Some(branch.before.clone()),
            new: Some(self.commit.clone()),
        })
    }
}

impl Run {
    pub(in crate::publish) fn branch_seen<'a>(
        &self,
        at: impl Fn(&String) -> Option<&'a ObjectId>,
    ) -> BranchSeen {
        let Some(branch) = &self.prepared.branch else {
            return BranchSeen::None;
        };
        match at(&branch.name) {
            Some(id) if *id == self.prepared.commit => BranchSeen::Ours,
            Some(id) if *id == branch.before => BranchSeen::Before,
            other => BranchSeen::Other(other.cloned()),
        }
    }

    pub(in crate::publish) fn branch_edits(&self) -> Vec<RefEdit> {
        self.prepared.branch_edit().into_iter().collect()
    }

    /// What is left to do on the branch once the lock is seen to be ours. `None`: nothing;
    /// unreachable: the move itself.
    pub(in crate::publish) async fn branch_after_lock(
        &self,
        seen: &BranchSeen,
    ) -> Option<LockSeen> {
        match seen {
            BranchSeen::None | BranchSeen::Ours => None,
            BranchSeen::Before => Some(LockSeen::Unreachable),
            BranchSeen::Other(tip) => match self.is_built_on(tip.as_ref()).await {
                Ok(true) => None,
                Ok(false) | Err(_) => Some(LockSeen::Advanced),
            },
        }
    }

    /// Whether the release commit is in the history of what the branch shows.
    async fn is_built_on(&self, tip: Option<&ObjectId>) -> Result<bool, RemoteError> {
        let (Some(branch), Some(tip)) = (&self.prepared.branch, tip) else {
            return Ok(false);
        };
        let commit = &self.prepared.commit;
        let contains = self.world.remote.contains(&branch.name, tip, commit);
        contains.await
    }

    /// Deletes the lock's refs and puts the branch back to what it was, all at once. Where others
    /// have built on the release commit, or the server does not let it be taken back, the commit
    /// stays and the lock goes alone.
    pub(in crate::publish) async fn unlock_and_reset(&self, branch: &BranchMove) -> GitSeen {
        let limit = self.git();
        let mut backoff = Backoff::retry();
        let (mut refusals, mut stays) = (0, false);
        loop {
            match limit.run(self.try_reset(branch, stays)).await {
                None => return GitSeen::Unreachable,
                Some(Ok(seen)) => return seen,
                Some(Err(error)) => {
                    self.notes.other(&error);
                    match error.kind {
                        RemoteErrorKind::Refused
                        | RemoteErrorKind::Setup
                        | RemoteErrorKind::Local => refusals += 1,
                        RemoteErrorKind::Conflict | RemoteErrorKind::Unreachable => {}
                    }
                    if refusals == REFUSALS && stays {
                        return GitSeen::Refused;
                    }
                    if refusals == REFUSALS {
                        (refusals, stays) = (0, true);
                    }
                }
            }
            if !limit.pause(backoff.delay()).await {
                return GitSeen::Unreachable;
            }
        }
    }

    async fn try_reset(&self, branch: &BranchMove, stays: bool) -> Result<GitSeen, RemoteError> {
        let seen = self.read_refs().await?;
        if seen.ours.is_empty() && seen.others {
            return Ok(GitSeen::Taken);
        }
        let (reset, left) = match &seen.branch {
            BranchSeen::None | BranchSeen::Before => (None, false),
            BranchSeen::Ours if stays => (None, true),
            // The lock went and the commit did not: another push of it, which is not ours to judge.
            BranchSeen::Ours if seen.ours.is_empty() => (None, true),
            BranchSeen::Ours => {
                let edit = RefEdit {
                    name: branch.name.clone(),
                    expected: Some(self.prepared.commit.clone()),
                    new: Some(branch.before.clone()),
                };
                (Some(edit), false)
            }
            BranchSeen::Other(tip) => (None, self.is_built_on(tip.as_ref()).await?),
        };
        let mut edits: Vec<_> = reset.into_iter().collect();
        edits.extend(self.lock_edits(&seen.ours, Some(&self.lock), None));
        if !edits.is_empty() {
            self.world.remote.swap(&edits).await?;
        }
        Ok(if left {
            self.notes.set_branch_left();
            GitSeen::BranchLeft
        } else {
            GitSeen::Done
        })
    }
}
