//! What an earlier run left: seen, finished, undone.

use crate::{
    error::Result,
    outcome::Outcome,
    project::ImageResult,
    publish::{self, MissingGitTag, Recovery, Unfinished},
    release::{consent::Consent, execute::RecoveryDirection, facade::Release, set::ReleaseSet},
};

impl Release {
    /// Unfinished releases that concern this policy: in this clone's journals, and in the locks
    /// on the remote.
    ///
    /// # Errors
    /// Failed (exit 6) where journals or remote cannot be read.
    pub async fn status(&self) -> Result<Vec<Unfinished>> {
        self.or_signal(async { publish::status(&self.world(), &self.scope()?).await })
            .await
    }

    /// Versions that a run in this clone has published and whose git tag the server refused, as far as the
    /// remote still does not have it.
    ///
    /// # Errors
    /// Failed (exit 6) where the remote cannot be read.
    pub async fn missing_git_tags(&self) -> Result<Vec<MissingGitTag>> {
        let repositories = self.policy().repositories();
        self.or_signal(async { publish::missing_git_tags(&self.world(), &repositories).await })
            .await
    }

    /// Finishes an unfinished release, to the digest in its journal; never builds. `None`: there
    /// is none. `consent` is asked about a release of which only the lock tells.
    ///
    /// # Errors
    /// Busy (exit 5) where another process holds its lock; refused (exit 4) where the lock's journal says
    /// what the policy would not do; failed (exit 6) where it cannot be read.
    pub async fn resume(&self, how: Recovery, consent: &Consent) -> Result<Option<Outcome>> {
        self.registries.publish();
        self.recover(how, consent, RecoveryDirection::Forward).await
    }

    /// Undoes an unfinished release: every tag shows again what it showed before. `None`: there
    /// is none.
    ///
    /// # Errors
    /// As [`Release::resume`].
    pub async fn roll_back_unfinished(
        &self,
        how: Recovery,
        consent: &Consent,
    ) -> Result<Option<Outcome>> {
        self.registries.publish();
        publish::refuse_tagged(&self.world(), &self.scope()?, how).await?;
        self.recover(how, consent, RecoveryDirection::Back).await
    }

    /// An unfinished release stops a new one, wherever it began.
    pub(super) async fn refuse_unfinished(&self) -> Result<()> {
        publish::refuse_unfinished(&self.world(), &self.scope()?).await
    }
}

impl ReleaseSet {
    /// [`Release::missing_git_tags`] of each.
    pub async fn missing_git_tags(&self) -> Vec<ImageResult<Vec<MissingGitTag>>> {
        self.each(
            (),
            |release, ()| async move { release.missing_git_tags().await },
        )
        .await
    }
}
