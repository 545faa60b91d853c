//! The whole output of a build, kept as a file, because a terminal and a CI log keep only a part.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use crate::event::{Event, Events};

/// How many logs are kept; older ones are removed when a new one begins.
const KEPT: usize = 20;

/// The log of one build.
#[derive(Debug)]
pub(crate) struct BuildLog {
    path: PathBuf,
    file: Arc<Mutex<BufWriter<File>>>,
}

impl BuildLog {
    /// Begins `NAME.log` in `directory`, in place of an earlier one of that name. Only this user can
    /// read it: what a build prints is known to its steps alone.
    pub(crate) fn begin(directory: &Path, name: &str) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let path = directory.join(format!("{name}.log"));
        let file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&path)?;
        prune(directory);
        Ok(Self {
            path,
            file: Arc::new(Mutex::new(BufWriter::new(file))),
        })
    }

    /// Events that go on to `events`, and whose output is written to the log, too.
    pub(crate) fn listen(&self, events: &Events) -> Events {
        let (events, file) = (events.clone(), self.file.clone());
        Events::new(move |event| {
            if let Event::Output { line } = &event {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                // A disk that is full must not end a release that has no need of its log.
                let _ = writeln!(file, "{line}");
            }
            events.emit(event);
        })
    }

    /// Where it is, once everything has been written.
    pub(crate) fn finish(self) -> io::Result<PathBuf> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.flush()?;
        Ok(self.path.clone())
    }
}

/// Removes all logs but the newest ones. Those that cannot be read or removed stay.
fn prune(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    let mut logs: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "log"))
        .filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path)))
        .collect();
    logs.sort();
    let old = logs.len().saturating_sub(KEPT);
    for (_, path) in &logs[..old] {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_whole_output_is_kept_and_passed_on() {
        let dir = tempfile::tempdir().expect("a directory");
        let heard = Arc::new(Mutex::new(0));
        let events = Events::new({
            let heard = heard.clone();
            move |_| *heard.lock().expect("a number") += 1
        });
        let log = BuildLog::begin(dir.path(), "build-1.0.0").expect("it begins");
        let both = log.listen(&events);
        for line in ["#1 RUN make", "#1   indented"] {
            both.emit(Event::Output { line: line.into() });
        }
        both.note("not output");
        let path = log.finish().expect("it is written");
        assert_eq!(
            fs::read_to_string(&path).expect("a text"),
            "#1 RUN make\n#1   indented\n"
        );
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(*heard.lock().expect("a number"), 3);
    }

    #[test]
    fn old_logs_go() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("other.txt"), "").expect("it is written");
        for number in 0..KEPT + 5 {
            drop(BuildLog::begin(dir.path(), &format!("build-{number}")).expect("it begins"));
        }
        assert_eq!(
            fs::read_dir(dir.path()).expect("a directory").count(),
            KEPT + 1
        );
        let last = dir.path().join(format!("build-{}.log", KEPT + 4));
        assert!(last.exists());
    }
}
