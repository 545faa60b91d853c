//! What happens to one tag in one repository: forward only, each line and variant for itself.

use std::{borrow::Cow, collections::HashSet};

use semver::{Prerelease, Version};

use crate::{
    error::{Error, ErrorCode, Result},
    oci::{Digest, ImageName, Observed, Repository, Tag},
    plan::tags::{
        published::{Listing, TagAction},
        rules::TagRules,
        tag_line::TagLine,
        version_tags::{ExactTag, PublishedVersions},
    },
    policy::TagListFallback,
};

/// What all decisions of one release share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decision<'a> {
    pub(super) rules: &'a TagRules<'a>,
    pub(super) version: &'a Version,
    /// The versions that git tags name, without the withdrawn ones.
    pub(super) git: &'a [Version],
    pub(super) withdrawn: &'a [Version],
    /// All repositories of the policy: what one of them has is published.
    pub(super) repositories: &'a [PublishedVersions<'a>],
    /// Whether HEAD is on a maintenance branch.
    pub(super) maintenance: bool,
}

/// The highest of `versions` in `line` that stands above `version`.
fn above<'v>(
    line: &TagLine,
    version: &Version,
    versions: impl IntoIterator<Item = Cow<'v, Version>>,
) -> Option<Cow<'v, Version>> {
    versions
        .into_iter()
        .filter(|other| line.contains(other) && other.cmp_precedence(version).is_gt())
        .max_by(|a, b| a.cmp_precedence(b))
}

impl Decision<'_> {
    /// A tag that never moves.
    ///
    /// # Errors
    /// Refused (exit 4): it is there with another digest than `ours`.
    pub(super) fn fixed(
        &self,
        repository: &PublishedVersions<'_>,
        tag: &Tag,
        ours: Option<&Digest>,
    ) -> Result<(TagAction, String)> {
        let published = repository.published;
        Ok(match (published.shows.get(tag), ours) {
            _ if published.tags == Listing::NotAsked => not_asked(),
            (Some(Observed::At(shown)), Some(ours)) if shown == ours => {
                (TagAction::Same, "published with this image".to_owned())
            }
            (Some(Observed::At(shown)), Some(ours)) => {
                return Err(taken(&published.repository, tag, shown, ours));
            }
            (Some(Observed::At(shown)), None) => (
                TagAction::Unknown,
                format!(
                    "shows {}; the build tells whether that is it",
                    shown.short()
                ),
            ),
            (Some(Observed::Unknown), _) => unreadable(),
            (None, _) if published.has(tag) => (
                TagAction::Unknown,
                "published; the build tells whether with this image".to_owned(),
            ),
            (None, _) if published.tags == Listing::Refused => unreadable(),
            (Some(Observed::Absent) | None, _) => (TagAction::Create, "new".to_owned()),
        })
    }

    /// A tag that moves forward only, in `lines` (more than one where templates share a name).
    ///
    /// # Errors
    /// Refused (exit 4): nothing tells where the line stands, and `tags.guard` asks for it.
    pub(super) fn moving(
        &self,
        repository: &PublishedVersions<'_>,
        image: &ImageName,
        tag: &Tag,
        lines: &[TagLine],
        ours: Option<&Digest>,
    ) -> Result<(TagAction, String)> {
        for line in lines {
            if let Some(why) = self.kept(repository, image, tag, line)? {
                return Ok((TagAction::Keep, why));
            }
        }
        let published = repository.published;
        if published.tags == Listing::NotAsked {
            return Ok(not_asked());
        }
        let highest = || match lines.first() {
            Some(line) => format!("{} is the highest of {line}", self.version),
            None => format!("{} takes it", self.version),
        };
        Ok(match (published.shows.get(tag), ours) {
            (Some(Observed::At(shown)), Some(ours)) if shown == ours => {
                (TagAction::Same, "shows this image".to_owned())
            }
            (Some(Observed::At(_)), _) => (TagAction::Move, highest()),
            (Some(Observed::Absent), _) => (TagAction::Create, highest()),
            (Some(Observed::Unknown), _) => unreadable(),
            (None, _) if published.has(tag) => (TagAction::Move, highest()),
            (None, _) if published.tags == Listing::Refused => unreadable(),
            (None, _) => (TagAction::Create, highest()),
        })
    }

    /// A channel's tag that is not there although a stable version has its line already: the exact
    /// tag of that version in this repository.
    pub(super) fn successor(
        &self,
        repository: &PublishedVersions<'_>,
        image: &ImageName,
        tag: &Tag,
        lines: &[TagLine],
    ) -> Option<Tag> {
        let [line] = lines else { return None };
        let Listing::Known(tags) = &repository.published.tags else {
            return None;
        };
        if !line.is_followed() || self.version.pre.is_empty() || tags.contains(tag) {
            return None;
        }
        let mut of_the_line = repository
            .versions(image)
            .iter()
            .rev()
            .filter(|exact| line.contains(&exact.version));
        let highest = of_the_line.next()?;
        let above = highest.version.cmp_precedence(self.version).is_gt();
        let higher = |other: &ExactTag| {
            line.contains(&other.version) && other.version.cmp_precedence(&highest.version).is_gt()
        };
        // The line belongs to a version that this repository does not have.
        let elsewhere = self
            .repositories
            .iter()
            .flat_map(|repository| repository.versions(image));
        let foreign = elsewhere.into_iter().any(higher);
        (above && !foreign).then(|| highest.tag.clone())
    }

    /// The version that holds a moving tag back, in words. Where the list of a repository is known, what git
    /// alone knows counts for nothing there: its image never came out.
    fn newest(
        &self,
        repository: &PublishedVersions<'_>,
        image: &ImageName,
        tag: &Tag,
        line: &TagLine,
    ) -> Option<String> {
        let here = self.seen(repository, image, tag, line);
        let here = above(line, self.version, here);
        let others = self.repositories.iter().map(|other| {
            let version = above(line, self.version, self.seen(other, image, tag, line))?;
            let repository = &other.published.repository;
            Some((version, format!(" (published in `{repository}`)")))
        });
        let git = match repository.published.tags {
            Listing::Known(_) => None,
            Listing::Refused | Listing::NotAsked => {
                above(line, self.version, self.git.iter().map(Cow::Borrowed))
            }
        };
        let known = |version: &Version| {
            self.git
                .iter()
                .any(|git| git.cmp_precedence(version).is_eq())
        };
        let here = here.map(|version| {
            let whence = if known(&version) { "" } else { " (published)" };
            (version, whence.to_owned())
        });
        let git = git.map(|version| (version, String::new()));
        // Of equal ones the first is named: where it is known from git, or here, that says enough.
        let all = git.into_iter().chain(here).chain(others.flatten());
        let highest = all.reduce(|best, other| {
            if other.0.cmp_precedence(&best.0).is_gt() {
                other
            } else {
                best
            }
        });
        highest.map(|(version, whence)| format!("{version} is newer{whence}"))
    }

    /// The versions above this one that would hold the tag back if an image of them were published.
    pub(super) fn unpublished(
        &self,
        image: &ImageName,
        tag: &Tag,
        lines: &[TagLine],
    ) -> Vec<Version> {
        let above = |version: &&Version| version.cmp_precedence(self.version).is_gt();
        let mut found: Vec<Version> = Vec::new();
        for line in lines {
            let repositories = self.repositories.iter();
            let published: HashSet<_> = repositories
                .flat_map(|repository| self.seen(repository, image, tag, line))
                .map(|version| precedence(&version))
                .collect();
            let of_the_line = self.git.iter().filter(above);
            let missing = of_the_line.filter(|version| {
                line.contains(version) && !published.contains(&precedence(version))
            });
            found.extend(missing.cloned());
        }
        found.sort();
        found.dedup();
        found
    }

    /// The versions that a repository has of one tag: what its exact tags name, and what the tag itself
    /// shows. Withdrawn ones are none of them.
    fn seen<'p>(
        &'p self,
        repository: &'p PublishedVersions<'_>,
        image: &ImageName,
        tag: &Tag,
        line: &TagLine,
    ) -> impl Iterator<Item = Cow<'p, Version>> {
        let label = repository.published.labels.get(tag);
        let label = label.map(|label| line.labelled(label));
        let label = label.filter(|version| !self.withdrawn.contains(version));
        let exact = repository.versions(image).iter();
        exact
            .map(|exact| Cow::Borrowed(&exact.version))
            .chain(label.map(Cow::Owned))
    }

    /// Why a moving tag stays where it is, if it does.
    fn kept(
        &self,
        repository: &PublishedVersions<'_>,
        image: &ImageName,
        tag: &Tag,
        line: &TagLine,
    ) -> Result<Option<String>> {
        let published = repository.published;
        if let Some(newest) = self.newest(repository, image, tag, line) {
            return Ok(Some(newest));
        }
        let blind = published.tags == Listing::Refused
            && self.git.is_empty()
            && !published.labels.contains_key(tag)
            && published.shows.get(tag) != Some(&Observed::Absent);
        if !blind || self.rules.tags.guard == TagListFallback::Git {
            return Ok(None);
        }
        if self.maintenance {
            return Ok(Some(
                "the registry refuses its list of tags, and the release of a maintenance line does not guess"
                    .to_owned(),
            ));
        }
        Err(blind_error(&published.repository, tag))
    }
}

/// What ranks a version: all but its build metadata.
fn precedence(version: &Version) -> (u64, u64, u64, Prerelease) {
    (
        version.major,
        version.minor,
        version.patch,
        version.pre.clone(),
    )
}

fn not_asked() -> (TagAction, String) {
    (TagAction::Unknown, "the registry was not asked".to_owned())
}

fn unreadable() -> (TagAction, String) {
    (
        TagAction::Unknown,
        "the registry does not show it before the push".to_owned(),
    )
}

fn taken(repository: &Repository, tag: &Tag, shown: &Digest, ours: &Digest) -> Error {
    Error::refused(format!(
        "tag `{tag}` of `{repository}` is taken by another image"
    ))
    .with_code(ErrorCode::TagTaken)
    .cause(format!("it shows {shown}, this release is {ours}"))
    .cause("a fixed tag never moves")
    .state("nothing was tagged")
    .hint("release the next version: whoever pinned this tag keeps what they have")
}

fn blind_error(repository: &Repository, tag: &Tag) -> Error {
    Error::refused(format!(
        "cannot tell whether `{tag}` of `{repository}` may move"
    )).with_code(ErrorCode::TagsUnlisted)
    .cause("the registry refuses its list of tags, the image behind the tag has no version label, and git knows no version")
    .state("nothing was tagged")
    .hint("allow the credentials to list tags, fetch the git tags with `git fetch --tags`, or set `tags.guard = \"git\"`")
}
