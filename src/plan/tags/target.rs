//! Where moving tags should point, judged from nothing but the versions that are published.

use std::{cmp::Ordering, collections::BTreeMap};

use semver::Version;

use crate::{
    oci::{ImageName, Tag},
    plan::tags::{
        roles::{follows, is_moving_prerelease, is_zero_alone},
        rules::{ImageRule, TagRules},
        tag_line::channel,
        version_tags::{ExactTag, ExactTags, matcher},
    },
    policy::{Latest, Placeholder, Rendered, TagTemplate, Values},
};

/// One moving tag and the version that should have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagTarget {
    /// The moving tag.
    pub tag: Tag,
    /// The image that the tag should show.
    pub image: ImageName,
    /// The highest published version of the tag's line.
    pub version: Version,
    /// Exact tags of versions of that precedence (build metadata does not rank); the tag may show
    /// the image of any of them, the first is where `repair` moves it.
    pub exact: Vec<Tag>,
}

impl TagRules<'_> {
    /// Where each moving tag of each line and variant should point, given all `tags` of a
    /// repository. `known` are the versions whose labels are channels, published here or not. Tags of
    /// the day, the commit and the branch are left out: what they should show does not follow from
    /// the versions.
    #[must_use]
    pub fn targets(&self, reader: &ExactTags, known: &[Version], tags: &[Tag]) -> Vec<TagTarget> {
        let published = reader.all(tags);
        let mut channels: Vec<String> = published
            .get(&self.plain())
            .into_iter()
            .flatten()
            .map(|exact| &exact.version)
            .chain(known)
            .filter_map(channel)
            .map(str::to_owned)
            .collect();
        channels.sort();
        channels.dedup();
        let mut targets: BTreeMap<Tag, TagTarget> = BTreeMap::new();
        for image in &self.images {
            for exact in published.get(&image.name).into_iter().flatten() {
                for tag in self.names(image, &exact.version, &channels) {
                    raise(&mut targets, tag, image, exact);
                }
            }
        }
        targets.into_values().collect()
    }

    /// Whether `tag` is a moving tag that some version can have: one that [`Self::targets`] gives for
    /// `known` versions, or, of templates with nothing but numbers, for any version.
    #[must_use]
    pub fn is_target(&self, known: &[Version], tag: &Tag) -> bool {
        self.fits(known, tag, |template| {
            self.is_lasting(template) && has_only(template, is_number)
        })
    }

    /// The same, and the tags that a release which is taken back moves besides: those of a day, and `latest`
    /// by any policy.
    #[must_use]
    pub fn is_takeable(&self, known: &[Version], tag: &Tag) -> bool {
        let of_a_day = |value: &Placeholder| {
            matches!(value, Placeholder::Date(_) | Placeholder::CommitDate(_))
        };
        self.fits(known, tag, |template| {
            has_only(template, |value| is_number(value) || of_a_day(value))
        })
    }

    /// Whether `tag` is one of `known` versions, or of a template that `wanted` takes for any version.
    fn fits(&self, known: &[Version], tag: &Tag, wanted: impl Fn(&TagTemplate) -> bool) -> bool {
        let mut channels: Vec<String> = known
            .iter()
            .filter_map(channel)
            .map(str::to_owned)
            .collect();
        channels.sort();
        channels.dedup();
        self.images.iter().any(|image| {
            let base = tag.as_str().strip_suffix(&*image.suffix);
            let by_text = |template: &TagTemplate| match template.literal() {
                Some(text) => image.name_of(template, text) == tag.as_str(),
                None => base.is_some_and(|b| matcher(template, &self.tags.date).is_match(b)),
            };
            let mut templates = self.tags.moving.iter().filter(|template| wanted(template));
            templates.any(by_text)
                || known
                    .iter()
                    .any(|version| self.names(image, version, &channels).contains(tag))
        })
    }

    /// Templates whose tags [`Self::targets`] leaves out.
    pub fn left_out(&self) -> impl Iterator<Item = &TagTemplate> {
        self.tags
            .moving
            .iter()
            .chain(
                self.tags
                    .prerelease
                    .iter()
                    .filter(|t| is_moving_prerelease(t)),
            )
            .filter(|template| !self.is_lasting(template))
    }

    /// Whether the published versions alone tell at any later time what the tag should show.
    pub(crate) fn is_lasting(&self, template: &TagTemplate) -> bool {
        let of_a_commit = template.has(|value| matches!(value, Placeholder::Sha(_)));
        // Which branch a version came from cannot be seen afterwards.
        let by_branch = template.literal() == Some("latest") && self.tags.latest != Latest::Highest;
        !template.is_of_the_moment() && !of_a_commit && !by_branch
    }

    /// The moving tags that `version` competes for.
    pub(crate) fn names(
        &self,
        image: &ImageRule,
        version: &Version,
        channels: &[String],
    ) -> Vec<Tag> {
        let render = |template: &TagTemplate, channel: Option<&str>| {
            let values = Values {
                version,
                channel,
                commit: None,
                commit_time: chrono::DateTime::UNIX_EPOCH,
                instant: chrono::DateTime::UNIX_EPOCH,
                branch: None,
                date: &self.tags.date,
            };
            match template.render(&values) {
                Rendered::Text(base) => image.name_of(template, &base).parse().ok(),
                Rendered::Missing(_) => None,
            }
        };
        let lasting = |template: &&TagTemplate| self.is_lasting(template);
        if !version.pre.is_empty() {
            return self
                .tags
                .prerelease
                .iter()
                .filter(|template| is_moving_prerelease(template))
                .filter(lasting)
                .filter_map(|template| render(template, channel(version)))
                .collect();
        }
        let mut names: Vec<Tag> = self
            .tags
            .moving
            .iter()
            .filter(|template| self.tags.zero_major || !is_zero_alone(template, version))
            .filter(lasting)
            .filter_map(|template| render(template, None))
            .collect();
        if self.tags.channel_follows {
            let following = self
                .tags
                .prerelease
                .iter()
                .filter(|template| follows(template, channels))
                .filter(lasting);
            for template in following {
                names.extend(channels.iter().filter_map(|c| render(template, Some(c))));
            }
        }
        names
    }
}

fn is_number(value: &Placeholder) -> bool {
    matches!(
        value,
        Placeholder::Major | Placeholder::Minor | Placeholder::Patch
    )
}

/// Whether the template has no other placeholders.
fn has_only(template: &TagTemplate, wanted: impl Fn(&Placeholder) -> bool) -> bool {
    !template.has(|value| !wanted(value))
}

/// Gives the tag to `exact` where that is the highest version so far.
pub(super) fn raise(
    targets: &mut BTreeMap<Tag, TagTarget>,
    tag: Tag,
    image: &ImageRule,
    exact: &ExactTag,
) {
    let target = targets.entry(tag.clone()).or_insert_with(|| TagTarget {
        tag,
        image: image.name.clone(),
        version: exact.version.clone(),
        exact: Vec::new(),
    });
    match exact.version.cmp_precedence(&target.version) {
        Ordering::Less => {}
        Ordering::Equal => {
            target.version = exact.version.clone();
            target.exact.insert(0, exact.tag.clone());
        }
        Ordering::Greater => {
            target.version = exact.version.clone();
            target.exact = vec![exact.tag.clone()];
        }
    }
}
