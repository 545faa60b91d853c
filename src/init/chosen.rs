//! The images and variants that go into the policy, as plain data.

use std::collections::BTreeMap;

use crate::init::push::Build;

/// Why an image is not released by the same policy.
pub(super) const OWN_POLICY: &str = "it needs a policy and git tags of its own";

/// An image besides the main one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChosenImage {
    pub(super) name: String,
    pub(super) repositories: Vec<String>,
    pub(super) build: Build,
}

/// A variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChosenVariant {
    pub(super) name: String,
    pub(super) suffix: String,
    pub(super) latest_suffix: bool,
    /// The images that have it.
    pub(super) images: Vec<VariantBuild>,
    /// Build arguments that its images do not have without it, or have with other values.
    pub(super) args: BTreeMap<String, String>,
    /// Its platforms, where they are not those of its images.
    pub(super) platforms: Option<Vec<String>>,
    /// Why it is written as a comment alone.
    pub(super) because: Option<String>,
}

/// What a variant of one image is built from, where that is not what the image is built from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VariantBuild {
    pub(super) image: String,
    /// Seen from the top of the repository.
    pub(super) dockerfile: Option<String>,
    pub(super) context: Option<String>,
    pub(super) target: Option<String>,
}

impl ChosenVariant {
    /// The images that have it, by name.
    pub(super) fn image_names(&self) -> Vec<String> {
        self.images
            .iter()
            .map(|build| build.image.clone())
            .collect()
    }

    /// The value of a key for each of its images, where one of them has one: `of` gives it, and `plain`
    /// what the image has without the variant.
    pub(super) fn values(
        &self,
        of: impl Fn(&VariantBuild) -> Option<String>,
        plain: impl Fn(&str) -> String,
    ) -> Option<Vec<(String, String)>> {
        if self.images.iter().all(|build| of(build).is_none()) {
            return None;
        }
        let value = |build: &VariantBuild| {
            let value = of(build).unwrap_or_else(|| plain(&build.image));
            (build.image.clone(), value)
        };
        Some(self.images.iter().map(value).collect())
    }
}
