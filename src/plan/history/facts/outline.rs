//! What is kept of a long range instead of its commits: the graph, and what each message gives alone.

use crate::{plan::history::facts::graph::RangeGraph, policy::Level};

/// What one commit gives by its message alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CommitOutline {
    /// The level, where nothing else in the range changes it.
    pub level: Option<Level>,
    /// Whether the message must be read again: it is a revert, sets a version, or there is something
    /// to say of it.
    pub must_read: bool,
}

/// The outline of a range.
#[derive(Debug, Default)]
pub struct RangeOutline {
    /// The commits, newest first.
    pub graph: RangeGraph,
    /// What each of them gives.
    pub commits: Vec<CommitOutline>,
    /// Hashes of what commits can be named by, with the commit's place.
    pub names: Vec<(u32, u32)>,
    /// For each commit, whether it came after the channel's last pre-release. Empty: all did.
    pub after_prerelease: Vec<bool>,
}
