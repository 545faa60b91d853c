//! The build context: the files that the builder sees.
//!
//! The files are either exactly the tree of one commit (no uncommitted file can get into the image)
//! or those of the working directory. `.dockerignore` filters them as Docker does; a link to the
//! ignore file is followed inside the repository. What is sent is the same for the same commit on
//! every machine: owner 0, the commit's time, git's two modes. Memory holds the names, and one file
//! at a time.
//!
//! Git's conversions are not applied: `text`, `eol`, `working-tree-encoding`, `ident`,
//! `export-subst` and `export-ignore` of an attributes file change nothing, and a file whose stored
//! form is not the file is refused (`stored`).

mod build_context;
mod classic;
mod commit;
mod entry;
mod forms;
mod links;
mod path;
mod stored;
mod tar_stream;
#[cfg(test)]
mod tests;
mod unfit;
mod walk;
mod worktree;

pub(crate) use crate::build::context::{
    build_context::{BuildContext, ContextFiles, ContextRequest},
    classic::ClassicFiles,
    entry::{ContextEntry, EntryKind},
    path::TreePath,
    tar_stream::ExactLength,
};
