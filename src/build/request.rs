//! What is to be built, for every image source.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::join_all;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::timeout,
};

use crate::{
    build::join::Expected,
    git::CommitId,
    io::{
        layout::WantedImage,
        push_door::{BlobPresence, RelayEnd},
        registry::{RegistryError, RepositoryApi, StreamedBlob},
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
pub struct TargetRepositories {
    repositories: Vec<Arc<dyn RepositoryApi>>,
    /// Whether a blob was seen that some of them have and others lack: it is not sent to all then, but taken over.
    differ: Arc<AtomicBool>,
}

/// How long the repositories may take to tell whether they have a blob.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many pieces of a blob wait for one registry.
const WAITING: usize = 4;

impl TargetRepositories {
    /// These repositories.
    #[must_use]
    pub fn new(repositories: Vec<Arc<dyn RepositoryApi>>) -> Self {
        Self {
            repositories,
            differ: Arc::default(),
        }
    }

    /// Whether nothing is known of where the image goes.
    pub(crate) fn is_empty(&self) -> bool {
        self.repositories.is_empty()
    }
}

#[async_trait]
impl BlobPresence for TargetRepositories {
    async fn size_everywhere(&self, digest: &Digest) -> Option<u64> {
        let asked = join_all(self.repositories.iter().map(|api| api.blob_size(digest)));
        let answers = timeout(PATIENCE, asked).await.ok()?;
        let sizes: Result<Vec<_>, RegistryError> = answers.into_iter().collect();
        let sizes = sizes.ok()?;
        if sizes.iter().any(Option::is_some) && sizes.iter().any(Option::is_none) {
            self.differ.store(true, Ordering::Relaxed);
        }
        let sizes: Option<Vec<u64>> = sizes.into_iter().collect();
        let sizes = sizes?;
        let first = *sizes.first()?;
        sizes.iter().all(|size| *size == first).then_some(first)
    }

    fn relay(&self) -> Vec<RelayEnd> {
        if self.differ.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut registries = BTreeSet::new();
        let firsts = self.repositories.iter();
        // The others of the same registry take it over from the first one.
        let firsts = firsts.filter(|api| registries.insert(api.repository().registry().clone()));
        firsts.map(|api| relay_end(api.clone())).collect()
    }
}

fn relay_end(api: Arc<dyn RepositoryApi>) -> RelayEnd {
    let (pieces, taken) = mpsc::channel(WAITING);
    let (end, ended) = oneshot::channel();
    let blob = StreamedBlob {
        pieces: taken,
        end: ended,
    };
    let mut sending = JoinSet::new();
    sending.spawn(async move {
        // What does not arrive now is sent from the file, and that says why it cannot be.
        let _ = api.stream_blob(blob).await;
    });
    RelayEnd {
        pieces,
        end,
        sending,
    }
}

impl fmt::Debug for TargetRepositories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.repositories.iter().map(|api| api.repository());
        f.debug_list().entries(names).finish()
    }
}

impl BuildRequest {
    /// Legs may be of a working tree with uncommitted changes, if `accepted`.
    pub(crate) fn accept_dirty(&mut self, accepted: bool) {
        if let Some(expected) = &mut self.expected {
            expected.accepts_dirty = accepted;
        }
    }

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
            leg: None,
            annotations: self.annotations.clone(),
            looks_at: None,
            is_named: false,
        }
    }
}
