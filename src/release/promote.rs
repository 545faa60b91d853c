//! A published pre-release becomes its core version: the same bytes, no build, the git tag on the
//! candidate's commit.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use semver::Version;

use crate::{
    error::{Error, ErrorCode, Result},
    event::Started,
    git::{CommitId, ObjectId},
    oci::ImageName,
    outcome::Outcome,
    plan::{
        Inputs, Plan,
        history::facts::{Facts, HistoryQuery, VersionTag},
        release::{
            ownership::{Adopted, Evidence, PublishedTag},
            preconditions::PushedHead,
            promote::{Promotion, must_be_prerelease, promotion},
        },
        version::{
            VersionRequest,
            bump::core,
            next::{self, Next},
        },
    },
    release::{
        facade::Release,
        gather::tag_set,
        hooks::Verb,
        observe::{LookPurpose, RepositoryApis},
        plan::{Telling, changes, planned, up_to_date},
        request::{ImageOptions, ReleaseRequest},
        survey::Survey,
    },
};

impl Release {
    /// Everything that promoting `candidate` would do. Touches nothing.
    ///
    /// # Errors
    /// Usage (exit 2): it is not a pre-release. Refused (exit 4): it was not released, or its core
    /// version is somebody else's. Failed (exit 6) where a registry cannot be read.
    pub async fn plan_promotion(&self, candidate: &Version) -> Result<Plan> {
        self.must_be_prerelease(candidate)?;
        self.or_signal(self.promoted(candidate, None, false)).await
    }

    /// Publishes the candidate's image under its core version, everywhere or nowhere. Of `request` only
    /// [`ReleaseRequest::allow_dirty`] counts.
    ///
    /// # Errors
    /// As [`Release::plan_promotion`]; refused (exit 4) where no commit holds the policy; what preflight
    /// finds. What came of the transaction itself is the outcome.
    pub async fn promote(&self, candidate: &Version, request: &ReleaseRequest) -> Result<Outcome> {
        let plan = self
            .ready_to_promote(candidate, request, Telling::Now)
            .await?;
        // Nothing is built, and the bytes are the candidate's on purpose.
        self.carry_out(&plan, &ImageOptions::of_published(candidate), Verb::Promote)
            .await
    }

    /// As [`Release::promote`], of exactly the plan that a person has seen: `shown` is that of
    /// [`Release::plan_promotion`].
    ///
    /// # Errors
    /// As [`Release::promote`]; refused (exit 4) where the plan is out of date.
    pub async fn execute_promotion(
        &self,
        candidate: &Version,
        shown: &Plan,
        request: &ReleaseRequest,
    ) -> Result<Outcome> {
        let request = request.for_plan(shown);
        let plan = self
            .ready_to_promote(candidate, &request, Telling::Before)
            .await?;
        up_to_date(changes(shown, &plan))?;
        self.carry_out(&plan, &ImageOptions::of_published(candidate), Verb::Promote)
            .await
    }

    /// The plan that a person is asked about: as [`Release::plan_promotion`], and refused where
    /// [`Release::promote`] would refuse. Touches nothing.
    ///
    /// # Errors
    /// As [`Release::promote`].
    pub async fn propose_promotion(
        &self,
        candidate: &Version,
        request: &ReleaseRequest,
    ) -> Result<Plan> {
        self.must_be_prerelease(candidate)?;
        self.or_signal(async {
            self.refuse_unfinished().await?;
            self.with_committed_policy(request)?;
            self.promoted(candidate, request.instant(), false).await
        })
        .await
    }

    async fn ready_to_promote(
        &self,
        candidate: &Version,
        request: &ReleaseRequest,
        told: Telling,
    ) -> Result<Plan> {
        self.must_be_prerelease(candidate)?;
        self.registries.publish();
        let step = (told == Telling::Now).then(|| {
            self.events.start(Started::Plan {
                promoted: Some(candidate.clone()),
            })
        });
        self.or_signal(self.refuse_unfinished()).await?;
        self.with_committed_policy(request)?;
        let plan = self.promoted(candidate, request.instant(), true);
        let plan = self.or_signal(plan).await?;
        if let Some(step) = step {
            for message in &plan.messages {
                self.events.note(message.clone());
            }
            step.finish(planned(&plan));
        }
        Ok(plan)
    }

    /// Refuses what can never be promoted, before anybody is asked.
    ///
    /// # Errors
    /// Usage (exit 2): it is not a pre-release.
    pub fn must_be_prerelease(&self, candidate: &Version) -> Result<()> {
        let template = &self.policy().version.tag;
        let names = self.project().git().tag_names().unwrap_or_default();
        let known: Vec<Version> = names
            .iter()
            .filter_map(|name| template.version(name))
            .collect();
        must_be_prerelease(candidate, &known)
    }

    /// Refuses a policy that no commit holds, unless the request allows it.
    fn with_committed_policy(&self, request: &ReleaseRequest) -> Result<()> {
        let found = self.findings_here(request, PushedHead::Yes)?;
        let is_policy = |error: &Error| error.code() == ErrorCode::PolicyNotCommitted;
        match found.refusals.into_iter().find(is_policy) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    async fn promoted(
        &self,
        candidate: &Version,
        instant: Option<DateTime<Utc>>,
        fetch: bool,
    ) -> Result<Plan> {
        let repositories = self.repositories()?;
        let remote = self.remote_versions(fetch).await?;
        let promotion = self.may_promote(candidate, &remote.missing)?;
        for version in [candidate, &promotion.target] {
            self.refuse_withdrawn(version, &remote.withdrawn)?;
        }
        let mut facts = self.facts_at(promotion.commit, remote.missing.clone())?;
        let withdrawn = remote.withdrawn.iter();
        facts.withdrawn = withdrawn.map(|one| one.version.clone()).collect();
        self.refuse_tag_of_this_clone(&facts, &promotion.target, &remote)?;
        let request = VersionRequest {
            version: Some(promotion.target.to_string()),
            ..VersionRequest::default()
        };
        let next = Next {
            why: format!("{candidate} is promoted, with the same bytes"),
            notes: promotion.notes.clone(),
            ..next::next(self.policy(), &facts, &request)?
        };
        let apis = self.apis(&repositories)?;
        let images = self.candidates(&facts, &next, candidate, &apis).await?;
        let inputs = self.inputs(&facts, &next, &promotion.target, instant)?;
        let survey = Survey::of(self, (apis.as_slice(), LookPurpose::Push), |published| {
            tag_set(&inputs, published)
        })
        .await?;
        let survey = survey.complete().await?;
        same_bytes(&promotion.target, &survey.claims().await?, &images)?;
        Inputs {
            published: &survey.published,
            adopted: &images,
            ..inputs
        }
        .plan()
    }

    /// The decision, with the commits of the tags that it hangs on.
    fn may_promote(&self, candidate: &Version, remote: &[(String, ObjectId)]) -> Result<Promotion> {
        let template = &self.policy().version.tag;
        let here = self.project().git().tag_names()?;
        let there = remote.iter().map(|(name, _)| name.clone());
        let mut tags = Vec::new();
        for name in here.into_iter().chain(there) {
            let Some(version) = template.version(&name) else {
                continue;
            };
            if core(&version) != core(candidate) {
                continue;
            }
            let far = remote.iter().find(|(known, _)| *known == name);
            let commit = match far {
                Some((_, commit)) => commit.as_str().parse().ok(),
                None => self.project().git().tag_commit(&name),
            };
            tags.push(VersionTag {
                name,
                version,
                commit,
            });
        }
        promotion(candidate, &tags)
    }

    /// The history as the candidate's commit has it.
    fn facts_at(&self, commit: CommitId, remote_tags: Vec<(String, ObjectId)>) -> Result<Facts> {
        let policy = &self.policy().version;
        self.project().git().read(&HistoryQuery {
            template: policy.tag.clone(),
            branch: None,
            at: Some(commit),
            below: None,
            line: None,
            label: None,
            version: None,
            paths: policy.paths.clone(),
            remote_tags,
        })
    }

    /// The candidate's images, each known to be its own.
    async fn candidates(
        &self,
        facts: &Facts,
        next: &Next,
        candidate: &Version,
        apis: &RepositoryApis,
    ) -> Result<BTreeMap<ImageName, Adopted>> {
        let inputs = self.inputs(facts, next, candidate, None)?;
        let survey = Survey::of(self, (apis, LookPurpose::Push), |published| {
            tag_set(&inputs, published)
        })
        .await?;
        let mut claims = survey.claims().await?;
        self.mark_earlier(&mut claims, candidate, facts);
        let receipts = self.receipts(facts, candidate)?;
        let commits = self.commits_of_release(None, facts.head, candidate);
        let evidence = Evidence {
            version: candidate,
            commits: &commits,
            policy: self.policy(),
            journaled: &[],
            receipts: &receipts,
        };
        let images = evidence.adopt(&claims)?;
        for image in self.policy().all_images() {
            if !images.contains_key(&image) {
                return Err(Error::refused(format!(
                    "{candidate} has no image{} in any repository",
                    image.of_words()
                ))
                .with_code(ErrorCode::NotReleased)
                .state("nothing was moved")
                .hint(format!("`hoist verify {candidate}` shows what is where")));
            }
        }
        Ok(images)
    }
}

/// The core version is not there yet, or shows the candidate's image already.
fn same_bytes(
    target: &Version,
    there: &[PublishedTag],
    images: &BTreeMap<ImageName, Adopted>,
) -> Result<()> {
    let other = there.iter().find(|claim| {
        images
            .get(&claim.image)
            .is_none_or(|own| own.digest != claim.digest)
    });
    let Some(other) = other else { return Ok(()) };
    let shown = other.repository.tag(&other.tag);
    Err(
        Error::refused(format!("{target} is published already, as another image"))
            .with_code(ErrorCode::PublishedFromElsewhere)
            .cause(format!("`{shown}` shows {}", other.digest))
            .state("nothing was moved")
            .hint("release the next pre-release, and promote that"),
    )
}
