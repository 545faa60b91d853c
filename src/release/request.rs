//! What is asked of a release, and what it comes to.

use std::{path::PathBuf, time::Duration};

use chrono::{DateTime, Utc};
use semver::Version;

use crate::{
    build::LegInput,
    oci::annotation,
    outcome::Outcome,
    plan::{Plan, ReleaseCommit, version::VersionRequest},
    policy::SameImage,
    release::consent::Consent,
};

/// What is asked of a plan or a release. The default asks for what the history says.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ReleaseRequest {
    /// What replaces the history's answer: a version, a level, a pre-release label, a branch.
    pub request: VersionRequest,
    /// Release from files that no commit holds.
    pub allow_dirty: bool,
    /// Publish a layout's image although another release has published it already, as
    /// `image.build.same-image = "allow"` does.
    pub allow_same_image: bool,
    /// How long to wait for a release that is running; `None`: not at all.
    pub wait: Option<Duration>,
    /// Who agrees that an unfinished release of the same commit and version is gone on with, where only
    /// the lock tells of it.
    pub consent: Consent,
    /// Publish an image that is over `[image.budget]`; what it exceeds is told, and kept in the git tag.
    pub over_budget: bool,
    /// Legs that other machines made: the images are joined from them, and nothing is built here.
    pub from: Vec<LegPath>,
    /// The plan that a dry run has to come out as; `None`: whatever it comes out as.
    pub reviewed: Option<Box<Plan>>,
    /// What a plan that was shown has fixed.
    pub(super) fixed: Option<FixedByPlan>,
}

/// Where legs are: `[IMAGE[/VARIANT]=]PATH`. The path is a layout, an archive, or a file of leg
/// descriptions; or a pattern such as `dist/*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegPath {
    /// As it was written.
    pub text: String,
    /// The directory that a relative path starts from.
    pub directory: PathBuf,
}

/// What a stored plan fixes, so that every job that carries it out makes the same.
#[derive(Debug, Clone)]
pub(super) struct FixedByPlan {
    /// The release's one instant.
    pub(super) instant: DateTime<Utc>,
    /// When the images count as created, where the plan says it.
    pub(super) created: Option<DateTime<Utc>>,
    /// How the release commit comes to be.
    pub(super) release_commit: Option<ReleaseCommit>,
}

/// Where the images of a plan come from, beyond what the plan says.
#[derive(Debug, Clone)]
pub(super) struct ImageOptions {
    /// Whether a layout that the last release has published already is published again, whatever the policy says.
    pub(super) allow_same_image: bool,
    /// Whether an image may be over its budget.
    pub(super) over_budget: bool,
    /// Whether legs may be of a working tree with uncommitted changes.
    pub(super) allow_dirty: bool,
    /// The legs of all images; empty where this machine makes the images.
    pub(super) legs: Vec<LegInput>,
    /// The pre-release that is promoted, whose images these are.
    pub(super) promotes: Option<Version>,
}

impl ImageOptions {
    /// What becomes of a layout that is published already, where the policy says `own` of its image.
    pub(super) fn same_image(&self, own: SameImage) -> SameImage {
        match self.allow_same_image {
            true => SameImage::Allow,
            false => own,
        }
    }

    /// For the images of a pre-release, which are published already.
    pub(super) fn of_published(candidate: &Version) -> Self {
        Self {
            allow_same_image: true,
            over_budget: true,
            allow_dirty: false,
            legs: Vec::new(),
            promotes: Some(candidate.clone()),
        }
    }
}

impl ReleaseRequest {
    /// The release's instant, where a plan that was shown has fixed it.
    pub(super) fn instant(&self) -> Option<DateTime<Utc>> {
        self.fixed.as_ref().map(|fixed| fixed.instant)
    }

    /// Asks for what `request` says.
    #[must_use]
    pub fn new(request: VersionRequest) -> Self {
        Self {
            request,
            ..Self::default()
        }
    }

    /// The same request, for carrying out a plan that was shown.
    pub(super) fn for_plan(&self, shown: &Plan) -> Self {
        let mut request = self.clone();
        request.fixed = Some(FixedByPlan {
            instant: shown.instant,
            created: created(shown),
            release_commit: shown.release_commit.clone(),
        });
        request
    }
}

/// When the images of a plan count as created: as their labels say.
pub(super) fn created(plan: &Plan) -> Option<DateTime<Utc>> {
    let label = plan.images.first()?.labels.get(annotation::CREATED)?;
    let time = DateTime::parse_from_rfc3339(label).ok()?;
    Some(time.to_utc())
}

/// What a plan came to.
#[derive(Debug, Clone)]
pub enum Planned {
    /// There is something to release.
    Release(Box<Plan>),
    /// There is nothing to release.
    NothingToRelease(NothingToRelease),
}

/// Why there is nothing to release.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NothingToRelease {
    /// The version that HEAD is tagged with or descends from.
    pub current: Option<Version>,
    /// Why there is nothing to release.
    pub why: String,
    /// What is not as it should be all the same, and the command that mends it.
    pub messages: Vec<String>,
    /// The version that HEAD is tagged with, where no repository has an image of it.
    pub without_image: Option<Version>,
}

/// What a release came to.
#[derive(Debug)]
pub enum ReleaseResult {
    /// There was nothing to release.
    Nothing(NothingToRelease),
    /// The transaction ended like this.
    Ended(Box<Outcome>),
}
