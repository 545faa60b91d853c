//! A context for builders that find the Dockerfile inside it: the classic builder, and Podman.
//!
//! Such an engine gets one archive. It takes the Dockerfile out of the context by itself, but only
//! where a `.dockerignore` in the archive names it. So a Dockerfile that the steps of the build must
//! not see travels with a `.dockerignore` that hides both, as with `docker build`.

use crate::{
    build::context::{
        build_context::BuildContext,
        entry::{ContextEntry, EntryKind, read},
        path::TreePath,
    },
    error::Result,
    oci::Digest,
};

const SHARED: &str = ".dockerignore";

/// A file of the archive that is not an entry of the context.
pub(crate) struct Extra {
    pub(crate) path: TreePath,
    pub(crate) content: Vec<u8>,
}

/// What the archive holds besides the context's entries.
pub(crate) struct ClassicFiles {
    /// Where the Dockerfile is in the archive.
    pub(crate) dockerfile: String,
    /// Files that are added, or that stand in for entries of the same path.
    pub(crate) extra: Vec<Extra>,
}

impl BuildContext {
    /// The files that make the context complete for a builder that gets nothing else.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(crate) fn classic(&self) -> Result<ClassicFiles> {
        let text = |path: &TreePath| std::str::from_utf8(path.as_bytes()).map(str::to_owned);
        // The engine takes the path as text.
        let inside = self.dockerfile.path.as_ref();
        let inside = inside.and_then(|path| Some((path, text(path).ok()?)));
        let dockerfile = match &inside {
            Some((_, name)) => name.clone(),
            // The same for the same Dockerfile, so that the builder's cache is used.
            None => format!(
                ".dockerfile.{}",
                Digest::of(&self.dockerfile.content).short()
            ),
        };
        let is_inside = inside.is_some();
        if inside.is_some_and(|(path, _)| self.seen(path).is_some()) {
            return Ok(ClassicFiles {
                dockerfile,
                extra: Vec::new(),
            });
        }
        let path = TreePath::from(&*dockerfile);
        let extra = vec![
            self.ignore_for_engine(&path, is_inside)?,
            Extra {
                path,
                content: self.dockerfile.content.clone(),
            },
        ];
        Ok(ClassicFiles { dockerfile, extra })
    }

    fn seen(&self, path: &TreePath) -> Option<&ContextEntry> {
        self.entries.iter().find(|entry| entry.path == *path)
    }

    /// A `.dockerignore` with which the engine hides the Dockerfile, and itself where it must.
    fn ignore_for_engine(&self, dockerfile: &TreePath, is_inside: bool) -> Result<Extra> {
        let path = TreePath::from(SHARED);
        let in_force = self.ignore.as_ref();
        let in_force = in_force.filter(|ignore| ignore.path == self.root.join(path.as_bytes()));
        let content = match (self.seen(&path), in_force) {
            // What hid the Dockerfile here hides it there.
            (_, Some(ignore)) if is_inside => ignore.text.clone(),
            (Some(entry), _) => {
                let mut text = self.text_of(entry)?;
                text.extend_from_slice(b"\n!.dockerignore\n");
                text.extend(pattern(dockerfile));
                text
            }
            (None, _) => {
                let mut text = b".dockerignore\n".to_vec();
                text.extend(pattern(dockerfile));
                text
            }
        };
        Ok(Extra { path, content })
    }

    fn text_of(&self, entry: &ContextEntry) -> Result<Vec<u8>> {
        let path = self.root.join(entry.path.as_bytes());
        match &entry.kind {
            kind @ EntryKind::File { .. } => read(self.tree.as_ref(), &path, kind),
            // Through a link the engine would read what lies in the context, if anything does.
            _ => Ok(Vec::new()),
        }
    }
}

/// A line of an ignore file that means exactly this path.
fn pattern(path: &TreePath) -> Vec<u8> {
    let mut line = Vec::new();
    for &byte in path.as_bytes() {
        // Engines differ in what is special inside a pattern, and all take an escaped sign as itself.
        if byte.is_ascii_punctuation() && !matches!(byte, b'/' | b'.' | b'-' | b'_') {
            line.push(b'\\');
        }
        line.push(byte);
    }
    line.push(b'\n');
    line
}
