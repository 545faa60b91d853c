//! Finds files of HEAD's tree, by name and by path.

use std::path::{Component, Path, PathBuf};

use git2::{ObjectType, Tree, TreeWalkMode, TreeWalkResult};

use crate::{
    error::Result,
    io::git::read::{GitRepository, problem},
};

/// The mode of a regular file without its permissions; symbolic links and submodules have other modes.
const REGULAR: i32 = 0o100_000;
const LINK: i32 = 0o120_000;
const KIND: i32 = 0o170_000;

/// Links that lead to one file, at most.
const LINKS: usize = 16;

/// Branches on which a project keeps what all of its branches need.
const MAIN_BRANCHES: [&str; 4] = ["main", "master", "origin/main", "origin/master"];

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

    /// The text that HEAD has at `path`, through symbolic links that stay inside the tree. `None`:
    /// there is no commit yet, or it has no such file.
    #[must_use]
    pub fn text_of_head(&self, path: &str) -> Option<String> {
        let head = self.git.find_commit(self.head_oid().ok()?).ok()?;
        self.text_in(&head.tree().ok()?, Path::new(path))
    }

    /// The first main branch, here or as `origin` had it, that has a file at `path`.
    #[must_use]
    pub fn main_branch_with(&self, path: &str) -> Option<&'static str> {
        let has = |branch: &&str| {
            let commit = self
                .git
                .revparse_single(branch)
                .ok()?
                .peel_to_commit()
                .ok()?;
            self.text_in(&commit.tree().ok()?, Path::new(path))
        };
        MAIN_BRANCHES
            .into_iter()
            .find(|branch| has(branch).is_some())
    }

    fn text_in(&self, tree: &Tree<'_>, path: &Path) -> Option<String> {
        let mut path = path.to_owned();
        for _ in 0..LINKS {
            let entry = tree.get_path(&path).ok()?;
            let text = self.git.find_blob(entry.id()).ok()?;
            let text = String::from_utf8_lossy(text.content()).into_owned();
            if entry.filemode() & KIND != LINK {
                return Some(text);
            }
            path = inside(path.parent()?, Path::new(&text))?;
        }
        None
    }
}

/// Where a link in `folder` leads to, from the top of the tree; `None`: out of it.
fn inside(folder: &Path, link: &Path) -> Option<PathBuf> {
    let mut path = folder.to_owned();
    for part in link.components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir => path.pop().then_some(())?,
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}
