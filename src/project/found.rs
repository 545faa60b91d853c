//! What `hoist init` asks git, in a repository that has no policy yet.

use std::path::{Path, PathBuf};

use crate::{
    error::{Error, Result},
    io::git::read::GitRepository,
};

/// A working tree, and what git knows of its project.
#[derive(Debug, Clone)]
pub(crate) struct WorkTree {
    /// The top directory.
    pub(crate) top: PathBuf,
    /// Name and URL of the remote that releases would go to: `origin`, else the first.
    pub(crate) remote: Option<(String, String)>,
    /// Names of all tags.
    pub(crate) tags: Vec<String>,
}

impl WorkTree {
    /// Reads the repository that contains `directory`.
    ///
    /// # Errors
    /// Refused (exit 4): there is no repository, it cannot be read, or it is bare.
    pub(crate) fn read(directory: &Path) -> Result<Self> {
        let repository = GitRepository::open(directory)?;
        let top = repository.directory().ok_or_else(|| {
            Error::refused("a bare repository has no files to look at")
                .hint("run `hoist init` in a clone with a work tree")
        })?;
        let remotes = repository.remotes()?;
        let origin = remotes.iter().find(|name| *name == "origin");
        let name = origin.or(remotes.first());
        Ok(Self {
            top: top.to_owned(),
            remote: name.and_then(|name| Some((name.clone(), repository.remote_url(name)?))),
            tags: repository.tag_names()?,
        })
    }
}
