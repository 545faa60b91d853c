//! Which files a piece of advice is about, so that no byte counts twice.

use std::collections::HashSet;

use crate::plan::inspect::merge::Merged;

/// The files that some advice is about already.
pub(super) struct Claims<'m> {
    merged: &'m Merged,
    taken: HashSet<&'m String>,
}

impl<'m> Claims<'m> {
    pub(super) fn new(merged: &'m Merged) -> Self {
        Self {
            merged,
            taken: HashSet::new(),
        }
    }

    /// Claims the paths that nobody has claimed: the bytes that go with them.
    pub(super) fn take<'p>(&mut self, paths: impl IntoIterator<Item = &'p String>) -> u64 {
        let mut own: Vec<&'m String> = Vec::new();
        for path in paths {
            let known = self.merged.paths.get_key_value(path);
            if let Some((path, _)) = known
                && self.taken.insert(path)
            {
                own.push(path);
            }
        }
        self.merged.freed(own)
    }

    pub(super) fn is_free(&self, path: &String) -> bool {
        !self.taken.contains(path)
    }
}
