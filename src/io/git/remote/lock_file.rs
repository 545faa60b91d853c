//! The lock of a clone without a remote: two files beside the journals.
//!
//! `lock` is opened and locked by the operating system, and never replaced or deleted, so that it is one
//! lock for all. `lock.json` beside it says what the lock holds, and outlives a process that dies. It is
//! replaced as a whole, and only while `lock` is held: a crash or a full disk leaves the old one or the
//! new one. One that cannot be read is an error and never "no lock".
//!
//! Earlier versions kept the content in `lock` itself. Without `lock.json` it is read there.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    git::{ObjectId, RefName},
    io::{
        file_lock::{self, FileLock},
        git::error::{RemoteError, RemoteErrorKind},
        journal_file::sync_directory,
    },
};

/// The format of `lock.json`. Earlier ones have no number.
const FORMAT: u32 = 2;

/// What the lock holds.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LockContent {
    #[serde(rename = "v", default)]
    format: u32,
    /// Lock refs and their objects.
    pub(super) refs: BTreeMap<RefName, ObjectId>,
    /// The journals of those objects.
    pub(super) journals: BTreeMap<ObjectId, String>,
}

/// Where the two files are.
#[derive(Debug)]
pub(super) struct LockFiles {
    lock: PathBuf,
    content: PathBuf,
}

fn problem(doing: &str, path: &Path, why: impl std::fmt::Display) -> RemoteError {
    let message = format!("cannot {doing} the lock file `{}`: {why}", path.display());
    RemoteError::new(RemoteErrorKind::Local, message)
}

impl LockFiles {
    /// `lock` is the file that is locked; the other one lies beside it.
    pub(super) fn new(lock: PathBuf) -> Self {
        Self {
            content: lock.with_extension("json"),
            lock,
        }
    }

    /// Whether the lock can be used at all, held or not.
    pub(super) fn check(&self) -> Result<(), RemoteError> {
        file_lock::open(&self.lock).map_err(|error| problem("open", &self.lock, error))?;
        self.read().map(drop)
    }

    /// Takes the lock of the operating system. `None`: another process has it.
    pub(super) fn take(&self) -> Result<Option<FileLock>, RemoteError> {
        FileLock::exclusive(&self.lock).map_err(|error| problem("lock", &self.lock, error))
    }

    /// What the lock holds; nothing where there has never been one.
    pub(super) fn read(&self) -> Result<LockContent, RemoteError> {
        match self.text()? {
            Some((text, path)) => parse(&text, path),
            None => Ok(LockContent::default()),
        }
    }

    /// What [`LockFiles::read`] cannot make sense of, byte for byte; `None`: it can.
    pub(super) fn damaged(&self) -> Result<Option<Vec<u8>>, RemoteError> {
        let text = self.text()?;
        let damaged = text.filter(|(text, path)| parse(text, path).is_err());
        Ok(damaged.map(|(text, _)| text))
    }

    /// The file that says what the lock holds; `None`: there has never been one.
    fn text(&self) -> Result<Option<(Vec<u8>, &Path)>, RemoteError> {
        if let Some(text) = read(&self.content)? {
            return Ok(Some((text, &self.content)));
        }
        let old = read(&self.lock)?.filter(|text| !text.is_empty());
        // Somebody may have written the new form meanwhile, and emptied the old one.
        Ok(match (read(&self.content)?, old) {
            (Some(text), _) => Some((text, &*self.content)),
            (None, Some(text)) => Some((text, &*self.lock)),
            (None, None) => None,
        })
    }

    /// Replaces what the lock holds. `held` proves that nobody else does so now.
    pub(super) fn write(&self, held: &FileLock, content: LockContent) -> Result<(), RemoteError> {
        let text = serde_json::to_vec(&LockContent {
            format: FORMAT,
            ..content
        });
        let text = text.map_err(|error| problem("write", &self.content, error))?;
        let new = self.content.with_extension("json.new");
        let replaced = write_whole(&new, &text).and_then(|()| fs::rename(&new, &self.content));
        if let Err(error) = replaced {
            // What is left of it is overwritten by the next one.
            let _ = fs::remove_file(&new);
            return Err(problem("write", &self.content, error));
        }
        // The form of earlier versions, which must not be found when the new one is gone.
        let _ = held.file().set_len(0);
        let directory = self.content.parent().unwrap_or(Path::new("."));
        sync_directory(directory).map_err(|error| {
            // It is there, and a crash may take it away again: the refs tell.
            let kind = RemoteErrorKind::Unreachable;
            RemoteError {
                kind,
                ..problem("keep", &self.content, error)
            }
        })
    }
}

/// The file's text; `None` where there is no such file.
fn read(path: &Path) -> Result<Option<Vec<u8>>, RemoteError> {
    match fs::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(problem("read", path, error)),
    }
}

fn parse(text: &[u8], path: &Path) -> Result<LockContent, RemoteError> {
    let unreadable = |why: String| RemoteError {
        kind: RemoteErrorKind::LockFile,
        ..problem("read", path, why)
    };
    let unusable = |why: String| {
        unreadable(why).hint(
            "it may tell of an unfinished release; `hoist unlock` saves it and takes the lock away",
        )
    };
    if text.is_empty() {
        return Err(unusable("it is empty".to_owned()));
    }
    let content: LockContent =
        serde_json::from_slice(text).map_err(|error| unusable(error.to_string()))?;
    if content.format > FORMAT {
        return Err(unreadable("a newer hoist wrote it".to_owned()).hint("use that hoist"));
    }
    Ok(content)
}

fn write_whole(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use super::*;

    /// As an earlier version wrote it.
    const OLD_FORM: &str = r#"{"refs":{"refs/hoist/publish/aaaa":"1111111111111111111111111111111111111111"},"journals":{"1111111111111111111111111111111111111111":"journal\n"}}"#;

    fn place() -> (tempfile::TempDir, LockFiles) {
        let dir = tempfile::tempdir().expect("a directory");
        let files = LockFiles::new(dir.path().join("hoist/lock"));
        (dir, files)
    }

    fn content(digit: &str) -> LockContent {
        let id: ObjectId = digit.repeat(40).parse().expect("an id");
        LockContent {
            format: FORMAT,
            refs: [(
                "refs/hoist/publish/aaaa".parse().expect("a name"),
                id.clone(),
            )]
            .into(),
            journals: [(id, "journal\n".to_owned())].into(),
        }
    }

    #[test]
    fn the_locked_file_stays_and_the_other_is_replaced() {
        let (_dir, files) = place();
        files.check().expect("the disk can be written");
        assert_eq!(files.read().expect("no lock yet"), LockContent::default());
        let held = files.take().expect("it can be locked").expect("it is free");
        let inode = |path: &Path| fs::metadata(path).expect("it is there").ino();
        let lock = inode(&files.lock);
        files.write(&held, content("1")).expect("written");
        let first = inode(&files.content);
        files.write(&held, content("2")).expect("written");
        assert_eq!(files.read().expect("it is whole"), content("2"));
        assert_eq!(inode(&files.lock), lock);
        assert_ne!(inode(&files.content), first);
        let mode = fs::metadata(&files.content).expect("there").permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        assert!(
            files.take().expect("it can be asked").is_none(),
            "it is held"
        );
        drop(held);
        assert!(files.take().expect("it can be asked").is_some());
        assert_eq!(files.read().expect("it outlives its holder"), content("2"));
    }

    #[test]
    fn the_form_of_earlier_versions_is_read_until_the_new_one_is_there() {
        let (_dir, files) = place();
        files.check().expect("the disk can be written");
        fs::write(&files.lock, OLD_FORM).expect("written");
        let old = files.read().expect("it is read");
        let new = content("1");
        assert_eq!((&old.refs, &old.journals), (&new.refs, &new.journals));
        let held = files.take().expect("it can be locked").expect("it is free");
        files.write(&held, content("2")).expect("written");
        assert_eq!(files.read().expect("it is read"), content("2"));
        fs::remove_file(&files.content).expect("it goes");
        assert_eq!(files.read().expect("nothing"), LockContent::default());
    }

    #[test]
    fn row_44_what_cannot_be_read_is_named_and_is_not_the_absence_of_a_lock() {
        let half = &OLD_FORM[..OLD_FORM.len() / 2];
        let newer = OLD_FORM.replacen('{', r#"{"v":3,"#, 1);
        for text in [
            "", " ", "{}", "[]", "null", "\0\0\0\0", "\u{feff}", half, &newer,
        ] {
            let (_dir, files) = place();
            files.check().expect("the disk can be written");
            for path in [&files.content, &files.lock] {
                if text.is_empty() && path == &files.lock {
                    continue;
                }
                fs::write(path, text).expect("written");
                let error = files.read().expect_err("it cannot be read");
                let name = path.display().to_string();
                assert!(error.message.contains(&name), "{text:?}: {error}");
                assert!(error.hint.is_some() && error.is_final(), "{text:?}");
                assert!(files.check().is_err(), "{text:?}");
                if path == &files.content {
                    fs::remove_file(path).expect("it goes");
                }
            }
        }
    }

    #[test]
    fn what_is_not_a_file_is_an_error_and_so_is_a_directory_in_the_way() {
        let (_dir, files) = place();
        files.check().expect("the disk can be written");
        let held = files.take().expect("it can be locked").expect("it is free");
        files.write(&held, content("1")).expect("written");
        // The new one cannot be written: the old one stays.
        let in_the_way = files.content.with_extension("json.new");
        fs::create_dir(&in_the_way).expect("made");
        assert!(files.write(&held, content("2")).is_err());
        assert_eq!(files.read().expect("it is whole"), content("1"));
        fs::remove_dir(&in_the_way).expect("it goes");
        // A new one that was cut by a crash is not looked at.
        fs::write(&in_the_way, "{").expect("written");
        assert_eq!(files.read().expect("it is whole"), content("1"));
        files.write(&held, content("2")).expect("written");
        fs::remove_file(&files.content).expect("it goes");
        fs::create_dir(&files.content).expect("made");
        assert!(files.read().is_err());
    }
}
