//! Pure judgements on what a tag shows: ambiguous answers and refusals are classified by state,
//! never by code, since there is no standard code for "immutable" and a registry can fail after
//! the deed.

use crate::{
    oci::Digest,
    publish::protocol::observation::{PutBackSeen, PutSeen, Shows},
};

/// What a tag shows, compared with what it is to show and what it showed before.
#[must_use]
pub fn judge(before: Option<&Digest>, wanted: &Digest, shown: Option<&Digest>) -> Shows {
    if shown == Some(wanted) {
        Shows::Ours
    } else if shown == before {
        Shows::Before
    } else {
        Shows::Other
    }
}

/// How a PUT of a tag was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// It may or may not have been done: cut, timed out, 5xx.
    Ambiguous,
    /// Nothing was done; later it may be: throttled, not connected.
    Later,
    /// The registry says no.
    Refused,
}

/// What to do after a PUT of a tag was not accepted and the tag was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// What came of the PUT is decided.
    Decided(PutSeen),
    /// Put it again.
    PutAgain,
    /// Read it again: nothing was learnt.
    ReadAgain,
}

/// Decides about a tag whose PUT was answered with `answered` and that now shows `shows`.
#[must_use]
pub fn after_put(answered: Answered, shows: Shows) -> Then {
    match (shows, answered) {
        (Shows::Ours, _) => Then::Decided(PutSeen::Ours),
        (Shows::Other, _) => Then::Decided(PutSeen::Foreign),
        (Shows::Before, Answered::Ambiguous | Answered::Later) => Then::PutAgain,
        (Shows::Before, Answered::Refused) => Then::Decided(PutSeen::Refused),
        (Shows::Unreadable, _) => Then::ReadAgain,
    }
}

/// The next request that puts a tag back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restore {
    /// Nothing is to be done.
    Done(PutBackSeen),
    /// Put the manifest that it showed before.
    PutOld,
    /// Delete the tag, which did not exist before.
    Delete,
    /// Read it again.
    ReadAgain,
}

/// Decides how to put a tag back. `existed`: it was there before; `refused`: its PUT was refused,
/// so that a tag that shows what was before never moved.
#[must_use]
pub fn restore(shows: Shows, existed: bool, refused: bool) -> Restore {
    match shows {
        Shows::Other => Restore::Done(PutBackSeen::Foreign),
        Shows::Before if refused => Restore::Done(PutBackSeen::Restored),
        // The answer may lag behind a PUT that was accepted, so the old one is put again.
        Shows::Ours | Shows::Before if existed => Restore::PutOld,
        Shows::Ours | Shows::Before => Restore::Delete,
        Shows::Unreadable => Restore::ReadAgain,
    }
}
