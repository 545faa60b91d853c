//! Whether the git remote takes the refs that a release locks with.

use crate::{
    error::{Error, Result},
    git::{ObjectId, RefName},
    io::git::remote::{RefEdit, RefPattern, Remote, RemoteError, RemoteErrorKind},
    publish,
    release::facade::Release,
};

/// The ref below `git.lock-refs` that is made and deleted: always the same, so that one at most is left where the server
/// refuses deletions.
const PROBE: &str = "probe/locks";

/// How often another check may be faster.
const MAX_TRIES: usize = 5;

/// How `check` proves that the git remote takes the locks of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LockCheck {
    /// Not at all: the locks that are there are read.
    #[default]
    Read,
    /// By a ref beside the locks that is made and deleted: what the hooks of a server refuse shows in no other way
    /// before a release.
    Push,
}

impl Release {
    /// Makes a ref beside the locks on the git remote, and deletes it.
    pub(super) async fn push_lock_probe(&self) -> Result<String> {
        let git = &self.policy().git;
        if !git.push {
            return Ok("`git.push = false`: the lock is a file of this clone".to_owned());
        }
        let remote = self.remote();
        let name = format!("{}/{PROBE}", git.lock_refs);
        let name: RefName = name
            .parse()
            .map_err(|error| Error::bug("the name of a ref").because(&error))?;
        let mut tries = 0;
        while let Err(error) = probe(&*remote, &name).await? {
            tries += 1;
            if tries == MAX_TRIES {
                return Err(taken(&error));
            }
        }
        let below = format!("{}/", git.lock_refs);
        Ok(format!(
            "a ref below `{below}` was made on `{}` and deleted",
            remote.name()
        ))
    }
}

/// Makes the ref and deletes it, and before that one which is left of an earlier check. `Ok(Err)`: another check was
/// faster.
async fn probe(
    remote: &dyn Remote,
    name: &RefName,
) -> Result<std::result::Result<(), RemoteError>> {
    let pattern = [RefPattern::Name(name.clone())];
    let there = remote.refs(&pattern).await.map_err(|error| taken(&error))?;
    for (_, old) in there {
        delete(remote, name, old).await?;
    }
    let title = "hoist: a try whether this remote takes locks; nothing needs it";
    let object = remote.write_lock(title, "").await;
    let object = object.map_err(|error| taken(&error))?;
    let made = remote.swap(&[RefEdit::create(name, object.clone())]).await;
    if let Err(error) = made {
        let told = taken(&error);
        match error.kind {
            RemoteErrorKind::Conflict | RemoteErrorKind::Raced => return Ok(Err(error)),
            // The answer may be lost on its way from a server that has made the ref.
            RemoteErrorKind::Unreachable => match remote.refs(&pattern).await {
                Ok(refs) if refs.is_empty() => return Err(told),
                Ok(_) => {}
                Err(_) => {
                    return Err(told.state(format!(
                        "whether `{name}` was made is not known: it locks nothing; no tag has moved"
                    )));
                }
            },
            _ => return Err(told),
        }
    }
    delete(remote, name, object).await.map(Ok)
}

/// Deletes the ref, unless another check has done so.
async fn delete(remote: &dyn Remote, name: &RefName, object: ObjectId) -> Result<()> {
    let edit = [RefEdit::delete(name, object)];
    let mut tries = 0;
    while let Err(error) = remote.swap(&edit).await {
        tries += 1;
        match error.kind {
            RemoteErrorKind::Conflict => break,
            // Another check deletes it, or has let it be.
            RemoteErrorKind::Raced if tries < MAX_TRIES => {}
            _ => return Err(left(name, remote.name(), &error)),
        }
    }
    Ok(())
}

fn taken(error: &RemoteError) -> Error {
    publish::git_error("the git remote takes no lock", error)
}

/// A ref that was made and could not be deleted.
fn left(name: &RefName, remote: &str, error: &RemoteError) -> Error {
    publish::git_error("the git remote deletes no lock", error)
        .state(format!(
            "`{name}` is left on `{remote}`: it locks nothing, and no further check leaves another one; no tag has moved"
        ))
        .hint(format!(
            "let this account delete refs below `{}`, then the same command again",
            name.as_str()
                .rsplit_once("/probe/")
                .map_or("", |(below, _)| below)
        ))
}
