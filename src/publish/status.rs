//! What is unfinished, and what its tags show now.

use serde::Serialize;

use crate::{
    error::Result,
    git::CommitId,
    oci::Repository,
    outcome::{ImageReport, TagReport},
    publish::{
        deadline::{Deadline, LAST_LOOK},
        overtaken::{Whereabouts, settling, told, whereabouts},
        protocol::{replay::Replayed, state::State},
        report::{images, read_all, standing},
        run_state::{RunState, run_state},
        tagged::is_tagged,
        unfinished::{Scope, UnfinishedTransaction, find_unfinished},
        world::World,
    },
};

/// An unfinished release, for people and programs.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Unfinished {
    /// The version that is being published.
    pub version: semver::Version,
    /// Its commit.
    pub commit: CommitId,
    /// The process that has it.
    pub owner: String,
    /// Whether that process still works on it.
    pub run: RunState,
    /// Since when its owner has it.
    pub since: chrono::DateTime<chrono::Utc>,
    /// Where it stands, as far as this machine knows: `prepared` where only its lock is known.
    pub stands: String,
    /// What became of it, where its journal only remembers it: its lock is gone, and the tags and the
    /// git tag show that it was ended from another place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overtaken: Option<String>,
    /// Until when that is not certain, because a request of its run may still be carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settles_at: Option<chrono::DateTime<chrono::Utc>>,
    /// Whether its journal is in this clone.
    pub here: bool,
    /// Whether its journal is in this clone and cannot be read: its lock tells of it.
    pub damaged: bool,
    /// Whether its lock is on the remote.
    pub locked: bool,
    /// Whether its git tag is out and only its page is not known to be public: it can be finished, and not undone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tagged: bool,
    /// The page that its release on the forge has, where one belongs to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forge: Option<String>,
    /// What is published where.
    pub images: Vec<ImageReport>,
    /// Each tag, as its registry shows it now.
    pub tags: Vec<TagReport>,
    /// Repositories of the release that the policy does not name: nobody asked them, and their tags are not
    /// listed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_asked: Vec<Repository>,
}

/// Where a transaction stands: a lock tells no more of it than that it is complete.
fn stands(replayed: &Replayed, is_here: bool, tagged: bool) -> &'static str {
    let state = match is_here {
        true => Some(replayed.txn.state),
        false => tagged.then_some(State::Revealing),
    };
    standing(state)
}

/// What is unfinished, and what its tags show now.
///
/// # Errors
/// Journals or locks cannot be read.
pub async fn status(world: &World, scope: &Scope) -> Result<Vec<Unfinished>> {
    let mut all = Vec::new();
    for found in find_unfinished(world, scope, None).await? {
        let whereabouts = whereabouts(world, &found).await?;
        let tagged = is_tagged(world, &found.replayed).await?;
        let UnfinishedTransaction {
            replayed,
            journal,
            damaged,
            locks,
            refs: _,
        } = found;
        let mut shown = replayed.prepared.clone();
        let places = shown.repositories.iter().map(|place| &place.repository);
        let not_asked = places
            .filter(|repository| !scope.repositories.contains(repository))
            .cloned()
            .collect();
        // A lock's journal comes from outside: no repository is asked that is not the policy's.
        shown.tags.retain(|tag| {
            scope
                .repositories
                .contains(replayed.prepared.repository(tag))
        });
        let limit = Deadline::new(LAST_LOOK, world.cancel.clone());
        let tags = read_all(world, &shown, &limit).await;
        all.push(Unfinished {
            version: replayed.prepared.version.clone(),
            commit: replayed.prepared.commit,
            owner: replayed.owner.to_string(),
            run: run_state(world, &replayed),
            since: replayed.since,
            overtaken: match whereabouts {
                Whereabouts::Open => None,
                Whereabouts::Settling(at) => Some(settling(&replayed, at)),
                Whereabouts::Ended(fate) => Some(told(&replayed, fate)),
            },
            settles_at: match whereabouts {
                Whereabouts::Settling(at) => Some(at),
                Whereabouts::Open | Whereabouts::Ended(_) => None,
            },
            stands: stands(&replayed, journal.is_some(), tagged).to_owned(),
            here: journal.is_some(),
            damaged,
            locked: !locks.is_empty(),
            tagged,
            forge: replayed.prepared.forge.as_ref().map(|it| it.url.clone()),
            images: images(&shown),
            tags,
            not_asked,
        });
    }
    Ok(all)
}
