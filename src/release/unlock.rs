//! The verb `unlock`: the way out of a lock that neither `resume` nor `rollback` can use, or that nobody
//! should follow.

use std::path::{Path, PathBuf};

use crate::{
    error::{Error, Result},
    git::{ObjectId, RefName},
    io::journal_file::save_private,
    oci::Digest,
    outcome::TagReport,
    publish::{self, LockJournal, LockState, RawLock, Scope},
    release::{
        consent::{Consent, LockedRelease},
        facade::Release,
        policy_check::PolicyCheck,
        repair::DriftReport,
    },
};

/// Which locks `unlock` may delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnlockChoice {
    /// Those that neither `resume` nor `rollback` can use.
    #[default]
    Unusable,
    /// Those, too, whose release could go on: it is given up, and its tags stay as they are.
    Discard,
}

/// What `unlock` would delete, and what is true around it.
#[derive(Debug, Clone)]
pub struct UnlockPlan {
    /// Each lock.
    pub locks: Vec<LockToDelete>,
    /// What every moving tag shows and should show, or why that could not be read.
    pub tags: Result<DriftReport>,
    raw: Vec<RawLock>,
}

/// A lock that `unlock` would delete.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LockToDelete {
    /// Its ref; `None`: the lock file of this clone, or a journal.
    pub name: Option<RefName>,
    /// The name of the journal, where it is one of this clone that cannot be read.
    pub journal: Option<String>,
    /// The object that the ref shows.
    pub object: Option<ObjectId>,
    /// What nobody will be able to do any more, or why nobody can.
    pub content: UnlockContent,
    /// The file that its journal was saved to, byte for byte.
    pub saved: PathBuf,
}

/// What is in a lock that `unlock` would delete.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum UnlockContent {
    /// Neither `resume` nor `rollback` can use it, for this reason.
    Unusable(String),
    /// A release that could go on.
    Release {
        /// What `resume` would do.
        release: Box<LockedRelease>,
        /// Its tags that are not as they were before, by the lock's journal.
        moved: Vec<TagReport>,
    },
}

impl Release {
    /// The locks that are to be deleted, and the journals of this clone that cannot be read, saved to files.
    /// `None`: there is none.
    /// No lock and no tag is changed.
    ///
    /// # Errors
    /// Busy (exit 5) where `resume` and `rollback` can use a lock and `choice` spares such locks, and where
    /// its release runs on this machine or was begun in this clone; failed (exit 6) where the locks cannot
    /// be read or a journal cannot be saved.
    pub async fn plan_unlock(&self, choice: UnlockChoice) -> Result<Option<UnlockPlan>> {
        self.or_signal(async {
            let check = PolicyCheck::new(self, &Consent::Missing)?;
            let scope = self.scope()?;
            let raw = publish::find_locks(&self.world(), &scope, &check).await?;
            if raw.is_empty() {
                return Ok(None);
            }
            let mut contents = Vec::new();
            for lock in &raw {
                contents.push(self.lock_content(lock, choice, (&scope, &check)).await?);
            }
            let directory = self.state_directory().join("unlocked");
            let mut locks = Vec::new();
            for (lock, content) in raw.iter().zip(contents) {
                locks.push(LockToDelete {
                    name: lock.name.clone(),
                    journal: lock.journal.clone(),
                    object: lock.object.clone(),
                    content,
                    saved: save(&directory, &lock.bytes)?,
                });
            }
            let tags = self.drift().await;
            Ok(Some(UnlockPlan { locks, tags, raw }))
        })
        .await
    }

    async fn lock_content(
        &self,
        lock: &RawLock,
        choice: UnlockChoice,
        (scope, check): (&Scope, &PolicyCheck),
    ) -> Result<UnlockContent> {
        let world = self.world();
        let replayed = match &lock.state {
            LockState::Unusable(why) => return Ok(UnlockContent::Unusable(why.clone())),
            LockState::Usable(replayed) if choice == UnlockChoice::Discard => replayed,
            LockState::Usable(replayed) => return Err(publish::usable_error(&world, replayed)),
        };
        publish::refuse_discard(&world, scope, replayed)?;
        let refs = lock.name.as_slice();
        let release = check.shown(LockJournal { replayed, refs });
        Ok(UnlockContent::Release {
            release: Box::new(release.await?),
            moved: publish::moved_tags(&world, scope, replayed).await,
        })
    }

    /// Deletes the locks, each only if it still is what `plan` has. A lock whose release could go on is taken
    /// over first, and given up when nothing of its former owner can be under way: that may take a minute.
    ///
    /// # Errors
    /// Busy (exit 5) where one has changed since; failed (exit 6) where the remote refuses.
    pub async fn unlock(&self, plan: &UnlockPlan) -> Result<()> {
        self.or_signal(publish::discard_locks(&self.world(), &plan.raw))
            .await
    }
}

fn save(directory: &Path, bytes: &[u8]) -> Result<PathBuf> {
    let name = format!("{}.journal", Digest::of(bytes).short());
    save_private(directory, &name, bytes).map_err(|error| {
        Error::failed("cannot save the lock's journal")
            .because(&error)
            .state("nothing was changed")
            .hint("make git's directory writable, with room on its disk")
    })
}
