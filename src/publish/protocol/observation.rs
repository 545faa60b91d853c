//! What can be seen of the world outside: the answers to the protocol's actions.

/// What came of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// The answer to taking or reading the lock.
    Lock(LockSeen),
    /// The answer to reading everything.
    World {
        /// What each tag shows.
        tags: Vec<Shows>,
        /// What the version's git tag is on the remote.
        git_tag: GitTagSeen,
        /// Who has the lock.
        lock: LockSeen,
    },
    /// What each tag shows, after waiting for it.
    Tags(Vec<Shows>),
    /// What each tag shows in the last look, after the last write.
    LastLook {
        /// What each tag shows.
        tags: Vec<Shows>,
        /// Whether it was taken when no request could still be under way.
        settled: bool,
    },
    /// The answer to putting tags.
    Put(Vec<(usize, PutSeen)>),
    /// The answer to putting tags back.
    PutBack(Vec<(usize, PutBackSeen)>),
    /// The answer to making content present.
    Content(ContentSeen),
    /// The answer to changing refs.
    Git(GitSeen),
    /// The answer to changing the forge's release.
    Forge(ForgeSeen),
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

/// Who has the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LockSeen {
    /// This run has it.
    Ours,
    /// Somebody else has it, or it is gone although this run had it.
    Taken,
    /// There is none. Told only to a run that does not have it.
    Absent,
    /// This run has it in some repositories and somebody else in others: the server has no atomic
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
    /// It shows somebody else's digest, and no request of this run has moved it.
    Foreign,
    /// It shows somebody else's digest, and a request of this run may have moved it before.
    Overwritten,
    /// Not found out in time.
    Unclear,
    /// Not sent, or not repeated: the lock is not this run's any more.
    LockLost,
    /// Not sent, or not repeated: the lock could not be read in time.
    LockUnknown,
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
    /// Not sent, or not repeated: the lock is not this run's any more.
    LockLost,
    /// Not sent, or not repeated: the lock could not be read in time.
    LockUnknown,
}

/// What came of making content present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContentSeen {
    /// The content is there.
    Ready,
    /// It is neither on this machine nor in any repository.
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
    /// This run no longer has the lock, and did not give it back.
    Taken,
    /// The lock is gone. A push of this run whose answer was lost may have done that.
    Gone,
    /// The server refuses for good.
    Refused,
    /// Not found out in time.
    Unreachable,
}

/// What came of changing the forge's release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ForgeSeen {
    /// Done, or seen to be done.
    Done,
    /// The forge refuses for good.
    Refused,
    /// Not found out in time.
    Unreachable,
    /// Not sent, or not repeated: the lock is not this run's any more.
    LockLost,
    /// Not sent, or not repeated: the lock could not be read in time.
    LockUnknown,
}
