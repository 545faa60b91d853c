//! What is to be built, for every image source.

use std::{collections::BTreeMap, path::PathBuf};

use crate::{
    git::CommitId,
    io::layout::WantedImage,
    policy::{BuildPolicy, BuildSource},
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
}

impl BuildRequest {
    /// Which image to take from what a builder hands over.
    pub(crate) fn wanted_image(&self) -> WantedImage {
        WantedImage {
            references: self.references.clone(),
            platforms: self.policy.platforms.clone(),
            built_here: self.policy.image_source == BuildSource::Engine,
            annotations: self.annotations.clone(),
        }
    }
}
