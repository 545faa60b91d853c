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
    /// The directory that was asked about, from the top; empty for the top itself.
    pub(crate) folder: String,
    /// The newest commit messages.
    pub(crate) messages: Vec<String>,
}

/// So many commit messages show how a project writes them.
const MESSAGES: usize = 50;

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
        let inside = |directory: &Path| {
            let (directory, top) = (directory.canonicalize().ok()?, top.canonicalize().ok()?);
            Some(
                directory
                    .strip_prefix(top)
                    .ok()?
                    .to_string_lossy()
                    .into_owned(),
            )
        };
        Ok(Self {
            folder: inside(directory).unwrap_or_default(),
            messages: repository.recent_messages(MESSAGES),
            top: top.to_owned(),
            remote: name.and_then(|name| Some((name.clone(), repository.remote_url(name)?))),
            tags: repository.tag_names()?,
        })
    }
}
