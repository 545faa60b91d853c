//! Whether the git remote takes the refs that a release locks with.

use crate::{
    error::{Error, Result},
    git::RefName,
    io::{
        git::remote::{RefEdit, RefPattern, RemoteError, RemoteErrorKind},
        process::random_name,
    },
    publish,
    release::facade::Release,
};

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
        let name = format!("{}/probe/{}", git.lock_refs, random_name());
        let name: RefName = name
            .parse()
            .map_err(|error| Error::bug("the name of a ref").because(&error))?;
        let refused = |error| publish::git_error("the git remote takes no lock", &error);
        let title = "hoist: a try whether this remote takes locks; nothing needs it";
        let object = remote.write_lock(title, "").await.map_err(refused)?;
        let made = remote.swap(&[RefEdit::create(&name, object.clone())]).await;
        if let Err(error) = made {
            let is_unknown = error.kind == RemoteErrorKind::Unreachable;
            let told = refused(error);
            // The answer may be lost on its way from a server that has made the ref.
            let seen = match is_unknown {
                true => remote.refs(&[RefPattern::Name(name.clone())]).await,
                false => Ok(Vec::new()),
            };
            match seen {
                Ok(refs) if refs.is_empty() => return Err(told),
                Ok(_) => {}
                Err(_) => {
                    return Err(told.state(format!(
                        "whether `{name}` was made is not known: it locks nothing; no tag has moved"
                    )));
                }
            }
        }
        let deleted = remote.swap(&[RefEdit::delete(&name, object)]).await;
        deleted.map_err(|error| left(&name, remote.name(), &error))?;
        let below = format!("{}/", git.lock_refs);
        Ok(format!(
            "a ref below `{below}` was made on `{}` and deleted",
            remote.name()
        ))
    }
}

/// A ref that was made and could not be deleted.
fn left(name: &RefName, remote: &str, error: &RemoteError) -> Error {
    publish::git_error("the git remote deletes no lock", error)
        .state(format!(
            "`{name}` is left on `{remote}`: it locks nothing; no tag has moved"
        ))
        .hint(format!(
            "let this account delete refs below `{}`, then the same command again",
            name.as_str()
                .rsplit_once("/probe/")
                .map_or("", |(below, _)| below)
        ))
}
