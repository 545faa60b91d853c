//! The tree of a commit, read from git's objects.

use std::{io::Cursor, path::Path};

use git2::{ObjectType, Oid, Repository};

use crate::{
    build::context::entry::{ContextEntry, EntryKind, FileTree, OpenEntry, OpenFile},
    error::{Error, Result},
    event::Events,
    git::CommitId,
    text::sanitize_line,
};

/// How the pointer begins that Git LFS commits in place of a file.
const LFS: &[u8] = b"version https://git-lfs.github.com/spec/v1";
/// The longest pointer in bytes.
const LFS_MAX: usize = 1024;

const LINK: i32 = 0o120_000;
const EXECUTABLE: i32 = 0o100_755;

/// The tree of a commit, from the context's root downwards.
pub(crate) struct CommitTree {
    repository: Repository,
    commit: CommitId,
    root: String,
    tree: Oid,
    submodules: bool,
}

fn git(what: impl Into<String>) -> impl FnOnce(git2::Error) -> Error {
    let what = what.into();
    move |error| Error::failed(what).cause(sanitize_line(error.message(), 300))
}

impl CommitTree {
    pub(crate) fn open(
        directory: &Path,
        commit: CommitId,
        root: &str,
        submodules: bool,
    ) -> Result<Self> {
        let repository = Repository::open(directory).map_err(git(format!(
            "cannot open the repository `{}`",
            directory.display()
        )))?;
        let id = Oid::from_bytes(commit.as_bytes())
            .map_err(git(format!("`{commit}` is not a commit id")))?;
        let top = repository
            .find_commit(id)
            .and_then(|commit| commit.tree())
            .map_err(git(format!("cannot read the tree of {commit}")))?;
        let tree = if root.is_empty() {
            top.id()
        } else {
            let entry = top.get_path(Path::new(root)).ok();
            let entry = entry.filter(|entry| entry.kind() == Some(ObjectType::Tree));
            entry.map(|entry| entry.id()).ok_or_else(|| {
                Error::failed(format!(
                    "`{root}` is not a directory in the tree of {}",
                    commit.short()
                ))
                .hint("`image.build.context` is a directory inside the repository")
            })?
        };
        drop(top);
        Ok(Self {
            repository,
            commit,
            root: root.to_owned(),
            tree,
            submodules,
        })
    }

    /// Warns of Git LFS pointers: they would get into the image in place of the files.
    pub(crate) fn warn_of_pointers(&self, entries: &[ContextEntry], events: &Events) {
        let Ok(odb) = self.repository.odb() else {
            return;
        };
        let pointer = |entry: &&ContextEntry| {
            let EntryKind::File { id, .. } = &entry.kind else {
                return false;
            };
            let Some(id) = id.parse::<Oid>().ok() else {
                return false;
            };
            // Asking for the size is cheap; only small files are read.
            odb.read_header(id).is_ok_and(|(size, _)| size <= LFS_MAX)
                && odb
                    .read(id)
                    .is_ok_and(|object| object.data().starts_with(LFS))
        };
        let attributes = entries
            .iter()
            .any(|entry| entry.path.ends_with(".gitattributes"));
        // Without attributes git does not use LFS, and the small files need not be read.
        if !attributes && !self.uses_attributes() {
            return;
        }
        let mut found = entries.iter().filter(pointer);
        if let Some(first) = found.next() {
            events.warning(format!(
                "`{}` and {} more files are Git LFS pointers in the commit, and the builder gets the pointers; `image.build.source = \"worktree\"` sends the files themselves",
                sanitize_line(&first.path, 200),
                found.count()
            ));
        }
    }

    /// Whether the commit has attributes at its top. They count too if they are above the context's
    /// root or ignored.
    fn uses_attributes(&self) -> bool {
        self.repository
            .revparse_single(&format!("{}:.gitattributes", self.commit))
            .is_ok()
    }

    fn blob(&self, repository: &Repository, id: Oid, path: &str) -> Result<Vec<u8>> {
        let blob = repository
            .find_blob(id)
            .map_err(git(format!("cannot read `{}`", sanitize_line(path, 200))))?;
        Ok(blob.content().to_vec())
    }

    /// The entries of a tree object; `path` is its path in the context.
    fn entries(&self, repository: &Repository, tree: Oid, path: &str) -> Result<Vec<ContextEntry>> {
        let tree = repository.find_tree(tree).map_err(git(format!(
            "cannot read the directory `{}`",
            sanitize_line(path, 200)
        )))?;
        let mut entries = Vec::with_capacity(tree.len());
        for entry in &tree {
            let name = String::from_utf8_lossy(entry.name_bytes());
            let path = if path.is_empty() {
                name.into_owned()
            } else {
                format!("{path}/{name}")
            };
            let kind = match (entry.kind(), entry.filemode()) {
                (Some(ObjectType::Blob), LINK) => EntryKind::Link {
                    target: self.blob(repository, entry.id(), &path)?,
                },
                (Some(ObjectType::Blob), mode) => EntryKind::File {
                    executable: mode == EXECUTABLE,
                    id: entry.id().to_string(),
                },
                // A submodule is a directory, which is empty unless the files of submodules are wanted.
                _ => EntryKind::Directory,
            };
            entries.push(ContextEntry { path, kind });
        }
        Ok(entries)
    }

    /// The tree of a directory of the context, and the repository of the submodule that contains it,
    /// if one does. `None` for a submodule whose files are not wanted.
    fn resolve(&self, directory: &str) -> Result<Option<(Option<Repository>, Oid)>> {
        let mut at = (None, self.tree);
        let mut within = self.root.clone();
        for part in directory.split('/').filter(|part| !part.is_empty()) {
            if !within.is_empty() {
                within.push('/');
            }
            within.push_str(part);
            let repository = at.0.as_ref().unwrap_or(&self.repository);
            let (kind, id) = {
                let tree = repository
                    .find_tree(at.1)
                    .map_err(git("cannot read a directory"))?;
                let entry = tree.get_name(part).ok_or_else(|| {
                    Error::bug(format!("`{within}` was listed, but it is not in the tree"))
                })?;
                (entry.kind(), entry.id())
            };
            at = match kind {
                Some(ObjectType::Commit) if !self.submodules => return Ok(None),
                Some(ObjectType::Commit) => {
                    let (repository, tree) = submodule(repository, &within, id)?;
                    within.clear();
                    (Some(repository), tree)
                }
                _ => (at.0, id),
            };
        }
        Ok(Some(at))
    }
}

/// The tree of a submodule at the commit that its parent names.
fn submodule(parent: &Repository, path: &str, commit: Oid) -> Result<(Repository, Oid)> {
    let missing = |error: git2::Error| {
        git(format!("the submodule `{path}` is not checked out"))(error)
            .hint("git submodule update --init --recursive")
    };
    let repository = parent
        .find_submodule(path)
        .and_then(|submodule| submodule.open())
        .map_err(missing)?;
    let tree = repository.find_commit(commit).map_err(missing)?.tree_id();
    Ok((repository, tree))
}

impl FileTree for CommitTree {
    fn list(&self, directory: &str) -> Result<Vec<ContextEntry>> {
        match self.resolve(directory)? {
            Some((repository, tree)) => {
                let repository = repository.as_ref().unwrap_or(&self.repository);
                self.entries(repository, tree, directory)
            }
            None => Ok(Vec::new()),
        }
    }

    fn text(&self, path: &str) -> Result<Option<String>> {
        let tree = self
            .repository
            .find_tree(self.tree)
            .map_err(git("cannot read the commit's tree"))?;
        let Ok(entry) = tree.get_path(Path::new(path)) else {
            return Ok(None);
        };
        if entry.kind() != Some(ObjectType::Blob) {
            return Ok(None);
        }
        let bytes = self.blob(&self.repository, entry.id(), path)?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn name(&self) -> String {
        match &*self.root {
            "" => format!("the tree of {}", self.commit.short()),
            root => format!("`{root}` of the tree of {}", self.commit.short()),
        }
    }

    fn missing_hint(&self, path: &str) -> Option<String> {
        let lies = self.repository.workdir()?.join(&self.root).join(path);
        lies.exists().then(|| {
            "the file is in the working directory, but not committed: commit it, or set `image.build.source = \"worktree\"`".to_owned()
        })
    }
}

impl OpenEntry for CommitTree {
    fn open(&self, entry: &ContextEntry) -> Result<OpenFile> {
        let EntryKind::File { id, .. } = &entry.kind else {
            return Err(Error::bug("only files are opened"));
        };
        let id = id
            .parse::<Oid>()
            .map_err(git("the id of a blob is not valid"))?;
        let bytes = match self.blob(&self.repository, id, &entry.path) {
            // A submodule's blob lies in the submodule's repository.
            Err(error) if self.submodules => {
                let directory = entry.path.rsplit_once('/').map_or("", |(parent, _)| parent);
                match self.resolve(directory)? {
                    Some((Some(repository), _)) => self.blob(&repository, id, &entry.path)?,
                    _ => return Err(error),
                }
            }
            other => other?,
        };
        Ok((bytes.len() as u64, Box::new(Cursor::new(bytes))))
    }
}
