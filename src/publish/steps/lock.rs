//! The lock's refs and the git tag: compare-and-swap, and a look at the refs after every answer
//! that is not plain.

use crate::{
    io::git::remote::{ObjectId, RefEdit, RemoteError, RemoteErrorKind},
    publish::{
        deadline::{Backoff, REFUSALS},
        protocol::{
            observation::{GitSeen, GitTagSeen, LockSeen},
            state::{End, State},
        },
        run::Run,
        steps::refs_seen::{BranchSeen, RefsSeen},
    },
};

impl Run {
    fn tag_ref(&self) -> Option<String> {
        let tag = self.prepared.git_tag.as_ref()?;
        Some(format!("refs/tags/{}", tag.name))
    }

    pub(in crate::publish) fn lock_edits(
        &self,
        names: &[String],
        from: Option<&ObjectId>,
        to: Option<&ObjectId>,
    ) -> Vec<RefEdit> {
        let edit = |name: &String| RefEdit {
            name: name.clone(),
            expected: from.cloned(),
            new: to.cloned(),
        };
        names.iter().map(edit).collect()
    }

    /// Reads lock, git tag and branch in one request.
    pub(in crate::publish) async fn read_refs(&self) -> Result<RefsSeen, RemoteError> {
        let mut names = self.prepared.lock_refs.clone();
        names.extend(self.tag_ref());
        names.extend(
            self.prepared
                .branch
                .iter()
                .map(|branch| branch.name.clone()),
        );
        names.extend(self.guarded_refs());
        let refs = self.world.remote.refs(&names).await?;
        let at = |name: &String| {
            refs.iter()
                .find(|(found, _)| found == name)
                .map(|(_, id)| id)
        };
        let locks = &self.prepared.lock_refs;
        let ours: Vec<_> = locks
            .iter()
            .filter(|name| at(name) == Some(&self.lock))
            .cloned()
            .collect();
        let git_tag = match (&self.prepared.git_tag, self.tag_ref()) {
            (Some(tag), Some(name)) => match at(&name) {
                None => GitTagSeen::Absent,
                Some(id) if *id == tag.id => GitTagSeen::Ours,
                Some(_) => GitTagSeen::Other,
            },
            (None, _) | (_, None) => GitTagSeen::Absent,
        };
        Ok(RefsSeen {
            lock: if ours.len() == locks.len() {
                LockSeen::Ours
            } else {
                LockSeen::Taken
            },
            git_tag,
            branch: self.branch_seen(|name| at(name)),
            others: locks
                .iter()
                .any(|name| at(name).is_some_and(|id| *id != self.lock)),
            git_tags: refs
                .iter()
                .filter_map(|(name, _)| name.strip_prefix("refs/tags/"))
                .map(str::to_owned)
                .collect(),
            ours,
        })
    }

    /// Creates the lock's refs, expected absent, and moves the branch to the release commit, all at
    /// once.
    pub(in crate::publish) async fn take_lock(&self) -> LockSeen {
        let mut edits = self.lock_edits(&self.prepared.lock_refs, None, Some(&self.lock));
        edits.extend(self.prepared.branch_edit());
        // A server without atomic pushes gave a part, and did not take it back.
        let mut partly = false;
        let limit = self.git();
        let mut backoff = Backoff::retry();
        loop {
            let error = match limit.run(self.world.remote.swap(&edits)).await {
                None => return LockSeen::Unreachable,
                Some(Ok(())) => return LockSeen::Ours,
                Some(Err(error)) => error,
            };
            self.notes.refused(&error);
            // The answer may be lost and the lock taken all the same: the refs tell.
            match limit.run(self.read_refs()).await {
                None => return LockSeen::Unreachable,
                Some(Ok(seen)) if seen.lock == LockSeen::Ours => {
                    match self.branch_after_lock(&seen.branch).await {
                        Some(LockSeen::Unreachable) => {
                            (edits, partly) = (self.branch_edits(), true);
                        }
                        Some(seen) => return seen,
                        None => return LockSeen::Ours,
                    }
                }
                Some(Ok(seen)) if seen.others && seen.ours.is_empty() => return LockSeen::Taken,
                Some(Ok(seen)) if seen.others => return LockSeen::Partly,
                Some(Ok(seen)) if matches!(seen.branch, BranchSeen::Other(_)) => {
                    return LockSeen::Advanced;
                }
                Some(Ok(seen)) => {
                    partly |= !seen.ours.is_empty();
                    edits.retain(|edit| !seen.ours.contains(&edit.name));
                }
                Some(Err(_)) => {}
            }
            match error.kind {
                // What was given must be given back.
                RemoteErrorKind::Refused | RemoteErrorKind::Setup | RemoteErrorKind::Local
                    if partly =>
                {
                    return LockSeen::Unreachable;
                }
                RemoteErrorKind::Refused | RemoteErrorKind::Setup | RemoteErrorKind::Local => {
                    return LockSeen::Refused;
                }
                // A conflict with a lock that is gone by now: its holder has just finished.
                RemoteErrorKind::Conflict | RemoteErrorKind::Unreachable => {}
            }
            if self.signal.is_given() || !limit.pause(backoff.delay()).await {
                return LockSeen::Unreachable;
            }
        }
    }

    /// Whether the lock still holds this run's object, and so its nonce.
    pub(in crate::publish) async fn check_lock(&self) -> LockSeen {
        let limit = self.git();
        let mut backoff = Backoff::retry();
        loop {
            match limit.run(self.read_refs()).await {
                None => return LockSeen::Unreachable,
                Some(Ok(seen)) => return seen.lock,
                Some(Err(error)) => self.notes.other(error),
            }
            if !limit.pause(backoff.delay()).await {
                return LockSeen::Unreachable;
            }
        }
    }

    /// Creates the git tag, expected absent, and deletes the lock's refs, all at once.
    pub(in crate::publish) async fn finish(&self) -> GitSeen {
        let mut edits = Vec::new();
        if let (Some(tag), Some(name)) = (&self.prepared.git_tag, self.tag_ref()) {
            match self.store_tag().await {
                Ok(id) if id == tag.id => {}
                Ok(_) => return self.refuse("the git tag's object is not what the journal says"),
                Err(error) => return self.refuse(error),
            }
            edits.push(RefEdit {
                name,
                expected: None,
                new: Some(tag.id.clone()),
            });
        }
        edits.extend(self.lock_edits(&self.prepared.lock_refs, Some(&self.lock), None));
        self.change(edits, true).await
    }

    fn refuse(&self, why: impl ToString) -> GitSeen {
        self.notes.other(why);
        GitSeen::Refused
    }

    async fn store_tag(&self) -> Result<ObjectId, RemoteError> {
        let Some(tag) = &self.prepared.git_tag else {
            return Ok(ObjectId::new());
        };
        let (object, commit) = (&tag.object, &self.prepared.commit);
        self.world.remote.write_tag(object, commit).await
    }

    /// Deletes the lock's refs; a release that is given up takes its commit off the branch with them.
    pub(in crate::publish) async fn unlock(&self) -> GitSeen {
        if let Some(branch) = &self.prepared.branch
            && self.txn.state != State::Unlocking(End::Unpushed)
        {
            return self.unlock_and_reset(branch).await;
        }
        let edits = self.lock_edits(&self.prepared.lock_refs, Some(&self.lock), None);
        self.change(edits, false).await
    }

    async fn change(&self, mut edits: Vec<RefEdit>, with_tag: bool) -> GitSeen {
        let limit = self.git();
        let mut backoff = Backoff::retry();
        let mut refusals = 0;
        loop {
            let error = match limit.run(self.world.remote.swap(&edits)).await {
                None => return GitSeen::Unreachable,
                Some(Ok(())) => return GitSeen::Done,
                Some(Err(error)) => error,
            };
            self.notes.other(&error);
            match limit.run(self.read_refs()).await {
                None => return GitSeen::Unreachable,
                Some(Err(error)) => self.notes.other(error),
                Some(Ok(seen)) => {
                    let tag_is_missing = with_tag
                        && self.prepared.git_tag.is_some()
                        && seen.git_tag != GitTagSeen::Ours;
                    if seen.ours.is_empty() {
                        return if tag_is_missing {
                            GitSeen::Taken
                        } else {
                            GitSeen::Done
                        };
                    }
                    if tag_is_missing && seen.git_tag == GitTagSeen::Other {
                        return self.refuse("the remote has another tag of this name");
                    }
                    // What is left: a server without atomic pushes may have done a part.
                    edits.retain(|edit| match &edit.new {
                        Some(_) => tag_is_missing,
                        None => seen.ours.contains(&edit.name),
                    });
                }
            }
            match error.kind {
                RemoteErrorKind::Refused | RemoteErrorKind::Setup | RemoteErrorKind::Local => {
                    refusals += 1;
                    if refusals == REFUSALS {
                        return GitSeen::Refused;
                    }
                }
                RemoteErrorKind::Conflict | RemoteErrorKind::Unreachable => {}
            }
            if !limit.pause(backoff.delay()).await {
                return GitSeen::Unreachable;
            }
        }
    }
}
