//! Finds files of HEAD's tree by name.

use git2::{ObjectType, TreeWalkMode, TreeWalkResult};

use crate::{
    error::Result,
    io::git::read::{GitRepository, problem},
};

/// The mode of a regular file without its permissions; symbolic links and submodules have other modes.
const REGULAR: i32 = 0o100_000;
const KIND: i32 = 0o170_000;

/// A file as HEAD has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackedFile {
    /// Its path from the top of the tree.
    pub path: String,
    /// Its content; bytes that are not UTF-8 are replaced.
    pub text: String,
}

impl GitRepository {
    /// Every regular file of HEAD's tree that is called `name`, in any folder, sorted by path.
    /// Submodules are repositories of their own and are not looked into.
    ///
    /// # Errors
    /// Refused (exit 4) where there is no commit, or the tree cannot be read.
    pub fn tracked(&self, name: &str) -> Result<Vec<TrackedFile>> {
        let unreadable = |error: &git2::Error| problem("cannot read HEAD's tree", error);
        let tree = self
            .git
            .find_commit(self.head_oid()?)
            .and_then(|commit| commit.tree())
            .map_err(|error| unreadable(&error))?;
        let mut found = Vec::new();
        tree.walk(TreeWalkMode::PreOrder, |folder, entry| {
            let is_file =
                entry.kind() == Some(ObjectType::Blob) && entry.filemode() & KIND == REGULAR;
            if is_file && entry.name_bytes() == name.as_bytes() {
                found.push((format!("{folder}{name}"), entry.id()));
            }
            TreeWalkResult::Ok
        })
        .map_err(|error| unreadable(&error))?;
        found.sort();
        let read = |(path, id)| {
            let blob = self
                .git
                .find_blob(id)
                .map_err(|error| problem(&format!("cannot read `{path}` of HEAD"), &error))?;
            let text = String::from_utf8_lossy(blob.content()).into_owned();
            Ok(TrackedFile { path, text })
        };
        found.into_iter().map(read).collect()
    }
}
