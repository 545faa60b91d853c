//! The verb `unlock`: the way out of a lock that neither `resume` nor `rollback` can use.

use std::path::{Path, PathBuf};

use crate::{
    error::{Error, Result},
    git::{ObjectId, RefName},
    io::journal_file::save_private,
    oci::Digest,
    publish::{self, LockState, RawLock},
    release::{consent::Consent, facade::Release, policy_check::PolicyCheck, repair::DriftReport},
};

/// What `unlock` would delete, and what is true around it.
#[derive(Debug, Clone)]
pub struct UnlockPlan {
    /// Each lock.
    pub locks: Vec<UnusableLock>,
    /// What every moving tag shows and should show, or why that could not be read.
    pub tags: Result<DriftReport>,
    raw: Vec<RawLock>,
}

/// A lock that neither `resume` nor `rollback` can use.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UnusableLock {
    /// Its ref; `None`: the lock file of this clone.
    pub name: Option<RefName>,
    /// The object that the ref shows.
    pub object: Option<ObjectId>,
    /// Why it cannot be used.
    pub why: String,
    /// The file that its journal was saved to, byte for byte.
    pub saved: PathBuf,
}

impl Release {
    /// The locks that are to be deleted, with their journals saved to files. `None`: there is no lock.
    /// No lock and no tag is changed.
    ///
    /// # Errors
    /// Busy (exit 5) where `resume` and `rollback` can use a lock; failed (exit 6) where the locks cannot
    /// be read or a journal cannot be saved.
    pub async fn plan_unlock(&self) -> Result<Option<UnlockPlan>> {
        self.or_signal(async {
            let check = PolicyCheck::new(self, &Consent::Missing)?;
            let raw = publish::find_locks(&self.world(), &self.scope()?, &check).await?;
            if raw.is_empty() {
                return Ok(None);
            }
            let directory = self.state_directory().join("unlocked");
            let mut locks = Vec::new();
            for lock in &raw {
                let why = match &lock.state {
                    LockState::Unusable(why) => why.clone(),
                    LockState::Usable(error) => return Err(Error::clone(error)),
                };
                locks.push(UnusableLock {
                    name: lock.name.clone(),
                    object: lock.object.clone(),
                    why,
                    saved: save(&directory, &lock.bytes)?,
                });
            }
            let tags = self.drift().await;
            Ok(Some(UnlockPlan { locks, tags, raw }))
        })
        .await
    }

    /// Deletes the locks, each only if it still is what `plan` has.
    ///
    /// # Errors
    /// Busy (exit 5) where one has changed since; failed (exit 6) where the remote refuses.
    pub async fn unlock(&self, plan: &UnlockPlan) -> Result<()> {
        self.or_signal(publish::delete_locks(&self.world(), &plan.raw))
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
