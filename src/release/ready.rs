//! One of several images, once it is known what stands before it.

use std::sync::Arc;

use crate::{
    error::Result,
    outcome::Outcome,
    plan::Plan,
    release::{
        facade::Release,
        hooks::Verb,
        request::{Planned, ReleaseRequest, ReleaseResult},
    },
};

/// What stands before the first image is built.
pub(super) enum Ready {
    /// It is planned.
    Planned(Planned),
    /// An unfinished release was gone on with, which leaves nothing to do.
    Ended(Box<Outcome>),
}

/// Carries out what is planned.
pub(super) async fn carry_out_ready(
    release: Arc<Release>,
    ready: Result<(Ready, ReleaseRequest)>,
) -> Result<ReleaseResult> {
    match ready? {
        (Ready::Ended(outcome), _) => Ok(ReleaseResult::Ended(outcome)),
        (Ready::Planned(planned), request) => release.carry_out_or_wait(planned, &request).await,
    }
}

impl Release {
    /// Carries out a plan whose branch another image's release may have moved since it was shown.
    pub(super) async fn execute_next(
        &self,
        plan: &Plan,
        request: &ReleaseRequest,
        moved: bool,
    ) -> Result<ReleaseResult> {
        let outcome = if moved {
            match self.make_way(&request.for_plan(plan)).await? {
                Some(ended) => ended,
                None => {
                    let plan = self.or_signal(self.follow_on(plan, request)).await?;
                    self.carry_out(&plan, &self.image_options(request)?, Verb::Release)
                        .await?
                }
            }
        } else {
            Box::pin(self.execute(plan, request)).await?
        };
        Ok(ReleaseResult::Ended(Box::new(outcome)))
    }
}
