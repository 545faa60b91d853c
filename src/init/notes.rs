//! What was found and could not be taken over, each once, with the reason.

use crate::text::sanitize_line;

/// The longest note, in characters.
const LONGEST: usize = 600;

/// Why something is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NoteKind {
    /// It does nothing in this release; it may do something in another one.
    NotInRelease,
    /// It has no counterpart, or nothing here tells what it does.
    NotTaken,
    /// It was taken over on an assumption.
    Assumed,
}

/// What is to be named, in the order in which it was found.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes {
    entries: Vec<(NoteKind, String)>,
    /// Something pushes tags that could not be read.
    unread: bool,
}

impl Notes {
    pub(super) fn add(&mut self, kind: NoteKind, text: impl Into<String>) {
        // It quotes what was found, and is shown to a person and put into comments.
        let entry = (kind, sanitize_line(&text.into(), LONGEST));
        if !self.entries.contains(&entry) {
            self.entries.push(entry);
        }
    }

    /// Names what pushes tags that could not be read.
    pub(super) fn add_unread(&mut self, text: impl Into<String>) {
        self.unread = true;
        self.add(NoteKind::NotTaken, text);
    }

    /// Something pushes tags that could not be read, and is named elsewhere.
    pub(super) fn set_unread(&mut self) {
        self.unread = true;
    }

    /// Whether something pushes tags that could not be read.
    pub(super) fn has_unread(&self) -> bool {
        self.unread
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.unread |= other.unread;
        for (kind, text) in other.entries {
            self.add(kind, text);
        }
    }

    pub(super) fn of(&self, kind: NoteKind) -> impl Iterator<Item = &str> {
        let of_kind = self.entries.iter().filter(move |(known, _)| *known == kind);
        of_kind.map(|(_, text)| text.as_str())
    }

    /// What does nothing in any of the releases that both were made for, and all the rest of both.
    pub(super) fn meet(self, other: Self) -> Self {
        let in_both = |entry: &(NoteKind, String), all: &Self| {
            entry.0 != NoteKind::NotInRelease || all.entries.contains(entry)
        };
        let mut met = Self {
            unread: self.unread || other.unread,
            ..Self::default()
        };
        for entry in &self.entries {
            if in_both(entry, &other) {
                met.add(entry.0, entry.1.clone());
            }
        }
        for entry in &other.entries {
            if in_both(entry, &self) {
                met.add(entry.0, entry.1.clone());
            }
        }
        met
    }
}
