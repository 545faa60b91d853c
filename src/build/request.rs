//! What is to be built, for every image source.

use std::{collections::BTreeMap, path::PathBuf};

use crate::{
    error::{Error, Result},
    io::layout::WantedImage,
    oci::Platform,
    policy::BuildPolicy,
    text::sanitize_line,
};

/// One image to be made.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// `[image.build]`, with a variant's own keys put in their places and templates filled in.
    pub policy: BuildPolicy,
    /// The repository's working directory.
    pub repository: PathBuf,
    /// The id in full of the commit that is released.
    pub commit: String,
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
    ///
    /// # Errors
    /// A platform of the policy is not valid.
    pub(crate) fn wanted_image(&self) -> Result<WantedImage> {
        Ok(WantedImage {
            references: self.references.clone(),
            platforms: self
                .policy
                .platforms
                .iter()
                .map(|text| platform(text))
                .collect::<Result<_>>()?,
            built_here: self.policy.layout.is_none(),
            annotations: self.annotations.clone(),
        })
    }
}

fn platform(text: &str) -> Result<Platform> {
    text.parse().map_err(|_| {
        Error::usage(format!(
            "`{}` in `image.build.platforms` is not a valid platform",
            sanitize_line(text, 100)
        ))
        .hint("platforms = [\"linux/amd64\"]")
    })
}
