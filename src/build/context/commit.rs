//! The tree of a commit, read from git's objects.

use std::{io::Cursor, path::Path};

use git2::{ObjectType, Oid, Repository, TreeEntry};

use crate::{
    build::context::{
        entry::{ContextEntry, EntryKind, FileTree, OpenFile},
        path::TreePath,
        unfit,
    },
    error::{Error, Result},
    git::CommitId,
    text::sanitize_line,
};

const LINK: i32 = 0o120_000;
const EXECUTE: i32 = 0o111;

/// The tree of a commit, from its root downwards.
pub(crate) struct CommitTree {
    pub(super) repository: Repository,
    commit: CommitId,
    pub(super) tree: Oid,
    submodules: bool,
}

/// A directory of the commit: its tree, and the repository of the submodule that holds it, if one
/// does.
type Resolved = (Option<Repository>, Oid);

fn git(what: impl Into<String>) -> impl FnOnce(git2::Error) -> Error {
    let what = what.into();
    move |error| Error::failed(what).cause(sanitize_line(error.message(), 300))
}

impl CommitTree {
    pub(crate) fn open(directory: &Path, commit: CommitId, submodules: bool) -> Result<Self> {
        let repository = Repository::open(directory).map_err(git(format!(
            "cannot open the repository `{}`",
            directory.display()
        )))?;
        let id = Oid::from_bytes(commit.as_bytes())
            .map_err(git(format!("`{commit}` is not a commit id")))?;
        let tree = repository
            .find_commit(id)
            .map(|commit| commit.tree_id())
            .map_err(git(format!("cannot read the tree of {commit}")))?;
        Ok(Self {
            repository,
            commit,
            tree,
            submodules,
        })
    }

    /// The entries of a tree object; `path` is its path in the repository.
    fn entries(
        &self,
        repository: &Repository,
        tree: Oid,
        path: &TreePath,
    ) -> Result<Vec<ContextEntry>> {
        let tree = repository
            .find_tree(tree)
            .map_err(git(format!("cannot read the directory `{path}`")))?;
        let mut entries = Vec::with_capacity(tree.len());
        for entry in &tree {
            unfit::check_name(path, entry.name_bytes())?;
            let path = path.join(entry.name_bytes());
            let kind = self.kind(repository, &entry, &path)?;
            entries.push(ContextEntry { path, kind });
        }
        // Git sorts directories as if their names ended in a slash.
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        unfit::check_unique(&entries)?;
        Ok(entries)
    }

    fn kind(
        &self,
        repository: &Repository,
        entry: &TreeEntry<'_>,
        path: &TreePath,
    ) -> Result<EntryKind> {
        Ok(match (entry.kind(), entry.filemode_raw()) {
            (Some(ObjectType::Tree), _) => EntryKind::Directory,
            (Some(ObjectType::Commit), _) if self.submodules => EntryKind::Directory,
            (Some(ObjectType::Commit), _) => EntryKind::Submodule,
            (Some(ObjectType::Blob), LINK) => EntryKind::Link {
                target: blob(repository, entry.id(), path)?,
            },
            (Some(ObjectType::Blob), mode) => EntryKind::File {
                executable: mode & EXECUTE != 0,
                id: entry.id().to_string(),
            },
            _ => {
                return Err(unfit::refused(
                    path,
                    "is not a file, directory, link or submodule",
                ));
            }
        })
    }

    /// `None` for a submodule whose files are not wanted.
    fn resolve(&self, directory: &TreePath) -> Result<Option<Resolved>> {
        let mut at = (None, self.tree);
        let mut within = TreePath::root();
        for part in directory.parts() {
            within = within.join(part);
            let repository = at.0.as_ref().unwrap_or(&self.repository);
            let (kind, id) = {
                let tree = repository
                    .find_tree(at.1)
                    .map_err(git("cannot read a directory"))?;
                let entry = tree.iter().find(|entry| entry.name_bytes() == part);
                let entry = entry.ok_or_else(|| {
                    Error::bug(format!("`{within}` was listed, but it is not in the tree"))
                })?;
                (entry.kind(), entry.id())
            };
            at = match kind {
                Some(ObjectType::Commit) if !self.submodules => return Ok(None),
                Some(ObjectType::Commit) => {
                    let (repository, tree) = submodule(repository, &within, id)?;
                    within = TreePath::root();
                    (Some(repository), tree)
                }
                _ => (at.0, id),
            };
        }
        Ok(Some(at))
    }

    /// Does something with the repository whose objects the file's blob is among.
    pub(super) fn in_repository_of<T>(
        &self,
        path: &TreePath,
        id: Oid,
        work: impl FnOnce(&Repository) -> T,
    ) -> Result<T> {
        let own = &self.repository;
        if self.submodules
            && !own.odb().is_ok_and(|objects| objects.exists(id))
            && let Some((Some(repository), _)) = self.resolve(&path.parent())?
        {
            return Ok(work(&repository));
        }
        Ok(work(own))
    }
}

fn blob_id(kind: &EntryKind) -> Result<Oid> {
    let EntryKind::File { id, .. } = kind else {
        return Err(Error::bug("only files are opened"));
    };
    id.parse::<Oid>()
        .map_err(git("the id of a blob is not valid"))
}

fn blob(repository: &Repository, id: Oid, path: &TreePath) -> Result<Vec<u8>> {
    let blob = repository
        .find_blob(id)
        .map_err(git(format!("cannot read `{path}`")))?;
    Ok(blob.content().to_vec())
}

/// The tree of a submodule at the commit that its parent names.
fn submodule(parent: &Repository, path: &TreePath, commit: Oid) -> Result<(Repository, Oid)> {
    let missing = |error: git2::Error| {
        git(format!("the submodule `{path}` is not checked out"))(error)
            .state("nothing was built or published")
            .hint("git submodule update --init --recursive")
    };
    let name = std::str::from_utf8(path.as_bytes())
        .map_err(|_| unfit::refused(path, "is a submodule whose name is not valid UTF-8"))?;
    let repository = parent
        .find_submodule(name)
        .and_then(|submodule| submodule.open())
        .map_err(missing)?;
    let tree = repository.find_commit(commit).map_err(missing)?.tree_id();
    Ok((repository, tree))
}

impl FileTree for CommitTree {
    fn list(&self, directory: &TreePath) -> Result<Vec<ContextEntry>> {
        match self.resolve(directory)? {
            Some((repository, tree)) => {
                let repository = repository.as_ref().unwrap_or(&self.repository);
                self.entries(repository, tree, directory)
            }
            None => Ok(Vec::new()),
        }
    }

    fn size(&self, path: &TreePath, kind: &EntryKind) -> Result<u64> {
        let id = blob_id(kind)?;
        let size = self.in_repository_of(path, id, |repository| {
            let header = repository.odb().and_then(|objects| objects.read_header(id));
            header.map(|(size, _)| size as u64)
        })?;
        size.map_err(git(format!("cannot read `{path}`")))
    }

    fn open(&self, path: &TreePath, kind: &EntryKind) -> Result<OpenFile> {
        let id = blob_id(kind)?;
        let bytes = self.in_repository_of(path, id, |repository| blob(repository, id, path))??;
        Ok((bytes.len() as u64, Box::new(Cursor::new(bytes))))
    }

    fn name(&self) -> String {
        format!("the tree of {}", self.commit.short())
    }

    fn missing_hint(&self, path: &TreePath) -> Option<String> {
        let lies = self.repository.workdir()?.join(path.as_path());
        lies.exists().then(|| {
            "the file is in the working directory, but not committed: commit it, or set `image.build.source = \"worktree\"`".to_owned()
        })
    }
}
