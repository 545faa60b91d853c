//! What can be seen of the world outside: the answers to the protocol's actions.

/// What came of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// Of taking or reading the lock.
    Lock(LockSeen),
    /// Of looking at everything.
    World {
        /// Each tag.
        tags: Vec<Shows>,
        /// The version's git tag.
        git_tag: GitTagSeen,
        /// The lock.
        lock: LockSeen,
    },
    /// Each tag, of watching or settling.
    Tags(Vec<Shows>),
    /// Of putting tags.
    Put(Vec<(usize, PutSeen)>),
    /// Of putting tags back.
    PutBack(Vec<(usize, PutBackSeen)>),
    /// Of making content present.
    Content(ContentSeen),
    /// Of changing refs.
    Git(GitSeen),
    /// The state could not be written to the journal; its action was not performed.
    JournalFailed,
    /// A signal arrived before the action was performed.
    Interrupted,
}

/// What a tag shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shows {
    /// The release's digest.
    Ours,
    /// What it showed before the release.
    Before,
    /// Anything else.
    Other,
    /// It could not be read.
    Unreadable,
}

/// The lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LockSeen {
    /// Ours.
    Ours,
    /// Somebody else's, or gone.
    Taken,
    /// Somebody else's in a part of the repositories, ours in another: a server without atomic
    /// pushes.
    Partly,
    /// The server does not accept it.
    Refused,
    /// The release commit does not fit on its branch any more: somebody has pushed there.
    Advanced,
    /// It could not be found out.
    Unreachable,
}

/// The version's git tag on the remote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GitTagSeen {
    /// There is none, or none is wanted.
    Absent,
    /// The very object that this release made.
    Ours,
    /// Another object.
    Other,
}

/// What came of putting a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PutSeen {
    /// It shows the release, or the registry accepted it.
    Ours,
    /// The registry stored the manifest and did not take this tag.
    NotTaken,
    /// It was not seen to be taken, but may still be.
    Pending,
    /// Refused for good, and seen to show what it showed before.
    Refused,
    /// It shows somebody else's digest.
    Foreign,
    /// Not found out in time.
    Unclear,
}

/// What came of putting a tag back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PutBackSeen {
    /// It shows what it showed before.
    Restored,
    /// The registry does not allow it.
    Left,
    /// It shows somebody else's digest and was left alone.
    Foreign,
    /// Not found out in time.
    Unclear,
}

/// What came of making content present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContentSeen {
    /// It is there.
    Ready,
    /// It is neither here nor there.
    Gone,
    /// A registry could not be asked.
    Failed,
}

/// What came of changing refs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GitSeen {
    /// Done, or seen to be done.
    Done,
    /// The lock is gone; the release commit stays on its branch, because others have built on it
    /// or the server does not let it be taken back.
    BranchLeft,
    /// The lock is no longer ours.
    Taken,
    /// The server refuses for good.
    Refused,
    /// Not found out in time.
    Unreachable,
}
