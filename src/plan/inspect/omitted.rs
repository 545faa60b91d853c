//! What the lists of a report leave out.

use serde::Serialize;

use crate::text::bytes;

/// How many of the largest findings of each kind are listed.
pub(super) const LISTED: usize = 20;

/// What a list leaves out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Omitted {
    /// The number of entries.
    pub count: usize,
    /// Their bytes together.
    pub bytes: u64,
}

impl Omitted {
    /// Cuts a list to its first entries, and says what is left out.
    pub(super) fn cut<T>(list: &mut Vec<T>, size: impl Fn(&T) -> u64) -> Self {
        let rest = list.get(LISTED..).unwrap_or_default();
        let omitted = Self {
            count: rest.len(),
            bytes: rest.iter().map(size).sum(),
        };
        list.truncate(LISTED);
        omitted
    }

    pub(super) fn is_none(&self) -> bool {
        self.count == 0
    }

    /// `30 more, 30.4 MB`, where a list leaves something out.
    pub(crate) fn words(self) -> Option<String> {
        (self.count > 0).then(|| format!("{} more, {}", self.count, bytes(self.bytes)))
    }
}
