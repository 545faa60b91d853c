//! The plan, put together from what was read and decided.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use semver::Version;

use crate::{
    error::{Error, Result},
    git::RefName,
    oci::{Digest, ImageName, Observed, Tag},
    plan::{
        history::{facts::Facts, levels::JudgedChange},
        release::{
            document::{
                PLAN_FORMAT, Plan, PlannedCommit, PlannedGitTag, PlannedImage, PlannedMove,
                PlannedSource, Successor,
            },
            forge::planned_forge,
            labels::{LabelFacts, annotations, labels},
            ownership::Adopted,
        },
        tags::{self, ExactTags, Listing, Published, TagAction, TagContext, TagRules, TagSet},
        version::{branch::BranchKind, next::Next},
    },
    policy::{Policy, Rendered, Template, Values},
};

/// All facts that a plan is made from.
#[derive(Debug, Clone)]
pub struct Inputs<'a> {
    /// The policy that the release follows.
    pub policy: &'a Policy,
    /// The digest that stands for the policy in a stored plan.
    pub policy_digest: Digest,
    /// What the history says.
    pub facts: &'a Facts,
    /// The next version, and its reasons.
    pub next: &'a Next,
    /// The version to release.
    pub version: &'a Version,
    /// The release's one instant.
    pub instant: DateTime<Utc>,
    /// When the image counts as created.
    pub created: DateTime<Utc>,
    /// The URL of the git remote.
    pub remote: Option<&'a str>,
    /// Published images that are this release's.
    pub adopted: &'a BTreeMap<ImageName, Adopted>,
    /// What the repositories show.
    pub published: &'a [Published],
    /// The release notes, as markdown.
    pub notes: String,
    /// What a person should know.
    pub messages: Vec<String>,
}

impl<'a> Inputs<'a> {
    /// The tag set, judged against what is published.
    ///
    /// # Errors
    /// As [`tags::compute`].
    pub fn tag_set(&self) -> Result<TagSet> {
        let git: Vec<Version> = self
            .facts
            .tags
            .iter()
            .map(|tag| tag.version.clone())
            .collect();
        let context = TagContext {
            version: self.version,
            commit: Some(self.facts.head),
            commit_time: self.commit_time(),
            instant: self.instant,
            branch: self.next.branch.as_deref(),
            branch_kind: &self.next.kind,
            git: &git,
            withdrawn: &self.facts.withdrawn,
            images: self
                .adopted
                .iter()
                .map(|(image, adopted)| (image.clone(), adopted.digest.clone()))
                .collect(),
        };
        tags::compute(self.policy, &context, self.published)
    }

    /// The plan.
    ///
    /// # Errors
    /// As [`Inputs::tag_set`]; usage (exit 2): no tag would name the version whole.
    pub fn plan(&self) -> Result<Plan> {
        TagRules::of(self.policy, &ImageName::main()).require_exact(self.version)?;
        let set = self.tag_set()?;
        let name = RefName::tag(&self.policy.version.tag.name(self.version)).map_err(|error| {
            Error::usage(error.to_string()).hint("mend `version.tag` in release.toml")
        })?;
        let moves = self.moves(&set);
        let named = (self.version, name.short());
        let forge = planned_forge(self.policy, self.remote, named, &moves)?;
        Ok(Plan {
            v: PLAN_FORMAT,
            version: self.version.clone(),
            current: self.next.current.clone(),
            current_tag: self.next.current_tag.clone(),
            range_from: self.next.range_from.clone(),
            bump: self.next.level,
            prerelease: !self.version.pre.is_empty(),
            commit: self.facts.head,
            commit_time: self.commit_time(),
            branch: self.next.branch.clone(),
            instant: self.instant,
            git_tag: PlannedGitTag {
                create: !self
                    .facts
                    .on_head
                    .iter()
                    .any(|tag| tag.version == *self.version),
                name,
            },
            forge,
            release_commit: None,
            repositories: set.repositories().to_vec(),
            images: self.images(|image| set.version_tag(image)),
            tags: moves,
            commits: self.commits(),
            why: self.next.why.clone(),
            notes: self.notes.clone(),
            messages: [
                self.messages.clone(),
                tags::unpublished_notes(set.unpublished()),
                self.published_above().into_iter().collect(),
            ]
            .concat(),
            policy: self.policy_digest.clone(),
        })
    }

    /// A stable version above this one that a repository has and of which there is no git tag: the history says less
    /// than what is published.
    fn published_above(&self) -> Option<String> {
        if matches!(self.next.kind, BranchKind::Maintenance(_)) {
            return None;
        }
        let tagged = self.facts.tags.iter().chain(&self.facts.elsewhere);
        let tagged: BTreeSet<&Version> = tagged.map(|tag| &tag.version).collect();
        let untagged = self.published.iter().filter_map(|seen| {
            let Listing::Known(tags) = &seen.tags else {
                return None;
            };
            let rules = TagRules::in_repository(self.policy, &seen.repository);
            let reader =
                ExactTags::new(&rules, tagged.iter().copied()).passing_over(&self.facts.withdrawn);
            let of_images = reader.all(tags).into_values().flatten();
            let versions = of_images.map(|exact| exact.version);
            let highest = versions
                .filter(|version| version.pre.is_empty())
                .filter(|version| version.cmp_precedence(self.version).is_gt())
                .filter(|version| !tagged.contains(version))
                .max();
            Some((highest?, &seen.repository))
        });
        let (version, repository) = untagged.max_by(|a, b| a.0.cmp_precedence(&b.0))?;
        Some(format!(
            "{} is below {version}, which `{repository}` has and no git tag names: tag its commit, or name the version with `--version`",
            self.version
        ))
    }

    fn commit_time(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.facts.head_time, 0).unwrap_or_default()
    }

    /// The plan of an image that is for nobody but the one who builds it: no tags, no notes.
    ///
    /// # Errors
    /// Usage (exit 2): the version makes no name for a git tag.
    pub fn trial(&self) -> Result<Plan> {
        let name = RefName::tag(&self.policy.version.tag.name(self.version)).map_err(|error| {
            Error::usage(error.to_string()).hint("mend `version.tag` in release.toml")
        })?;
        Ok(Plan {
            v: PLAN_FORMAT,
            version: self.version.clone(),
            current: self.next.current.clone(),
            current_tag: self.next.current_tag.clone(),
            range_from: self.next.range_from.clone(),
            bump: self.next.level,
            prerelease: true,
            commit: self.facts.head,
            commit_time: self.commit_time(),
            branch: self.next.branch.clone(),
            instant: self.instant,
            git_tag: PlannedGitTag {
                create: false,
                name,
            },
            forge: None,
            release_commit: None,
            images: self.images(|_| None),
            repositories: self.policy.repositories(),
            tags: Vec::new(),
            commits: Vec::new(),
            why: self.next.why.clone(),
            notes: String::new(),
            messages: Vec::new(),
            policy: self.policy_digest.clone(),
        })
    }

    fn images<'t>(&self, version_tag: impl Fn(&ImageName) -> Option<&'t Tag>) -> Vec<PlannedImage> {
        let values = Values {
            version: self.version,
            channel: tags::channel(self.version),
            commit: Some(self.facts.head),
            commit_time: self.commit_time(),
            instant: self.instant,
            branch: self.next.branch.as_deref(),
            date: &self.policy.tags.date,
        };
        let planned = |name: ImageName| {
            let policy = self.policy.image_policy(&name);
            let repositories = self.policy.repositories_of(&name);
            let facts = LabelFacts {
                values,
                created: self.created,
                remote: self.remote,
                repository: repositories.first(),
                version_tag: version_tag(&name),
                base: None,
            };
            PlannedImage {
                source: match self.adopted.get(&name) {
                    Some(adopted) => PlannedSource::Adopt {
                        digest: adopted.digest.clone(),
                        from: adopted.from.clone(),
                        why: adopted.why.clone(),
                    },
                    None => PlannedSource::Build,
                },
                labels: labels(&policy, &facts),
                annotations: annotations(&policy, &facts),
                args: build_args(&policy.build.args, &values),
                repositories,
                name,
            }
        };
        self.policy.all_images().map(planned).collect()
    }

    fn moves(&self, set: &TagSet) -> Vec<PlannedMove> {
        let mut moves = Vec::new();
        for planned in set.tags() {
            for verdict in &planned.verdicts {
                let seen = self
                    .published
                    .iter()
                    .find(|p| p.repository == verdict.repository);
                let before = seen.and_then(|p| p.shows.get(&planned.tag));
                let successor = seen.and_then(|seen| successor(seen, verdict.successor.as_ref()?));
                moves.push(PlannedMove {
                    repository: verdict.repository.clone(),
                    tag: planned.tag.clone(),
                    image: planned.image.clone(),
                    kind: planned.kind,
                    is_version: planned.is_version,
                    action: match &successor {
                        Some(_) => TagAction::Create,
                        None => verdict.action,
                    },
                    before: before.cloned().unwrap_or(Observed::Unknown),
                    why: verdict.why.clone(),
                    successor,
                });
            }
        }
        moves
    }

    fn commits(&self) -> Vec<PlannedCommit> {
        self.next.entries.iter().map(PlannedCommit::of).collect()
    }
}

impl PlannedCommit {
    pub(crate) fn of(entry: &JudgedChange) -> Self {
        Self {
            sha: entry.id,
            summary: entry.summary.clone(),
            bump: entry.level,
            why: entry.why.clone(),
        }
    }
}

/// The image behind another version's tag, where it is known.
fn successor(seen: &Published, tag: &Tag) -> Option<Successor> {
    match seen.shows.get(tag)? {
        Observed::At(digest) => Some(Successor {
            tag: tag.clone(),
            digest: digest.clone(),
        }),
        Observed::Absent | Observed::Unknown => None,
    }
}

/// Build arguments with their placeholders filled in. One without a value is left out, as in tags.
fn build_args(args: &BTreeMap<String, Template>, values: &Values<'_>) -> BTreeMap<String, String> {
    let filled = args.iter().filter_map(|(name, template)| {
        let Rendered::Text(value) = template.render(values) else {
            return None;
        };
        Some((name.clone(), value))
    });
    filled.collect()
}
