//! What an unfinished release means for a new one: it is waited for, gone on with, or it stops the new one.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{
    error::{ErrorKind, Result},
    event::Awaited,
    io::wait_report::WaitReport,
    outcome::Outcome,
    publish::{self, InTheWay, Recovery},
    release::{
        execute::RecoveryDirection,
        facade::Release,
        request::{Planned, ReleaseRequest, ReleaseResult},
    },
};

/// The first pause between two looks at a running release; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

impl Release {
    /// Lets nothing unfinished stand in the way of `request`: waits for a running release as long as the
    /// request says, and goes on with the request's own, where that may be taken freely. What this came
    /// to where it leaves nothing to release.
    ///
    /// Not to be dropped at a signal: a transaction may be under way, which ends by itself.
    ///
    /// # Errors
    /// Busy (exit 5) for any other unfinished release; what [`Release::resume`] fails with.
    pub(super) async fn make_way(&self, request: &ReleaseRequest) -> Result<Option<Outcome>> {
        loop {
            let Some(found) = self.or_signal(self.wait_for_running(request)).await? else {
                return Ok(None);
            };
            if !self.or_signal(self.is_own(request, &found)).await? {
                return Err(found.error);
            }
            let version = &found.version;
            let (direction, what) = match found.turned_back {
                true => (RecoveryDirection::Back, "undoing what is left of it first"),
                false => (
                    RecoveryDirection::Forward,
                    "going on with it, as `hoist resume` does",
                ),
            };
            self.events.note(format!(
                "an earlier run has begun to release {version} of this commit: {what}"
            ));
            let ended = self.recover(Recovery::IfAbandoned, &request.consent, direction);
            match ended.await? {
                // Somebody else has just ended it.
                None => {}
                Some(outcome) if found.turned_back && outcome.error.is_none() => {
                    self.events
                        .note(format!("{version} was rolled back; it is released anew"));
                }
                Some(outcome) => return Ok(Some(outcome)),
            }
        }
    }

    /// The unfinished release that is in the way, once none is running any more.
    ///
    /// # Errors
    /// Busy (exit 5) where one is still running when the time is up.
    pub(super) async fn wait_for_running(
        &self,
        request: &ReleaseRequest,
    ) -> Result<Option<InTheWay>> {
        let (begun, wait) = (Instant::now(), request.wait.unwrap_or_default());
        let mut pause = FIRST_PAUSE;
        let mut told: Option<(String, WaitReport)> = None;
        let scope = self.scope()?;
        let mut seen = self.first_look(&scope).await;
        loop {
            let found = publish::in_the_way(&self.world(), &scope, seen.take()).await?;
            let found = match found {
                Some(found) if !found.is_abandoned => found,
                nothing_runs => {
                    if told.is_some() {
                        // What the remote showed before is not what that release has left.
                        drop(self.remote_memory.take());
                    }
                    return Ok(nothing_runs);
                }
            };
            let left = wait.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Err(match request.wait {
                    Some(_) => found
                        .error
                        .cause(format!("waited for {} s", wait.as_secs())),
                    None => found.error,
                });
            }
            if told.as_ref().is_none_or(|(owner, _)| *owner != found.owner) {
                let awaited = Awaited::Release {
                    version: found.version.clone(),
                    owner: found.owner.clone(),
                    since: found.since,
                };
                let report = WaitReport::new(&self.events, awaited).until(begun + wait);
                told = Some((found.owner, report));
            }
            let nap = sleep(pause.min(left));
            match &mut told {
                Some((_, report)) => report.during(nap).await,
                None => nap.await,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Whether an unfinished release is what `request` asks for, and may be taken from its owner freely.
    pub(super) async fn is_own(&self, request: &ReleaseRequest, found: &InTheWay) -> Result<bool> {
        if !found.is_abandoned || !found.is_release {
            return Ok(false);
        }
        let remote = self.remote_tags(false).await?;
        let facts = self.project().facts_with(&request.request, remote)?;
        if found.commit != facts.head && found.parent != Some(facts.head) {
            return Ok(false);
        }
        // Without a next version it is nobody's.
        let Ok(next) = self.project().decide(&facts, &request.request) else {
            return Ok(false);
        };
        let on_head = next.on_head.map(|tag| tag.version);
        let version = Some(&found.version);
        Ok(next.version.as_ref() == version || on_head.as_ref() == version)
    }

    /// Carries out what was planned. Where another release has taken the lock since, and the request
    /// waits, that one is waited for, and everything is planned anew.
    pub(super) async fn carry_out_or_wait(
        &self,
        planned: Planned,
        request: &ReleaseRequest,
    ) -> Result<ReleaseResult> {
        let begun = Instant::now();
        let options = self.image_options(request)?;
        let result = self.carry_out_planned(planned, options).await;
        match self.waits_again(request, begun, &result) {
            Some(again) => self.release(&again).await,
            None => result,
        }
    }

    /// The request once more, where another release has taken the lock since and there is time left to
    /// wait for it.
    pub(super) fn waits_again(
        &self,
        request: &ReleaseRequest,
        begun: Instant,
        result: &Result<ReleaseResult>,
    ) -> Option<ReleaseRequest> {
        let left = request.wait?.saturating_sub(begun.elapsed());
        if left.is_zero() || !came_second(result) {
            return None;
        }
        self.events
            .note("another release has taken the lock meanwhile");
        Some(ReleaseRequest {
            wait: Some(left),
            ..request.clone()
        })
    }
}

/// Whether another release had the lock before this one could begin.
fn came_second(result: &Result<ReleaseResult>) -> bool {
    let error = match result {
        Err(error) => Some(error),
        Ok(ReleaseResult::Ended(outcome)) => outcome.error.as_ref(),
        Ok(ReleaseResult::Nothing(_)) => None,
    };
    error.is_some_and(|error| error.kind() == ErrorKind::Busy)
}
