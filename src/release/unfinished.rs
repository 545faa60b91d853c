//! What an earlier run left: seen, finished, undone.

use super::Release;
use crate::{
    error::Result,
    outcome::Outcome,
    publish::{self, Recovery, Unfinished},
};

impl Release {
    /// Unfinished releases that concern this policy: in this clone's journals, and in the locks
    /// on the remote.
    ///
    /// # Errors
    /// Failed (exit 6) where journals or remote cannot be read.
    pub fn status(&self) -> Result<Vec<Unfinished>> {
        self.wait(async { publish::status(&self.world(), &self.scope()?).await })
    }

    /// Finishes an unfinished release, to the digest in its journal; never builds.
    ///
    /// # Errors
    /// Busy (exit 5) where it is not ours to take; failed (exit 6) where it cannot be read.
    pub fn resume(&self, how: Recovery) -> Result<Option<Outcome>> {
        self.wait(async {
            let outcome = publish::resume(&self.world(), &self.scope()?, how).await?;
            if let Some(outcome) = &outcome {
                self.bring_tag(outcome).await;
                self.bring_branch(outcome.branch.as_ref(), outcome.kind)
                    .await;
            }
            Ok(outcome)
        })
    }

    /// Undoes an unfinished release: every tag shows again what it showed before.
    ///
    /// # Errors
    /// As [`Release::resume`].
    pub fn rollback(&self, how: Recovery) -> Result<Option<Outcome>> {
        self.wait(async { publish::rollback(&self.world(), &self.scope()?, how).await })
    }

    /// An unfinished release stops a new one, wherever it began.
    pub(super) async fn refuse_unfinished(&self) -> Result<()> {
        publish::refuse_open(&self.world(), &self.scope()?).await
    }
}
