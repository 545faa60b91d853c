//! The verbs `plan` and `release`: a release is planned, shown, tried, carried out.

use tokio::time::Instant;

use crate::{
    error::{Error, ErrorCode, Result},
    event::{Finished, Started},
    io::git::read::NO_TAGS,
    outcome::Outcome,
    plan::{Plan, PlannedImage, PlannedSource},
    release::{
        facade::Release,
        hooks::Verb,
        purpose::Purpose,
        request::{ImageOptions, Planned, ReleaseRequest, ReleaseResult},
    },
};

/// Whether a plan is told when it is made, or a person has seen it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Telling {
    Now,
    Before,
}

impl Release {
    /// Everything that a release would do, and what would stop it, in the plan's messages. Touches
    /// nothing.
    ///
    /// # Errors
    /// Refused (exit 4) where facts say no; failed (exit 6) where a registry or the remote cannot
    /// be read.
    pub async fn plan(&self, request: &ReleaseRequest) -> Result<Planned> {
        self.or_signal(self.with_obstacles(request)).await
    }

    /// Plans, and proves that nothing would stop the release. Touches nothing.
    ///
    /// # Errors
    /// As [`Release::plan`]; what preflight finds.
    pub async fn dry_run(&self, request: &ReleaseRequest) -> Result<Planned> {
        self.registries.push_follows();
        let reviewed = request.reviewed.as_deref();
        let request = &reviewed.map_or_else(|| request.clone(), |plan| request.for_plan(plan));
        let tried = self.or_signal(async {
            self.refuse_others(request).await?;
            let planned = self.gather(request, Purpose::Try).await?;
            if let Some(reviewed) = reviewed {
                up_to_date(changes_of(reviewed, &planned))?;
            }
            self.refuse_without_image(&planned)?;
            if let Planned::Release(plan) = &planned {
                self.check_preconditions(request).await?;
                self.preflight(&self.world(), plan).await?;
                let options = self.image_options(request)?;
                self.check_builds(plan, &options).await?;
                self.check_programs()?;
                self.try_images_at_hand(plan, request).await?;
            }
            Ok(planned)
        });
        let tried = tried.await;
        self.close_pushes().await;
        tried
    }

    /// Plans and carries the plan out: builds once, and moves every tag or none. An unfinished release of
    /// the same commit and version that may be taken freely is gone on with instead.
    ///
    /// # Errors
    /// Whatever stood in the way before the transaction began. What came of the transaction itself
    /// is the outcome.
    pub async fn release(&self, request: &ReleaseRequest) -> Result<ReleaseResult> {
        self.registries.publish();
        let options = self.image_options(request)?;
        let mut request = request.clone();
        loop {
            let begun = Instant::now();
            if let Some(ended) = self.make_way(&request).await? {
                return Ok(ReleaseResult::Ended(Box::new(ended)));
            }
            let planned = self.or_signal(self.ready(&request)).await?;
            let result = self.carry_out_planned(planned, options.clone()).await;
            match self.waits_again(&request, begun, &result) {
                Some(again) => request = again,
                None => return result,
            }
        }
    }

    /// Carries out exactly `plan`, which [`Release::plan`] made for the same request and a person
    /// has seen. Asked again just before: whether an unfinished release is in the way, and whether
    /// HEAD, the policy, a tag or an image is still as the plan says.
    ///
    /// # Errors
    /// Refused (exit 4) where the plan is out of date; else as [`Release::release`].
    pub async fn execute(&self, plan: &Plan, request: &ReleaseRequest) -> Result<Outcome> {
        self.registries.publish();
        let options = self.image_options(request)?;
        if let Some(ended) = self.make_way(&request.for_plan(plan)).await? {
            return Ok(ended);
        }
        self.or_signal(self.still_true(plan, request)).await?;
        Box::pin(self.carry_out(plan, &options, Verb::Release)).await
    }

    /// Where the images come from, by the request and the policy.
    ///
    /// # Errors
    /// As [`Release::leg_inputs`].
    pub(super) fn image_options(&self, request: &ReleaseRequest) -> Result<ImageOptions> {
        Ok(ImageOptions {
            allow_same_image: request.allow_same_image,
            over_budget: request.over_budget,
            allow_dirty: request.allow_dirty,
            legs: self.leg_inputs(&request.from)?,
            promotes: None,
        })
    }

    /// Everything before the first thing is done, once nothing unfinished is in the way: whether this
    /// commit may be released, and the plan.
    pub(super) async fn ready(&self, request: &ReleaseRequest) -> Result<Planned> {
        let step = self.events.start(Started::Plan { promoted: None });
        let (made, notes) = self.made_ready(request).await?;
        self.refuse_without_image(&made)?;
        for note in notes {
            self.events.note(note);
        }
        if let Planned::Release(plan) = &made {
            // The remote's tags are here by now.
            for message in plan.messages.iter().filter(|text| *text != NO_TAGS) {
                self.events.note(message.clone());
            }
            step.finish(planned(plan));
        }
        Ok(made)
    }

    /// The same without a word; what a person should know.
    async fn made_ready(&self, request: &ReleaseRequest) -> Result<(Planned, Vec<String>)> {
        let notes = self.check_preconditions(request).await?;
        match self.gather(request, Purpose::Do).await {
            Ok(planned) => Ok((planned, notes)),
            Err(error) => {
                self.close_pushes().await;
                Err(error)
            }
        }
    }

    /// The same for a plan that was shown: it still comes out like that.
    pub(super) async fn still_true(&self, shown: &Plan, request: &ReleaseRequest) -> Result<()> {
        let (planned, _) = self.made_ready(&request.for_plan(shown)).await?;
        let is_true = up_to_date(changes_of(shown, &planned));
        if is_true.is_err() {
            self.close_pushes().await;
        }
        is_true
    }

    /// The plan that follows on `shown`, once another image's release has moved the branch that
    /// both start from: the same version, on the commit that the branch has now.
    pub(super) async fn follow_on(
        &self,
        shown: &Plan,
        request: &ReleaseRequest,
    ) -> Result<Box<Plan>> {
        let changed = match self.ready(&request.for_plan(shown)).await? {
            Planned::Release(now) if now.version == shown.version => return Ok(now),
            Planned::Release(now) => vec![format!(
                "the version was {}, and is {}",
                shown.version, now.version
            )],
            Planned::NothingToRelease(nothing) => vec![nothing.why],
        };
        Err(out_of_date(changed))
    }

    pub(super) async fn carry_out_planned(
        &self,
        planned: Planned,
        options: ImageOptions,
    ) -> Result<ReleaseResult> {
        match planned {
            Planned::NothingToRelease(nothing) => Ok(ReleaseResult::Nothing(nothing)),
            Planned::Release(plan) => {
                let carried_out = self.carry_out(&plan, &options, Verb::Release);
                let outcome = Box::pin(carried_out).await?;
                Ok(ReleaseResult::Ended(Box::new(outcome)))
            }
        }
    }
}

/// What the step of planning ends with.
pub(super) fn planned(plan: &Plan) -> Finished {
    Finished::Plan {
        repositories: plan.repositories.clone(),
        current: plan.current.clone(),
        version: plan.version.clone(),
        bump: plan.bump.map(|bump| bump.to_string()),
    }
}

fn changes_of(shown: &Plan, planned: &Planned) -> Vec<String> {
    match planned {
        Planned::Release(now) => changes(shown, now),
        Planned::NothingToRelease(nothing) => vec![nothing.why.clone()],
    }
}

/// What is no longer as a plan says, when it is made again: one line each.
pub(super) fn changes(shown: &Plan, now: &Plan) -> Vec<String> {
    let mut changed = shown.differences(now);
    if changed.is_empty() && !same_images(&shown.images, &now.images) {
        changed.push("an image has another source, labels or arguments than planned".to_owned());
    }
    if changed.is_empty() && shown.release_commit != now.release_commit {
        changed.push("the release commit is another one than planned".to_owned());
    }
    let belongs_to = |plan: &Plan| -> Vec<_> {
        let tags = plan.tags.iter();
        tags.map(|tag| (tag.image.clone(), tag.kind, tag.successor.clone()))
            .collect()
    };
    if changed.is_empty() && belongs_to(shown) != belongs_to(now) {
        changed.push("a tag belongs to another image than planned".to_owned());
    }
    changed
}

/// Whether both would be the same bytes. Why one is adopted may be said in other words.
fn same_images(shown: &[PlannedImage], now: &[PlannedImage]) -> bool {
    let without_why = |image: &PlannedImage| {
        let mut image = image.clone();
        if let PlannedSource::Adopt { why, from, digest } = image.source {
            drop(why);
            let why = String::new();
            image.source = PlannedSource::Adopt { digest, from, why };
        }
        image
    };
    let all = |images: &[PlannedImage]| images.iter().map(without_why).collect::<Vec<_>>();
    all(shown) == all(now)
}

pub(super) fn up_to_date(changed: Vec<String>) -> Result<()> {
    if changed.is_empty() {
        return Ok(());
    }
    Err(out_of_date(changed))
}

fn out_of_date(changed: Vec<String>) -> Error {
    let error = Error::refused("the plan is out of date")
        .with_code(ErrorCode::PlanOutOfDate)
        .state("nothing was built or moved")
        .hint("make a new one: `hoist plan --json > plan.json`; where it was made with `--version`, `--bump`, `--pre` or `--branch`, give the same here");
    changed.into_iter().fold(error, Error::cause)
}
