//! What is unfinished, and what its tags show now.

use serde::Serialize;

use crate::{
    error::Result,
    outcome::TagReport,
    publish::{
        deadline::{Deadline, LAST_LOOK},
        report::tags,
        unfinished::{Candidate, Scope, find},
        world::World,
    },
};

/// An unfinished release, for people and programs.
#[derive(Debug, Clone, Serialize)]
pub struct Unfinished {
    /// Its version.
    pub version: semver::Version,
    /// Its commit, full hash.
    pub commit: String,
    /// Who has it.
    pub owner: String,
    /// Since when.
    pub since: chrono::DateTime<chrono::Utc>,
    /// Where it stands, as far as this machine knows: `prepared` where only its lock is known.
    pub stands: String,
    /// Its journal is in this clone.
    pub here: bool,
    /// Its lock is on the remote.
    pub locked: bool,
    /// Each tag, as its registry shows it now.
    pub tags: Vec<TagReport>,
}

/// What is unfinished, and what its tags show now.
///
/// # Errors
/// Journals or locks cannot be read.
pub async fn status(world: &World, scope: &Scope) -> Result<Vec<Unfinished>> {
    let mut all = Vec::new();
    for found in find(world, scope).await? {
        let Candidate {
            replayed,
            journal,
            lock,
        } = found;
        let limit = Deadline::new(LAST_LOOK, world.cancel.clone());
        let tags = tags::look(world, &replayed.prepared, &limit).await;
        all.push(Unfinished {
            version: replayed.prepared.version.clone(),
            commit: replayed.prepared.commit.clone(),
            owner: replayed.owner.to_string(),
            since: replayed.since,
            stands: tags::stands(journal.is_some().then_some(replayed.txn.state)).to_owned(),
            here: journal.is_some(),
            locked: lock.is_some(),
            tags,
        });
    }
    Ok(all)
}
