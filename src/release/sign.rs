//! `[sign]`: the images are signed when the gate has passed them, and hoist looks for the signatures
//! itself before anything gets a name.

use std::{collections::BTreeSet, path::Path, time::Duration};

use tokio::{process::Command, time::sleep};

use crate::{
    error::{Error, ErrorCode, ErrorKind, Result},
    event::{Event, Finished, Started},
    io::{
        git::OF_ANOTHER_REPOSITORY,
        registry::{RegistryError, RepositoryApi, referrer_list},
        user_program::{LeftoverScope, ProgramEnd, run_to_end},
    },
    oci::{Digest, Repository, TagOrDigest, referrer},
    plan::{Plan, release::receipt::ReferrerReceipt},
    policy::{ProgramLine, SignPolicy},
    publish::Publication,
    release::{errors, facade::Release},
    text::sanitize_line,
};

/// The type of what cosign 2 puts under a tag.
const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// How long to wait for a signature to be listed before it is asked for again: some registries lag.
const LOOKS: [u64; 4] = [0, 300, 1000, 3000];

/// What is about one image in one repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct SeenReferrers {
    /// Digest and type.
    listed: BTreeSet<(Digest, String)>,
}

impl Release {
    /// Signs the images of `plan` in each repository. The answer names the signatures that are there now
    /// and were not before.
    pub(super) async fn sign(
        &self,
        plan: &Plan,
        publication: &Publication,
    ) -> Result<Vec<ReferrerReceipt>> {
        let Some(policy) = &self.policy().sign else {
            return Ok(Vec::new());
        };
        let mut signatures = Vec::new();
        for (repository, digest) in of_release(plan, publication) {
            let name = repository.digest(&digest);
            let step = self.events.start(Started::Sign {
                image: name.clone(),
            });
            let made = self.sign_one(policy, &repository, &digest, publication);
            let nothing_moved = Some("no tag has moved; what was sent has no name");
            let made = self.watched(plan, "`sign`", nothing_moved, made).await?;
            let count = made.len();
            signatures.extend(made);
            step.finish(Finished::Sign { image: name, count });
        }
        Ok(signatures)
    }

    async fn sign_one(
        &self,
        policy: &SignPolicy,
        repository: &Repository,
        digest: &Digest,
        publication: &Publication,
    ) -> Result<Vec<ReferrerReceipt>> {
        let api = self.apis(std::slice::from_ref(repository))?.remove(0);
        let name = repository.digest(digest);
        let unread = |error: RegistryError| {
            errors::registry(&format!("cannot read what is about {name}"), &error)
        };
        let before = self.or_signal(async { see(api.as_ref(), digest).await.map_err(unread) });
        let before = before.await?;
        self.run_signer(policy, &policy.signing(&name), ErrorCode::SignFailed)
            .await?;
        let proving = policy.proving(&name);
        let mut new = Vec::new();
        let mut after = SeenReferrers::default();
        for pause in LOOKS {
            sleep(Duration::from_millis(pause)).await;
            after = see(api.as_ref(), digest).await.map_err(unread)?;
            let listed = after.listed.difference(&before.listed);
            new = of_others(listed, publication);
            if !new.is_empty() || proving.is_some() {
                break;
            }
        }
        // The same key signs the same image with the same bytes: a run before this one may have put them there, and
        // with an image that was published already its signatures have gone along.
        if new.is_empty() {
            let known = before.listed.union(&after.listed).cloned().collect();
            new = self.earlier_signatures(known, publication);
            if !new.is_empty() {
                self.events.note(format!(
                    "{name} was signed before, and has no new signature"
                ));
            }
        }
        match proving {
            Some(line) => {
                self.run_signer(policy, &line, ErrorCode::NotSigned).await?;
            }
            None if new.is_empty() => {
                return Err(Error::refused(format!("{name} has no new signature"))
                    .with_code(ErrorCode::NotSigned)
                    .cause("`sign.run` has ended well, and the registry lists nothing new about the image, and no signature of an earlier run")
                    .hint("`sign.verify` proves a signature that is kept elsewhere"));
            }
            None => {}
        }
        let receipt = |(one, artifact_type): (Digest, String)| ReferrerReceipt {
            repository: repository.clone(),
            digest: one,
            artifact_type,
            subject: digest.clone(),
        };
        Ok(new.into_iter().map(receipt).collect())
    }

    /// What speaks against the signature of an image; `None`: it is proven.
    ///
    /// # Errors
    /// Usage (exit 2) where the policy cannot prove one; what keeps the program from being run.
    pub(super) async fn unproven(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Option<String>> {
        let name = repository.digest(digest);
        let policy = self.policy().sign.as_ref();
        let Some((policy, line)) = policy.and_then(|policy| Some((policy, policy.proving(&name)?)))
        else {
            return Err(
                Error::usage("the policy does not say how a signature is proven")
                    .with_code(ErrorCode::InvalidPolicy)
                    .hint("`sign.verify`, or `sign.with` with a key or an identity, says it"),
            );
        };
        match self.run_signer(policy, &line, ErrorCode::NotSigned).await {
            Ok(()) => Ok(None),
            Err(error) if error.code() == ErrorCode::NotSigned => {
                let last = error
                    .excerpts()
                    .iter()
                    .flat_map(|one| &one.lines)
                    .next_back();
                let why = last.map(|line| format!(": {}", sanitize_line(line, 200)));
                let why = why.unwrap_or_default();
                Ok(Some(format!("its signature is not proven{why}")))
            }
            Err(error) => Err(error),
        }
    }

    /// Runs a program of `[sign]`. `code`: what its own no means.
    async fn run_signer(
        &self,
        policy: &SignPolicy,
        line: &ProgramLine,
        code: ErrorCode,
    ) -> Result<()> {
        let shown = sanitize_line(&line.to_string(), 300);
        let mut command = Command::new(&line.program);
        for name in OF_ANOTHER_REPOSITORY {
            command.env_remove(name);
        }
        command.args(&line.args).current_dir(self.top());
        let program = Path::new(&line.program).file_name();
        let program = program.map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let tell = |text: &str| {
            let line = format!("{program}: {text}");
            self.events.emit(Event::Output { line });
        };
        let ended = run_to_end(
            &mut command,
            Some(policy.timeout),
            &self.cancel,
            LeftoverScope::All,
            tell,
        );
        let (ending, last) = ended.await.map_err(|error| {
            Error::failed(format!("cannot run `{shown}` (`sign`)"))
                .with_code(ErrorCode::SignFailed)
                .because(&error)
                .hint("the program is looked for in `PATH`, or seen from the top of the repository")
        })?;
        let error = match ending {
            ProgramEnd::Exited(status) if status.success() => return Ok(()),
            ProgramEnd::Exited(status) if code == ErrorCode::NotSigned => {
                Error::refused(format!("`{shown}` does not prove the signature: {status}"))
                    .with_code(code)
            }
            ProgramEnd::Exited(status) => {
                Error::failed(format!("`{shown}` (`sign`) failed: {status}")).with_code(code)
            }
            ProgramEnd::TimedOut => Error::failed(format!(
                "`{shown}` (`sign`) has not ended after {} s",
                policy.timeout.as_secs()
            ))
            .with_code(ErrorCode::SignFailed)
            .hint("`sign.timeout` says how long it may take"),
            ProgramEnd::Cancelled => Error::new(
                ErrorKind::Interrupted,
                format!("interrupted while `{shown}` (`sign`) was running"),
            ),
        };
        Err(error.excerpt(last.title("of its output"), last.into_lines()))
    }
}

/// What others than hoist have put there: its own attachments are no signatures, and what it has taken along is
/// not new.
fn of_others<'a>(
    listed: impl Iterator<Item = &'a (Digest, String)>,
    publication: &Publication,
) -> Vec<(Digest, String)> {
    let is_own = |digest: &Digest| {
        let mut own = publication.referrers.iter();
        own.any(|referrer| referrer.entry.digest == *digest)
    };
    let others = listed.filter(|(digest, _)| !is_own(digest));
    others.cloned().collect()
}

/// The images of the release itself in each repository, each once. What another version's tag is to show
/// is not signed again.
fn of_release(plan: &Plan, publication: &Publication) -> Vec<(Repository, Digest)> {
    let mut all = Vec::new();
    for target in &publication.targets {
        for tag in target
            .tags
            .iter()
            .filter(|tag| tag.image < plan.images.len())
        {
            let digest = publication.images[tag.image].digest();
            let image = (target.repository.clone(), digest.clone());
            if !all.contains(&image) {
                all.push(image);
            }
        }
    }
    all
}

/// What is listed as being about an image, and what cosign 2 keeps of it under a tag.
async fn see(api: &dyn RepositoryApi, digest: &Digest) -> Result<SeenReferrers, RegistryError> {
    let mut seen = SeenReferrers::default();
    for entry in referrer_list::referrers(api, digest).await? {
        let entry = referrer_list::typed(api, entry).await?;
        let artifact_type = entry.artifact_type().unwrap_or_default().to_owned();
        seen.listed.insert((entry.digest, artifact_type));
    }
    let tag = TagOrDigest::Tag(referrer::signature_tag(digest));
    if let Some(shown) = api.head(&tag).await? {
        seen.listed
            .insert((shown.digest, SIMPLE_SIGNING.to_owned()));
    }
    Ok(seen)
}
