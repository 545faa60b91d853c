//! Which files of a tree the builder sees.

use crate::{
    build::{
        context::{
            entry::{ContextEntry, FileTree, find, read},
            forms::check_steering,
            links::resolve,
            path::TreePath,
        },
        dockerignore::{Ignore, IgnoreVerdict},
    },
    error::{Error, Result},
};

/// The ignore file of a context that has no file of its Dockerfile's own.
const SHARED: &[u8] = b".dockerignore";

/// The ignore file that decides about a context.
pub(crate) struct IgnoreFile {
    /// Where it is in the repository, as it is named: a link may lead to the file.
    pub(crate) path: TreePath,
    /// The patterns, as they are written.
    pub(crate) text: Vec<u8>,
    ignore: Ignore,
}

impl IgnoreFile {
    /// The file beside the Dockerfile that has its name and `.dockerignore`, which then stands
    /// alone; else `.dockerignore` in the context's root.
    ///
    /// # Errors
    /// Docker would refuse the file too, it is a directory, or a link that leads out of the
    /// repository or nowhere. In each case the builder would get what the file keeps from it.
    pub(crate) fn find(
        tree: &dyn FileTree,
        context: &TreePath,
        dockerfile: &TreePath,
    ) -> Result<Option<Self>> {
        let name = [dockerfile.file_name(), SHARED].concat();
        let beside = resolve(tree, &dockerfile.parent())?;
        let own = beside.map(|(directory, _)| directory.join(&name));
        for path in own.into_iter().chain([context.join(SHARED)]) {
            if find(tree, &path)?.is_some() {
                return Self::read(tree, path).map(Some);
            }
        }
        Ok(None)
    }

    /// The file of a named context, which no Dockerfile belongs to.
    ///
    /// # Errors
    /// As of [`Self::find`].
    pub(crate) fn shared(tree: &dyn FileTree, context: &TreePath) -> Result<Option<Self>> {
        let path = context.join(SHARED);
        match find(tree, &path)? {
            Some(_) => Self::read(tree, path).map(Some),
            None => Ok(None),
        }
    }

    fn read(tree: &dyn FileTree, path: TreePath) -> Result<Self> {
        let target = resolve(tree, &path)?.filter(|(_, kind)| !kind.is_directory());
        let Some((target, kind)) = target else {
            return Err(Error::refused(format!("`{path}` is a directory"))
                .cause("an ignore file keeps files out of the image, and this is not a file")
                .state("nothing was built or published"));
        };
        let text = read(tree, &target, &kind)?;
        check_steering(&path, &text)?;
        let ignore = Ignore::parse(&text).map_err(|error| {
            Error::refused(format!("`{path}` cannot be read"))
                .because(&error)
                .state("nothing was built or published")
                .hint("an ignore file is UTF-8 text, one pattern a line; a line that Docker cannot read stops its builds, too")
        })?;
        Ok(Self { path, text, ignore })
    }
}

/// The entries of the directory `context` that are not ignored, seen from there, each directory
/// before what it holds.
pub(crate) fn select(
    tree: &dyn FileTree,
    context: &TreePath,
    ignore: Option<&IgnoreFile>,
) -> Result<Vec<ContextEntry>> {
    let nothing = Ignore::default();
    let mut walk = Walk {
        tree,
        context,
        ignore: ignore.map_or(&nothing, |file| &file.ignore),
        entries: Vec::new(),
        pending: Vec::new(),
    };
    walk.directory(&TreePath::root(), &IgnoreVerdict::root())?;
    Ok(walk.entries)
}

struct Walk<'a> {
    tree: &'a dyn FileTree,
    context: &'a TreePath,
    ignore: &'a Ignore,
    entries: Vec<ContextEntry>,
    /// Ignored directories on the way to the current one. They are kept only if something below
    /// them is.
    pending: Vec<ContextEntry>,
}

impl Walk<'_> {
    fn directory(&mut self, path: &TreePath, parent: &IgnoreVerdict) -> Result<()> {
        for mut entry in self.tree.list(&self.context.join(path.as_bytes()))? {
            entry.path = path.join(entry.path.file_name());
            let verdict = self.ignore.judge(entry.path.as_bytes(), parent);
            if entry.kind.is_directory() {
                self.subdirectory(entry, &verdict)?;
            } else if !verdict.ignored {
                self.entries.append(&mut self.pending);
                self.entries.push(entry);
            }
        }
        Ok(())
    }

    fn subdirectory(&mut self, entry: ContextEntry, verdict: &IgnoreVerdict) -> Result<()> {
        if verdict.ignored && !self.ignore.brings_back() {
            return Ok(());
        }
        let path = entry.path.clone();
        let depth = self.pending.len();
        self.pending.push(entry);
        if !verdict.ignored {
            self.entries.append(&mut self.pending);
        }
        self.directory(&path, verdict)?;
        // If nothing below was kept, the directory is not kept either.
        self.pending.truncate(depth);
        Ok(())
    }
}
