//! The build context: the files that the builder sees, as a tar stream.
//!
//! Either exactly the tree of one commit (nothing that lies about uncommitted can get into the
//! image), or the files as they lie. Filtered by `.dockerignore` as Docker does it. The stream is
//! the same for the same commit on every machine: owner 0, the commit's time, git's two modes.
//! Memory holds names, and one file at a time.

mod commit;
#[cfg(test)]
mod tests;
mod worktree;

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    io::{self, Read, Write},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use crate::{
    build::dockerignore::{Ignore, Verdict},
    error::{Error, Result},
    event::Events,
    text::sanitize_line,
};

/// What is to be sent.
#[derive(Debug, Clone)]
pub struct ContextRequest {
    /// The repository's working directory; of a bare repository, the repository itself.
    pub repository: PathBuf,
    /// Which files.
    pub files: Files,
    /// Directory of the context inside the repository.
    pub context: String,
    /// Path of the Dockerfile inside the context.
    pub dockerfile: String,
    /// Seconds since 1970 that every file of a commit gets.
    pub time: i64,
    /// A directory that is left out of a worktree: hoist's own files.
    pub leave_out: Option<PathBuf>,
}

/// Which files the builder sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Files {
    /// The tree of this commit.
    Commit {
        /// Its id.
        id: String,
        /// With the files of submodules, at the commits that the tree names.
        submodules: bool,
    },
    /// The files as they lie.
    Worktree,
}

/// A context that was looked through and can be sent.
pub struct Context {
    entries: Vec<Entry>,
    reader: Box<dyn Contents>,
    dockerfile: String,
    time: i64,
}

/// One file, directory or link.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// Relative to the context's root, `/` between the parts.
    path: String,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Directory,
    File {
        executable: bool,
        /// For the tree's reader: a blob's id. Empty for a file on disk.
        id: String,
    },
    Link {
        target: Vec<u8>,
    },
}

/// A file's size and bytes.
type Content = (u64, Box<dyn Read>);

/// Where the bytes of files come from.
trait Contents: Send {
    fn open(&self, entry: &Entry) -> Result<Content>;
}

/// A tree of files that can be walked.
trait Tree: Contents {
    /// The directory's own entries, sorted by name.
    fn list(&self, directory: &str) -> Result<Vec<Entry>>;
    /// A small file's text, if there is such a file.
    fn text(&self, path: &str) -> Result<Option<String>>;
    /// For messages: "the tree of 3f2a91c".
    fn name(&self) -> String;
    /// What helps when a file is not in it.
    fn missing_hint(&self, path: &str) -> Option<String>;
}

impl Context {
    /// Looks through the files: which there are, which are ignored, whether the Dockerfile is
    /// among them.
    ///
    /// # Errors
    /// The context or the Dockerfile is not there, an ignore file that Docker would refuse, or a
    /// file that cannot be read.
    pub fn open(request: &ContextRequest, events: &Events) -> Result<Self> {
        let root = inside("image.build.context", &request.context)?;
        let dockerfile = inside("image.build.dockerfile", &request.dockerfile)?;
        match &request.files {
            Files::Commit { id, submodules } => {
                let tree = commit::CommitTree::open(&request.repository, id, &root, *submodules)?;
                let (entries, tree) = select(tree, &dockerfile)?;
                tree.warn_of_pointers(&entries, events);
                Self::new(entries, tree, &dockerfile, request.time)
            }
            Files::Worktree => {
                let directory = request.repository.join(&root);
                let tree = worktree::Worktree::open(directory, request.leave_out.clone())?;
                let (entries, tree) = select(tree, &dockerfile)?;
                Self::new(entries, tree, &dockerfile, request.time)
            }
        }
    }

    fn new(
        entries: Vec<Entry>,
        tree: impl Tree + 'static,
        dockerfile: &str,
        time: i64,
    ) -> Result<Self> {
        Ok(Self {
            entries,
            dockerfile: tree.text(dockerfile)?.unwrap_or_default(),
            reader: Box::new(tree),
            time,
        })
    }

    /// The Dockerfile's text.
    #[must_use]
    pub fn dockerfile(&self) -> &str {
        &self.dockerfile
    }

    /// How many files, directories and links there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Writes the tar stream. Blocks.
    ///
    /// # Errors
    /// A file cannot be read or changed meanwhile, or `out` refuses.
    pub fn write(&self, out: impl Write) -> Result<()> {
        let mut tar = tar::Builder::new(out);
        for entry in &self.entries {
            self.append(&mut tar, entry)?;
        }
        tar.finish().map_err(|e| sending(&e))
    }

    fn append(&self, tar: &mut tar::Builder<impl Write>, entry: &Entry) -> Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_mtime(u64::try_from(self.time).unwrap_or(0));
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(0);
        match &entry.kind {
            Kind::Directory => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_mode(0o755);
                tar.append_data(&mut header, format!("{}/", entry.path), io::empty())
            }
            Kind::Link { target } => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_mode(0o777);
                append_link(tar, &mut header, &entry.path, target)
            }
            Kind::File { executable, .. } => {
                let (size, content) = self.reader.open(entry)?;
                header.set_entry_type(tar::EntryType::Regular);
                header.set_mode(if *executable { 0o755 } else { 0o644 });
                header.set_size(size);
                let exact = Exact {
                    content,
                    left: size,
                };
                tar.append_data(&mut header, &entry.path, exact)
            }
        }
        .map_err(|e| sending(&e).cause(format!("at `{}`", sanitize_line(&entry.path, 200))))
    }
}

/// A target need not be a clean path, and must arrive as it is: only one that is too long for the
/// header goes through the archive's own spelling of paths.
fn append_link(
    tar: &mut tar::Builder<impl Write>,
    header: &mut tar::Header,
    path: &str,
    target: &[u8],
) -> io::Result<()> {
    if header.set_link_name_literal(target).is_ok() {
        return tar.append_data(header, path, io::empty());
    }
    tar.append_link(header, path, Path::new(OsStr::from_bytes(target)))
}

fn sending(error: &io::Error) -> Error {
    Error::failed("cannot send the build context").because(error)
}

/// A file that is exactly as long as its header says, whatever happens to it meanwhile.
struct Exact {
    content: Box<dyn Read>,
    left: u64,
}

impl Read for Exact {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let n = self.content.read(&mut buffer[..most])?;
        if n == 0 && most > 0 {
            return Err(io::Error::other(
                "the file became shorter while it was read",
            ));
        }
        self.left -= n as u64;
        Ok(n)
    }
}

/// A path of the policy as `a/b`; `.` is empty. It must stay inside.
fn inside(key: &str, path: &str) -> Result<String> {
    let mut parts = Vec::new();
    let outside = || {
        Error::usage(format!(
            "`{key} = \"{}\"` leaves its directory",
            sanitize_line(path, 200)
        ))
    };
    if path.starts_with('/') {
        return Err(outside());
    }
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop().ok_or_else(outside)?),
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

/// Walks the tree and keeps what is not ignored. The Dockerfile and the ignore file are always
/// sent; the engine's builder leaves them out of `COPY` by itself.
fn select<T: Tree>(tree: T, dockerfile: &str) -> Result<(Vec<Entry>, T)> {
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
    walk.directory("", &Verdict::root())?;
    if !walk
        .entries
        .iter()
        .any(|e| e.path == dockerfile && e.kind != Kind::Directory)
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
    always: BTreeSet<String>,
    entries: Vec<Entry>,
    /// Ignored directories on the way down, sent only when something below them is.
    pending: Vec<Entry>,
}

impl<T: Tree> Walk<T> {
    fn directory(&mut self, path: &str, parent: &Verdict) -> Result<()> {
        for entry in self.tree.list(path)? {
            let verdict = self.ignore.judge(&entry.path, parent);
            if entry.kind == Kind::Directory {
                self.subdirectory(entry, &verdict)?;
            } else if !verdict.ignored || self.always.contains(&entry.path) {
                self.entries.append(&mut self.pending);
                self.entries.push(entry);
            }
        }
        Ok(())
    }

    fn subdirectory(&mut self, entry: Entry, verdict: &Verdict) -> Result<()> {
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
        // Nothing below was sent: neither is the directory.
        self.pending.truncate(depth);
        Ok(())
    }
}
