//! The files of a context, and the trees that they come from.

use std::io::Read;

use crate::error::Result;

/// One file, directory or symbolic link of the context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContextEntry {
    /// Relative to the context's root, with `/` between the parts.
    pub(crate) path: String,
    pub(crate) kind: EntryKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EntryKind {
    Directory,
    File {
        executable: bool,
        /// The id of the blob for a file of a commit; empty for a file on disk.
        id: String,
    },
    Link {
        target: Vec<u8>,
    },
}

/// The size of a file in bytes, and a reader of its content.
pub(crate) type OpenFile = (u64, Box<dyn Read>);

/// Opens the files of a context.
pub(crate) trait OpenEntry: Send {
    fn open(&self, entry: &ContextEntry) -> Result<OpenFile>;
}

/// A tree of files that can be walked.
pub(crate) trait FileTree: OpenEntry {
    /// The entries of one directory, sorted by name.
    fn list(&self, directory: &str) -> Result<Vec<ContextEntry>>;
    /// The text of a small file; `None` where there is no such file.
    fn text(&self, path: &str) -> Result<Option<String>>;
    /// The tree's name in messages: "the tree of 3f2a91c".
    fn name(&self) -> String;
    /// A hint for the case that the file is not in the tree.
    fn missing_hint(&self, path: &str) -> Option<String>;
}
