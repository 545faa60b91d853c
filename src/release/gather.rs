//! From the repository and the registries to a plan.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use semver::Version;

use crate::{
    error::{Error, Result},
    oci::ImageName,
    plan::{
        Inputs,
        history::facts::Facts,
        release::{exchanged::exchanged, ownership::Adopted},
        tags::{Published, TagSet},
        version::next::Next,
    },
    policy::ImagePolicy,
    publish,
    release::{
        adoption::Completed,
        facade::Release,
        observe::{LookPurpose, RepositoryApis},
        purpose::Purpose,
        request::{Planned, ReleaseRequest},
        survey::Survey,
    },
    text::sanitize_line,
};

impl Release {
    /// Reads history and registries and puts the plan together.
    pub(super) async fn gather(&self, ask: &ReleaseRequest, purpose: Purpose) -> Result<Planned> {
        let repositories = self.repositories()?;
        let remote = self.remote_versions(purpose == Purpose::Do).await?;
        let base = |tag: &str| remote.here_alone(tag, &self.policy().git.remote);
        let mut facts = self
            .project()
            .facts_with(&ask.request, remote.missing.clone())?;
        let withdrawn = remote.withdrawn.iter();
        facts.withdrawn = withdrawn.map(|one| one.version.clone()).collect();
        let policy = self.policy();
        let next = match self.project().decide(&facts, &ask.request) {
            Ok(next) => next,
            Err(error) => return self.pulled_past(&facts).ok_or(error),
        };
        let apis = self.apis(&repositories)?;
        let Some(version) = next.version.clone() else {
            let mut nothing = self.nothing(&facts, &next, &apis).await?;
            nothing
                .messages
                .extend(next.current_tag.as_deref().and_then(base));
            return Ok(Planned::NothingToRelease(nothing));
        };
        self.refuse_withdrawn(&version, &remote.withdrawn)?;
        self.refuse_tag_of_this_clone(&facts, &version, &remote)?;
        let receipts = self.receipts(&facts, &version)?;
        let fixed = ask.fixed.as_ref();
        let instant = match fixed {
            Some(fixed) => fixed.instant,
            None => self.instant_of(&version)?,
        };
        let shown = fixed.and_then(|fixed| fixed.release_commit.as_ref());
        let release_commit = self
            .on_release_commit(&mut facts, &next, &version, instant, shown, purpose)
            .await?;
        let mut inputs = self.inputs(&facts, &next, &version, Some(instant))?;
        if let Some(created) = fixed.and_then(|fixed| fixed.created) {
            inputs.created = created;
        }
        let survey = Survey::of(self, (apis.as_slice(), LookPurpose::Push), |published| {
            tag_set(&inputs, published)
        });
        let survey = match purpose {
            Purpose::Do => tokio::join!(survey, open_push(&apis)).0,
            Purpose::Show | Purpose::Try => survey.await,
        };
        let survey = survey?.complete().await?;
        let (mut claims, gone) = survey.claims_and_recorded(&receipts).await?;
        let commits = self.commits_of_release(release_commit.as_ref(), facts.head, &version);
        let completed = Completed {
            version: &version,
            head: facts.head,
            commits: &commits,
            receipts: &receipts,
        };
        let adopted = match self.adoption(&facts, &completed, &mut claims) {
            Ok(adopted) => adopted,
            Err(error) => return Err(self.or_unfinished(&version, error).await),
        };
        let inputs = Inputs {
            published: &survey.published,
            adopted: &adopted,
            ..inputs
        };
        let mut plan = inputs.plan()?;
        let of_gone = self.notes_of_gone(&plan, &gone, !ask.from.is_empty());
        match of_gone {
            Ok(notes) => plan.messages.extend(notes),
            Err(error) => return Err(self.or_unfinished(&version, error).await),
        }
        let current = plan.current_tag.as_deref();
        plan.messages.extend(current.and_then(base));
        let all: Vec<_> = policy
            .all_images()
            .map(|one| policy.image_policy(&one))
            .collect();
        let is_given = |one: &&ImagePolicy| !one.build.image_source.is_engine();
        if release_commit.is_some() && all.iter().any(|one| is_given(&one)) {
            plan.messages.push(WITHOUT_COMMIT.to_owned());
        }
        let own = |one: &ImagePolicy| !one.labels.is_empty() || !one.annotations.is_empty();
        if all.iter().filter(is_given).any(own) {
            plan.messages.push(WITHOUT_LABELS.to_owned());
        }
        plan.messages.extend(self.day_note(&version));
        if let Some(last) = facts.on_head.first().or(facts.base.as_ref()) {
            let receipts = self.receipts(&facts, &last.version)?;
            plan.messages
                .extend(exchanged(policy, &last.version, &receipts));
        }
        if let Some(commit) = &release_commit {
            plan.messages.extend(self.lowered(commit, &version)?);
        }
        if purpose == Purpose::Show {
            let unmoved = self.unmoved_notes(&facts, &survey.published);
            plan.messages.extend(unmoved.await);
        }
        if plan.git_tag.create && !policy.git.push {
            plan.messages.push(stays_here(plan.git_tag.name.short()));
        }
        plan.release_commit = release_commit;
        Ok(Planned::Release(Box::new(plan)))
    }

    /// A version that an unfinished release is about to publish is not published: then that is told
    /// instead of `error`.
    async fn or_unfinished(&self, version: &Version, error: Error) -> Error {
        let Ok(scope) = self.scope() else {
            return error;
        };
        match publish::in_the_way(&self.world(), &scope, None).await {
            Ok(Some(found)) if found.version == *version => found.error,
            Ok(_) | Err(_) => error,
        }
    }

    /// All inputs of a plan but what the registries show.
    pub(super) fn inputs<'a>(
        &'a self,
        facts: &'a Facts,
        next: &'a Next,
        version: &'a Version,
        instant: Option<DateTime<Utc>>,
    ) -> Result<Inputs<'a>> {
        let instant = instant.map_or_else(|| self.instant_of(version), Ok)?;
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
}

/// Proves the right to push while the tags are read. Preflight asks again where it could not be proven, and
/// says so.
async fn open_push(apis: &RepositoryApis) {
    join_all(apis.iter().map(|api| api.open_push())).await;
}

/// Said where the policy has no remote for git tags.
fn stays_here(tag: &str) -> String {
    let tag = sanitize_line(tag, 72);
    format!(
        "`git.push = false`: the git tag `{tag}` stays in this clone, and so does the lock; another clone does not see the release, and can make the same version once more"
    )
}

/// Said of an image that hoist does not build itself.
const WITHOUT_COMMIT: &str = "`image.build.layout` is made by others: the files that carry the version are HEAD's in it, unless `image.build.command` takes them from the commit `$HOIST_COMMIT`";

/// Said where the policy has labels or annotations for an image that hoist does not build itself.
const WITHOUT_LABELS: &str = "an OCI layout keeps its bytes: `image.labels` and `image.annotations` are not written into `image.build.layout`";

/// Nothing is published already.
static NONE: BTreeMap<ImageName, Adopted> = BTreeMap::new();

/// The tag set of `inputs`, judged against what is published.
pub(super) fn tag_set(inputs: &Inputs<'_>, published: &[Published]) -> Result<TagSet> {
    Inputs {
        published,
        ..inputs.clone()
    }
    .tag_set()
}
