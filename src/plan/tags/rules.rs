//! `[tags]` and `[variants]` read once: templates parsed, and everything refused that is wrong
//! whatever the version is.

use std::collections::BTreeMap;

use semver::Version;

use crate::{
    error::{Error, ErrorCode, Result},
    oci::Variant,
    plan::version::request::like_a_variant,
    policy::{
        Latest, Part, Placeholder, Policy, TagListFallback, Template, TemplateList, check_format,
        is_tag_character,
    },
};

/// One image of a release: the plain one, or a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariantRule {
    /// `None` for the plain image.
    pub name: Variant,
    /// Added to each of its tags; empty for the plain image.
    pub suffix: String,
    /// What its `latest` is called.
    pub latest: String,
}

impl VariantRule {
    /// What a template's text becomes for this image.
    #[must_use]
    pub(super) fn name_of(&self, template: &Template, base: &str) -> String {
        if template.literal() == Some("latest") {
            self.latest.clone()
        } else {
            format!("{base}{}", self.suffix)
        }
    }
}

/// The checked tag policy.
#[derive(Debug, Clone)]
pub struct TagRules {
    /// `tags.fixed`
    pub fixed: Vec<Template>,
    /// `tags.moving`
    pub moving: Vec<Template>,
    /// `tags.prerelease`
    pub prerelease: Vec<Template>,
    /// `tags.date`
    pub date: String,
    /// `tags.latest`
    pub latest: Latest,
    /// `tags.zero-major`
    pub zero_major: bool,
    /// `tags.channel-follows`
    pub channel_follows: bool,
    /// `tags.guard`
    pub guard: TagListFallback,
    /// The plain image first, then the variants by name.
    pub variants: Vec<VariantRule>,
}

impl TagRules {
    /// Reads and checks the policy.
    ///
    /// # Errors
    /// Usage (exit 2), naming the template or variant.
    pub fn new(policy: &Policy) -> Result<Self> {
        let tags = &policy.tags;
        check_format(Some(&tags.date)).map_err(|error| {
            Error::usage(format!("`tags.date`: {error}")).with_code(ErrorCode::InvalidPolicy)
        })?;
        let rules = Self {
            fixed: parse(TemplateList::Fixed, &tags.fixed)?,
            moving: parse(TemplateList::Moving, &tags.moving)?,
            prerelease: parse(TemplateList::Prerelease, &tags.prerelease)?,
            date: tags.date.clone(),
            latest: tags.latest,
            zero_major: tags.zero_major,
            channel_follows: tags.channel_follows,
            guard: tags.guard,
            variants: variants(policy)?,
        };
        rules.check_labels(&policy.branches.prerelease)?;
        rules.check_prerelease()?;
        Ok(rules)
    }

    /// Every template with the list it stands in, in the order of the policy.
    pub(super) fn templates(&self) -> impl Iterator<Item = (TemplateList, &Template)> {
        let lists = [
            (TemplateList::Fixed, &self.fixed),
            (TemplateList::Moving, &self.moving),
            (TemplateList::Prerelease, &self.prerelease),
        ];
        lists
            .into_iter()
            .flat_map(|(list, templates)| templates.iter().map(move |template| (list, template)))
    }

    /// A release needs a tag that says its version whole: without one nothing tells later what a
    /// digest is, and no other release could be compared with it.
    ///
    /// # Errors
    /// Usage (exit 2), naming the list that lacks a template with `{version}`.
    pub fn require_exact(&self, version: &Version) -> Result<()> {
        let (list, templates) = if version.pre.is_empty() {
            (TemplateList::Fixed, &self.fixed)
        } else {
            (TemplateList::Prerelease, &self.prerelease)
        };
        if templates.iter().any(Template::is_exact) {
            return Ok(());
        }
        Err(Error::usage(format!("`tags.{list}` has no template with `{{version}}`")).with_code(ErrorCode::InvalidPolicy)
            .cause("a release needs one tag that names its version whole: moving tags are compared by it")
            .hint(format!("add \"{{version}}\" to `tags.{list}`")))
    }

    /// A label that reads like a variant's suffix: `1.2.3-alpine` would be two things.
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

    fn check_labels(&self, branches: &BTreeMap<String, String>) -> Result<()> {
        branches
            .values()
            .try_for_each(|label| self.check_label(label))
    }

    /// A pre-release never gets what stable releases are followed by.
    fn check_prerelease(&self) -> Result<()> {
        for template in &self.prerelease {
            let of_stable_lines = template.parts().iter().all(|part| match part {
                Part::Value(value) => matches!(
                    value,
                    Placeholder::Major | Placeholder::Minor | Placeholder::Patch
                ),
                Part::Text(text) => text.chars().all(|c| c == '.'),
            });
            let own = template.has(|value| {
                matches!(
                    value,
                    Placeholder::Version
                        | Placeholder::Prerelease
                        | Placeholder::Channel
                        | Placeholder::Sha(_)
                )
            });
            let shared = self.moving.contains(template) && !own && !template.is_of_the_moment();
            if of_stable_lines || shared || template.literal() == Some("latest") {
                return Err(Error::usage(format!(
                    "`tags.prerelease`: a pre-release cannot take `{template}`"
                ))
                .with_code(ErrorCode::InvalidPolicy)
                .cause("who follows that tag expects stable versions")
                .hint("name `{version}`, `{prerelease}` or `{channel}` in it"));
            }
        }
        Ok(())
    }
}

fn parse(list: TemplateList, templates: &[String]) -> Result<Vec<Template>> {
    let template = |text: &String| {
        Template::parse_tag(text).map_err(|error| {
            Error::usage(format!("`tags.{list}`: {error}")).with_code(ErrorCode::InvalidPolicy)
        })
    };
    templates.iter().map(template).collect()
}

fn variants(policy: &Policy) -> Result<Vec<VariantRule>> {
    let mut all = vec![VariantRule {
        name: Variant::main(),
        suffix: String::new(),
        latest: "latest".into(),
    }];
    for (name, variant) in &policy.variants {
        let suffix = variant.suffix(name);
        let bad = |why: String| {
            Error::usage(format!("variant `{name}`: {why}")).with_code(ErrorCode::InvalidPolicy)
        };
        if suffix.is_empty() {
            return Err(bad(
                "an empty suffix would put its image on the plain tags".into()
            ));
        }
        if let Some(c) = suffix.chars().find(|c| !is_tag_character(*c)) {
            return Err(bad(format!(
                "`{}` of the suffix `{suffix}` cannot stand in a tag",
                c.escape_debug()
            )));
        }
        if let Some(other) = all.iter().find(|other| other.suffix == suffix) {
            let other = other.name.name().unwrap_or_default();
            return Err(bad(format!(
                "its suffix `{suffix}` is that of variant `{other}` too"
            )));
        }
        let latest = if variant.latest_suffix.unwrap_or(true) {
            format!("latest{suffix}")
        } else {
            suffix.trim_start_matches(['-', '.', '_']).to_owned()
        };
        if latest.is_empty() {
            return Err(bad(format!(
                "nothing is left of the suffix `{suffix}` for `latest-suffix = false`"
            )));
        }
        all.push(VariantRule {
            name: Variant::named(name),
            suffix,
            latest,
        });
    }
    Ok(all)
}
