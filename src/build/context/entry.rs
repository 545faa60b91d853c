//! The files of a context, and the trees that they come from.

use std::io::Read;

use crate::{build::context::path::TreePath, error::Result};

/// One file, directory or symbolic link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContextEntry {
    /// In a context, seen from the context's root; in a tree, from the tree's.
    pub(crate) path: TreePath,
    pub(crate) kind: EntryKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EntryKind {
    Directory,
    /// A directory that the commit does not hold, because it is another repository whose files are
    /// not wanted. The builder gets it empty.
    Submodule,
    File {
        executable: bool,
        /// The id of the blob for a file of a commit; empty for a file on disk.
        id: String,
    },
    Link {
        target: Vec<u8>,
    },
}

impl EntryKind {
    pub(crate) fn is_directory(&self) -> bool {
        matches!(self, Self::Directory | Self::Submodule)
    }
}

/// The size of a file in bytes, and a reader of its content.
pub(crate) type OpenFile = (u64, Box<dyn Read>);

/// A tree of files that can be walked. Paths are seen from the root of the repository.
pub(crate) trait FileTree: Send {
    /// The entries of one directory, sorted by the bytes of their names.
    fn list(&self, directory: &TreePath) -> Result<Vec<ContextEntry>>;

    /// The size of a file in bytes.
    fn size(&self, path: &TreePath, kind: &EntryKind) -> Result<u64>;

    /// Opens a file.
    fn open(&self, path: &TreePath, kind: &EntryKind) -> Result<OpenFile>;

    /// The tree's name in messages: "the tree of 3f2a91c".
    fn name(&self) -> String;

    /// A hint for the case that the file is not in the tree.
    fn missing_hint(&self, path: &TreePath) -> Option<String>;
}

/// What lies in a directory under a name, if anything does.
pub(crate) fn find(tree: &dyn FileTree, path: &TreePath) -> Result<Option<EntryKind>> {
    if path.is_root() {
        return Ok(Some(EntryKind::Directory));
    }
    let entries = tree.list(&path.parent())?;
    let found = entries.into_iter().find(|entry| entry.path == *path);
    Ok(found.map(|entry| entry.kind))
}

/// The whole content of a file.
pub(crate) fn read(tree: &dyn FileTree, path: &TreePath, kind: &EntryKind) -> Result<Vec<u8>> {
    let (_, mut content) = tree.open(path, kind)?;
    let mut bytes = Vec::new();
    content.read_to_end(&mut bytes).map_err(|error| {
        crate::error::Error::failed(format!("cannot read `{path}`")).because(&error)
    })?;
    Ok(bytes)
}
