//! The tag set of one version: every name, and what happens to it in every repository.

use std::collections::BTreeMap;

use semver::Version;

use crate::{
    error::Result,
    oci::{Digest, ImageName, Observed, Repository, Tag},
    plan::{
        tags::{
            candidates::{Explained, candidates},
            context::TagContext,
            decide::Decision,
            planned::{PlannedTag, TagKind},
            published::{Listing, Published, TagAction, Verdict},
            roles::TagCandidate,
            rules::TagRules,
            tag_line::channel,
            unpublished::Unpublished,
            version_tags::{ExactTags, PublishedVersions},
        },
        version::branch::BranchKind,
    },
    policy::Policy,
};

/// All tags of a version in commit order: the version's own tags, the other fixed ones, the
/// moving ones. No name is in it twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagSet {
    version: Version,
    tags: Vec<PlannedTag>,
    explained: Vec<Explained>,
    unpublished: Vec<Unpublished>,
    repositories: Vec<Repository>,
}

impl TagSet {
    /// The version that the tags are for.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// All tags, kept ones included, in commit order.
    #[must_use]
    pub fn tags(&self) -> &[PlannedTag] {
        &self.tags
    }

    /// The repositories they are for.
    #[must_use]
    pub fn repositories(&self) -> &[Repository] {
        &self.repositories
    }

    /// The tag that names the whole version for an image of the release.
    #[must_use]
    pub fn version_tag(&self, image: &ImageName) -> Option<&Tag> {
        self.tags
            .iter()
            .find(|tag| tag.is_version && tag.image == *image)
            .map(|tag| &tag.tag)
    }

    /// For each template the tags that it gave, or what suppressed it.
    #[must_use]
    pub fn explained(&self) -> &[Explained] {
        &self.explained
    }

    /// The moving tags that a version of git alone would hold back if its image were published.
    #[must_use]
    pub fn unpublished(&self) -> &[Unpublished] {
        &self.unpublished
    }

    /// The tags that a release of this set writes in one repository, in commit order: all but
    /// those that stay.
    pub fn written<'a>(
        &'a self,
        repository: &'a Repository,
    ) -> impl Iterator<Item = &'a PlannedTag> {
        let writes = |tag: &&PlannedTag| {
            tag.verdicts
                .iter()
                .any(|v| v.repository == *repository && v.action != TagAction::Keep)
        };
        self.tags.iter().filter(writes)
    }

    /// Whether `repository` has tags of this image.
    #[must_use]
    pub fn is_in(&self, image: &ImageName, repository: &Repository) -> bool {
        let mut own = self.tags.iter().filter(|tag| tag.image == *image);
        own.any(|tag| tag.is_for(repository))
    }

    /// The names of the set that `repository` can have, kept ones included.
    pub fn names_in<'a>(&'a self, repository: &'a Repository) -> impl Iterator<Item = &'a Tag> {
        let own = self.tags.iter().filter(|tag| tag.is_for(repository));
        own.map(|tag| &tag.tag)
    }

    /// The tags that every repository gets: what another builder has to tag. A tag that another
    /// version keeps in some repository is left out.
    pub fn everywhere(&self) -> impl Iterator<Item = &PlannedTag> {
        self.tags.iter().filter(|tag| !tag.is_kept())
    }
}

/// The tag set of `context.version`, judged against what is `published`.
///
/// Names come from the policy and the context alone, except where a channel's tag follows on to a
/// stable release: then from the channels that git and the repositories know. Each image is judged by its
/// own repositories.
///
/// # Errors
/// Usage (exit 2): a template or variant that cannot work. Refused (exit 4): a name that the
/// facts make impossible, a fixed tag that shows another image, a line that cannot be known.
pub fn compute(
    policy: &Policy,
    context: &TagContext<'_>,
    published: &[Published],
) -> Result<TagSet> {
    let mut set = TagSet {
        version: context.version.clone(),
        tags: Vec::new(),
        explained: Vec::new(),
        unpublished: Vec::new(),
        repositories: published.iter().map(|p| p.repository.clone()).collect(),
    };
    for image in policy.image_names() {
        let own = published.iter();
        let own = own.filter(|p| policy.image_in(&p.repository) == image);
        of_image(&TagRules::of(policy, &image), context, own, &mut set)?;
    }
    set.tags.sort_by_key(|tag| (tag.kind, !tag.is_version));
    Ok(set)
}

/// The same, with what a release asks for beside: a tag that names the version whole, and a label that
/// no variant has.
///
/// # Errors
/// As [`compute`]; usage (exit 2) where the policy can release no such version.
pub(crate) fn compute_for_release(
    policy: &Policy,
    context: &TagContext<'_>,
    published: &[Published],
) -> Result<TagSet> {
    let set = compute(policy, context, published)?;
    let rules = TagRules::of(policy, &ImageName::main());
    rules.require_exact(context.version)?;
    if let Some(label) = channel(context.version) {
        rules.check_label(label)?;
    }
    Ok(set)
}

/// Adds the tags of one image and its variants, which are in the repositories that are `published`.
fn of_image<'p>(
    rules: &TagRules<'_>,
    context: &TagContext<'_>,
    published: impl Iterator<Item = &'p Published>,
    set: &mut TagSet,
) -> Result<()> {
    let reader = ExactTags::new(rules, context.git.iter().chain([context.version]))
        .passing_over(context.withdrawn);
    let git: Vec<Version> = context
        .git
        .iter()
        .filter(|version| !context.withdrawn.contains(version))
        .cloned()
        .collect();
    let repositories: Vec<PublishedVersions<'_>> = published
        .map(|published| PublishedVersions::new(published, &reader))
        .collect();
    let (candidates, explained) = candidates(rules, context, &reader, &repositories)?;
    let decision = Decision {
        rules,
        version: context.version,
        git: &git,
        withdrawn: context.withdrawn,
        repositories: &repositories,
        maintenance: matches!(context.branch_kind, BranchKind::Maintenance(_)),
    };
    let version_tags: BTreeMap<_, _> = candidates
        .iter()
        .filter(|candidate| candidate.is_version)
        .map(|candidate| (candidate.image.clone(), candidate.tag.clone()))
        .collect();
    set.unpublished.extend(unpublished(&decision, &candidates));
    for candidate in candidates {
        let verdicts = repositories
            .iter()
            .map(|repository| {
                let version_tag = version_tags.get(&candidate.image);
                let ours = context
                    .images
                    .get(&candidate.image)
                    .or_else(|| shown(repository, version_tag?));
                judge(&decision, repository, &candidate, ours)
            })
            .collect::<Result<_>>()?;
        set.tags.push(candidate.planned(verdicts));
    }
    explain(&mut set.explained, explained);
    Ok(())
}

/// All images have the same templates: what one gives is a line for all of them, each name once.
fn explain(all: &mut Vec<Explained>, of_image: Vec<Explained>) {
    for (index, one) in of_image.into_iter().enumerate() {
        let Some(known) = all.get_mut(index) else {
            all.push(one);
            continue;
        };
        for tag in one.tags {
            if !known.tags.contains(&tag) {
                known.tags.push(tag);
            }
        }
        known.suppressed = known.suppressed.take().filter(|_| known.tags.is_empty());
    }
}

/// The image that a repository already has under the version's own tag: what a release of the
/// same version completes, until a build says otherwise.
fn shown<'a>(repository: &PublishedVersions<'a>, version_tag: &Tag) -> Option<&'a Digest> {
    match repository.published.shows.get(version_tag)? {
        Observed::At(digest) => Some(digest),
        Observed::Absent | Observed::Unknown => None,
    }
}

/// What git alone knows, by moving tag. Where no list is known git decides, and nothing is without an image.
fn unpublished(decision: &Decision<'_>, candidates: &[TagCandidate]) -> Vec<Unpublished> {
    let mut repositories = decision.repositories.iter();
    if !repositories.any(|repository| matches!(repository.published.tags, Listing::Known(_))) {
        return Vec::new();
    }
    let of_tag = |candidate: &TagCandidate| {
        let TagCandidate {
            tag, image, lines, ..
        } = candidate;
        let versions = decision.unpublished(image, tag, lines);
        (!versions.is_empty()).then(|| Unpublished {
            tag: tag.clone(),
            image: image.clone(),
            versions,
        })
    };
    candidates.iter().filter_map(of_tag).collect()
}

fn judge(
    decision: &Decision<'_>,
    repository: &PublishedVersions<'_>,
    candidate: &TagCandidate,
    ours: Option<&Digest>,
) -> Result<Verdict> {
    let (tag, image, lines) = (&candidate.tag, &candidate.image, &candidate.lines);
    let (action, why) = match candidate.kind {
        TagKind::Fixed => decision.fixed(repository, tag, ours)?,
        TagKind::Moving => decision.moving(repository, image, tag, lines, ours)?,
    };
    let successor = match action {
        TagAction::Keep => decision.successor(repository, image, tag, lines),
        TagAction::Create
        | TagAction::Move
        | TagAction::Same
        | TagAction::Unknown
        | TagAction::Mixed => None,
    };
    Ok(Verdict {
        repository: repository.published.repository.clone(),
        action,
        why,
        successor,
    })
}
