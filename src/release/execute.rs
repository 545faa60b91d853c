//! The one place where a transaction begins and ends. Whatever belongs around every transaction
//! (images on disk, the winner's name, tag and branch in this clone) is here, and nowhere else in
//! the crate is one started.

use crate::{
    error::Result,
    outcome::Outcome,
    plan::Plan,
    policy::SameImage,
    publish::{self, Publication, Recovery, World},
    release::{facade::Release, publication::still_fits},
};

/// Which way an unfinished transaction goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecoveryDirection {
    /// To its end.
    Forward,
    /// To what was before it.
    Back,
}

impl Release {
    /// Does what the plan says: images, transaction, and what follows from how it ended.
    pub(super) async fn carry_out(&self, plan: &Plan, same_image: SameImage) -> Result<Outcome> {
        let world = self.world();
        let found = match self.or_signal(self.preflight(&world, plan)).await {
            Ok(found) => found,
            Err(error) => return Err(self.name_winner(plan, error).await),
        };
        self.or_signal(self.check_builds(plan)).await?;
        let made = self.images(plan).await?;
        let checked = self.check_origin(plan, &made.images, same_image);
        self.or_signal(checked).await?;
        still_fits(plan, &made.images)?;
        let publication = self.publication(&world, plan, &made, &found);
        let publication = self.or_signal(publication).await?;
        let mut outcome = self.publish(&world, &publication).await;
        if let Some(error) = outcome.error.take() {
            outcome.error = Some(self.name_winner(plan, error).await);
        }
        if outcome.is_over() {
            made.remove();
        }
        Ok(outcome)
    }

    /// Publishes: all tags, or none. `release`, `promote`, `repair` and `rollback VERSION` end here.
    pub(super) async fn publish(&self, world: &World, publication: &Publication) -> Outcome {
        let outcome = publish::publish(world, publication).await;
        self.bring_home(&outcome).await;
        outcome
    }

    /// Goes on with an unfinished transaction. `resume` and `rollback` end here.
    pub(super) async fn recover(
        &self,
        how: Recovery,
        direction: RecoveryDirection,
    ) -> Result<Option<Outcome>> {
        let (world, scope) = (self.world(), self.scope()?);
        let outcome = match direction {
            RecoveryDirection::Forward => publish::resume(&world, &scope, how).await?,
            RecoveryDirection::Back => publish::rollback(&world, &scope, how).await?,
        };
        if let Some(outcome) = &outcome {
            self.bring_home(outcome).await;
        }
        Ok(outcome)
    }

    /// Brings what a transaction has pushed into this clone: its git tag and its release commit.
    async fn bring_home(&self, outcome: &Outcome) {
        self.bring_tag(outcome).await;
        self.bring_branch(outcome).await;
    }
}
