//! What the repositories show under the names of one tag set.

use crate::{
    error::Result,
    oci::Repository,
    plan::{
        release::{gone::GoneImage, ownership::PublishedTag, receipt::Receipt},
        tags::{Published, TagSet, unpublished_versions},
    },
    release::{
        facade::Release,
        observe::{self, LookPurpose, RepositoryApis},
        recorded::recorded,
    },
};

/// What the repositories show under the names of one tag set.
///
/// Policy and history name tags before any repository is asked; what is published there can add
/// names (the tag of a channel that follows on) and decides what becomes of each. So a set is
/// computed twice: for the names to look at, and with what was seen.
pub(super) struct Survey<'a> {
    apis: &'a RepositoryApis,
    /// Each repository's list of tags, and what it shows under the set's names.
    pub(super) published: Vec<Published>,
    /// The set, judged against what is published.
    pub(super) set: TagSet,
}

impl<'a> Survey<'a> {
    /// Asks every repository. `compute` gives the tag set for what is published; at first nothing is.
    pub(super) async fn of(
        release: &Release,
        (apis, purpose): (&'a RepositoryApis, LookPurpose),
        compute: impl Fn(&[Published]) -> Result<TagSet>,
    ) -> Result<Self> {
        let unasked: Vec<_> = apis
            .iter()
            .map(|api| Published::not_asked(api.repository().clone()))
            .collect();
        let set = compute(&unasked)?;
        let names = |repository: &Repository| set.names_in(repository).cloned().collect();
        let mut published = observe::published(apis, purpose, names).await?;
        let mut set = compute(&published)?;
        if !set.unpublished().is_empty() {
            let versions = unpublished_versions(set.unpublished());
            release.complete_lists(&versions, &mut published).await?;
            let receipts = release.receipts_of(&versions);
            observe::look_behind(apis, &mut published, &set, &receipts).await?;
            set = compute(&published)?;
        }
        Ok(Self {
            apis,
            published,
            set,
        })
    }

    /// The same, and a look at the names that only the published tags have led to.
    pub(super) async fn complete(mut self) -> Result<Self> {
        observe::complete(self.apis, &mut self.published, &self.set).await?;
        Ok(self)
    }

    /// The version tags that show something, with what their images say about their origin.
    pub(super) async fn claims(&self) -> Result<Vec<PublishedTag>> {
        observe::claims(self.apis, &self.published, &self.set).await
    }

    /// The same, and the images of the version's `receipts` that no version tag shows; those of them that are gone.
    pub(super) async fn claims_and_recorded(
        &self,
        receipts: &[Receipt],
    ) -> Result<(Vec<PublishedTag>, Vec<GoneImage>)> {
        let mut claims = self.claims().await?;
        let recorded = recorded(self.apis, &self.set, receipts, &claims).await?;
        claims.extend(recorded.found);
        Ok((claims, recorded.gone))
    }
}
