//! A context whose files are known and that can be sent.

use std::path::PathBuf;

use crate::{
    build::context::{
        commit::CommitTree,
        entry::{ContextEntry, EntryKind, FileTree, OpenFile, read},
        forms::check_steering,
        links::{PathEnd, follow, resolve},
        path::TreePath,
        stored, unfit,
        walk::{IgnoreFile, select},
        worktree::Worktree,
    },
    error::{Error, Result},
    event::Events,
    git::CommitId,
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
    /// Path of the Dockerfile, seen from the context. It may lie outside the context. `None`: a named
    /// context, which has none.
    pub(crate) dockerfile: Option<String>,
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
    /// The files that the builder sees.
    pub(super) entries: Vec<ContextEntry>,
    pub(super) tree: Box<dyn FileTree>,
    /// Where the context is in the tree.
    pub(super) root: TreePath,
    pub(super) dockerfile: Dockerfile,
    pub(super) ignore: Option<IgnoreFile>,
    time: i64,
}

/// The Dockerfile of a context.
pub(super) struct Dockerfile {
    /// The name of the file, as the policy has it.
    name: String,
    pub(super) content: Vec<u8>,
    /// Where the file is, seen from the context; `None` outside it. No link is left in it.
    pub(super) path: Option<TreePath>,
}

impl BuildContext {
    /// Finds the Dockerfile, and lists the files that are not ignored.
    ///
    /// # Errors
    /// The context or the Dockerfile is not there, Docker would refuse the ignore file, a link on
    /// the way to one of them leads out of the repository, a file cannot be read, or the commit
    /// holds something that an engine cannot take.
    pub(crate) fn open(request: &ContextRequest, events: &Events) -> Result<Self> {
        match &request.files {
            ContextFiles::Commit { id, submodules } => {
                let tree = CommitTree::open(&request.repository, *id, *submodules)?;
                let found = ContextFound::look(&tree, request)?;
                unfit::check_entries(&found.entries)?;
                stored::check_objects(&tree, &found.root, &found.entries)?;
                found.warn_of_submodules(events);
                Ok(found.with(tree, request.time))
            }
            ContextFiles::Worktree => {
                let tree = Worktree::open(request.repository.clone(), request.leave_out.clone());
                let found = ContextFound::look(&tree, request)?;
                Ok(found.with(tree, request.time))
            }
        }
    }

    /// The Dockerfile's text. Bytes that are not UTF-8 are replaced.
    pub(crate) fn dockerfile(&self) -> String {
        String::from_utf8_lossy(&self.dockerfile.content).into_owned()
    }

    /// The Dockerfile's content.
    pub(crate) fn dockerfile_content(&self) -> &[u8] {
        &self.dockerfile.content
    }

    /// The name of the Dockerfile, without its directory.
    pub(crate) fn dockerfile_name(&self) -> &str {
        &self.dockerfile.name
    }

    /// The files, directories and links, each directory before what it holds, siblings by the
    /// bytes of their names.
    pub(crate) fn entries(&self) -> &[ContextEntry] {
        &self.entries
    }

    /// The size of a file of the context in bytes.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn size(&self, entry: &ContextEntry) -> Result<u64> {
        let path = self.root.join(entry.path.as_bytes());
        self.tree.size(&path, &entry.kind)
    }

    /// Opens a file of the context.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn open_entry(&self, entry: &ContextEntry) -> Result<OpenFile> {
        let path = self.root.join(entry.path.as_bytes());
        self.tree.open(&path, &entry.kind)
    }

    /// Seconds since 1970 that every file gets.
    pub(crate) fn time(&self) -> i64 {
        self.time
    }
}

/// What a look at the tree has found.
struct ContextFound {
    root: TreePath,
    dockerfile: Dockerfile,
    ignore: Option<IgnoreFile>,
    entries: Vec<ContextEntry>,
}

impl ContextFound {
    fn look(tree: &dyn FileTree, request: &ContextRequest) -> Result<Self> {
        let wanted = TreePath::from(&*request.context);
        let root = match resolve(tree, &wanted)? {
            Some((root, EntryKind::Directory)) => root,
            Some((_, EntryKind::Submodule)) => {
                return Err(Error::refused(format!(
                    "`{wanted}` is a submodule, and its files are not wanted"
                ))
                .hint("`image.build.submodules = true` sends them"));
            }
            _ => {
                let error =
                    Error::failed(format!("`{wanted}` is not a directory in {}", tree.name()));
                return Err(match &request.dockerfile {
                    Some(_) => {
                        error.hint("`image.build.context` is a directory inside the repository")
                    }
                    None => error,
                });
            }
        };
        let (dockerfile, ignore) = match &request.dockerfile {
            Some(name) => {
                let named = TreePath::from(&*format!("{}/{name}", request.context));
                let dockerfile = Dockerfile::find(tree, request, name, &root, &named)?;
                (dockerfile, IgnoreFile::find(tree, &root, &named)?)
            }
            None => (Dockerfile::none(), IgnoreFile::shared(tree, &root)?),
        };
        let entries = select(tree, &root, ignore.as_ref())?;
        Ok(Self {
            root,
            dockerfile,
            ignore,
            entries,
        })
    }

    fn with(self, tree: impl FileTree + 'static, time: i64) -> BuildContext {
        BuildContext {
            entries: self.entries,
            tree: Box::new(tree),
            root: self.root,
            dockerfile: self.dockerfile,
            ignore: self.ignore,
            time,
        }
    }

    fn warn_of_submodules(&self, events: &Events) {
        let submodule = |entry: &&ContextEntry| entry.kind == EntryKind::Submodule;
        let mut found = self.entries.iter().filter(submodule);
        if let Some(first) = found.next() {
            let more = match found.count() {
                0 => "is a submodule, and its directory is".to_owned(),
                more => format!("and {more} more are submodules, and their directories are"),
            };
            events.warning(format!(
                "`{}` {more} empty for the builder; `image.build.submodules = true` sends the files, and a line in `.dockerignore` ends this warning",
                first.path
            ));
        }
    }
}

impl Dockerfile {
    fn none() -> Self {
        Self {
            name: String::new(),
            content: Vec::new(),
            path: None,
        }
    }

    fn find(
        tree: &dyn FileTree,
        request: &ContextRequest,
        name: &str,
        root: &TreePath,
        named: &TreePath,
    ) -> Result<Self> {
        let found = resolve(tree, named)?.filter(|(_, kind)| !kind.is_directory());
        let Some((path, kind)) = found else {
            let error = Error::failed(format!("`{named}` is not in {}", tree.name()));
            return Err(match tree.missing_hint(named) {
                Some(hint) => error.hint(hint),
                None => error.hint(hint_at_dockerfile(tree, request, name)?),
            });
        };
        let content = read(tree, &path, &kind)?;
        check_steering(named, &content)?;
        Ok(Self {
            name: String::from_utf8_lossy(named.file_name()).into_owned(),
            content,
            path: path.below(root),
        })
    }
}

/// Where the Dockerfile is instead: `context` and `dockerfile` are easily taken to start at the same
/// directory.
fn hint_at_dockerfile(tree: &dyn FileTree, request: &ContextRequest, name: &str) -> Result<String> {
    let plain = "`image.build.dockerfile` is its path seen from `image.build.context`";
    let at_top = TreePath::from(name);
    let context = TreePath::from(&*request.context);
    Ok(match follow(tree, &at_top)? {
        PathEnd::Entry(_, EntryKind::File { .. }) if !context.is_root() => {
            let up = "../".repeat(context.parts().count());
            format!("{plain}: here `image.build.dockerfile = \"{up}{at_top}\"`")
        }
        _ => plain.to_owned(),
    })
}
