//! Before a release is undone: one whose git tag is out is complete but for its page, and a way back would end with
//! making that page public.

use crate::{
    error::{Error, Result},
    publish::{
        overtaken::git_tag_seen,
        protocol::{journal::ForgeRecord, observation::GitTagSeen, replay::Replayed},
        run_state::{RunState, run_state},
        takeover::Recovery,
        unfinished::{Scope, find_unfinished},
        world::World,
    },
};

/// Whether all of a release is out but its page, of which that is not known. A lock's word for it is held against the
/// git tag.
///
/// # Errors
/// The git tag cannot be read.
pub(super) async fn is_tagged(world: &World, replayed: &Replayed) -> Result<bool> {
    let prepared = &replayed.prepared;
    match (&prepared.forge, &prepared.git_tag) {
        (None, _) => Ok(false),
        (Some(_), None) => Ok(replayed.is_done()),
        (Some(_), Some(_)) => Ok(git_tag_seen(world, prepared).await? == GitTagSeen::Ours),
    }
}

/// Refuses to undo a release whose git tag is out and whose page is not known to be public.
///
/// # Errors
/// Refused (exit 4); or what is unfinished could not be found out.
pub async fn refuse_tagged(world: &World, scope: &Scope, how: Recovery) -> Result<()> {
    let all = find_unfinished(world, scope, None).await?;
    let Some(found) = all.first().filter(|one| !one.locks.is_empty()) else {
        return Ok(());
    };
    let prepared = &found.replayed.prepared;
    let Some(record) = &prepared.forge else {
        return Ok(());
    };
    let is_taken =
        how == Recovery::TakeOver || run_state(world, &found.replayed) == RunState::Ended;
    if !is_taken || !is_tagged(world, &found.replayed).await? {
        return Ok(());
    }
    let page = match shows(world, record).await {
        Some(true) => return Ok(()),
        Some(false) => format!("{} is not public", record.url),
        None => format!("whether {} is public is not known", record.url),
    };
    let version = &prepared.version;
    let tag = record.tag.short();
    Err(Error::refused(format!(
        "{version} cannot be undone: git has its tag `{tag}`"
    ))
    .state(format!("nothing was changed; {page}; the lock stays"))
    .hint(format!(
        "`hoist resume` makes the page public and gives the lock back; then `hoist rollback {version}` moves the moving tags back"
    )))
}

/// Whether everybody sees the release; `None`: the forge does not say.
async fn shows(world: &World, record: &ForgeRecord) -> Option<bool> {
    let forge = world.forge.as_ref().ok()?;
    let tag = record.tag.short();
    if forge.place().release_page(tag) != record.url {
        return None;
    }
    let found = forge.releases(tag).await.ok()?;
    Some(found.iter().any(|one| one.is_public))
}
