//! What would stop a release, told by the verbs that only look: `plan`, `check`, `verify`, and the look
//! before the question of `release`.

use crate::{
    error::{Error, ErrorCode, ErrorKind, Result},
    plan::{Plan, PlannedSource, release::preconditions::PushedHead},
    project::ImageResult,
    publish::{self, InTheWay},
    release::{
        facade::Release,
        purpose::Purpose,
        request::{Planned, ReleaseRequest},
        set::ReleaseSet,
    },
};

impl Release {
    /// The unfinished or running release that is in the way of a new one, as `release` would say it.
    /// `None`: there is none.
    ///
    /// # Errors
    /// Failed (exit 6) where journals or locks cannot be read.
    pub async fn hindrance(&self) -> Result<Option<Error>> {
        match self.or_signal(self.refuse_unfinished()).await {
            Ok(()) => Ok(None),
            Err(error) if error.kind() == ErrorKind::Busy => Ok(Some(error)),
            Err(error) => Err(error),
        }
    }

    /// The plan that a person is asked about: as [`Release::plan`], and refused where `release` would
    /// refuse without a build. Touches nothing.
    ///
    /// # Errors
    /// As [`Release::plan`]; busy (exit 5) where another release is in the way; refused (exit 4) for the
    /// branch, the policy file, the working tree, an unpushed HEAD, or a layout of another commit; failed
    /// (exit 6) for a program of the policy that is not there.
    pub async fn propose(&self, request: &ReleaseRequest) -> Result<Planned> {
        self.or_signal(async {
            self.refuse_others(request).await?;
            let planned = self.gather(request, Purpose::Show).await?;
            self.refuse_without_image(&planned)?;
            if let Planned::Release(plan) = &planned {
                self.check_preconditions(request).await?;
                self.check_files(plan)?;
                self.check_programs()?;
                self.check_at_hand(plan, &self.image_options(request)?)
                    .await?;
            }
            Ok(planned)
        })
        .await
    }

    /// Refuses files of `[[attach]]` and `forge.assets` that lie there and are not to be read, where the plan
    /// needs them.
    pub(super) fn check_files(&self, plan: &Plan) -> Result<()> {
        let mut images = plan.images.iter();
        let mut checked = Ok(());
        if images.any(|image| image.source == PlannedSource::Build) {
            checked = self.check_attachments().map(drop);
        }
        if plan.forge.is_some() {
            checked = checked.and_then(|()| self.check_release_files());
        }
        checked.map_err(|error| error.state("nothing was built or moved"))
    }

    /// Warns of a policy that no commit holds, where tags are put right by it.
    pub(super) fn warn_of_policy(&self) -> Result<()> {
        let found = self.findings_here(&ReleaseRequest::default(), PushedHead::Yes)?;
        let is_policy = |error: &&Error| error.code() == ErrorCode::PolicyNotCommitted;
        if let Some(error) = found.refusals.iter().find(is_policy) {
            self.events.warning(error.message());
        }
        Ok(())
    }

    /// A plan with everything that `release` would say against it.
    pub(super) async fn with_obstacles(&self, request: &ReleaseRequest) -> Result<Planned> {
        let planned = self.gather(request, Purpose::Show);
        let (planned, way) = tokio::join!(planned, self.way_message(request));
        let mut planned = planned?;
        match &mut planned {
            Planned::Release(plan) => {
                plan.messages
                    .extend(self.precondition_messages(request).await?);
                let options = self.image_options(request)?;
                let checked = self.check_at_hand(plan, &options).await;
                let files = self.check_files(plan).err();
                let programs = self.check_programs().err();
                let refused = files.into_iter().chain(programs).chain(checked.err());
                plan.messages
                    .extend(refused.map(|error| would_refuse(&error)));
            }
            Planned::NothingToRelease(_) => {}
        }
        let messages = match &mut planned {
            Planned::Release(plan) => &mut plan.messages,
            Planned::NothingToRelease(nothing) => &mut nothing.messages,
        };
        match way {
            Ok(message) => messages.extend(message),
            Err(error) => messages.push(format!(
                "whether a release is unfinished could not be seen: {error:#}"
            )),
        }
        Ok(planned)
    }

    /// Refuses where an unfinished or running release is in the way that `request` would not go on with.
    ///
    /// # Errors
    /// Busy (exit 5) for such a release; failed (exit 6) where journals or locks cannot be read.
    pub(super) async fn refuse_others(&self, request: &ReleaseRequest) -> Result<()> {
        match self.wait_for_running(request).await? {
            Some(found) if !self.is_own(request, &found).await? => Err(found.error),
            Some(_) | None => Ok(()),
        }
    }

    /// What an unfinished or running release means for `request`.
    async fn way_message(&self, request: &ReleaseRequest) -> Result<Option<String>> {
        let Some(found) = publish::in_the_way(&self.world(), &self.scope()?, None).await? else {
            return Ok(None);
        };
        Ok(Some(match self.is_own(request, &found).await? {
            true => goes_on(&found),
            false => would_refuse(&found.error),
        }))
    }

    /// How it is with other releases, for `check`.
    ///
    /// # Errors
    /// As [`Release::refuse_others`].
    pub(super) async fn other_releases(&self, request: &ReleaseRequest) -> Result<String> {
        match publish::in_the_way(&self.world(), &self.scope()?, None).await? {
            None => Ok("none is unfinished".into()),
            Some(found) if self.is_own(request, &found).await? => Ok(goes_on(&found)),
            Some(found) => Err(found.error),
        }
    }

    async fn precondition_messages(&self, request: &ReleaseRequest) -> Result<Vec<String>> {
        let found = self.precondition_findings(request).await?;
        let is_pull_request = |error: &&Error| error.code() == ErrorCode::PullRequest;
        if let Some(error) = found.refusals.iter().find(is_pull_request) {
            // What else stands in the way is the merge's business.
            return Ok(vec![format!(
                "`hoist release` would refuse: {}",
                error.message()
            )]);
        }
        let mut messages = found.notes;
        // What is wrong with the branch, `next` has said.
        let of_branch = |error: &&Error| error.code() == ErrorCode::BranchNotReleased;
        let others = found.refusals.iter().filter(|error| !of_branch(error));
        messages.extend(others.map(would_refuse));
        Ok(messages)
    }
}

impl ReleaseSet {
    /// [`Release::propose`] of each.
    pub async fn propose(&self, request: &ReleaseRequest) -> Vec<ImageResult<Planned>> {
        self.each(request.clone(), |release, request| async move {
            release.propose(&request).await
        })
        .await
    }

    /// [`Release::hindrance`] of each.
    pub async fn hindrance(&self) -> Vec<ImageResult<Option<Error>>> {
        self.each((), |release, ()| async move { release.hindrance().await })
            .await
    }
}

/// What becomes of a release that the next run takes up.
fn goes_on(found: &InTheWay) -> String {
    format!(
        "an earlier run has begun to release {} of this commit: `hoist release` goes on with it",
        found.version
    )
}

/// An error of `release` as a note of a verb that only looks.
fn would_refuse(error: &Error) -> String {
    let hint = error.first_hint().map(|hint| match is_command(hint) {
        true => format!("; `{hint}`"),
        false => format!("; {hint}"),
    });
    let hint = hint.unwrap_or_default();
    format!("`hoist release` would refuse: {}{hint}", error.message())
}

/// Whether a hint is nothing but a command, and does not mark it as one.
fn is_command(hint: &str) -> bool {
    let program = hint.split(' ').next().unwrap_or_default();
    !hint.contains('`') && ["docker", "eval", "git", "hoist"].contains(&program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_becomes_a_note_with_its_remedy() {
        for (hint, note) in [
            (
                "git push origin HEAD",
                "`hoist release` would refuse: not pushed; `git push origin HEAD`",
            ),
            (
                "`hoist resume` finishes it",
                "`hoist release` would refuse: not pushed; `hoist resume` finishes it",
            ),
            (
                "push that branch",
                "`hoist release` would refuse: not pushed; push that branch",
            ),
        ] {
            assert_eq!(would_refuse(&Error::refused("not pushed").hint(hint)), note);
        }
        assert!(would_refuse(&Error::refused("no")).ends_with("refuse: no"));
    }
}
