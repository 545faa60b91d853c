//! Journals in memory.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
};

use crate::{
    io::journal_file::JournalStore,
    testing::{Faults, Order, open},
};

/// Journals in memory. A refused write leaves half a line behind, as a full disk does.
#[derive(Clone, Default)]
pub struct FakeJournals {
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    faults: Faults,
}

impl FakeJournals {
    /// No journals yet.
    #[must_use]
    pub fn new(faults: &Faults) -> Self {
        Self {
            files: Arc::default(),
            faults: faults.clone(),
        }
    }

    /// All journals.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        open(&self.files).clone()
    }

    /// Replaces a journal's text.
    pub fn set(&self, name: &str, text: &[u8]) {
        open(&self.files).insert(name.to_owned(), text.to_owned());
    }

    fn write(&self, what: &str, name: &str, line: &str) -> io::Result<()> {
        let dead = || io::Error::other("the process is dead");
        let order = self
            .faults
            .order(format!("journal {what}"))
            .ok_or_else(dead)?;
        let mut files = open(&self.files);
        let file = files.entry(name.to_owned()).or_default();
        if !file.is_empty() && file.last() != Some(&b'\n') {
            file.push(b'\n');
        }
        match order {
            Order::Do => file.extend_from_slice(line.as_bytes()),
            Order::DoAndLose => {
                file.extend_from_slice(line.as_bytes());
                return Err(io::Error::other("the disk did not answer"));
            }
            Order::DoAndCrash => {
                file.extend_from_slice(line.as_bytes());
                self.faults.die();
                return Err(dead());
            }
            Order::Refuse
            | Order::NotFound
            | Order::NoConnection
            | Order::Fail
            | Order::DoLate(_) => {
                file.extend_from_slice(&line.as_bytes()[..line.len() / 2]);
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
        }
        Ok(())
    }
}

impl JournalStore for FakeJournals {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(open(&self.files).keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let files = open(&self.files);
        let text = files.get(name).cloned();
        text.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn create(&self, name: &str, line: &str) -> io::Result<()> {
        if open(&self.files).contains_key(name) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        let created = self.write("create", name, line);
        if created.is_err() && self.faults.order("journal remove".into()).is_some() {
            open(&self.files).remove(name);
        }
        created
    }

    fn append(&self, name: &str, line: &str) -> io::Result<()> {
        self.write("append", name, line)
    }

    fn hold(&self, _name: &str) -> io::Result<bool> {
        Ok(true)
    }

    fn set_aside(&self, name: &str) -> io::Result<()> {
        self.remove(name)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        open(&self.files).remove(name);
        Ok(())
    }
}
