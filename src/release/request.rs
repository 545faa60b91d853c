//! What is asked of a release, and what it comes to.

use std::time::Duration;

use chrono::{DateTime, Utc};
use semver::Version;

use crate::{
    outcome::Outcome,
    plan::{Plan, version::VersionRequest},
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
    /// Publish a layout's image although the last release has published it already, as
    /// `image.build.same-image = "allow"` does.
    pub allow_same_image: bool,
    /// How long to wait for a release that is running; `None`: not at all.
    pub wait: Option<Duration>,
    /// Who agrees that an unfinished release of the same commit and version is gone on with, where only
    /// the lock tells of it.
    pub consent: Consent,
    /// The release's instant, where a plan that was shown has fixed it.
    pub(super) instant: Option<DateTime<Utc>>,
}

impl ReleaseRequest {
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
        request.instant = Some(shown.instant);
        request
    }
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
}

/// What a release came to.
#[derive(Debug)]
pub enum ReleaseResult {
    /// There was nothing to release.
    Nothing(NothingToRelease),
    /// The transaction ended like this.
    Ended(Box<Outcome>),
}
