//! The steps of a release: what each is done to when it starts, and its result when it finishes.

use semver::Version;
use serde::Serialize;

use crate::{
    oci::{Digest, ImageName, Repository},
    outcome::Amount,
    policy::HookPoint,
};

/// The steps of a release, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Reading history and policy, choosing version and tags.
    Plan,
    /// Proving that everything needed is there, before anything is done.
    Preflight,
    /// Making the image.
    Build,
    /// Sending content that nothing names yet.
    Stage,
    /// Running programs of the project.
    Hooks,
    /// Signing the images.
    Sign,
    /// Making the release on the forge, which nobody sees yet.
    Draft,
    /// Taking the lock.
    Lock,
    /// Reading once more what is there.
    Observe,
    /// Moving the tags.
    Commit,
    /// Seeing that they moved.
    Verify,
    /// Putting everything back.
    RollBack,
    /// Pushing the git tag and giving the lock back.
    Finish,
    /// Making the release on the forge public.
    Forge,
}

impl Step {
    /// All steps, in their order.
    pub const ALL: [Self; 14] = [
        Self::Plan,
        Self::Preflight,
        Self::Build,
        Self::Stage,
        Self::Hooks,
        Self::Sign,
        Self::Draft,
        Self::Lock,
        Self::Observe,
        Self::Commit,
        Self::Verify,
        Self::RollBack,
        Self::Finish,
        Self::Forge,
    ];
}

/// A step that begins, and what it is done to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "step", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Started {
    /// Planning.
    Plan {
        /// The pre-release that is promoted; `None`: a release is planned.
        #[serde(skip_serializing_if = "Option::is_none")]
        promoted: Option<Version>,
    },
    /// Proving that everything needed is there.
    Preflight {
        /// The repositories that are asked.
        repositories: Vec<Repository>,
    },
    /// Making one image, or reading one that is there.
    Build {
        /// Which of the release's images.
        #[serde(flatten)]
        image: ImageName,
        /// The layout that is read as it is, or the legs that are joined; `None`: the image is made.
        #[serde(skip_serializing_if = "Option::is_none")]
        layout: Option<String>,
    },
    /// Sending content to one repository.
    Stage {
        /// Where the content goes.
        repository: Repository,
    },
    /// Running the hooks of one point.
    Hooks {
        /// Where in the release.
        point: HookPoint,
    },
    /// Signing one image in one repository.
    Sign {
        /// The repository and the digest.
        image: String,
    },
    /// Making the release on the forge, which nobody sees yet.
    Draft {
        /// The page that the release will have.
        page: String,
    },
    /// Taking the lock.
    Lock {
        /// The name of the git remote that holds it.
        remote: String,
    },
    /// Reading once more what is there.
    Observe {
        /// The release.
        version: Version,
        /// Whether the release is taken back: its tags go to the version before it.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        taken_back: bool,
    },
    /// Moving the tags.
    Commit {
        /// The release.
        version: Version,
        /// Whether the release is taken back: its tags go to the version before it.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        taken_back: bool,
    },
    /// Seeing that the tags moved.
    Verify {
        /// The release.
        version: Version,
        /// Whether the release is taken back: its tags go to the version before it.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        taken_back: bool,
    },
    /// Putting everything back.
    RollBack {
        /// The release that is given up.
        version: Version,
    },
    /// Pushing the git tag and giving the lock back.
    Finish {
        /// The release.
        version: Version,
        /// Whether the release is taken back: its tags go to the version before it.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        taken_back: bool,
    },
    /// Making the release on the forge public.
    Forge {
        /// The page of the release.
        page: String,
    },
}

impl Started {
    /// The step that begins.
    #[must_use]
    pub fn step(&self) -> Step {
        match self {
            Self::Plan { .. } => Step::Plan,
            Self::Preflight { .. } => Step::Preflight,
            Self::Build { .. } => Step::Build,
            Self::Stage { .. } => Step::Stage,
            Self::Hooks { .. } => Step::Hooks,
            Self::Sign { .. } => Step::Sign,
            Self::Draft { .. } => Step::Draft,
            Self::Lock { .. } => Step::Lock,
            Self::Observe { .. } => Step::Observe,
            Self::Commit { .. } => Step::Commit,
            Self::Verify { .. } => Step::Verify,
            Self::RollBack { .. } => Step::RollBack,
            Self::Finish { .. } => Step::Finish,
            Self::Forge { .. } => Step::Forge,
        }
    }
}

/// A step that came to its result, and the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "step", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Finished {
    /// The plan is made.
    Plan {
        /// Where the release goes.
        repositories: Vec<Repository>,
        /// The version before it; `None`: this is the first one.
        #[serde(skip_serializing_if = "Option::is_none")]
        current: Option<Version>,
        /// The release.
        version: Version,
        /// `major`, `minor` or `patch`: the level of the change, or the step to a version that was named; `None`: there
        /// is none.
        #[serde(skip_serializing_if = "Option::is_none")]
        bump: Option<String>,
    },
    /// Everything needed is there.
    Preflight {
        /// The repositories that were asked.
        repositories: Vec<Repository>,
    },
    /// An image is there.
    Build {
        /// Which of the release's images.
        #[serde(flatten)]
        image: ImageName,
        /// The manifest or index of the image.
        digest: Digest,
        /// Where the image was published already; `None`: it was made now.
        #[serde(skip_serializing_if = "Option::is_none")]
        adopted: Option<Repository>,
        /// The layout that was read as it is, or the legs that were joined; `None`: the image was made.
        #[serde(skip_serializing_if = "Option::is_none")]
        layout: Option<String>,
    },
    /// All content is in one repository.
    Stage {
        /// Where the content went.
        repository: Repository,
        /// What went over the wire.
        sent: Amount,
        /// What the registry took over from another of its repositories.
        mounted: Amount,
    },
    /// All hooks of one point have passed.
    Hooks {
        /// Where in the release.
        point: HookPoint,
        /// How many ran.
        count: usize,
    },
    /// An image is signed in one repository.
    Sign {
        /// The repository and the digest.
        image: String,
        /// How many signatures are new there; 0 where a proof has shown that there is one.
        count: usize,
    },
    /// The release is on the forge, and nobody sees it.
    Draft {
        /// The page that the release will have.
        page: String,
        /// How many files it has.
        files: usize,
    },
    /// This run has the lock.
    Lock {
        /// The name of the git remote that holds it.
        remote: String,
    },
    /// Nothing speaks against the commit.
    Observe {
        /// The release.
        version: Version,
        /// Whether the release is taken back: its tags go to the version before it.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        taken_back: bool,
    },
    /// Every registry accepted its tags.
    Commit {
        /// The release.
        version: Version,
        /// How many tags the release has, over all repositories.
        tags: usize,
        /// Whether the release is taken back: its tags go to the version before it.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        taken_back: bool,
    },
    /// Every tag shows the release.
    Verify {
        /// The release.
        version: Version,
        /// Whether the release is taken back: its tags go to the version before it.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        taken_back: bool,
    },
    /// Everything is as it was before.
    RollBack {
        /// The release that was given up.
        version: Version,
    },
    /// The git tag is pushed, the lock is given back.
    Finish {
        /// The release.
        version: Version,
        /// Whether the release is taken back: its tags go to the version before it.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        taken_back: bool,
    },
    /// Everybody sees the release on the forge.
    Forge {
        /// The page of the release.
        page: String,
    },
}

impl Finished {
    /// The step that is over.
    #[must_use]
    pub fn step(&self) -> Step {
        match self {
            Self::Plan { .. } => Step::Plan,
            Self::Preflight { .. } => Step::Preflight,
            Self::Build { .. } => Step::Build,
            Self::Stage { .. } => Step::Stage,
            Self::Hooks { .. } => Step::Hooks,
            Self::Sign { .. } => Step::Sign,
            Self::Draft { .. } => Step::Draft,
            Self::Lock { .. } => Step::Lock,
            Self::Observe { .. } => Step::Observe,
            Self::Commit { .. } => Step::Commit,
            Self::Verify { .. } => Step::Verify,
            Self::RollBack { .. } => Step::RollBack,
            Self::Finish { .. } => Step::Finish,
            Self::Forge { .. } => Step::Forge,
        }
    }
}
