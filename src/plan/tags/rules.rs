//! The tag policy with the images that it applies to.

use semver::Version;

use crate::{
    error::{Error, ErrorCode, Result},
    oci::{ImageName, Repository},
    plan::version::request::like_a_variant,
    policy::{Policy, TagPolicy, TagTemplate, TemplateList},
};

/// One image of a release: the plain one of a name, or a variant of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRule {
    /// Which image this is.
    pub name: ImageName,
    /// Added to each of its tags; empty for the main image.
    pub suffix: String,
    /// What its `latest` is called.
    pub latest: String,
}

impl ImageRule {
    /// What a template's text becomes for this image.
    #[must_use]
    pub(super) fn name_of(&self, template: &TagTemplate, base: &str) -> String {
        if template.literal() == Some("latest") {
            self.latest.clone()
        } else {
            format!("{base}{}", self.suffix)
        }
    }
}

/// `[tags]`, and one image of the policy with its variants: those that share repositories. Each image has
/// rules of its own, since its tags, and the versions that are published of it, are in its own repositories.
#[derive(Debug, Clone)]
pub struct TagRules<'a> {
    /// `[tags]`
    pub tags: &'a TagPolicy,
    /// The image without a suffix first, then its variants by name.
    pub images: Vec<ImageRule>,
    /// The labels of the pre-releases that branches of the policy give.
    pub labels: Vec<String>,
}

impl<'a> TagRules<'a> {
    /// The rules of the image `plain` and its variants.
    #[must_use]
    pub fn of(policy: &'a Policy, plain: &ImageName) -> Self {
        let variants = policy.variants_of(plain);
        let variants = variants.map(|(name, variant)| ImageRule {
            name: plain.with_variant(name),
            suffix: variant.suffix(name),
            latest: variant.latest(name),
        });
        let plain = ImageRule {
            name: plain.plain(),
            suffix: String::new(),
            latest: "latest".to_owned(),
        };
        let labels = policy.branches.prerelease.iter();
        Self {
            tags: &policy.tags,
            images: std::iter::once(plain).chain(variants).collect(),
            labels: labels.map(|one| one.label.to_string()).collect(),
        }
    }

    /// The rules of the image that `repository` is of.
    #[must_use]
    pub fn in_repository(policy: &'a Policy, repository: &Repository) -> Self {
        Self::of(policy, &policy.image_in(repository))
    }

    /// The image without a suffix.
    #[must_use]
    pub fn plain(&self) -> ImageName {
        let first = self.images.first();
        first.map_or_else(ImageName::main, |rule| rule.name.plain())
    }

    /// A release needs a tag that names its version whole: without one nothing tells later what a
    /// digest is, and no other release could be compared with it.
    ///
    /// # Errors
    /// Usage (exit 2), naming the list that lacks a template with `{version}`.
    pub fn require_exact(&self, version: &Version) -> Result<()> {
        let (list, templates) = if version.pre.is_empty() {
            (TemplateList::Fixed, &self.tags.fixed)
        } else {
            (TemplateList::Prerelease, &self.tags.prerelease)
        };
        if templates.iter().any(TagTemplate::is_exact) {
            return Ok(());
        }
        Err(Error::usage(format!("`tags.{list}` has no template with `{{version}}`")).with_code(ErrorCode::InvalidPolicy)
            .cause("a release needs one tag that names its version whole: moving tags are compared by it")
            .hint(format!("add \"{{version}}\" to `tags.{list}`")))
    }

    /// Refuses a label that reads like a variant's suffix: `1.2.3-alpine` would be two things.
    ///
    /// # Errors
    /// Usage (exit 2), naming both.
    pub fn check_label(&self, label: &str) -> Result<()> {
        for image in &self.images {
            let Some(name) = image.name.variant() else {
                continue;
            };
            let suffix = &image.suffix;
            if suffix.strip_prefix('-').unwrap_or(suffix) == label {
                return Err(like_a_variant(label, name));
            }
        }
        Ok(())
    }
}
