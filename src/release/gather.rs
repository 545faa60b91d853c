//! From the repository and the registries to a plan.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use semver::Version;

use super::{Release, observe};
use crate::{
    error::{Error, Result},
    io::ci,
    oci::{Observed, Repository, Tag},
    plan::{
        Inputs, Plan,
        history::facts::Facts,
        release::{
            ownership::{Adopted, Evidence},
            preconditions::Preconditions,
            receipt::{Receipt, receipts},
        },
        tags::{Published, TagSet},
        version::{
            branch::BranchKind,
            next::{self, Next, Request},
        },
    },
    project::notes,
    publish,
};

/// What is asked of a plan or a release.
#[derive(Debug, Clone, Default)]
pub struct ReleaseRequest {
    /// What stands in for the history.
    pub request: Request,
    /// Release from files that no commit holds.
    pub allow_dirty: bool,
    /// The release's instant, where an earlier plan fixed it.
    pub instant: Option<DateTime<Utc>>,
}

/// What a plan came to.
#[derive(Debug, Clone)]
pub enum Planned {
    /// There is something to release.
    Release(Box<Plan>),
    /// There is nothing to release.
    NothingToRelease(NothingToRelease),
}

/// Why there is nothing to release.
#[derive(Debug, Clone)]
pub struct NothingToRelease {
    /// The version that HEAD has or descends from.
    pub current: Option<Version>,
    /// Why.
    pub why: String,
    /// What is not as it should be all the same, and what mends it.
    pub messages: Vec<String>,
}

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
        let repositories = self.loaded.repositories()?;
        let remote = self.remote_tags(purpose == Purpose::Do).await?;
        let mut facts = self.facts(&ask.request, remote)?;
        let policy = &self.loaded.policy;
        let next = match next::next(policy, &facts, &ask.request) {
            Ok(next) => next,
            Err(error) => return self.pulled_past(&facts).ok_or(error),
        };
        let places = self.places(&repositories)?;
        let Some(version) = next.next.clone() else {
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
        let mut published = observe::published(&places, &names(&inputs, &repositories)?).await?;
        let set = Inputs {
            published: &published,
            ..inputs.clone()
        }
        .tag_set()?;
        observe::complete(&places, &mut published, &set).await?;
        let claims = observe::claims(&places, &published, &set).await?;
        let commit = facts.head.to_string();
        let ours = Evidence {
            version: &version,
            commit: &commit,
            journaled: &publish::journaled(&self.world(), &version, &commit),
            receipts: &receipts,
        };
        let adopted = ours.adopt(&claims)?;
        let inputs = Inputs {
            published: &published,
            adopted: &adopted,
            ..inputs
        };
        let mut plan = inputs.plan()?;
        if release_commit.is_some() && policy.image.build.layout.is_some() {
            plan.messages.push(WITHOUT_COMMIT.to_owned());
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
        let today = instant.format("%Y-%m-%d").to_string();
        Ok(Inputs {
            policy: &self.loaded.policy,
            policy_digest: self.loaded.digest.clone(),
            facts,
            next,
            version,
            instant,
            created: self.created(facts)?,
            remote: self.remote_url.as_deref(),
            adopted: &NONE,
            published: &[],
            notes: notes::text(&self.git, &self.loaded.policy, facts, next, &today)?,
            messages: next.notes.clone(),
        })
    }

    /// The history, with what only the remote knows.
    pub(super) fn facts(&self, request: &Request, remote: Vec<(String, String)>) -> Result<Facts> {
        let policy = &self.loaded.policy;
        let branch = self
            .git
            .branch(request.branch.as_deref(), &self.environment)?;
        let mut question = next::question(policy, request, branch.as_deref())?;
        question.remote_tags = remote;
        self.git.read(&question)
    }

    /// Why nothing is released, and whether the registries agree with what HEAD is tagged with.
    async fn nothing(
        &self,
        facts: &Facts,
        next: &Next,
        places: &observe::Places,
    ) -> Result<NothingToRelease> {
        let mut nothing = NothingToRelease {
            current: next.current.clone(),
            why: next.why.clone(),
            messages: next.notes.clone(),
        };
        let Some(tag) = &next.on_head else {
            return Ok(nothing);
        };
        match self.drift(facts, next, &tag.version, places).await {
            Ok(messages) => nothing.messages.extend(messages),
            // The answer stands without the registries.
            Err(error) => nothing
                .messages
                .push(format!("the registries were not compared: {error}")),
        }
        Ok(nothing)
    }

    /// What of a version that HEAD is tagged with is not in the registries.
    async fn drift(
        &self,
        facts: &Facts,
        next: &Next,
        version: &Version,
        places: &observe::Places,
    ) -> Result<Vec<String>> {
        let repositories: Vec<Repository> = places.iter().map(|p| p.repository().clone()).collect();
        let inputs = self.inputs(facts, next, version, None)?;
        let published = observe::published(places, &names(&inputs, &repositories)?).await?;
        let set = Inputs {
            published: &published,
            ..inputs
        }
        .tag_set()?;
        Ok(drift_messages(&set, &published, version))
    }

    /// Whether this commit may be released from here, with what a person should know.
    pub(super) fn gate(&self, ask: &ReleaseRequest) -> Result<Vec<String>> {
        let policy = &self.loaded.policy;
        let branch = self
            .git
            .branch(ask.request.branch.as_deref(), &self.environment)?;
        let kind = BranchKind::of(&policy.branches, branch.as_deref())?;
        let pushed = if policy.git.push {
            self.git.is_pushed(&policy.git.remote)?
        } else {
            None
        };
        Preconditions {
            unlisted_branch: branch.filter(|_| kind == BranchKind::Unlisted),
            pull_request: ci::pull_request(&self.environment),
            explicit: ask.request.version.is_some() || ask.request.pre.is_some(),
            dirty: self.git.dirty(DIRTY_SHOWN)?,
            allow_dirty: ask.allow_dirty,
            pushed,
            head: self.git.head()?.to_string(),
        }
        .check(policy)
    }

    /// The digests that the version's git tag records.
    pub(super) fn receipts(&self, facts: &Facts, version: &Version) -> Result<Vec<Receipt>> {
        let Some(tag) = facts.tags.iter().find(|tag| tag.version == *version) else {
            return Ok(Vec::new());
        };
        let message = self.git.tag_message(&tag.name)?;
        Ok(message
            .map(|message: String| receipts(&message))
            .unwrap_or_default())
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
        let Some(text) = self.environment.get("SOURCE_DATE_EPOCH") else {
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

/// Paths of a dirty tree that a message names.
const DIRTY_SHOWN: usize = 5;

/// Nothing is published already.
static NONE: BTreeMap<Option<String>, Adopted> = BTreeMap::new();

/// The names that policy and history ask for, before any registry is asked.
pub(super) fn names(inputs: &Inputs<'_>, repositories: &[Repository]) -> Result<Vec<Tag>> {
    let published: Vec<Published> = repositories
        .iter()
        .cloned()
        .map(Published::not_asked)
        .collect();
    let set = Inputs {
        published: &published,
        ..inputs.clone()
    }
    .tag_set()?;
    Ok(set
        .tags()
        .iter()
        .map(|planned| planned.tag.clone())
        .collect())
}

fn drift_messages(set: &TagSet, published: &[Published], version: &Version) -> Vec<String> {
    use crate::plan::tags::Action;
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
                        && matches!(verdict.action, Action::Create | Action::Move)
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
