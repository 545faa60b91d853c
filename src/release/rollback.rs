//! A release is taken back: its moving tags go to the version before it, all of them or none, and the version is
//! remembered as withdrawn.

use std::collections::BTreeMap;

use semver::Version;

use crate::{
    error::Result,
    oci::{Repository, Tag},
    outcome::Outcome,
    plan::{
        release::{
            drift::Drift,
            receipt::Receipt,
            rollback::{RollbackStep, rollback_survey},
        },
        tags::KnownVersions,
        version::VersionRequest,
    },
    project::Withdrawn,
    publish,
    release::{
        facade::Release,
        hooks::Verb,
        observe,
        repair::{DriftReport, RepositoryDrift},
    },
};

/// What taking a version back would do.
#[derive(Debug, Clone)]
pub struct RollbackPlan {
    /// The version whose moving tags go back.
    pub version: Version,
    /// The tags that go back.
    drifts: DriftReport,
    /// Those that stay, and why.
    pub stays: Vec<(Repository, Tag, String)>,
    /// What remembers that the version is withdrawn already.
    pub withdrawn: Option<Withdrawn>,
    /// Templates whose tags are left as they are, because nothing tells what they showed before.
    pub left_out: Vec<String>,
    /// What is told of repositories of the version that the policy does not name any more.
    pub not_looked_at: Vec<String>,
}

impl RollbackPlan {
    /// The tags that go back, each with the version that it goes to.
    pub fn moves(&self) -> impl Iterator<Item = (&Repository, &Drift)> {
        self.drifts.wrong()
    }

    /// Whether there is nothing to do: no tag goes back, and the version is withdrawn already.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.withdrawn.is_some() && self.moves().next().is_none()
    }
}

/// How taking a version back ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum TakenBack {
    /// There was nothing to do.
    Nothing,
    /// No tag was to move; the version is remembered as withdrawn.
    Remembered,
    /// A transaction moved the tags, or tried to.
    Ended(Box<Outcome>),
}

impl Release {
    /// What becomes of the moving tags when `version` is taken back. Touches nothing.
    ///
    /// # Errors
    /// Refused (exit 4) where no repository has the version, or one does not hand out its list of
    /// tags; failed (exit 6) where it cannot be read.
    pub async fn plan_take_back(&self, version: &Version) -> Result<RollbackPlan> {
        self.or_signal(self.planned_take_back(version)).await
    }

    async fn planned_take_back(&self, version: &Version) -> Result<RollbackPlan> {
        // A version's git tag tells of which day it is, so none may be missing here.
        self.remote_tags(true).await?;
        let facts = self.project().facts_of(&VersionRequest::default(), None)?;
        let git: Vec<Version> = facts.tags.iter().map(|tag| tag.version.clone()).collect();
        let apis = self.apis(&self.repositories()?)?;
        let (published, withdrawn) = tokio::join!(self.listed(&apis, &git), self.read_withdrawn());
        let (published, withdrawn) = (published?, withdrawn?);
        let versions: Vec<Version> = withdrawn.iter().map(|one| one.version.clone()).collect();
        let origins = self.origins(&git);
        let known = KnownVersions {
            git: &git,
            withdrawn: &versions,
            origins: &origins,
        };
        let receipts = self.receipts_of(&git);
        let mut taken = RollbackPlan {
            version: version.clone(),
            drifts: DriftReport::default(),
            stays: Vec::new(),
            withdrawn: withdrawn.into_iter().find(|one| one.version == *version),
            left_out: self.left_out_of_rollback(),
            not_looked_at: Vec::new(),
        };
        let mut is_known = false;
        for (api, seen) in apis.iter().zip(&published) {
            let before = self.shown_before(version, &seen.repository, &receipts);
            let survey = rollback_survey(self.policy(), &known, seen, version, &before)?;
            let survey = survey.believing(&receipts);
            is_known |= survey.is_published();
            let shows = observe::heads(api.as_ref(), &survey.tags_to_observe()).await?;
            let mut drift = Vec::new();
            for step in survey.steps(&shows) {
                match step {
                    RollbackStep::Back(back) => {
                        match observe::is_gone(api.as_ref(), &back, &shows).await? {
                            true => {
                                let why = back.gone();
                                let place = survey.repository.clone();
                                taken.stays.push((place, back.tag, why));
                            }
                            false => drift.push(*back),
                        }
                    }
                    RollbackStep::Stays(tag, why) => {
                        taken.stays.push((survey.repository.clone(), tag, why));
                    }
                }
            }
            let surveyed = RepositoryDrift::new(seen, drift);
            taken.drifts.repositories.push(surveyed);
        }
        let left = self.left_behind(version, (&known, &receipts), &published);
        let left = left.await?;
        if !is_known {
            let error = left.not_published(version);
            let error = error.unwrap_or_else(|| self.not_published(version));
            return Err(error.state("nothing was moved"));
        }
        for (place, tag) in left.tags {
            let told = taken.stays.iter().map(|(place, tag, _)| (place, tag));
            let moved = taken.moves().map(|(place, drift)| (place, &drift.tag));
            let is_told = told.chain(moved).any(|(p, t)| *p == place && *t == tag);
            if !is_told {
                let why = format!("the policy does not move it any more; {}", left.way);
                taken.stays.push((place, tag, why));
            }
        }
        taken.not_looked_at = left.words;
        Ok(taken)
    }

    /// Which version each tag showed before `version` was released, as far as a journal of this clone and
    /// the receipts tell.
    pub(super) fn shown_before(
        &self,
        version: &Version,
        repository: &Repository,
        receipts: &[(Version, Receipt)],
    ) -> BTreeMap<Tag, Version> {
        let journaled = publish::journaled_before(&self.world(), version, repository);
        let named = |(tag, digest)| {
            let of_it = |(_, receipt): &&(Version, Receipt)| {
                receipt.digest == digest && receipt.repository == *repository
            };
            // Published twice, it is the newer one that the tag showed.
            let all = receipts.iter().filter(of_it).map(|(version, _)| version);
            let newest = all.filter(|other| *other != version).max()?;
            Some((tag, newest.clone()))
        };
        journaled.into_iter().filter_map(named).collect()
    }

    /// Templates of moving tags that name the branch.
    fn left_out_of_rollback(&self) -> Vec<String> {
        let moving = self.policy().tags.moving.iter();
        let of_branch = moving.filter(|template| template.is_of_a_branch());
        of_branch.map(ToString::to_string).collect()
    }

    /// Moves the tags back and remembers that the version is withdrawn, and `why`.
    ///
    /// # Errors
    /// As [`Release::plan_take_back`]; what preflight finds. What came of the transaction is the
    /// outcome.
    pub async fn take_back(&self, plan: &RollbackPlan, why: Option<&str>) -> Result<TakenBack> {
        if plan.is_done() {
            return Ok(TakenBack::Nothing);
        }
        self.registries.publish();
        self.warn_of_policy()?;
        self.or_signal(self.refuse_unfinished()).await?;
        let mark = match &plan.withdrawn {
            Some(_) => None,
            None => Some(self.or_signal(self.mark_object(&plan.version, why)).await?),
        };
        if plan.moves().next().is_none() {
            if let Some(mark) = &mark {
                self.or_signal(self.push_mark(mark)).await?;
                // The copy of this clone; without it the next look brings it.
                let _ = self.or_signal(self.read_withdrawn()).await;
            }
            return Ok(TakenBack::Remembered);
        }
        let tags = plan.moves().map(|(repository, drift)| {
            let (tag, version) = (drift.tag.clone(), drift.version.clone());
            (repository.clone(), tag, version)
        });
        // A higher version that came meanwhile has the tags.
        let recheck =
            self.recheck_of_repair(tags.collect(), Some(&plan.version), plan.drifts.unlisted());
        let version = plan.version.clone();
        let publication = self.repair_publication(&plan.drifts, version, recheck, mark);
        let publication = self.or_signal(publication).await?;
        let outcome = self
            .publish(&self.world(), &publication, Verb::Rollback, None)
            .await;
        if outcome.error.is_none() {
            let _ = self.or_signal(self.read_withdrawn()).await;
        }
        Ok(TakenBack::Ended(Box::new(outcome)))
    }
}
