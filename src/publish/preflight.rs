//! Before the build: everything that could stop a publication, without one.

use futures_util::future::{join_all, try_join_all};

use crate::{
    error::{Error, ErrorCode, Result},
    git::{CommitId, ObjectId, RefName},
    io::{
        git::remote::{RefEdit, RefPattern, RemoteError},
        registry::{RegistryErrorKind, RegistryProfile, RepositoryApi},
    },
    oci::{Observed, Repository, Tag},
    publish::{
        errors::{FINISHED_FIRST, git_error, pull, push_error, registry_error},
        lock_ref::lock_ref,
        protocol::journal::BranchMove,
        refuse::{Closing, refuse_journaled},
        unfinished::{self, Scope},
        world::World,
    },
    text::shell_word,
};

/// What is going to be published.
#[derive(Debug, Clone)]
pub struct Preflight {
    /// Each repository and the tags that are to be read there.
    pub repositories: Vec<(Repository, Vec<Tag>)>,
    /// What these tags showed a moment ago, in the same order; empty: they are read now.
    pub shown: Vec<Vec<Observed>>,
    /// The git tag that is to be created; `None`: none.
    pub git_tag: Option<RefName>,
    /// The mark that is to be created; `None`: none.
    pub mark: Option<RefName>,
    /// The commit that is released.
    pub commit: CommitId,
    /// The branch that is to move to the commit; `None`: none.
    pub branch: Option<BranchMove>,
    /// The prefix of the names of the lock's refs: `refs/hoist`.
    pub lock_refs: RefName,
}

/// What preflight found in one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreflightResult {
    /// What each tag shows, in the order in which they were asked for.
    pub tags: Vec<Observed>,
    /// Those of them that are there and that the registry says it will not let move.
    pub immutable: Vec<Tag>,
    /// It refused to be read, has immutable tags, or is known not to take new tags back: it commits
    /// first.
    pub strict: bool,
}

/// Proves the right to push everywhere, reads all tags, tries the push of lock and git tag, and
/// sees that no release is in the way. One answer a repository, in order.
///
/// # Errors
/// Exit 5 where another release is in the way, 6 where a right or a repository is missing, 4 where
/// the setup says no.
pub async fn preflight(world: &World, asked: &Preflight) -> Result<Vec<PreflightResult>> {
    let names: Vec<_> = asked
        .repositories
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    let scope = Scope {
        repositories: names.clone(),
        lock_refs: asked.lock_refs.clone(),
        check: None,
    };
    refuse_journaled(world, &scope, Closing::Leave).await?;
    let repositories =
        asked
            .repositories
            .iter()
            .enumerate()
            .map(|(index, (repository, tags))| async move {
                let api = (world.connect)(repository)?;
                read_repository(&*api, tags, asked.shown.get(index)).await
            });
    let (found, ()) =
        tokio::try_join!(try_join_all(repositories), check_git(world, asked, &names))?;
    Ok(found)
}

async fn read_repository(
    api: &dyn RepositoryApi,
    tags: &[Tag],
    shown: Option<&Vec<Observed>>,
) -> Result<PreflightResult> {
    let read = async {
        match shown {
            Some(shown) => shown.iter().cloned().map(Ok).collect(),
            None => join_all(tags.iter().map(|tag| read(api, tag))).await,
        }
    };
    let (push, read, rules) = tokio::join!(api.open_push(), read, api.immutable_tags());
    push.map_err(|error| push_error(api.repository(), &error))?;
    let tags_seen: Vec<Observed> = read.into_iter().collect::<Result<_>>()?;
    // Rules that cannot be read are found out by the commit, which then rolls back.
    let rules = rules.unwrap_or_default();
    let is_immutable =
        |(tag, seen): &(&Tag, &Observed)| matches!(seen, Observed::At(_)) && rules.holds(tag);
    let immutable = tags.iter().zip(&tags_seen).filter(is_immutable);
    let immutable: Vec<Tag> = immutable.map(|(tag, _)| tag.clone()).collect();
    Ok(PreflightResult {
        strict: !RegistryProfile::of(api.repository().registry()).deletes_new_tags()
            || !immutable.is_empty()
            || tags_seen.contains(&Observed::Unknown),
        tags: tags_seen,
        immutable,
    })
}

async fn read(api: &dyn RepositoryApi, tag: &Tag) -> Result<Observed> {
    let error = match api.head(&tag.clone().into()).await {
        Ok(shown) => return Ok(shown.map(|descriptor| descriptor.digest).into()),
        Err(error) => error,
    };
    match error.kind {
        // The push right is proven, so this is a repository that the push will create.
        RegistryErrorKind::Unauthorized
        | RegistryErrorKind::NoCredentials(_)
        | RegistryErrorKind::Denied => Ok(Observed::Unknown),
        RegistryErrorKind::NameUnknown => Ok(Observed::Absent),
        _ => {
            let what = format!("cannot read tag `{tag}` of `{}`", api.repository());
            Err(registry_error(&what, &error).state("nothing was built or pushed"))
        }
    }
}

async fn check_git(world: &World, asked: &Preflight, names: &[Repository]) -> Result<()> {
    let locks: Vec<_> = names
        .iter()
        .map(|name| lock_ref(&asked.lock_refs, name))
        .collect();
    let edits: Vec<_> = asked
        .git_tag
        .iter()
        .chain(&asked.mark)
        .chain(&locks)
        .map(|name| RefEdit::create(name, asked.commit))
        .chain(
            asked
                .branch
                .iter()
                .map(|branch| RefEdit::update(&branch.name, branch.before, asked.commit)),
        )
        .collect();
    // The dry run compares each ref with what it must be before: where it succeeds, no lock is there, the
    // tag is new, and the branch is where it was. Where it does not, the refs tell why.
    let Err(refused) = world.remote.check(&edits).await else {
        return Ok(());
    };
    let names = RefPattern::names(edits.iter().map(|edit| &edit.name));
    let refs = world
        .remote
        .refs(&names)
        .await
        .map_err(|error| push_check_error(world, &error))?;
    if let Some(found) = refs.iter().find(|(name, _)| locks.contains(name)) {
        return Err(unfinished::busy(world, found).await);
    }
    if let Some(branch) = &asked.branch {
        check_branch(world, branch, &refs)?;
    }
    let made = refs
        .iter()
        .find(|(name, _)| Some(name) == asked.git_tag.as_ref().or(asked.mark.as_ref()));
    if let Some((tag, id)) = made {
        // The plan knew all tags of the remote, so this one is younger.
        return Err(Error::failed(format!(
            "`{}` has got `{}` since the plan was made",
            world.remote.name(),
            tag.short()
        ))
        .with_code(ErrorCode::OtherWriter)
        .cause(format!("{tag} is {id}"))
        .state("nothing was built or pushed")
        .hint(FINISHED_FIRST));
    }
    Err(push_check_error(world, &refused))
}

/// The release commit goes on top of what the branch shows, and of nothing else.
fn check_branch(world: &World, branch: &BranchMove, refs: &[(RefName, ObjectId)]) -> Result<()> {
    let shown = refs.iter().find(|(name, _)| *name == branch.name);
    let (short, remote) = (branch.short(), world.remote.name());
    let target = |name: &str| shell_word(&format!("HEAD:{name}"));
    let place = shell_word(remote);
    let error = match shown {
        Some((_, id)) if *id == branch.before => return Ok(()),
        Some((_, id)) => Error::failed(format!("`{short}` of `{remote}` is not at HEAD"))
            .with_code(ErrorCode::GitRemote)
            .cause(format!("HEAD is {}, `{short}` is {id}", branch.before))
            .hint(format!(
                "{}; or `git push {place} {}` where HEAD is ahead",
                pull(remote, short),
                target(short)
            )),
        None => Error::failed(format!("`{remote}` has no branch `{short}`"))
            .with_code(ErrorCode::GitRemote)
            .hint(format!(
                "`git push {place} {}`, or name the branch: `--branch`",
                target(branch.name.as_str())
            )),
    };
    Err(error.state("nothing was built or pushed: the release commit belongs on top of the branch"))
}

fn push_check_error(world: &World, error: &RemoteError) -> Error {
    let what = format!("cannot push to `{}`", world.remote.name());
    git_error(&what, error).state("nothing was built or pushed")
}
