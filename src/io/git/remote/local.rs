//! Stands in for a remote where there is none: a file lock of the operating system beside the journal,
//! which is released when its process dies, and tags in the repository at hand.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{Read as _, Seek as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    git::{CommitId, ObjectId, RefName},
    io::git::{
        error::{RemoteError, RemoteErrorKind},
        remote::{RefChange, RefEdit, RefPattern, Remote},
        run::{Git, object_id},
    },
    oci::Digest,
};

/// What the lock file says. It outlives a process that dies, and so tells what was unfinished; the
/// OS lock on the file tells whether that process is alive.
#[derive(Debug, Default, Serialize, Deserialize)]
struct LockFile {
    /// Lock refs and their objects.
    refs: BTreeMap<RefName, ObjectId>,
    /// The journals of those objects.
    journals: BTreeMap<ObjectId, String>,
}

/// The repository at hand in place of a remote.
#[derive(Debug)]
pub struct LocalOnly {
    git: Git,
    path: PathBuf,
    /// The locked file, while this process holds a lock.
    held: Mutex<Option<File>>,
    /// Journals of locks that were made but not taken yet.
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

/// Closing the file is not enough while a program that is just being started has a copy of it.
fn give_up(file: &File) -> Result<(), RemoteError> {
    fs4::FileExt::unlock(file).map_err(|error| local(&error))
}

impl Drop for LocalOnly {
    /// The lock ends with this value, as it would with the process.
    fn drop(&mut self) {
        if let Some(file) = open(&self.held).take() {
            // What cannot be unlocked is unlocked when the process ends.
            let _ = give_up(&file);
        }
    }
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
            crate::io::journal_file::private_directory(parent)?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        options.mode(0o600).open(&self.path)
    }

    fn read(file: &mut File) -> std::io::Result<LockFile> {
        let mut text = String::new();
        file.rewind()?;
        file.read_to_string(&mut text)?;
        // Cut by a crash while it was written: then the lock had not been taken yet.
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    fn write(file: &mut File, content: &LockFile) -> std::io::Result<()> {
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
        let as_expected = |edit: &RefEdit| content.refs.get(&edit.name) == edit.expected();
        if !edits.iter().all(as_expected) {
            if held_before {
                *held = Some(file);
            } else {
                give_up(&file)?;
            }
            let message = "the lock is not what was expected";
            return Err(RemoteError::new(RemoteErrorKind::Conflict, message));
        }
        let made = open(&self.made);
        for edit in edits {
            match edit.result() {
                Some(id) => content.refs.insert(edit.name.clone(), id.clone()),
                None => content.refs.remove(&edit.name),
            };
        }
        for (id, journal) in made.iter() {
            content.journals.insert(id.clone(), journal.clone());
        }
        let LockFile { refs, journals } = &mut content;
        journals.retain(|id, _| refs.values().any(|there| there == id));
        Self::write(&mut file, &content).map_err(|error| local(&error))?;
        if edits.iter().any(|edit| edit.keeps_ref()) {
            *held = Some(file);
        } else {
            give_up(&file)?;
        }
        Ok(())
    }

    /// Compares and swaps tags and branches, all of them or none.
    async fn swap_refs(&self, edits: &[RefEdit]) -> Result<(), RemoteError> {
        let line = |edit: &RefEdit| {
            let name = &edit.name;
            match &edit.change {
                RefChange::Create { new } => format!("create {name} {new}\n"),
                RefChange::Update { expected, new } => format!("update {name} {new} {expected}\n"),
                RefChange::Delete { expected } => format!("delete {name} {expected}\n"),
            }
        };
        let input: String = edits.iter().map(line).collect();
        let output = self
            .git
            .run(
                ["update-ref", "-m", "hoist", "--stdin"],
                input.as_bytes(),
                &[],
            )
            .await?;
        if output.success {
            return Ok(());
        }
        Err(RemoteError::new(
            RemoteErrorKind::Conflict,
            output.error_text(),
        ))
    }

    fn content(&self) -> Result<LockFile, RemoteError> {
        match File::open(&self.path) {
            Ok(mut file) => Self::read(&mut file).map_err(|error| local(&error)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(LockFile::default()),
            Err(error) => Err(local(&error)),
        }
    }
}

/// Whether the repository itself has this ref, and not the lock file.
fn is_ref(edit: &RefEdit) -> bool {
    edit.name.is_tag() || edit.name.is_branch()
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

    async fn refs(&self, patterns: &[RefPattern]) -> Result<Vec<(RefName, ObjectId)>, RemoteError> {
        let list = [
            "for-each-ref",
            "--format=%(objectname) %(refname)",
            "refs/tags",
            "refs/heads",
        ];
        let text = self.git.run_local("list the refs", list, b"").await?;
        let mut found = Vec::new();
        for (id, name) in text.lines().filter_map(|line| line.split_once(' ')) {
            if let Ok(name) = name.parse() {
                found.push((name, object_id(id)?));
            }
        }
        found.extend(self.content()?.refs);
        found.retain(|(name, _)| RefPattern::any(patterns, name));
        Ok(found)
    }

    async fn swap(&self, edits: &[RefEdit]) -> Result<(), RemoteError> {
        let (refs, locks): (Vec<_>, Vec<_>) = edits.iter().cloned().partition(is_ref);
        // Under the lock from its first to its last moment.
        let (taken, given): (Vec<_>, Vec<_>) = locks.into_iter().partition(|edit| edit.keeps_ref());
        if !taken.is_empty() {
            self.swap_locks(&taken)?;
        }
        let swapped = if refs.is_empty() {
            Ok(())
        } else {
            self.swap_refs(&refs).await
        };
        if let Err(error) = swapped {
            if !taken.is_empty() {
                let back: Vec<_> = taken.into_iter().map(RefEdit::undone).collect();
                self.swap_locks(&back)?;
            }
            return Err(error);
        }
        if given.is_empty() {
            return Ok(());
        }
        self.swap_locks(&given)
    }

    async fn write_lock(&self, _title: &str, journal: &str) -> Result<ObjectId, RemoteError> {
        let id = object_id(&Digest::of(journal.as_bytes()).hex()[..40])?;
        open(&self.made).insert(id.clone(), journal.to_owned());
        Ok(id)
    }

    async fn read_lock(&self, _name: &RefName, id: &ObjectId) -> Result<String, RemoteError> {
        let missing = || RemoteError::new(RemoteErrorKind::Local, "the lock is gone");
        self.content()?.journals.remove(id).ok_or_else(missing)
    }

    async fn contains(
        &self,
        _name: &RefName,
        tip: &ObjectId,
        commit: CommitId,
    ) -> Result<bool, RemoteError> {
        self.git.is_ancestor(commit, tip).await
    }

    async fn write_tag(&self, object: &[u8], _commit: CommitId) -> Result<ObjectId, RemoteError> {
        let write = ["hash-object", "-t", "tag", "-w", "--stdin"];
        self.git
            .run_for_id("write the git tag's object", write, object)
            .await
    }
}
