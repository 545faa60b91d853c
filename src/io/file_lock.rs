//! Locks of the operating system on files. One ends with the process that holds it, however it ends.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

use fs4::{FileExt, TryLockError};

use crate::io::journal_file::private_directory;

/// How often a file is opened anew that was replaced while its lock was taken.
const TRIES: u32 = 5;

/// A lock on a file, which is created where it does not exist, and stays. Given up when this is dropped.
#[derive(Debug)]
pub(crate) struct FileLock(File);

impl FileLock {
    /// The lock for one holder alone. `None`: another one has it.
    ///
    /// # Errors
    /// The file cannot be opened, or its disk has no locks.
    pub(crate) fn exclusive(path: &Path) -> io::Result<Option<Self>> {
        Self::take(path, FileExt::try_lock)
    }

    /// The lock for one holder among several. `None`: another one has it alone.
    ///
    /// # Errors
    /// As [`FileLock::exclusive`].
    pub(crate) fn shared(path: &Path) -> io::Result<Option<Self>> {
        Self::take(path, FileExt::try_lock_shared)
    }

    fn take(
        path: &Path,
        lock: impl Fn(&File) -> Result<(), TryLockError>,
    ) -> io::Result<Option<Self>> {
        for _ in 0..TRIES {
            let file = open(path)?;
            match lock(&file) {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // A lock on a file that has no name any more would keep nobody out.
            if is_at(&file, path)? {
                return Ok(Some(Self(file)));
            }
        }
        Ok(None)
    }

    /// The locked file.
    pub(crate) fn file(&self) -> &File {
        &self.0
    }
}

impl Drop for FileLock {
    /// Closing the file is not enough while a program that is just being started has a copy of it.
    fn drop(&mut self) {
        // What cannot be unlocked is unlocked when the process ends.
        let _ = FileExt::unlock(&self.0);
    }
}

/// Opens a lock's file, which is created where it does not exist. What it holds stays.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    if let Some(parent) = path.parent() {
        private_directory(parent)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.mode(0o600).open(path)
}

/// Whether `path` still names this open file.
pub(crate) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let here = file.metadata()?;
    match fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (here.dev(), here.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_alone_or_several_together() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("below/lock");
        let exclusive = || FileLock::exclusive(&path).expect("the disk has locks");
        let shared = || FileLock::shared(&path).expect("the disk has locks");
        let alone = exclusive().expect("it is free");
        assert!(exclusive().is_none() && shared().is_none());
        drop(alone);
        let (one, two) = (shared(), shared());
        assert!(one.is_some() && two.is_some() && exclusive().is_none());
        drop(one);
        assert!(exclusive().is_none());
        drop(two);
        assert!(exclusive().is_some());
    }

    #[test]
    fn a_file_that_lost_its_name_is_not_a_lock() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("lock");
        let file = open(&path).expect("it is created");
        assert!(is_at(&file, &path).expect("it can be looked at"));
        fs::remove_file(&path).expect("it goes");
        assert!(!is_at(&file, &path).expect("it can be looked at"));
        open(&path).expect("it is created");
        assert!(!is_at(&file, &path).expect("it can be looked at"));
    }
}
