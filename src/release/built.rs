//! What is asked of a build, and what it comes to.

use std::path::PathBuf;

use semver::Version;

use crate::{
    build::Leg,
    error::Error,
    oci::{Digest, ImageName, Platform},
    plan::{Plan, inspect::Report, version::VersionRequest},
};

/// What is asked of a build.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct BuildOptions {
    /// What replaces the history's answer.
    pub request: VersionRequest,
    /// The platforms to build for; empty: those of the policy.
    pub platforms: Vec<Platform>,
    /// The images to build, by their names: `worker` with its variants, `worker/alpine` alone. Empty: all.
    pub images: Vec<String>,
    /// Build from files that no commit holds.
    pub allow_dirty: bool,
    /// The plan that all jobs of a release share.
    pub plan: Option<Box<Plan>>,
    /// What becomes of the images.
    pub target: BuildTarget,
    /// Whether an image that is over its budget is handed over all the same.
    pub over_budget: bool,
    /// Whether each image is measured: what it holds, what it wastes, how much it has grown.
    pub report: bool,
    /// Whether the image for this machine is put into the engine, to be tried.
    pub load: bool,
}

/// What becomes of the images.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum BuildTarget {
    /// Nothing: it is only built, on any branch.
    #[default]
    Trial,
    /// A leg for [`ReleaseRequest::from`](crate::ReleaseRequest::from): a layout here, a directory or a `.tar` archive.
    Layout(PathBuf),
    /// A leg whose content goes to every repository by digest, without a tag.
    Staged,
}

/// What was built.
#[derive(Debug)]
#[non_exhaustive]
pub struct BuiltImages {
    /// The version that the images are labelled with.
    pub version: Version,
    /// The main image first, then the others by name, each followed by its variants.
    pub images: Vec<BuiltImage>,
    /// What was measured, for each image and platform: all where that was asked for, else what is over its budget.
    pub reports: Vec<Report>,
    /// Why nothing was handed over: an image is over its budget.
    pub refused: Option<Error>,
    /// What a person should know.
    pub messages: Vec<String>,
}

/// One image that was built.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BuiltImage {
    /// Which image it is.
    pub name: ImageName,
    /// The manifest or index.
    pub digest: Digest,
    /// What it runs on.
    pub platforms: Vec<Platform>,
    /// The bytes of all its blobs, as they are sent.
    pub size: u64,
    /// The name that the engine knows it by.
    pub loaded: Option<String>,
    /// Its description, where it is a leg.
    pub leg: Option<Leg>,
}
