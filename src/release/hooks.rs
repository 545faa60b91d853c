//! Programs of the project that run around a transaction, and what they are told.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

use semver::Version;
use tempfile::TempDir;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::{
    error::{Error, ErrorCode, ErrorKind, Result},
    event::{Event, Finished, Started},
    git::CommitId,
    io::{
        git::OF_ANOTHER_REPOSITORY,
        user_program::{LeftoverScope, ProgramEnd, run_to_end},
    },
    oci::Image,
    outcome::{Outcome, OutcomeKind},
    plan::Plan,
    policy::{Hook, HookPoint},
    publish::Publication,
    release::{facade::Release, left::staged},
    text::sanitize_line,
};

/// What a transaction is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Release,
    Promote,
    Repair,
    Rollback,
    Resume,
}

impl Verb {
    fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Promote => "promote",
            Self::Repair => "repair",
            Self::Rollback => "rollback",
            Self::Resume => "resume",
        }
    }
}

/// What hooks are told of a release.
struct Told<'a> {
    verb: Verb,
    version: &'a Version,
    previous: Option<&'a Version>,
    commit: CommitId,
    git_tag: Option<&'a str>,
    /// Each image with its digest, in each repository.
    images: Vec<String>,
    tags: Vec<String>,
    /// The first image's layout, where it is on this machine.
    layout: Option<PathBuf>,
    plan: Option<&'a Plan>,
    outcome: Option<&'a Outcome>,
}

impl<'a> Told<'a> {
    fn of_plan(verb: Verb, plan: &'a Plan) -> Self {
        Self {
            verb,
            version: &plan.version,
            previous: plan.current.as_ref(),
            commit: plan.commit,
            git_tag: Some(plan.git_tag.name.short()),
            images: Vec::new(),
            tags: plan
                .tags
                .iter()
                .map(|planned| planned.repository.tag(&planned.tag))
                .collect(),
            layout: None,
            plan: Some(plan),
            outcome: None,
        }
    }

    fn of_outcome(verb: Verb, plan: Option<&'a Plan>, outcome: &'a Outcome) -> Self {
        Self {
            verb,
            version: &outcome.version,
            previous: plan.and_then(|plan| plan.current.as_ref()),
            commit: outcome.commit,
            git_tag: outcome.git_tag.as_ref().map(|tag| tag.name.short()),
            images: outcome
                .images
                .iter()
                .map(|image| image.repository.digest(&image.digest))
                .collect(),
            tags: outcome
                .tags
                .iter()
                .map(|tag| tag.repository.tag(&tag.tag))
                .collect(),
            layout: None,
            plan,
            outcome: Some(outcome),
        }
    }

    /// The variables of hoist's own. Files are written to `folder`.
    fn variables(&self, folder: &Path) -> std::io::Result<Vec<(&'static str, String)>> {
        let mut all = vec![
            ("HOIST_VERB", self.verb.name().to_owned()),
            ("HOIST_VERSION", self.version.to_string()),
            ("HOIST_COMMIT", self.commit.to_string()),
            ("HOIST_IMAGES", self.images.join("\n")),
            ("HOIST_TAGS", self.tags.join("\n")),
        ];
        let previous = self.previous.map(ToString::to_string);
        all.extend(previous.map(|previous| ("HOIST_PREVIOUS_VERSION", previous)));
        all.extend(self.git_tag.map(|tag| ("HOIST_TAG", tag.to_owned())));
        let first = self.images.first();
        all.extend(first.map(|image| ("HOIST_IMAGE", image.clone())));
        let mut file = |name: &'static str, file: &str, content: &[u8]| {
            let path = folder.join(file);
            std::fs::File::create(&path)?.write_all(content)?;
            all.push((name, path.to_string_lossy().into_owned()));
            Ok::<(), std::io::Error>(())
        };
        if let Some(plan) = self.plan {
            file("HOIST_NOTES_FILE", "notes.md", plan.notes.as_bytes())?;
            file("HOIST_PLAN_FILE", "plan.json", &serde_json::to_vec(plan)?)?;
        }
        if let Some(outcome) = self.outcome {
            let document = serde_json::to_vec(outcome)?;
            file("HOIST_OUTCOME_FILE", "outcome.json", &document)?;
        }
        let layout = self.layout.as_ref();
        all.extend(layout.map(|path| ("HOIST_LAYOUT", path.to_string_lossy().into_owned())));
        Ok(all)
    }
}

/// What helps where the gate has said no.
fn after_refusal(publication: &Publication) -> String {
    let version = &publication.version;
    match publication.is_named() {
        true => format!(
            "{version} is published already: when the gate lets it pass, `hoist release --version {version}` completes it"
        ),
        false => "mend what it reports, and release the next commit".to_owned(),
    }
}

impl Release {
    /// The same release, which runs the policy's hooks only where they are `wanted`. A git tag that is made
    /// without them says so.
    #[must_use]
    pub fn with_hooks(self, wanted: bool) -> Self {
        self.want_hooks(wanted);
        self
    }

    pub(super) fn want_hooks(&self, wanted: bool) {
        self.skip_hooks.store(!wanted, Ordering::Relaxed);
    }

    /// Whether this release leaves out hooks that its policy has.
    pub(super) fn leaves_hooks_out(&self) -> bool {
        self.skip_hooks.load(Ordering::Relaxed) && !self.policy().hooks.is_empty()
    }

    /// Runs what belongs before the images are made.
    pub(super) async fn before_build(&self, plan: &Plan, verb: Verb) -> Result<()> {
        let told = Told::of_plan(verb, plan);
        self.run_before_lock(
            plan,
            HookPoint::BeforeBuild,
            &told,
            "nothing was built or moved",
        )
        .await
    }

    /// Asks the gate. All images are in their repositories by their digests now. The answer names the
    /// programs that have passed them.
    pub(super) async fn gate(
        &self,
        plan: &Plan,
        publication: &Publication,
        verb: Verb,
    ) -> Result<Vec<String>> {
        let images = staged(publication);
        // Layers that all registries have may not be on this machine.
        let is_whole = |image: &&Image| {
            image.dir.join("oci-layout").is_file()
                && image
                    .blobs
                    .iter()
                    .all(|blob| image.blob_path(&blob.digest).is_file())
        };
        let first = publication.images.first().map(|one| &one.image);
        let first = first.filter(is_whole);
        let layout = first.map(|image| &image.dir);
        let told = Told {
            images: images.clone(),
            layout: layout.cloned(),
            ..Told::of_plan(verb, plan)
        };
        let nothing_moved = publication.nothing_moved();
        self.run_before_lock(plan, HookPoint::AfterStage, &told, nothing_moved)
            .await
            .map_err(|error| match error.code() {
                ErrorCode::GateRefused => error.hint(after_refusal(publication)),
                _ => error,
            })?;
        if !self.runs_hooks(HookPoint::AfterStage) {
            return Ok(Vec::new());
        }
        let hooks = self.policy().hooks.at(HookPoint::AfterStage).iter();
        Ok(hooks
            .map(|hook| sanitize_line(&hook.run.to_string(), 300))
            .collect())
    }

    /// Runs hooks while nothing of this release has a name.
    async fn run_before_lock(
        &self,
        plan: &Plan,
        point: HookPoint,
        told: &Told<'_>,
        nothing_moved: &str,
    ) -> Result<()> {
        let hooks = self.run_hooks(point, told, &self.cancel);
        match self.runs_hooks(point) {
            true => {
                let who = format!("`hooks.{point}`");
                self.watched(plan, &who, Some(nothing_moved), hooks).await
            }
            false => hooks.await,
        }
    }

    fn runs_hooks(&self, point: HookPoint) -> bool {
        !self.policy().hooks.at(point).is_empty() && !self.skip_hooks.load(Ordering::Relaxed)
    }

    /// Runs what belongs behind a transaction. A failure of what follows a release is the outcome's error,
    /// and takes nothing back.
    pub(super) async fn after(
        &self,
        verb: Verb,
        plan: Option<&Plan>,
        mut outcome: Outcome,
    ) -> Outcome {
        let told = Told::of_outcome(verb, plan, &outcome);
        // A signal has shortened the transaction; what its end is told to is not part of it.
        let fresh = CancellationToken::new();
        let cancel = match self.cancel.is_cancelled() {
            true => &fresh,
            false => &self.cancel,
        };
        match (outcome.kind, &outcome.error) {
            (OutcomeKind::Published, None) => {
                let ran = self.run_hooks(HookPoint::AfterRelease, &told, cancel).await;
                if let Err(error) = ran {
                    let version = outcome.version.clone();
                    outcome.error = Some(
                        error
                            .of_kind(ErrorKind::NeedsHuman, ErrorCode::HookFailed)
                            .state(format!("{version} is published, and stays so")),
                    );
                }
            }
            (
                OutcomeKind::Failed
                | OutcomeKind::RolledBack
                | OutcomeKind::Held
                | OutcomeKind::NeedsHuman,
                _,
            ) => self.on_failure(&told, cancel).await,
            (OutcomeKind::Published | OutcomeKind::Busy | OutcomeKind::Interrupted, _) => {}
        }
        outcome
    }

    /// Runs what follows a failure that came before there was a transaction.
    pub(super) async fn after_failure(&self, verb: Verb, plan: &Plan, error: &Error) {
        if error.kind() == ErrorKind::Failed {
            self.on_failure(&Told::of_plan(verb, plan), &self.cancel)
                .await;
        }
    }

    async fn on_failure(&self, told: &Told<'_>, cancel: &CancellationToken) {
        if let Err(error) = self.run_hooks(HookPoint::OnFailure, told, cancel).await {
            self.events.warning(format!("{error:#}"));
        }
    }

    async fn run_hooks(
        &self,
        point: HookPoint,
        told: &Told<'_>,
        cancel: &CancellationToken,
    ) -> Result<()> {
        if !self.runs_hooks(point) {
            return Ok(());
        }
        let hooks = self.policy().hooks.at(point);
        let step = self.events.start(Started::Hooks { point });
        let unwritten = |error: std::io::Error| {
            Error::failed("cannot write the files that hooks are told of")
                .with_code(ErrorCode::HookFailed)
                .because(&error)
        };
        let folder = TempDir::with_prefix("hoist-hook-").map_err(unwritten)?;
        let variables = told.variables(folder.path()).map_err(unwritten)?;
        for hook in hooks {
            match self.run_hook(point, hook, &variables, cancel).await {
                Err(error) if hook.allow_failure && error.kind() != ErrorKind::Interrupted => {
                    self.events.warning(format!("{error:#}"));
                }
                ran => ran?,
            }
        }
        let count = hooks.len();
        step.finish(Finished::Hooks { point, count });
        Ok(())
    }

    async fn run_hook(
        &self,
        point: HookPoint,
        hook: &Hook,
        variables: &[(&'static str, String)],
        cancel: &CancellationToken,
    ) -> Result<()> {
        let name = sanitize_line(&hook.run.to_string(), 200);
        let mut command = Command::new(&hook.run.program);
        for name in OF_ANOTHER_REPOSITORY {
            command.env_remove(name);
        }
        command
            .args(&hook.run.args)
            .current_dir(self.top())
            .envs(&hook.env)
            .envs(variables.iter().map(|(name, value)| (name, value)));
        let tell = |line: &str| {
            let line = format!("{point}: {line}");
            self.events.emit(Event::Output { line });
        };
        let limit = Some(hook.timeout);
        let ended = run_to_end(&mut command, limit, cancel, LeftoverScope::All, tell).await;
        let (ending, last) = ended.map_err(|error| {
            Error::failed(format!("cannot run `{name}` (`hooks.{point}`)"))
                .with_code(ErrorCode::HookFailed)
                .because(&error)
                .hint("a hook is a program and its arguments, without a shell, seen from the top of the repository")
        })?;
        let error = match ending {
            ProgramEnd::Exited(status) if status.success() => return Ok(()),
            ProgramEnd::Exited(status)
                if point == HookPoint::AfterStage && status.code().is_some() =>
            {
                Error::refused(format!("`{name}` refuses the image: {status}"))
                    .with_code(ErrorCode::GateRefused)
            }
            ProgramEnd::Exited(status) => {
                Error::failed(format!("`{name}` (`hooks.{point}`) failed: {status}"))
                    .with_code(ErrorCode::HookFailed)
            }
            ProgramEnd::TimedOut => Error::failed(format!(
                "`{name}` (`hooks.{point}`) has not ended after {} s",
                hook.timeout.as_secs()
            ))
            .with_code(ErrorCode::HookFailed)
            .hint("the hook's `timeout` says how long it may take"),
            ProgramEnd::Cancelled => Error::new(
                ErrorKind::Interrupted,
                format!("interrupted while `{name}` (`hooks.{point}`) was running"),
            ),
        };
        Err(error.excerpt(last.title("of its output"), last.into_lines()))
    }
}
