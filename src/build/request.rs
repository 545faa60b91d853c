//! What is to be built, for every image source.

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::join_all;
use tokio::time::timeout;

use crate::{
    build::join::Expected,
    git::CommitId,
    io::{
        layout::WantedImage,
        push_door::BlobPresence,
        registry::{RegistryError, RepositoryApi},
    },
    oci::Digest,
    policy::BuildPolicy,
};

/// One image to be made.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// `[image.build]`, with a variant's own keys put in their places.
    pub policy: BuildPolicy,
    /// The build arguments, with their templates filled in.
    pub args: BTreeMap<String, String>,
    /// The repository's working directory.
    pub repository: PathBuf,
    /// The commit that is released.
    pub commit: CommitId,
    /// The time that the image is built as of, in seconds since 1970: `SOURCE_DATE_EPOCH`.
    pub time: i64,
    /// Labels of the image's configuration.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the manifest, where hoist writes the manifest.
    pub annotations: BTreeMap<String, String>,
    /// Names that decide between several images of a layout: the version, full references.
    pub references: Vec<String>,
    /// `HOIST_VERSION` and the other variables that `image.build.command` gets.
    pub variables: Vec<(String, String)>,
    /// The repositories that the image goes to. What they have already is not taken out of the builder.
    pub targets: TargetRepositories,
    /// What several layouts have to agree with; nothing for a trial.
    pub expected: Option<Expected>,
}

/// The repositories that an image goes to.
#[derive(Clone, Default)]
pub struct TargetRepositories(Vec<Arc<dyn RepositoryApi>>);

/// How long the repositories may take to tell whether they have a blob.
const PATIENCE: Duration = Duration::from_secs(20);

impl TargetRepositories {
    /// These repositories.
    #[must_use]
    pub fn new(repositories: Vec<Arc<dyn RepositoryApi>>) -> Self {
        Self(repositories)
    }

    /// Whether nothing is known of where the image goes.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[async_trait]
impl BlobPresence for TargetRepositories {
    async fn size_everywhere(&self, digest: &Digest) -> Option<u64> {
        let asked = join_all(self.0.iter().map(|api| api.blob_size(digest)));
        let answers = timeout(PATIENCE, asked).await.ok()?;
        let sizes: Result<Vec<_>, RegistryError> = answers.into_iter().collect();
        let sizes: Option<Vec<u64>> = sizes.ok()?.into_iter().collect();
        let sizes = sizes?;
        let first = *sizes.first()?;
        sizes.iter().all(|size| *size == first).then_some(first)
    }
}

impl fmt::Debug for TargetRepositories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|api| api.repository());
        f.debug_list().entries(names).finish()
    }
}

impl BuildRequest {
    /// The build arguments, with the time on which reproducible builds depend; the policy's own value has
    /// precedence.
    pub(crate) fn all_args(&self) -> BTreeMap<String, String> {
        let mut args = self.args.clone();
        args.entry("SOURCE_DATE_EPOCH".to_owned())
            .or_insert_with(|| self.time.to_string());
        args
    }

    /// Which image to take from what a builder hands over.
    pub(crate) fn wanted_image(&self) -> WantedImage {
        WantedImage {
            references: self.references.clone(),
            platforms: self.policy.platforms.clone(),
            built_here: self.policy.image_source.is_engine(),
            annotations: self.annotations.clone(),
        }
    }
}
