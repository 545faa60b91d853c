//! The versions that were taken back: read from the git remote, kept in this clone, made and deleted.

use semver::Version;

use crate::{
    error::{Error, ErrorCode, Result},
    git::{ObjectId, RefName},
    io::git::remote::{KeptMark, RefEdit, RefPattern, RemoteError, committer, keep_marks},
    plan::release::withdrawal::{Withdrawal, mark_name},
    project::Withdrawn,
    publish::MarkObject,
    release::facade::Release,
};

impl Release {
    /// The versions that were taken back, highest first, as the git remote has them. What this clone keeps of
    /// them is brought up to date.
    ///
    /// # Errors
    /// Failed (exit 6) where the remote cannot be read.
    pub async fn withdrawn(&self) -> Result<Vec<Withdrawn>> {
        self.or_signal(self.read_withdrawn()).await
    }

    pub(super) async fn read_withdrawn(&self) -> Result<Vec<Withdrawn>> {
        if !self.policy().git.push {
            return Ok(self.project().withdrawn());
        }
        let below = RefPattern::Below(self.policy().git.marks());
        let there = self.remote().refs(&[below]).await;
        let there =
            there.map_err(|error| remote_error("cannot read the withdrawn versions", &error))?;
        Ok(self.kept(there).await)
    }

    /// The same, for a verb that only looks: where the remote cannot be read, what this clone knows, and a
    /// warning.
    pub async fn withdrawn_or_known(&self) -> Vec<Withdrawn> {
        if self.policy().git.push && self.remote_url.is_none() {
            return self.project().withdrawn();
        }
        match self.or_signal(self.read_withdrawn()).await {
            Ok(withdrawn) => withdrawn,
            Err(error) => {
                self.events.warning(format!(
                    "which versions are withdrawn goes by this clone: {error:#}"
                ));
                self.project().withdrawn()
            }
        }
    }

    /// What `there`, the marks of the remote, tell. This clone's copies become the same, so that whoever asks
    /// nobody knows of them; where that fails, less is known.
    pub(super) async fn kept(&self, there: Vec<(RefName, ObjectId)>) -> Vec<Withdrawn> {
        let (below, marks) = (self.project().kept_below(), self.policy().git.marks());
        let here = self.project().kept_marks();
        let copy = |name: &RefName| {
            let short = name.as_str().strip_prefix(marks.as_str())?;
            format!("{below}{short}").parse::<RefName>().ok()
        };
        let mut new = Vec::new();
        let mut wanted = Vec::new();
        for (name, object) in &there {
            let Some(copy) = copy(name) else { continue };
            if !here
                .iter()
                .any(|mark| mark.name == copy && mark.object == *object)
            {
                new.push(KeptMark {
                    there: name.clone(),
                    here: copy.clone(),
                });
            }
            wanted.push(copy);
        }
        let gone: Vec<RefName> = here
            .into_iter()
            .map(|mark| mark.name)
            .filter(|name| !wanted.contains(name))
            .collect();
        if !new.is_empty() || !gone.is_empty() {
            let changes = (new.as_slice(), gone.as_slice());
            let remote = &self.policy().git.remote;
            // Only what is told of a version depends on it.
            let _ = keep_marks(self.top(), remote, changes, &self.events).await;
        }
        self.project().marked(&there)
    }

    /// The mark that remembers that `version` is taken back.
    pub(super) async fn mark_object(
        &self,
        version: &Version,
        why: Option<&str>,
    ) -> Result<MarkObject> {
        let policy = self.policy();
        let name = mark_name(&policy.git.marks(), &policy.version.tag, version)?;
        let at = self.instant()?;
        let who = committer(self.top(), at.timestamp()).await;
        let who = who.map_err(|error| remote_error("cannot make the mark", &error))?;
        // Without the time behind it, which the object has in its own place.
        let who = who.rsplitn(3, ' ').last().unwrap_or(&who);
        let withdrawal = Withdrawal::new(version, at, who, why);
        Ok(MarkObject {
            name,
            object: withdrawal.object(who),
        })
    }

    /// Remembers that a version is taken back, where none of its tags is to move.
    pub(super) async fn push_mark(&self, mark: &MarkObject) -> Result<()> {
        let failed = |error| remote_error("cannot remember that the version is withdrawn", &error);
        let remote = self.remote();
        let object = remote.write_mark(&mark.object).await.map_err(failed)?;
        let edit = [RefEdit::create(&mark.name, &object)];
        remote.check(&edit).await.map_err(failed)?;
        remote.swap(&edit).await.map_err(failed)
    }

    /// `version` is no longer withdrawn: its mark is deleted. No tag is moved. `None`: it was not withdrawn.
    ///
    /// # Errors
    /// Busy (exit 5) where a release is unfinished; failed (exit 6) where the remote cannot be read or
    /// changed.
    pub async fn undo_take_back(&self, version: &Version) -> Result<Option<Withdrawn>> {
        self.or_signal(async {
            self.refuse_unfinished().await?;
            let all = self.read_withdrawn().await?;
            let Some(found) = all.into_iter().find(|one| one.version == *version) else {
                return Ok(None);
            };
            let edit = [RefEdit::delete(&found.mark, &found.object)];
            let failed = |error| remote_error("cannot delete the mark of the version", &error);
            let remote = self.remote();
            remote.check(&edit).await.map_err(failed)?;
            remote.swap(&edit).await.map_err(failed)?;
            // The copy of this clone goes, too.
            let _ = self.read_withdrawn().await;
            Ok(Some(found))
        })
        .await
    }

    /// Refuses to publish a version that was taken back.
    pub(super) fn refuse_withdrawn(
        &self,
        version: &Version,
        withdrawn: &[Withdrawn],
    ) -> Result<()> {
        let Some(found) = withdrawn.iter().find(|one| one.version == *version) else {
            return Ok(());
        };
        Err(Error::refused(format!("{version} is withdrawn"))
            .with_code(ErrorCode::Withdrawn)
            .cause(found.words())
            .state("nothing was built or moved")
            .hint(format!(
                "`hoist rollback {version} --undo` puts it in its place again; or release the next version"
            )))
    }
}

fn remote_error(what: &str, error: &RemoteError) -> Error {
    let made = Error::failed(what)
        .with_code(ErrorCode::GitRemote)
        .because(error)
        .state("nothing was changed");
    match &error.hint {
        Some(hint) => made.hint(hint.clone()),
        None => made,
    }
}
