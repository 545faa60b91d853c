//! Which files of a tree the builder sees.

use std::collections::BTreeSet;

use crate::{
    build::{
        context::entry::{ContextEntry, EntryKind, FileTree},
        dockerignore::{Ignore, IgnoreVerdict},
    },
    error::{Error, Result},
};

/// Walks the tree and keeps what is not ignored. The Dockerfile and the ignore file are always
/// kept; the engine's builder leaves them out of `COPY` by itself.
pub(crate) fn select<T: FileTree>(tree: T, dockerfile: &str) -> Result<(Vec<ContextEntry>, T)> {
    let own = format!("{dockerfile}.dockerignore");
    let (ignore_name, text) = match tree.text(&own)? {
        Some(text) => (own, text),
        None => {
            let name = ".dockerignore".to_owned();
            let text = tree.text(&name)?.unwrap_or_default();
            (name, text)
        }
    };
    let ignore = Ignore::parse(&text).map_err(|error| {
        Error::refused(format!("`{ignore_name}` cannot be read"))
            .because(&error)
            .hint("Docker refuses to build with it too")
    })?;
    let mut walk = Walk {
        tree,
        ignore,
        always: [
            dockerfile.to_owned(),
            ignore_name,
            ".dockerignore".to_owned(),
        ]
        .into(),
        entries: Vec::new(),
        pending: Vec::new(),
    };
    walk.directory("", &IgnoreVerdict::root())?;
    if !walk
        .entries
        .iter()
        .any(|e| e.path == dockerfile && e.kind != EntryKind::Directory)
    {
        let error = Error::failed(format!("`{dockerfile}` is not in {}", walk.tree.name()));
        return Err(match walk.tree.missing_hint(dockerfile) {
            Some(hint) => error.hint(hint),
            None => error.hint("`image.build.dockerfile` is its path inside `image.build.context`"),
        });
    }
    Ok((walk.entries, walk.tree))
}

struct Walk<T> {
    tree: T,
    ignore: Ignore,
    /// Files that are kept although they are ignored.
    always: BTreeSet<String>,
    entries: Vec<ContextEntry>,
    /// Ignored directories on the way to the current one. They are kept only if something below
    /// them is.
    pending: Vec<ContextEntry>,
}

impl<T: FileTree> Walk<T> {
    fn directory(&mut self, path: &str, parent: &IgnoreVerdict) -> Result<()> {
        for entry in self.tree.list(path)? {
            let verdict = self.ignore.judge(&entry.path, parent);
            if entry.kind == EntryKind::Directory {
                self.subdirectory(entry, &verdict)?;
            } else if !verdict.ignored || self.always.contains(&entry.path) {
                self.entries.append(&mut self.pending);
                self.entries.push(entry);
            }
        }
        Ok(())
    }

    fn subdirectory(&mut self, entry: ContextEntry, verdict: &IgnoreVerdict) -> Result<()> {
        let path = entry.path.clone();
        let below = format!("{path}/");
        let holds_always = self.always.iter().any(|name| name.starts_with(&below));
        if verdict.ignored && !self.ignore.brings_back() && !holds_always {
            return Ok(());
        }
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
