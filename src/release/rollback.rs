//! A release is taken back: its moving tags go to the version before it, all of them or none.

use semver::Version;

use crate::{
    error::{Error, ErrorCode, Result},
    oci::{Repository, Tag},
    outcome::Outcome,
    plan::{
        release::{
            drift::Drift,
            rollback::{RollbackStep, rollback_survey},
        },
        version::VersionRequest,
    },
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
}

impl RollbackPlan {
    /// The tags that go back, each with the version that it goes to.
    pub fn moves(&self) -> impl Iterator<Item = (&Repository, &Drift)> {
        self.drifts.wrong()
    }
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
        let facts = self.project().facts_of(&VersionRequest::default(), None)?;
        let git: Vec<Version> = facts.tags.iter().map(|tag| tag.version.clone()).collect();
        let apis = self.apis(&self.repositories()?)?;
        let published = observe::published(&apis, &[]).await?;
        let mut taken = RollbackPlan {
            version: version.clone(),
            drifts: DriftReport {
                repositories: Vec::new(),
                left_out: Vec::new(),
            },
            stays: Vec::new(),
        };
        let mut known = false;
        for (api, seen) in apis.iter().zip(&published) {
            let survey = rollback_survey(self.policy(), &git, seen, version)?;
            known |= survey.is_published();
            let shows = observe::heads(api.as_ref(), &survey.tags_to_observe()).await?;
            let mut drift = Vec::new();
            for step in survey.steps(&shows) {
                match step {
                    RollbackStep::Back(back) => drift.push(back),
                    RollbackStep::Stays(tag, why) => {
                        taken.stays.push((survey.repository.clone(), tag, why));
                    }
                }
            }
            let repository = survey.repository;
            taken
                .drifts
                .repositories
                .push(RepositoryDrift { repository, drift });
        }
        if known {
            return Ok(taken);
        }
        Err(Error::refused(format!("no repository has {version}"))
            .with_code(ErrorCode::NotReleased)
            .state("nothing was moved")
            .hint("`hoist log` lists the releases"))
    }

    /// Moves the tags back. `None`: there was nothing to move.
    ///
    /// # Errors
    /// As [`Release::plan_take_back`]; what preflight finds. What came of the transaction is the
    /// outcome.
    pub async fn take_back(&self, plan: &RollbackPlan) -> Result<Option<Outcome>> {
        if plan.moves().next().is_none() {
            return Ok(None);
        }
        self.registries.publish();
        self.warn_of_policy()?;
        self.or_signal(self.refuse_unfinished()).await?;
        let tags = plan.moves().map(|(repository, drift)| {
            (repository.clone(), drift.tag.clone(), plan.version.clone())
        });
        // A higher version that came meanwhile has the tags.
        let recheck = self.recheck_of_repair(tags.collect());
        let version = plan.version.clone();
        let publication = self.repair_publication(&plan.drifts, version, recheck);
        let publication = self.or_signal(publication).await?;
        Ok(Some(
            self.publish(&self.world(), &publication, Verb::Rollback, None)
                .await,
        ))
    }
}
