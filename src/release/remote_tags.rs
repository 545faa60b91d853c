//! The remote's version tags: what only it has, and what differs here.

use std::collections::BTreeSet;

use semver::Version;
use tokio::time::Instant;

use crate::{
    error::{Error, ErrorCode, ErrorKind, Result},
    git::{ObjectId, RefName},
    io::git::remote::{RemoteLook, RemoteTag, RemoteTags, create_ref, missing_remote},
    outcome::Outcome,
    plan::{Plan, history::facts::Facts, release::receipt},
    project::Withdrawn,
    publish::{Scope, SeenLocks},
    release::facade::Release,
    text::{sanitize_line, shell_word},
};

/// What the remote tells of versions.
pub(super) struct RemoteVersions {
    /// Version tags that this clone lacks, as name and commit.
    pub(super) missing: Vec<(String, ObjectId)>,
    /// The names of all tags that the remote has; `None`: it was not asked.
    there: Option<BTreeSet<String>>,
    /// The versions that were taken back.
    pub(super) withdrawn: Vec<Withdrawn>,
}

impl RemoteVersions {
    /// What a person should know where this clone alone has the tag that the version is counted from.
    pub(super) fn here_alone(&self, tag: &str, remote: &str) -> Option<String> {
        self.lacks(tag).then(|| {
            let (push, delete) = ways_of_tag(tag, remote);
            let tag = sanitize_line(tag, 72);
            format!(
                "the version is counted from `{tag}`, which `{remote}` does not have: `{push}`, or, where it is no release, `{delete}`"
            )
        })
    }

    /// Whether the remote was asked and does not have the tag.
    fn lacks(&self, tag: &str) -> bool {
        let there = self.there.as_ref();
        there.is_some_and(|there| !there.contains(tag))
    }
}

/// The command that pushes a tag, and the one that deletes it here.
fn ways_of_tag(tag: &str, remote: &str) -> (String, String) {
    let remote = shell_word(remote);
    // A branch can have the same name.
    let full = shell_word(&format!("{}{tag}", RefName::TAGS));
    let push = format!("git push {remote} {full}");
    (push, format!("git tag -d {}", shell_word(tag)))
}

impl Release {
    /// Version tags that the remote has and this clone lacks, as name and commit. With `fetch`
    /// they are brought here, and none is left.
    ///
    /// # Errors
    /// Refused (exit 4) where a tag is another one here than there; failed (exit 6) where the
    /// remote does not answer.
    pub(super) async fn remote_tags(&self, fetch: bool) -> Result<Vec<(String, ObjectId)>> {
        Ok(self.remote_versions(fetch).await?.missing)
    }

    /// The same, and the versions that were taken back.
    ///
    /// # Errors
    /// As [`Release::remote_tags`].
    pub(super) async fn remote_versions(&self, fetch: bool) -> Result<RemoteVersions> {
        let git = &self.policy().git;
        if !git.push {
            return Ok(RemoteVersions {
                missing: Vec::new(),
                there: None,
                withdrawn: self.project().withdrawn(),
            });
        }
        if self.remote_url.is_none() {
            return Err(
                Error::refused(format!("there is no remote `{}`", git.remote))
                    .with_code(ErrorCode::GitRemote)
                    .state("nothing was built or moved")
                    .hint(missing_remote(&self.project().git().remotes()?)),
            );
        }
        let remote = self.tags_of_remote();
        let RemoteLook {
            tags, below: marks, ..
        } = match self.remote_memory.take() {
            Some(seen) => seen,
            None => remote.list_with(&git.marks()).await?,
        };
        let names = tags.iter().map(|tag| tag.name.short().to_owned());
        let there = Some(names.collect());
        let missing = self.missing(tags)?;
        if fetch && !missing.is_empty() {
            let names: Vec<RefName> = missing.into_iter().map(|tag| tag.name).collect();
            self.events
                .note(format!("fetched from `{}`: {}", git.remote, shown(&names)));
            remote.fetch(&names).await?;
            return Ok(RemoteVersions {
                missing: Vec::new(),
                there,
                withdrawn: self.kept(marks).await,
            });
        }
        Ok(RemoteVersions {
            there,
            missing: missing
                .into_iter()
                .map(|tag| (tag.name.short().to_owned(), tag.target))
                .collect(),
            withdrawn: match fetch {
                true => self.kept(marks).await,
                false => self.project().marked(&marks),
            },
        })
    }

    /// Refuses to publish a version that is tagged on HEAD in this clone alone: a release makes no second tag of
    /// it, so nobody else would ever see one.
    pub(super) fn refuse_tag_of_this_clone(
        &self,
        facts: &Facts,
        version: &Version,
        remote: &RemoteVersions,
    ) -> Result<()> {
        let mut own = facts.on_head.iter();
        let own = own.find(|tag| tag.version == *version && remote.lacks(&tag.name));
        let Some(tag) = own else {
            return Ok(());
        };
        let name = &self.policy().git.remote;
        let (push, delete) = ways_of_tag(&tag.name, name);
        let tag = sanitize_line(&tag.name, 72);
        Err(Error::refused(format!("`{name}` does not have the git tag `{tag}`"))
            .with_code(ErrorCode::NotPushed)
            .cause(format!(
                "HEAD is tagged with it in this clone alone, and the release of {version} makes no other one"
            ))
            .state("nothing was built or pushed")
            .hint(push)
            .hint(format!(
                "`{delete}`, and the release makes a tag that records what it publishes"
            )))
    }

    /// Looks for the first time at the remote, and for everything at once that a release asks it for before
    /// it builds. Its locks; `None`: they are to be read by themselves. The tags are kept for whoever
    /// asks for them next ([`Release::remote_versions`]).
    pub(super) async fn first_look(&self, scope: &Scope) -> Option<SeenLocks> {
        let git = &self.policy().git;
        if !git.push || self.remote_url.is_none() {
            return None;
        }
        let locks = scope.locks();
        let asked = Instant::now();
        match self.git_remote().look(&git.marks(), &locks).await {
            Ok(Some(look)) => {
                let named = look.named.clone();
                self.remote_memory.keep(asked, look);
                Some(Ok(named))
            }
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// Brings the tag that a release has pushed into this clone, so that the next look at the
    /// local history knows it.
    pub(super) async fn bring_tag(&self, outcome: &Outcome) {
        let git = &self.policy().git;
        let Some(tag) = outcome
            .git_tag
            .as_ref()
            .filter(|tag| tag.pushed && git.push)
        else {
            return;
        };
        let here = self
            .project()
            .git()
            .tag_ids()
            .is_ok_and(|ids| ids.contains_key(tag.name.short()));
        if here {
            return;
        }
        // Its object was made here, so only the ref is missing.
        let made = tag.object.as_ref().map(|object| {
            let repository = self.top();
            create_ref(repository, &tag.name, object)
        });
        if matches!(made, Some(Ok(()))) {
            return;
        }
        let remote = self.tags_of_remote();
        let names = vec![tag.name.clone()];
        let fetched = self.or_signal(remote.fetch(&names));
        if fetched.await.is_err() {
            self.events.note(format!(
                "tag `{}` is on `{}`, not here: `git fetch {} tag {}`",
                tag.name.short(),
                git.remote,
                shell_word(&git.remote),
                shell_word(tag.name.short())
            ));
        }
    }

    /// Names the other release, where this one failed before any tag moved and the version's tag was
    /// made meanwhile: the run that made that tag finished first.
    pub(super) async fn name_winner(&self, plan: &Plan, error: Error) -> Error {
        let git = &self.policy().git;
        let failed = error.kind() == ErrorKind::Failed;
        if !failed || error.code() == ErrorCode::GitRemote || !plan.git_tag.create {
            return error;
        }
        let (remote, names) = (self.tags_of_remote(), [plan.git_tag.name.clone()]);
        let brought = match git.push {
            true => self.or_signal(remote.fetch(&names)).await,
            false => Ok(()),
        };
        // Without an answer the error stands as it is.
        let message =
            brought.and_then(|()| self.project().git().tag_message(plan.git_tag.name.short()));
        match message.ok().flatten().as_deref().and_then(receipt::run) {
            Some(run) => error.cause(format!(
                "{} was released meanwhile, by {}",
                plan.version,
                sanitize_line(run, 200)
            )),
            None => error,
        }
    }

    fn tags_of_remote(&self) -> RemoteTags {
        let remote = &self.policy().git.remote;
        RemoteTags::new(self.top(), remote).telling(self.events.clone())
    }

    fn missing(&self, there: Vec<RemoteTag>) -> Result<Vec<RemoteTag>> {
        let here = self.project().git().tag_ids()?;
        let template = &self.policy().version.tag;
        let mut missing = Vec::new();
        for tag in there
            .into_iter()
            .filter(|tag| template.version(tag.name.short()).is_some())
        {
            match here.get(tag.name.short()) {
                None => missing.push(tag),
                Some(id) if *id == tag.object => {}
                Some(id) => return Err(self.differs(&tag, id)),
            }
        }
        Ok(missing)
    }

    fn differs(&self, tag: &RemoteTag, here: &ObjectId) -> Error {
        let remote = &self.policy().git.remote;
        Error::refused(format!(
            "tag `{}` is another one here than on `{remote}`",
            tag.name.short()
        ))
        .with_code(ErrorCode::GitTagDiffers)
        .cause(format!("here it is {here}, there {}", tag.object))
        .state("nothing was built or moved")
        .hint(format!(
            "if the remote's is right: `git fetch {} {}`",
            shell_word(remote),
            shell_word(&format!("+{0}:{0}", tag.name))
        ))
    }
}

fn shown(names: &[RefName]) -> String {
    let names: Vec<&str> = names.iter().map(RefName::short).collect();
    match &*names {
        [first, second, third, rest @ ..] if !rest.is_empty() => {
            format!("{first}, {second}, {third} and {} more", rest.len())
        }
        _ => names.join(", "),
    }
}
