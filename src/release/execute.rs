//! The one place where a transaction begins and ends. Whatever belongs around every transaction
//! (images on disk, the winner's name, tag and branch in this clone) is here, and nowhere else in
//! the crate is one started.

use std::sync::Arc;

use crate::{
    error::{ErrorKind, Result},
    oci::Repository,
    outcome::{Outcome, OutcomeKind},
    plan::{
        Plan,
        release::receipt::{ReceiptRecord, ReferrerReceipt},
    },
    publish::{self, Proven, Publication, Recovery, ReferrerRecord, Scope, World},
    release::{
        build::Made,
        consent::Consent,
        facade::Release,
        hooks::Verb,
        policy_check::PolicyCheck,
        publication::{alike, still_fits},
        request::ImageOptions,
        signatures::with_known,
    },
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
    pub(super) async fn carry_out(
        &self,
        plan: &Plan,
        options: &ImageOptions,
        verb: Verb,
    ) -> Result<Outcome> {
        self.remember_plan(plan);
        let outcome = self.carried_out(plan, options, verb).await;
        self.store().let_go();
        self.close_pushes().await;
        if let Err(error) = &outcome {
            self.after_failure(verb, plan, error).await;
        }
        outcome
    }

    async fn carried_out(
        &self,
        plan: &Plan,
        options: &ImageOptions,
        verb: Verb,
    ) -> Result<Outcome> {
        self.check_files(plan)?;
        let world = self.world();
        self.recall_registries();
        let found = match self.or_signal(self.preflight(&world, plan)).await {
            Ok(found) => found,
            Err(error) => return Err(self.name_winner(plan, error).await),
        };
        self.or_signal(self.check_forge_of(&world, plan)).await?;
        self.or_signal(self.check_builds(plan, options)).await?;
        self.check_programs()?;
        // What the programs of the project leave in the working tree is not meant.
        let uncommitted = self.uncommitted(plan, options)?;
        self.before_build(plan, verb).await?;
        self.check_later_programs()?;
        let mut made = self.built_images(plan, options).await?;
        made.uncommitted.splice(..0, uncommitted);
        let checked = self.check_origin(plan, &made.images, options);
        self.or_signal(checked).await?;
        self.check_recorded(plan, &made.images, options)?;
        still_fits(plan, &made.images)?;
        for same in alike(plan, &made.images) {
            self.events.warning(same);
        }
        let checked = self.check_budget(plan, &made.images, options.over_budget);
        made.over_budget = self.or_signal(checked).await?;
        made.platforms = self
            .or_signal(self.image_platforms(plan, &made.images))
            .await?;
        let publication = self.publication(&world, plan, &made, &found);
        let publication = Publication {
            promotes: options.promotes.clone(),
            ..self.or_signal(publication).await?
        };
        let published = self.publish(&world, &publication, verb, Some((plan, &made)));
        let mut outcome = Box::pin(published).await;
        if let Some(error) = outcome.error.take() {
            outcome.error = Some(self.name_winner(plan, error).await);
        }
        if outcome.kind == OutcomeKind::Published {
            self.remember_registries();
            self.clear_left_on_forge(&world, plan).await;
            // No release of these repositories is unfinished in this clone now, so what no process
            // uses belongs to none. What stays costs room and nothing else.
            let _ = self.store().prune(&[]);
        }
        Ok(outcome)
    }

    /// Publishes: all tags, or none. `release`, `promote`, `repair` and `rollback VERSION` end here.
    /// Only what comes from a plan passes the gate: nothing may stand in the way of taking back.
    pub(super) async fn publish(
        &self,
        world: &World,
        publication: &Publication,
        verb: Verb,
        planned: Option<(&Plan, &Made)>,
    ) -> Outcome {
        let store = self.store();
        let about = publication.referrers.iter().map(|one| &one.content);
        let digests: Vec<_> = publication
            .images
            .iter()
            .map(|image| &image.image)
            .chain(about)
            .map(|image| image.manifest.digest())
            .collect();
        for digest in &digests {
            // Content that is fetched for one registry from another lies there for a while.
            if let Err(error) = store.hold(digest) {
                self.events.warning(error.to_string());
            }
        }
        let gate = async {
            match planned {
                Some((plan, made)) => {
                    self.gate_and_sign(world, publication, verb, plan, made)
                        .await
                }
                None => Ok(Proven::default()),
            }
        };
        let outcome = publish::publish_past(world, publication, gate).await;
        self.bring_home(&outcome).await;
        if outcome.is_over() && !is_busy(&outcome) {
            for digest in digests {
                // What stays costs room and nothing else.
                let _ = store.remove(digest);
            }
        }
        let plan = planned.map(|(plan, _)| plan);
        let outcome = self.after(verb, plan, outcome).await;
        if let Some(plan) = plan {
            self.announce(plan, &outcome).await;
        }
        outcome
    }

    /// What is asked and made between staging and the lock: the gate, the signatures, and the git tag that
    /// records them.
    async fn gate_and_sign(
        &self,
        world: &World,
        publication: &Publication,
        verb: Verb,
        plan: &Plan,
        made: &Made,
    ) -> Result<Proven> {
        let proven = async {
            let gate = self.gate(plan, publication, verb).await?;
            let signatures = self.sign(plan, publication).await?;
            let is_new = !gate.is_empty() || !signatures.is_empty();
            let git_tag = match plan.git_tag.create && is_new {
                true => {
                    let known = self.receipt_record(world, plan, made, &publication.referrers);
                    let record = ReceiptRecord {
                        gate,
                        signatures: with_known(&known.signatures, &signatures),
                        ..known
                    };
                    Some(self.tag_object(plan, &record).await?.0)
                }
                false => None,
            };
            let forge = self.forge_publication(plan, publication).await?;
            Ok(Proven {
                forge,
                git_tag,
                signatures: signatures.into_iter().map(journaled).collect(),
            })
        };
        let proven = proven.await;
        if proven.is_err() {
            self.tell_left(publication);
        }
        proven
    }

    /// Goes on with an unfinished transaction. `resume` and `rollback` end here.
    pub(super) async fn recover(
        &self,
        how: Recovery,
        consent: &Consent,
        direction: RecoveryDirection,
    ) -> Result<Option<Outcome>> {
        let world = self.world();
        let scope = Scope {
            check: Some(Arc::new(PolicyCheck::new(self, consent)?)),
            ..self.scope()?
        };
        // The images of the release that died are among them, and a release that starts and fails
        // meanwhile must not remove them.
        self.store().hold_all();
        let outcome = match direction {
            RecoveryDirection::Forward => publish::resume(&world, &scope, how).await,
            RecoveryDirection::Back => publish::rollback(&world, &scope, how).await,
        };
        self.store().let_go();
        let Some(outcome) = outcome? else {
            return Ok(None);
        };
        self.bring_home(&outcome).await;
        self.tell_resumed(&outcome);
        let verb = match direction {
            RecoveryDirection::Forward => Verb::Resume,
            RecoveryDirection::Back => Verb::Rollback,
        };
        Ok(Some(self.after(verb, None, outcome).await))
    }

    /// Brings what a transaction has pushed into this clone: its git tag and its release commit.
    async fn bring_home(&self, outcome: &Outcome) {
        self.bring_tag(outcome).await;
        self.bring_branch(outcome).await;
    }
}

/// A signature as the journal has it, with its repository.
fn journaled(receipt: ReferrerReceipt) -> (Repository, ReferrerRecord) {
    let record = ReferrerRecord {
        repository: 0,
        digest: receipt.digest,
        artifact_type: receipt.artifact_type,
        subject: receipt.subject,
    };
    (receipt.repository, record)
}

/// Whether another release was in the way. It may be of the same image, and may have died: then its image
/// is what `hoist resume` goes on with.
fn is_busy(outcome: &Outcome) -> bool {
    let error = outcome.error.as_ref();
    error.is_some_and(|error| error.kind() == ErrorKind::Busy)
}
