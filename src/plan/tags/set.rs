//! The tag set of one version: every name, and what happens to it in every repository.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::{
    error::Result,
    oci::{Digest, Observed, Repository, Tag},
    plan::{
        tags::{
            candidates::{Candidate, Explained, candidates},
            decide::{Decision, Place},
            published::{Action, Published, Verdict},
            rules::TagRules,
            version_tags::ExactTags,
        },
        version::branch,
    },
    policy::Policy,
};

/// The facts of one release that its tags depend on.
#[derive(Debug, Clone)]
pub struct TagContext<'a> {
    /// The version.
    pub version: &'a Version,
    /// The commit, 40 hex digits.
    pub commit: &'a str,
    /// When the commit was made.
    pub commit_time: DateTime<Utc>,
    /// The release's one instant.
    pub instant: DateTime<Utc>,
    /// The branch, where it has a name.
    pub branch: Option<&'a str>,
    /// What the policy says about the branch.
    pub branch_kind: BranchKind,
    /// All versions that git tags name, wherever they are.
    pub git: &'a [Version],
    /// The image that will be published, by variant, as far as it is known.
    pub images: BTreeMap<Option<String>, Digest>,
}

/// What the tags need to know about a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BranchKind {
    /// Stable; one that the policy does not name, or none at all, counts as stable.
    Stable,
    /// A maintenance line.
    Maintenance,
    /// A pre-release channel.
    Prerelease,
}

impl From<&branch::BranchKind> for BranchKind {
    fn from(kind: &branch::BranchKind) -> Self {
        use branch::BranchKind as Kind;
        match kind {
            Kind::Stable | Kind::Unlisted | Kind::Unnamed => Self::Stable,
            Kind::Maintenance(_) => Self::Maintenance,
            Kind::Prerelease(_) => Self::Prerelease,
        }
    }
}

/// Whether a tag ever moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TagKind {
    /// Never moves.
    Fixed,
    /// Moves forward only.
    Moving,
}

impl TagKind {
    /// As in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Moving => "moving",
        }
    }
}

/// One tag of the set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedTag {
    /// Its name.
    pub tag: Tag,
    /// The variant whose image it shows; `None` for the plain one.
    pub variant: Option<String>,
    /// Whether it moves.
    pub kind: TagKind,
    /// It is the version's own tag: the first that names the version whole.
    pub is_version: bool,
    /// The template that made it.
    pub template: String,
    /// What happens, per repository, in the order of the policy.
    pub verdicts: Vec<Verdict>,
}

impl PlannedTag {
    /// What happens, where the repositories agree.
    #[must_use]
    pub fn action(&self) -> Action {
        let mut actions = self.verdicts.iter().map(|verdict| verdict.action);
        let Some(first) = actions.next() else {
            return Action::Unknown;
        };
        if actions.all(|action| action == first) {
            first
        } else {
            Action::Mixed
        }
    }

    /// Why: the one reason, or each repository's own.
    #[must_use]
    pub fn why(&self) -> String {
        let Some(first) = self.verdicts.first() else {
            return "no repository is named".to_owned();
        };
        if self.verdicts.iter().all(|verdict| verdict.why == first.why) {
            return first.why.clone();
        }
        let each: Vec<String> = self
            .verdicts
            .iter()
            .map(|v| format!("{}: {}, {}", v.repository, v.action.as_str(), v.why))
            .collect();
        each.join("; ")
    }

    /// The release leaves it alone in at least one repository.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.verdicts
            .iter()
            .any(|verdict| verdict.action == Action::Keep)
    }
}

/// All tags of a version in commit order: the version's own tags, the other fixed ones, the
/// moving ones. No name is in it twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagSet {
    version: Version,
    tags: Vec<PlannedTag>,
    explained: Vec<Explained>,
    repositories: Vec<Repository>,
}

impl TagSet {
    /// The version.
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

    /// The tag that names the version of a variant whole.
    #[must_use]
    pub fn version_tag(&self, variant: Option<&str>) -> Option<&Tag> {
        self.tags
            .iter()
            .find(|tag| tag.is_version && tag.variant.as_deref() == variant)
            .map(|tag| &tag.tag)
    }

    /// One line a template: what it gave, or what suppressed it.
    #[must_use]
    pub fn explained(&self) -> &[Explained] {
        &self.explained
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
                .any(|v| v.repository == *repository && v.action != Action::Keep)
        };
        self.tags.iter().filter(writes)
    }

    /// Templates whose tags another version has everywhere are no part of what a builder tags:
    /// the names that no repository keeps.
    pub fn everywhere(&self) -> impl Iterator<Item = &PlannedTag> {
        self.tags.iter().filter(|tag| !tag.is_kept())
    }
}

/// The tag set of `context.version`, judged against what is `published`.
///
/// Names come from the policy and the context alone, except where a channel's tag follows on to a
/// stable release: then from the channels that git and the repositories know.
///
/// # Errors
/// Usage (exit 2): a template or variant that cannot work. Refused (exit 4): a name that the
/// facts make impossible, a fixed tag that shows another image, a guard that cannot see.
pub fn compute(
    policy: &Policy,
    context: &TagContext<'_>,
    published: &[Published],
) -> Result<TagSet> {
    let rules = TagRules::new(policy)?;
    let reader = ExactTags::new(&rules, context.git.iter().chain([context.version]));
    let places: Vec<Place<'_>> = published
        .iter()
        .map(|published| Place::new(published, &reader))
        .collect();
    let (candidates, explained) = candidates(&rules, context, &reader, &places)?;
    let case = Decision {
        rules: &rules,
        version: context.version,
        git: context.git,
        maintenance: context.branch_kind == BranchKind::Maintenance,
    };
    let version_tags: BTreeMap<_, _> = candidates
        .iter()
        .filter(|candidate| candidate.is_version)
        .map(|candidate| (candidate.variant.clone(), candidate.tag.clone()))
        .collect();
    let judge = |candidate: Candidate| -> Result<PlannedTag> {
        let verdicts = places
            .iter()
            .map(|place| {
                let version_tag = version_tags.get(&candidate.variant);
                let ours = context
                    .images
                    .get(&candidate.variant)
                    .or_else(|| shown(place, version_tag?));
                judge(&case, place, &candidate, ours)
            })
            .collect::<Result<_>>()?;
        Ok(candidate.planned(verdicts))
    };
    Ok(TagSet {
        version: context.version.clone(),
        tags: candidates.into_iter().map(judge).collect::<Result<_>>()?,
        explained,
        repositories: published.iter().map(|p| p.repository.clone()).collect(),
    })
}

/// The image that a repository already has under the version's own tag: what a release of the
/// same version completes, until a build says otherwise.
fn shown<'a>(place: &Place<'a>, version_tag: &Tag) -> Option<&'a Digest> {
    match place.published.shows.get(version_tag)? {
        Observed::At(digest) => Some(digest),
        Observed::Absent | Observed::Unknown => None,
    }
}

fn judge(
    case: &Decision<'_>,
    place: &Place<'_>,
    candidate: &Candidate,
    ours: Option<&Digest>,
) -> Result<Verdict> {
    let (tag, variant, lines) = (&candidate.tag, &candidate.variant, &candidate.lines);
    let (action, why) = match candidate.kind {
        TagKind::Fixed => case.fixed(place, tag, ours)?,
        TagKind::Moving => case.moving(place, variant, tag, lines, ours)?,
    };
    let owed = match action {
        Action::Keep => case.owed(place, variant, tag, lines),
        Action::Create | Action::Move | Action::Same | Action::Unknown | Action::Mixed => None,
    };
    Ok(Verdict {
        repository: place.published.repository.clone(),
        action,
        why,
        owed,
    })
}
