//! The build context: the files that the builder sees, as a tar stream.
//!
//! The files are either exactly the tree of one commit (no uncommitted file can get into the image)
//! or those of the working directory. `.dockerignore` filters them as Docker does. The stream is
//! the same for the same commit on every machine: owner 0, the commit's time, git's two modes.
//! Memory holds the names, and one file at a time.

mod commit;
mod entry;
mod tar_stream;
#[cfg(test)]
mod tests;
mod walk;
mod worktree;

use std::{io::Write, path::PathBuf};

use crate::{
    build::context::{
        commit::CommitTree,
        entry::{ContextEntry, FileTree, OpenEntry},
        tar_stream::write_tar,
        walk::select,
        worktree::Worktree,
    },
    error::{Error, Result},
    event::Events,
    git::CommitId,
    text::sanitize_line,
};

/// Which files are to be sent.
#[derive(Debug, Clone)]
pub(crate) struct ContextRequest {
    /// The repository's working directory; of a bare repository, the repository itself.
    pub(crate) repository: PathBuf,
    /// Where they are read from.
    pub(crate) files: ContextFiles,
    /// Directory of the context inside the repository.
    pub(crate) context: String,
    /// Path of the Dockerfile inside the context.
    pub(crate) dockerfile: String,
    /// Seconds since 1970 that every file of a commit gets.
    pub(crate) time: i64,
    /// A directory that is left out of the working directory's files: hoist's own.
    pub(crate) leave_out: Option<PathBuf>,
}

/// Which files the builder sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ContextFiles {
    /// The tree of this commit.
    Commit {
        /// The commit.
        id: CommitId,
        /// Whether the files of submodules are included, at the commits that the tree names.
        submodules: bool,
    },
    /// The files of the working directory.
    Worktree,
}

/// A context whose files are known and that can be sent.
pub(crate) struct BuildContext {
    entries: Vec<ContextEntry>,
    files: Box<dyn OpenEntry>,
    dockerfile: String,
    time: i64,
}

impl BuildContext {
    /// Lists the files that are not ignored, and makes sure that the Dockerfile is among them.
    ///
    /// # Errors
    /// The context or the Dockerfile is not there, Docker would refuse the ignore file, or a file
    /// cannot be read.
    pub(crate) fn open(request: &ContextRequest, events: &Events) -> Result<Self> {
        let root = inside("image.build.context", &request.context)?;
        let dockerfile = inside("image.build.dockerfile", &request.dockerfile)?;
        match &request.files {
            ContextFiles::Commit { id, submodules } => {
                let tree = CommitTree::open(&request.repository, *id, &root, *submodules)?;
                let (entries, tree) = select(tree, &dockerfile)?;
                tree.warn_of_pointers(&entries, events);
                Self::new(entries, tree, &dockerfile, request.time)
            }
            ContextFiles::Worktree => {
                let directory = request.repository.join(&root);
                let tree = Worktree::open(directory, request.leave_out.clone())?;
                let (entries, tree) = select(tree, &dockerfile)?;
                Self::new(entries, tree, &dockerfile, request.time)
            }
        }
    }

    fn new(
        entries: Vec<ContextEntry>,
        tree: impl FileTree + 'static,
        dockerfile: &str,
        time: i64,
    ) -> Result<Self> {
        Ok(Self {
            entries,
            dockerfile: tree.text(dockerfile)?.unwrap_or_default(),
            files: Box::new(tree),
            time,
        })
    }

    /// The Dockerfile's text.
    pub(crate) fn dockerfile(&self) -> &str {
        &self.dockerfile
    }

    /// How many files, directories and links there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Writes the tar stream. Blocks.
    ///
    /// # Errors
    /// A file cannot be read or became shorter while it was read, or `out` fails.
    pub(crate) fn write(&self, out: impl Write) -> Result<()> {
        write_tar(&self.entries, self.files.as_ref(), self.time, out)
    }
}

/// A path of the policy as `a/b`, empty for `.`. It must not lead out of its directory.
fn inside(key: &str, path: &str) -> Result<String> {
    let mut parts = Vec::new();
    let outside = || {
        Error::usage(format!(
            "`{key} = \"{}\"` leaves its directory",
            sanitize_line(path, 200)
        ))
    };
    if path.starts_with('/') {
        return Err(outside());
    }
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop().ok_or_else(outside)?),
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}
