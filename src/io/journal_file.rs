//! Journals as files that only grow. Each write is on the disk before it counts.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// Where journals are kept.
///
/// Calls block until the disk has answered; they are few and small.
pub trait JournalStore: Send + Sync {
    /// Names of all journals, oldest first.
    fn list(&self) -> io::Result<Vec<String>>;

    /// A journal's whole text.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;

    /// Starts a journal with its first record, which is on the disk when this returns. It is an error
    /// if the journal exists.
    fn create(&self, name: &str, line: &str) -> io::Result<()>;

    /// Adds a record, which is on the disk when this returns.
    fn append(&self, name: &str, line: &str) -> io::Result<()>;

    /// Holds a journal as long as this process lives: false where another process of this clone does.
    fn hold(&self, name: &str) -> io::Result<bool>;

    /// Puts a journal aside that cannot be read, where [`JournalStore::list`] does not find it.
    fn set_aside(&self, name: &str) -> io::Result<()>;

    /// Deletes a journal.
    fn remove(&self, name: &str) -> io::Result<()>;
}

/// Journals in a directory of git's common directory, `<git>/hoist/journal/`.
#[derive(Debug, Clone)]
pub struct JournalDirectory {
    dir: PathBuf,
    /// The journals that this process holds. The operating system gives them free when it ends, however
    /// it ends: so a journal that another process holds is one whose run is alive.
    held: Arc<Mutex<HashMap<String, File>>>,
}

const EXTENSION: &str = "jsonl";

impl JournalDirectory {
    /// Journals in `dir`, which is created with the first one.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            held: Arc::default(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name).with_extension(EXTENSION)
    }

    fn open(&self, name: &str, options: &mut OpenOptions) -> io::Result<File> {
        options.mode(0o600).append(true).open(self.path(name))
    }
}

/// Creates a directory, and those above it, that other users cannot read.
pub(super) fn private_directory(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
}

/// A new name in a directory is durable only once the directory itself is written.
pub(super) fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

impl JournalStore for JournalDirectory {
    fn list(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|found| found == EXTENSION)
                && let Some(name) = path.file_stem().and_then(|name| name.to_str())
            {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.path(name))
    }

    fn create(&self, name: &str, line: &str) -> io::Result<()> {
        private_directory(&self.dir)?;
        let mut file = self.open(name, OpenOptions::new().create_new(true))?;
        let written = file
            .write_all(line.as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| sync_directory(&self.dir));
        if written.is_err() {
            // A journal that may not be on the disk must not be found later. If this fails too,
            // the next reader finds a cut record, which counts as nothing.
            let _ = self.remove(name);
        }
        written
    }

    fn append(&self, name: &str, line: &str) -> io::Result<()> {
        let mut file = self.open(name, &mut OpenOptions::new())?;
        // A crash or a full disk can leave half a line; a new record must not continue it.
        let line = if ends_with_newline(&self.path(name))? {
            line.to_owned()
        } else {
            format!("\n{line}")
        };
        file.write_all(line.as_bytes())?;
        file.sync_data()
    }

    fn hold(&self, name: &str) -> io::Result<bool> {
        let mut held = self
            .held
            .lock()
            .expect("no thread panics while it holds this lock");
        if held.contains_key(name) {
            return Ok(true);
        }
        let file = File::open(self.path(name))?;
        match fs4::FileExt::try_lock(&file) {
            Ok(()) => {
                held.insert(name.to_owned(), file);
                Ok(true)
            }
            Err(fs4::TryLockError::WouldBlock) => Ok(false),
            Err(fs4::TryLockError::Error(error)) => Err(error),
        }
    }

    fn set_aside(&self, name: &str) -> io::Result<()> {
        fs::rename(self.path(name), self.dir.join(format!("{name}.damaged")))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }
}

/// Writes `bytes` to a file that only its owner can read, below a directory of the same kind; its path. A
/// file of that name that is there is replaced.
pub(crate) fn save_private(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    private_directory(directory)?;
    let path = directory.join(name);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(path)
}

fn ends_with_newline(path: &Path) -> io::Result<bool> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, JournalDirectory) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = JournalDirectory::new(dir.path().join("hoist/journal"));
        (dir, store)
    }

    #[test]
    fn a_journal_grows_and_is_listed() {
        let (_dir, store) = store();
        assert_eq!(store.list().expect("no directory yet"), [""; 0]);
        store.create("b", "one\n").expect("created");
        store.append("b", "two\n").expect("appended");
        store.create("a", "x\n").expect("created");
        assert_eq!(store.list().expect("listed"), ["a", "b"]);
        assert_eq!(store.read("b").expect("read"), b"one\ntwo\n");
        assert!(store.create("b", "again\n").is_err(), "it exists");
        store.remove("b").expect("removed");
        assert_eq!(store.list().expect("listed"), ["a"]);
    }

    #[test]
    fn a_journal_is_held_by_one_process_at_a_time() {
        let (_dir, store) = store();
        store.create("a", "x\n").expect("created");
        // Another open file is to the operating system what another process is.
        let other = JournalDirectory::new(&store.dir);
        assert!(store.hold("a").expect("asked"));
        assert!(store.hold("a").expect("asked"), "held already");
        assert!(!other.hold("a").expect("asked"));
        drop(store);
        assert!(other.hold("a").expect("asked"), "given free");
        other.set_aside("a").expect("put aside");
        assert_eq!(other.list().expect("listed"), [""; 0]);
    }

    #[test]
    fn a_record_after_a_cut_one_starts_a_line_of_its_own() {
        let (_dir, store) = store();
        store.create("a", "one\ntw").expect("created");
        store.append("a", "three\n").expect("appended");
        assert_eq!(store.read("a").expect("read"), b"one\ntw\nthree\n");
    }

    #[test]
    fn nobody_else_may_read_a_journal() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_dir, store) = store();
        store.create("a", "x\n").expect("created");
        let mode = fs::metadata(store.path("a")).expect("there").permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        for dir in [&*store.dir, store.dir.parent().expect("a parent")] {
            let mode = fs::metadata(dir).expect("there").permissions();
            assert_eq!(mode.mode() & 0o777, 0o700, "{}", dir.display());
        }
    }
}
