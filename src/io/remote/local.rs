//! No remote: an OS file lock beside the journal, which a dead process releases by itself, and
//! tags that are made in the repository at hand.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{Read as _, Seek as _, Write as _},
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{ObjectId, RefEdit, Remote, RemoteError, RemoteErrorKind, command::Git};
use crate::oci::Digest;

/// What the lock file says. It outlives a process that dies, and so tells what was unfinished; the
/// OS lock on the file tells whether that process is alive.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    /// Lock refs and their objects.
    refs: BTreeMap<String, ObjectId>,
    /// The journals of those objects.
    journals: BTreeMap<ObjectId, String>,
}

/// The repository at hand in place of a remote.
#[derive(Debug)]
pub struct LocalOnly {
    git: Git,
    path: PathBuf,
    /// Held while a lock ref of ours exists.
    held: Mutex<Option<File>>,
    /// Journals of locks that are made but not taken.
    made: Mutex<BTreeMap<ObjectId, String>>,
}

fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn local(error: &std::io::Error) -> RemoteError {
    RemoteError::new(
        RemoteErrorKind::Local,
        format!("cannot use the lock file: {error}"),
    )
}

impl LocalOnly {
    /// The repository at `dir`, with its lock file at `path`.
    pub fn new(dir: impl Into<PathBuf>, path: impl Into<PathBuf>) -> Self {
        Self {
            git: Git::new(dir),
            path: path.into(),
            held: Mutex::default(),
            made: Mutex::default(),
        }
    }

    fn open_file(&self) -> std::io::Result<File> {
        if let Some(parent) = self.path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        options.open(&self.path)
    }

    fn read(file: &mut File) -> std::io::Result<Content> {
        let mut text = String::new();
        file.rewind()?;
        file.read_to_string(&mut text)?;
        // Cut by a crash while it was written: then the lock had not been taken yet.
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    fn write(file: &mut File, content: &Content) -> std::io::Result<()> {
        let text = serde_json::to_vec(content)?;
        file.rewind()?;
        file.set_len(0)?;
        file.write_all(&text)?;
        file.sync_all()
    }

    /// Compares and swaps the lock refs under the OS lock.
    fn swap_locks(&self, edits: &[RefEdit]) -> Result<(), RemoteError> {
        let mut held = open(&self.held);
        let held_before = held.is_some();
        let mut file = match held.take() {
            Some(file) => file,
            None => {
                let file = self.open_file().map_err(|error| local(&error))?;
                if fs4::FileExt::try_lock(&file).is_err() {
                    let message = "another process of this machine holds the lock";
                    return Err(RemoteError::new(RemoteErrorKind::Conflict, message));
                }
                file
            }
        };
        let mut content = Self::read(&mut file).map_err(|error| local(&error))?;
        let as_expected = |edit: &RefEdit| content.refs.get(&edit.name) == edit.expected.as_ref();
        if !edits.iter().all(as_expected) {
            *held = held_before.then_some(file);
            let message = "the lock is not what was expected";
            return Err(RemoteError::new(RemoteErrorKind::Conflict, message));
        }
        let made = open(&self.made);
        for edit in edits {
            match &edit.new {
                Some(id) => content.refs.insert(edit.name.clone(), id.clone()),
                None => content.refs.remove(&edit.name),
            };
        }
        for (id, journal) in made.iter() {
            content.journals.insert(id.clone(), journal.clone());
        }
        let Content { refs, journals } = &mut content;
        journals.retain(|id, _| refs.values().any(|there| there == id));
        Self::write(&mut file, &content).map_err(|error| local(&error))?;
        if edits.iter().any(|edit| edit.new.is_some()) {
            *held = Some(file);
        }
        Ok(())
    }

    async fn create_tag(&self, name: &str, id: &ObjectId) -> Result<(), RemoteError> {
        let input = format!("create {name} {id}\n");
        let said = self
            .git
            .run(["update-ref", "--stdin"], input.as_bytes(), &[])
            .await?;
        if said.good {
            return Ok(());
        }
        Err(RemoteError::new(
            RemoteErrorKind::Conflict,
            said.complaint(),
        ))
    }

    fn content(&self) -> Result<Content, RemoteError> {
        match File::open(&self.path) {
            Ok(mut file) => Self::read(&mut file).map_err(|error| local(&error)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Content::default()),
            Err(error) => Err(local(&error)),
        }
    }
}

fn is_tag(edit: &RefEdit) -> bool {
    edit.name.starts_with("refs/tags/")
}

#[async_trait]
impl Remote for LocalOnly {
    fn name(&self) -> &str {
        "this repository"
    }

    async fn check(&self, _edits: &[RefEdit]) -> Result<(), RemoteError> {
        let file = self.open_file().map_err(|error| local(&error))?;
        drop(file);
        Ok(())
    }

    async fn refs(&self, patterns: &[String]) -> Result<Vec<(String, ObjectId)>, RemoteError> {
        let meant = |name: &str| {
            patterns
                .iter()
                .any(|pattern| match pattern.strip_suffix('*') {
                    Some(prefix) => name.starts_with(prefix),
                    None => pattern == name,
                })
        };
        let format = "--format=%(objectname) %(refname)";
        let text = self
            .git
            .local("list tags", ["for-each-ref", format, "refs/tags"], b"")
            .await?;
        let tags = text.lines().filter_map(|line| line.split_once(' '));
        let tags = tags.map(|(id, name)| (name.to_owned(), id.to_owned()));
        let locks = self.content()?.refs;
        Ok(tags.chain(locks).filter(|(name, _)| meant(name)).collect())
    }

    async fn swap(&self, edits: &[RefEdit]) -> Result<(), RemoteError> {
        let (tags, locks): (Vec<_>, Vec<_>) = edits.iter().cloned().partition(is_tag);
        for edit in tags {
            if let Some(id) = &edit.new {
                self.create_tag(&edit.name, id).await?;
            }
        }
        self.swap_locks(&locks)
    }

    async fn write_lock(&self, _title: &str, journal: &str) -> Result<ObjectId, RemoteError> {
        let id = Digest::of(journal.as_bytes()).hex()[..40].to_owned();
        open(&self.made).insert(id.clone(), journal.to_owned());
        Ok(id)
    }

    async fn read_lock(&self, _name: &str, id: &ObjectId) -> Result<String, RemoteError> {
        let missing = || RemoteError::new(RemoteErrorKind::Local, "the lock is gone");
        self.content()?.journals.remove(id).ok_or_else(missing)
    }

    async fn write_tag(&self, object: &[u8], _commit: &str) -> Result<ObjectId, RemoteError> {
        let write = ["hash-object", "-t", "tag", "-w", "--stdin"];
        self.git
            .local("write the git tag's object", write, object)
            .await
    }
}
