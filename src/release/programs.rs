//! The programs that the policy names around a build: hooks, and what signs. One that is not there is told
//! before anything is built.

use std::sync::atomic::Ordering;

use crate::{
    build,
    error::{Error, ErrorCode, Result},
    policy::{HookPoint, ProgramLine, SignPolicy},
    release::facade::Release,
    text::sanitize_line,
};

/// The points whose programs run when the image is made.
const AFTER_BUILD: [HookPoint; 2] = [HookPoint::AfterStage, HookPoint::AfterRelease];

impl Release {
    /// Whether the programs are there that run around the release, before anything is done. What a hook
    /// before the build may bring is looked for behind it.
    ///
    /// # Errors
    /// Failed (exit 6), naming the first one that is not there.
    pub(super) fn check_programs(&self) -> Result<()> {
        self.check_hooks_at(&[HookPoint::BeforeBuild])?;
        match self.wants_hooks() && !self.policy().hooks.before_build.is_empty() {
            true => Ok(()),
            false => self.check_later_programs(),
        }
    }

    /// The same for the programs that run when the image is made.
    ///
    /// # Errors
    /// As [`Release::check_programs`].
    pub(super) fn check_later_programs(&self) -> Result<()> {
        self.check_hooks_at(&AFTER_BUILD)?;
        match &self.policy().sign {
            Some(sign) => self.check_signing(sign).map(drop),
            None => Ok(()),
        }
    }

    /// How it is with the hooks, for `check`.
    ///
    /// # Errors
    /// As [`Release::check_programs`].
    pub(super) fn check_hooks(&self) -> Result<String> {
        let early = !self.policy().hooks.before_build.is_empty();
        self.check_hooks_at(&[HookPoint::BeforeBuild])?;
        match early {
            true => Ok("the programs before the build are there".to_owned()),
            false => {
                self.check_hooks_at(&AFTER_BUILD)?;
                Ok("the programs are there".to_owned())
            }
        }
    }

    fn check_hooks_at(&self, points: &[HookPoint]) -> Result<()> {
        if !self.wants_hooks() {
            return Ok(());
        }
        for point in points {
            // The failure of the others is only a warning.
            let hooks = self.policy().hooks.at(*point).iter();
            for hook in hooks.filter(|hook| !hook.allow_failure) {
                let Some(cause) = self.why_not(&hook.run) else {
                    continue;
                };
                let name = sanitize_line(&hook.run.program, 200);
                return Err(Error::failed(format!(
                    "the program `{name}` (`hooks.{point}`) is not there"
                ))
                .with_code(ErrorCode::HookFailed)
                .cause(cause)
                .state("nothing was built or moved")
                .hint(format!(
                    "install the program, or correct `hooks.{point}`: a program and its arguments, without a shell, seen from the top of the repository"
                )));
            }
        }
        Ok(())
    }

    /// Whether the programs of `[sign]` and the key's files are there.
    ///
    /// # Errors
    /// Failed (exit 6), naming what is not there.
    pub(super) fn check_signing(&self, policy: &SignPolicy) -> Result<String> {
        let missing = |what: String| {
            Error::failed(what)
                .with_code(ErrorCode::SignFailed)
                .state("nothing was built or moved")
        };
        let line = policy.signing("REPOSITORY@DIGEST");
        let proving = policy.proving("REPOSITORY@DIGEST");
        for line in std::iter::once(&line).chain(&proving) {
            let Some(cause) = self.why_not(line) else {
                continue;
            };
            let name = sanitize_line(&line.program, 200);
            let error = missing(format!("the program `{name}` (`sign`) is not there"));
            return Err(error
                .cause(cause)
                .hint("install the program, or correct `[sign]`"));
        }
        for key in policy.key_files() {
            if !self.top().join(key).is_file() {
                let name = sanitize_line(key, 200);
                return Err(missing(format!("the key `{name}` (`sign`) is not there"))
                    .hint("put the key there, or correct `[sign]`"));
            }
        }
        Ok(format!("`{}` signs", sanitize_line(&line.program, 200)))
    }

    fn wants_hooks(&self) -> bool {
        !self.skip_hooks.load(Ordering::Relaxed)
    }

    /// Why a program cannot be run; `None`: it can, or the build may make it.
    fn why_not(&self, line: &ProgramLine) -> Option<String> {
        let mut images = self.policy().all_images();
        let is_made = line.program.contains('/')
            && images.any(|image| {
                let build = self.policy().image_policy(&image).build;
                build.image_source.command().is_some()
            });
        match is_made {
            true => None,
            false => build::why_not(&line.program, self.top(), self.environment().get("PATH")),
        }
    }
}
