//! Who uses a stored image. Several processes of one clone may have the same image at once, and each
//! removes it when its release has ended: only the last one may.
//!
//! A user holds a shared lock on the image's directory, which ends with its process. Whoever removes the
//! directory holds it alone, and takes its name away before it is emptied. On a disk without such locks
//! nothing is removed while nobody can tell who uses it.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use fs4::FileExt;

use crate::io::file_lock::is_at;

/// How often a place is looked at anew that other processes make and remove meanwhile.
const TRIES: u32 = 20;

/// The images that this process uses, and nobody may remove.
#[derive(Debug, Clone, Default)]
pub(super) struct Holds(Arc<Mutex<BTreeMap<PathBuf, File>>>);

impl Holds {
    fn held(&self) -> MutexGuard<'_, BTreeMap<PathBuf, File>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Uses the image in `dir` from now on; false where there is none.
    pub(super) fn hold(&self, dir: &Path) -> io::Result<bool> {
        let file = match File::open(dir) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let mut held = self.held();
        if let Some(known) = held.get(dir)
            && is_at(known, dir)?
        {
            return Ok(true);
        }
        share(&file);
        // It may have been removed while this process waited for the lock.
        let there = is_at(&file, dir)?;
        if there {
            held.insert(dir.to_owned(), file);
        }
        Ok(there)
    }

    /// Uses the image in `dir` from now on; the directory is made where there is none.
    pub(super) fn hold_new(&self, dir: &Path) -> io::Result<()> {
        for _ in 0..TRIES {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(dir)?;
            if self.hold(dir)? {
                return Ok(());
            }
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }

    /// Puts the whole image in `staging` at `dir` and uses it, where other processes may be putting,
    /// using or removing the same one at the same time. `open` reads the image in `dir`, if it is whole;
    /// then that one is the result, and `staging` stays as it is.
    pub(super) fn place<T>(
        &self,
        staging: &Path,
        dir: &Path,
        open: impl Fn() -> Option<T>,
    ) -> io::Result<Option<T>> {
        for _ in 0..TRIES {
            if self.hold(dir)? {
                if let Some(there) = open() {
                    return Ok(Some(there));
                }
                // It is damaged, or nobody has filled it yet. Others may be using it: each file is
                // replaced by the whole one.
                return move_into(staging, dir).map(|()| None);
            }
            match self.hold_as(staging, dir) {
                Ok(()) => return Ok(None),
                Err(error) if is_taken(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }

    /// Gives the directory `from` the name `dir` and uses it, without a moment in which another process
    /// could remove it.
    fn hold_as(&self, from: &Path, dir: &Path) -> io::Result<()> {
        let file = File::open(from)?;
        share(&file);
        fs::rename(from, dir)?;
        self.held().insert(dir.to_owned(), file);
        Ok(())
    }

    /// Takes the name of `dir` away, by giving it the name `to`, where nobody else uses it; whether
    /// that was so. This process uses it no more in any case.
    pub(super) fn retire(&self, dir: &Path, to: &Path) -> io::Result<bool> {
        let held = self.held().remove(dir);
        let file = match held {
            Some(file) => file,
            None => File::open(dir)?,
        };
        let alone = FileExt::try_lock(&file).is_ok() && is_at(&file, dir)?;
        let retired = match alone {
            true => fs::rename(dir, to).map(|()| true),
            false => Ok(false),
        };
        let _ = FileExt::unlock(&file);
        retired
    }

    /// Uses no image any more.
    pub(super) fn let_go(&self) {
        for file in std::mem::take(&mut *self.held()).into_values() {
            // Closing it is not enough while a program that is just being started has a copy of it.
            let _ = FileExt::unlock(&file);
        }
    }
}

/// Whether the name of a directory belongs to another one.
fn is_taken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty
    )
}

/// Moves all files below `from` to the same places below `to`.
fn move_into(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if !entry.file_type()?.is_dir() {
            fs::rename(entry.path(), &target)?;
            continue;
        }
        match fs::create_dir(&target) {
            Err(error) if !is_taken(&error) => return Err(error),
            _ => move_into(&entry.path(), &target)?,
        }
    }
    Ok(())
}

/// Waits for whoever is removing the directory. A disk without locks has none to wait for.
fn share(file: &File) {
    let _ = FileExt::lock_shared(file);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_user_removes() {
        let root = tempfile::tempdir().expect("a directory");
        let (dir, gone) = (root.path().join("image"), root.path().join("gone"));
        let (one, two) = (Holds::default(), Holds::default());
        assert!(!one.hold(&dir).expect("it can be asked"));
        let made = root.path().join("made");
        fs::create_dir(&made).expect("made");
        one.hold_as(&made, &dir).expect("it gets its name");
        assert!(two.hold(&dir).expect("it can be asked"));
        assert!(two.hold(&dir).expect("it can be asked twice"));
        assert!(!one.retire(&dir, &gone).expect("it can be asked"));
        assert!(dir.is_dir());
        // A third one comes and goes without a word, as a process that dies does.
        let three = Holds::default();
        assert!(three.hold(&dir).expect("it can be asked"));
        assert!(!two.retire(&dir, &gone).expect("it can be asked"));
        drop(three);
        assert!(two.retire(&dir, &gone).expect("it can be asked"));
        assert!(!dir.exists() && gone.is_dir());
        assert!(two.retire(&dir, &gone).is_err(), "it is gone");
    }

    #[test]
    fn a_removed_image_is_not_held_under_its_old_name() {
        let root = tempfile::tempdir().expect("a directory");
        let (dir, gone) = (root.path().join("image"), root.path().join("gone"));
        fs::create_dir(&dir).expect("made");
        let (one, two) = (Holds::default(), Holds::default());
        assert!(one.retire(&dir, &gone).expect("nobody uses it"));
        assert!(!two.hold(&dir).expect("it can be asked"));
        fs::create_dir(&dir).expect("made");
        assert!(two.hold(&dir).expect("it can be asked"));
        two.let_go();
        fs::remove_dir(&gone).expect("it goes");
        assert!(one.retire(&dir, &gone).expect("nobody uses it"));
    }
}
