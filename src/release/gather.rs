//! From the repository and the registries to a plan.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use semver::Version;

use crate::{
    error::{Error, Result},
    io::ci,
    oci::{Observed, Tag, Variant},
    plan::{
        Inputs,
        history::facts::Facts,
        release::{
            image_check::ExpectedImage,
            ownership::{Adopted, Evidence},
            preconditions::Preconditions,
        },
        tags::{Published, TagSet},
        version::{branch::BranchKind, next::Next},
    },
    publish,
    release::{
        facade::Release,
        observe::Places,
        request::{NothingToRelease, Planned, ReleaseRequest},
        survey::Survey,
    },
};

/// What a plan is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be looked at: nothing is written anywhere.
    Show,
    /// To be tried without being carried out: the release commit is an object of this clone.
    Try,
    /// To be carried out: version tags that only the remote has are brought here, too.
    Do,
}

impl Purpose {
    /// Whether the release commit's objects are kept.
    pub(super) fn keeps(self) -> bool {
        self != Self::Show
    }
}

impl Release {
    /// Reads history and registries and puts the plan together.
    pub(super) async fn gather(&self, ask: &ReleaseRequest, purpose: Purpose) -> Result<Planned> {
        let repositories = self.repositories()?;
        let remote = self.remote_tags(purpose == Purpose::Do).await?;
        let mut facts = self.project().facts_with(&ask.request, remote)?;
        let policy = self.policy();
        let next = match self.project().decide(&facts, &ask.request) {
            Ok(next) => next,
            Err(error) => return self.pulled_past(&facts).ok_or(error),
        };
        let places = self.places(&repositories)?;
        let Some(version) = next.version.clone() else {
            return self
                .nothing(&facts, &next, &places)
                .await
                .map(Planned::NothingToRelease);
        };
        let receipts = self.receipts(&facts, &version)?;
        let instant = ask.instant.map_or_else(|| self.instant(), Ok)?;
        let release_commit = self
            .on_release_commit(&mut facts, &next, &version, instant, purpose)
            .await?;
        let inputs = self.inputs(&facts, &next, &version, Some(instant))?;
        let survey = Survey::of(self, &places, |published| tag_set(&inputs, published)).await?;
        let survey = survey.complete().await?;
        let mut claims = survey.claims().await?;
        self.mark_earlier(&mut claims, &version, &facts);
        let commits = self.commits_of_release(release_commit.as_ref(), facts.head, &version);
        let evidence = Evidence {
            expected: ExpectedImage {
                version: &version,
                commits: &commits,
                platforms: &policy.image.build.platforms,
            },
            journaled: &publish::journaled_images(&self.world(), &version, facts.head),
            receipts: &receipts,
        };
        let adopted = evidence.adopt(&claims)?;
        let inputs = Inputs {
            published: &survey.published,
            adopted: &adopted,
            ..inputs
        };
        let mut plan = inputs.plan()?;
        if release_commit.is_some() && policy.image.build.image_source.layout().is_some() {
            plan.messages.push(WITHOUT_COMMIT.to_owned());
        }
        let own = !policy.image.labels.is_empty() || !policy.image.annotations.is_empty();
        if own && self.has_layout() {
            plan.messages.push(WITHOUT_LABELS.to_owned());
        }
        plan.release_commit = release_commit;
        Ok(Planned::Release(Box::new(plan)))
    }

    /// HEAD is released already, by a commit that the branch has and this clone's HEAD has not.
    fn pulled_past(&self, facts: &Facts) -> Option<Planned> {
        let (version, commit) = self.released_by_child(facts)?;
        Some(Planned::NothingToRelease(NothingToRelease {
            why: format!("HEAD is released as {version}, by its release commit {commit}"),
            current: Some(version),
            messages: vec!["`git pull` brings the release commit".to_owned()],
        }))
    }

    /// All inputs of a plan but what the registries show.
    pub(super) fn inputs<'a>(
        &'a self,
        facts: &'a Facts,
        next: &'a Next,
        version: &'a Version,
        instant: Option<DateTime<Utc>>,
    ) -> Result<Inputs<'a>> {
        let instant = instant.map_or_else(|| self.instant(), Ok)?;
        Ok(Inputs {
            policy: self.policy(),
            policy_digest: self.project().policy_digest(),
            facts,
            next,
            version,
            instant,
            created: self.created(facts)?,
            remote: self.remote_url.as_deref(),
            adopted: &NONE,
            published: &[],
            notes: self
                .project()
                .notes_text(facts, next, instant.date_naive())?,
            messages: next.notes.clone(),
        })
    }

    /// Why nothing is released, and whether the registries agree with what HEAD is tagged with.
    async fn nothing(
        &self,
        facts: &Facts,
        next: &Next,
        places: &Places,
    ) -> Result<NothingToRelease> {
        let mut nothing = NothingToRelease {
            current: next.current.clone(),
            why: next.why.clone(),
            messages: next.notes.clone(),
        };
        let Some(tag) = &next.on_head else {
            return Ok(nothing);
        };
        match self.behind(facts, next, &tag.version, places).await {
            Ok(messages) => nothing.messages.extend(messages),
            // The answer is complete without the registries.
            Err(error) => nothing
                .messages
                .push(format!("the registries were not compared: {error:#}")),
        }
        Ok(nothing)
    }

    /// What of a version that HEAD is tagged with is not in the registries.
    async fn behind(
        &self,
        facts: &Facts,
        next: &Next,
        version: &Version,
        places: &Places,
    ) -> Result<Vec<String>> {
        let inputs = self.inputs(facts, next, version, None)?;
        let survey = Survey::of(self, places, |published| tag_set(&inputs, published)).await?;
        Ok(drift_messages(&survey.set, &survey.published, version))
    }

    /// Whether this commit may be released from here, with what a person should know.
    pub(super) fn gate(&self, ask: &ReleaseRequest) -> Result<Vec<String>> {
        let policy = self.policy();
        let git = self.project().git();
        let branch = git.branch(ask.request.branch.as_deref(), self.environment())?;
        let kind = BranchKind::of(&policy.branches, branch.as_deref());
        let pushed = if policy.git.push {
            git.is_pushed(&policy.git.remote)?
        } else {
            None
        };
        Preconditions {
            unlisted_branch: branch.filter(|_| kind == BranchKind::Unlisted),
            pull_request: ci::pull_request(self.environment()),
            explicit: ask.request.version.is_some() || ask.request.pre.is_some(),
            dirty: git.dirty(DIRTY_SHOWN)?,
            allow_dirty: ask.allow_dirty,
            pushed,
            head: git.head()?,
        }
        .check(policy)
    }

    /// Now, or `SOURCE_DATE_EPOCH`.
    pub(super) fn instant(&self) -> Result<DateTime<Utc>> {
        Ok(self.source_date()?.unwrap_or_else(Utc::now))
    }

    /// When the image counts as created: `SOURCE_DATE_EPOCH`, or the commit's time.
    fn created(&self, facts: &Facts) -> Result<DateTime<Utc>> {
        let commit = || DateTime::from_timestamp(facts.head_time, 0).unwrap_or_default();
        Ok(self.source_date()?.unwrap_or_else(commit))
    }

    pub(super) fn source_date(&self) -> Result<Option<DateTime<Utc>>> {
        let Some(text) = self.environment().get("SOURCE_DATE_EPOCH") else {
            return Ok(None);
        };
        text.parse()
            .ok()
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
            .map(Some)
            .ok_or_else(|| {
                Error::usage(format!(
                    "`SOURCE_DATE_EPOCH` is `{text}`: expected seconds since 1970"
                ))
            })
    }
}

/// Said of an image that hoist does not build itself.
const WITHOUT_COMMIT: &str = "`image.build.layout` is made by others: the files that carry the version are HEAD's in it, unless `image.build.command` takes them from the commit `$HOIST_COMMIT`";

/// Said where the policy has labels or annotations for an image that hoist does not build itself.
const WITHOUT_LABELS: &str = "an OCI layout keeps its bytes: `image.labels` and `image.annotations` are not written into `image.build.layout`";

/// Paths of a dirty tree that a message names.
const DIRTY_SHOWN: usize = 5;

/// Nothing is published already.
static NONE: BTreeMap<Variant, Adopted> = BTreeMap::new();

/// The tag set of `inputs`, judged against what is published.
pub(super) fn tag_set(inputs: &Inputs<'_>, published: &[Published]) -> Result<TagSet> {
    Inputs {
        published,
        ..inputs.clone()
    }
    .tag_set()
}

fn drift_messages(set: &TagSet, published: &[Published], version: &Version) -> Vec<String> {
    use crate::plan::tags::TagAction;
    let mut messages = Vec::new();
    for seen in published {
        let repository = &seen.repository;
        let absent = |tag: &Tag| seen.shows.get(tag) == Some(&Observed::Absent);
        let missing: Vec<String> = set
            .tags()
            .iter()
            .filter(|planned| planned.is_version && absent(&planned.tag))
            .map(|planned| format!("`{}`", planned.tag))
            .collect();
        if !missing.is_empty() {
            messages.push(format!(
                "`{repository}` has no image under {}: `hoist release --version {version}` completes it",
                missing.join(", ")
            ));
            continue;
        }
        let behind: Vec<String> = set
            .tags()
            .iter()
            .filter(|planned| {
                planned.verdicts.iter().any(|verdict| {
                    verdict.repository == *repository
                        && matches!(verdict.action, TagAction::Create | TagAction::Move)
                })
            })
            .map(|planned| format!("`{}`", planned.tag))
            .collect();
        if !behind.is_empty() {
            messages.push(format!(
                "`{repository}` does not show {version} under {}: `hoist release --version {version}` or `hoist repair` mends it",
                behind.join(", ")
            ));
        }
    }
    messages
}
