//! An unfinished release stops a new one; one that was ended from another place does not.

use crate::{
    error::Result,
    publish::{
        overtaken::{close, overtaken, told},
        unfinished::{Scope, find_unfinished, unfinished_error, unfinished_journals},
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
    for found in find_unfinished(world, scope).await? {
        let Some(fate) = overtaken(world, &found).await? else {
            return Err(unfinished_error(&found.replayed));
        };
        match closing {
            Closing::Leave => world.events.note(told(&found.replayed, fate)),
            Closing::Close => close(world, &found, fate),
        }
    }
    Ok(())
}
