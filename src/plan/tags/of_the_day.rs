//! Moving tags that name the day or the commit of a release: which release has each, by what the git tags tell
//! of when and where the releases were made.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use semver::Version;

use crate::{
    git::CommitId,
    oci::{ImageName, Tag},
    plan::tags::{
        roles::is_moving_prerelease,
        rules::{ImageRule, TagRules},
        tag_line::channel,
        target::{TagTarget, raise},
        version_tags::ExactTags,
    },
    policy::{Latest, Placeholder, Rendered, TagTemplate, Values},
};

/// Where and when a version was released, as its git tag tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReleaseOrigin {
    /// The commit that was released.
    pub commit: CommitId,
    /// When the commit was made.
    pub commit_time: DateTime<Utc>,
    /// The release's instant: when its git tag was made, or the commit of one that does not tell.
    pub instant: DateTime<Utc>,
    /// The git tag records what was published: hoist has made it.
    pub is_recorded: bool,
}

/// The origins of the versions whose git tags are there.
pub type Origins = BTreeMap<Version, ReleaseOrigin>;

/// What is known of versions beside what a repository shows.
#[derive(Debug, Clone, Copy)]
pub struct KnownVersions<'a> {
    /// The versions that git tags name.
    pub git: &'a [Version],
    /// The versions that were taken back.
    pub withdrawn: &'a [Version],
    /// Where and when versions were released.
    pub origins: &'a Origins,
}

impl TagRules<'_> {
    /// The moving tags of the day and of the commit that `version` competes for.
    #[must_use]
    pub fn day_names(
        &self,
        image: &ImageRule,
        version: &Version,
        origin: &ReleaseOrigin,
    ) -> Vec<Tag> {
        let values = Values {
            version,
            channel: channel(version),
            commit: Some(origin.commit),
            commit_time: origin.commit_time,
            instant: origin.instant,
            branch: None,
            date: &self.tags.date,
        };
        let render = |template: &TagTemplate| match template.render(&values) {
            Rendered::Text(base) => image.name_of(template, &base).parse().ok(),
            Rendered::Missing(_) => None,
        };
        let mut templates: Vec<&TagTemplate> = match version.pre.is_empty() {
            true => self.tags.moving.iter().collect(),
            false => {
                let all = self.tags.prerelease.iter();
                all.filter(|template| is_moving_prerelease(template))
                    .collect()
            }
        };
        templates.retain(|template| is_of_the_day(template));
        templates.into_iter().filter_map(render).collect()
    }

    /// `latest` of each image, where the policy names it and no version alone says where it belongs.
    #[must_use]
    pub fn open_latest(&self) -> Vec<(ImageName, Tag)> {
        let mut moving = self.tags.moving.iter();
        let named = moving.any(|template| template.literal() == Some("latest"));
        if self.tags.latest == Latest::Highest || !named {
            return Vec::new();
        }
        let images = self.images.iter();
        let all = images.filter_map(|image| Some((image.name.clone(), image.latest.parse().ok()?)));
        all.collect()
    }

    /// [`TagRules::open_latest`], with the exact tags of the stable
    /// versions, of which one has it.
    #[must_use]
    pub fn latest_of_branch(&self, reader: &ExactTags, tags: &[Tag]) -> BTreeMap<Tag, Vec<Tag>> {
        let published = reader.all(tags);
        let of_image = |(image, tag): (ImageName, Tag)| {
            let exact = published.get(&image).into_iter().flatten();
            let stable = exact.filter(|exact| exact.version.pre.is_empty());
            (tag, stable.map(|exact| exact.tag.clone()).collect())
        };
        self.open_latest().into_iter().map(of_image).collect()
    }

    /// Which published version should have each tag of a day, given all `tags` of a repository.
    #[must_use]
    pub fn day_targets(
        &self,
        reader: &ExactTags,
        origins: &Origins,
        tags: &[Tag],
    ) -> Vec<TagTarget> {
        let published = reader.all(tags);
        let mut targets = BTreeMap::new();
        for image in &self.images {
            for exact in published.get(&image.name).into_iter().flatten() {
                let Some(origin) = origins.get(&exact.version) else {
                    continue;
                };
                for tag in self.day_names(image, &exact.version, origin) {
                    raise(&mut targets, tag, image, exact);
                }
            }
        }
        targets.into_values().collect()
    }

    /// A published version above the one that should have this tag of a day, of which the clone has no git tag:
    /// it may be of the same day, and then the tag is its own.
    #[must_use]
    pub fn unknown_above(
        &self,
        reader: &ExactTags,
        known: (&[Version], &Origins),
        tags: &[Tag],
        target: &TagTarget,
    ) -> Option<Version> {
        let (git, origins) = known;
        let published = reader.all(tags).remove(&target.image)?;
        let versions = published.into_iter().map(|exact| exact.version);
        versions
            .filter(|version| version.pre.is_empty() == target.version.pre.is_empty())
            .filter(|version| version.cmp_precedence(&target.version).is_gt())
            .filter(|version| !origins.contains_key(version))
            .find(|version| {
                !git.iter()
                    .any(|known| known.cmp_precedence(version).is_eq())
            })
    }
}

/// Why nothing tells whose a tag of a day is, where [`TagRules::unknown_above`] has found a version.
#[must_use]
pub fn day_unknown(version: &Version) -> String {
    format!(
        "{version} is published, and this clone has no git tag that tells of which day it is (`git fetch --tags`)"
    )
}

/// Whether the release's origin tells the name: a day or a commit is in it, and no branch.
pub(super) fn is_of_the_day(template: &TagTemplate) -> bool {
    let named = |value: &Placeholder| {
        matches!(
            value,
            Placeholder::Date(_) | Placeholder::CommitDate(_) | Placeholder::Sha(_)
        )
    };
    template.has(named) && !template.has(|value| *value == Placeholder::Branch)
}
