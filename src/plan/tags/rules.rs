//! The tag policy with the images that it applies to.

use semver::Version;

use crate::{
    error::{Error, ErrorCode, Result},
    oci::Variant,
    plan::version::request::like_a_variant,
    policy::{Policy, TagPolicy, TagTemplate, TemplateList},
};

/// One image of a release: the main one, or a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariantRule {
    /// Which image this is.
    pub name: Variant,
    /// Added to each of its tags; empty for the main image.
    pub suffix: String,
    /// What its `latest` is called.
    pub latest: String,
}

impl VariantRule {
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

/// `[tags]`, and the images whose tags it names.
#[derive(Debug, Clone)]
pub struct TagRules<'a> {
    /// `[tags]`
    pub tags: &'a TagPolicy,
    /// The main image first, then the variants by name.
    pub variants: Vec<VariantRule>,
}

impl<'a> TagRules<'a> {
    /// The rules of a policy.
    #[must_use]
    pub fn new(policy: &'a Policy) -> Self {
        let main = VariantRule {
            name: Variant::main(),
            suffix: String::new(),
            latest: "latest".to_owned(),
        };
        let variants = policy.variants.iter().map(|(name, variant)| VariantRule {
            name: Variant::named(name),
            suffix: variant.suffix(name),
            latest: variant.latest(name),
        });
        Self {
            tags: &policy.tags,
            variants: std::iter::once(main).chain(variants).collect(),
        }
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
        for variant in &self.variants {
            let Some(name) = variant.name.name() else {
                continue;
            };
            let suffix = &variant.suffix;
            if suffix.strip_prefix('-').unwrap_or(suffix) == label {
                return Err(like_a_variant(label, name));
            }
        }
        Ok(())
    }
}
