//! An unfinished release stops a new one; one that was ended from another place does not.

use chrono::{DateTime, Utc};
use semver::Version;

use crate::{
    error::{Error, ErrorCode, Result},
    git::CommitId,
    publish::{
        overtaken::{Whereabouts, close, settling, told, whereabouts},
        protocol::{
            replay::{self, Replayed},
            state::{Goal, TagClass},
        },
        unfinished::{Scope, SeenLocks, find_unfinished, unfinished_error, unfinished_journals},
        world::World,
    },
};

/// What happens to a journal that tells of a release that was ended from another place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closing {
    /// It is left as it is: this run only looks.
    Leave,
    /// It is closed.
    Close,
}

/// An unfinished release that stops a new one.
#[derive(Debug)]
pub struct InTheWay {
    /// The version that is being published.
    pub version: Version,
    /// The commit that is released.
    pub commit: CommitId,
    /// Where the branch of a release commit was before.
    pub parent: Option<CommitId>,
    /// Whether the version's own tags are among those that move: a repair has none.
    pub is_release: bool,
    /// Whether it was turned back already.
    pub turned_back: bool,
    /// Whether it may be taken over without a word: its process is dead, or its job is over.
    pub is_abandoned: bool,
    /// The process that has it.
    pub owner: String,
    /// Since when its owner has it.
    pub since: DateTime<Utc>,
    /// The error that a new release ends with.
    pub error: Error,
}

impl InTheWay {
    fn new(world: &World, replayed: &Replayed) -> Self {
        let prepared = &replayed.prepared;
        let abandoned = replay::abandoned(&replayed.owner, &world.owner, world.alive);
        Self {
            version: prepared.version.clone(),
            commit: prepared.commit,
            parent: prepared.branch.as_ref().map(|branch| branch.before),
            is_release: prepared
                .tags
                .iter()
                .any(|tag| tag.kind == TagClass::Version),
            turned_back: replayed.way() == Goal::Back,
            is_abandoned: abandoned.is_some(),
            owner: replayed.owner.to_string(),
            since: replayed.since,
            error: unfinished_error(world, replayed),
        }
    }
}

/// The oldest unfinished release, wherever it began. What was ended from another place is told. `seen`: what
/// the locks were a moment ago, where they were looked at.
///
/// # Errors
/// Busy (exit 5) where a lock cannot be read; failed (exit 6) where journals, locks or tags cannot be
/// read.
pub async fn in_the_way(
    world: &World,
    scope: &Scope,
    seen: Option<SeenLocks>,
) -> Result<Option<InTheWay>> {
    first(world, scope, seen, Closing::Leave).await
}

/// An unfinished release, wherever it began, stops a new one. What was ended from another place is told.
///
/// # Errors
/// Busy (exit 5), naming who has it; failed (exit 6) where journals, locks or tags cannot be read.
pub async fn refuse_unfinished(world: &World, scope: &Scope) -> Result<()> {
    refuse(world, scope, Closing::Leave).await
}

/// As [`refuse_unfinished`], for a run that has asked before: only where this clone has a journal the
/// remote is asked again.
pub(super) async fn refuse_journaled(world: &World, scope: &Scope, closing: Closing) -> Result<()> {
    let journals = unfinished_journals(world, &scope.repositories)?;
    if journals.whole.is_empty() && journals.damaged.is_empty() {
        return Ok(());
    }
    refuse(world, scope, closing).await
}

async fn refuse(world: &World, scope: &Scope, closing: Closing) -> Result<()> {
    match first(world, scope, None, closing).await? {
        Some(found) => Err(found.error),
        None => Ok(()),
    }
}

/// The error while it is not certain that a release is undone.
fn unsettled(why: &str) -> Error {
    Error::busy(why)
        .with_code(ErrorCode::UnfinishedRelease)
        .cause("its journal is in this clone; its lock is gone, and every tag is as it was before")
        .state("nothing was done")
        .hint("the same command again after that; `hoist rollback` waits for it and closes the journal")
}

async fn first(
    world: &World,
    scope: &Scope,
    seen: Option<SeenLocks>,
    closing: Closing,
) -> Result<Option<InTheWay>> {
    for found in find_unfinished(world, scope, seen).await? {
        let fate = match whereabouts(world, &found).await? {
            Whereabouts::Open => return Ok(Some(InTheWay::new(world, &found.replayed))),
            Whereabouts::Settling(at) => {
                return Ok(Some(InTheWay {
                    error: unsettled(&settling(&found.replayed, at)),
                    ..InTheWay::new(world, &found.replayed)
                }));
            }
            Whereabouts::Ended(fate) => fate,
        };
        match closing {
            Closing::Leave => world.events.note(told(&found.replayed, fate)),
            Closing::Close => close(world, &found, fate),
        }
    }
    Ok(None)
}
