//! Drafts that runs of hoist have left on the forge: a run that dies before it has the lock leaves one, and no
//! lock tells of it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::timeout;

use crate::{
    git::RefName,
    io::{
        forge::{FileHolder, ForgeApi, ForgeError},
        git::remote::RefPattern,
    },
    publish::{draft_marker::marked, lock_ref::locks_below, world::World},
};

/// From this age on a draft that no lock tells of belongs to a run that is over: making one takes half of it at
/// most, and the lock follows at once.
const OVER: TimeDelta = TimeDelta::hours(24);

/// How long deleting such drafts may take in all.
const PATIENCE: Duration = Duration::from_secs(30);

/// A draft on the forge that a run of hoist has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftDraft {
    /// Its number.
    pub id: u64,
    /// Its git tag.
    pub tag: String,
    /// Since when it is there; older versions of hoist did not write that down.
    pub since: Option<DateTime<Utc>>,
}

impl LeftDraft {
    /// Whether its run is over, where no lock tells of one.
    #[must_use]
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.since.is_some_and(|since| now - since > OVER)
    }
}

/// The drafts of runs of hoist for tags that `is_own`. Those of people are not among them, even where hoist has
/// taken one.
///
/// # Errors
/// The forge could not be asked.
pub async fn left_drafts(
    forge: &dyn ForgeApi,
    is_own: impl Fn(&str) -> bool + Send,
) -> Result<Vec<LeftDraft>, ForgeError> {
    let mut left = Vec::new();
    for (tag, draft) in forge.drafts().await? {
        let mark = marked(&draft.text, &tag).filter(|mark| !mark.adopted);
        if let (Some(id), Some(mark), true) = (draft.id, mark, is_own(&tag)) {
            let since = mark.since;
            left.push(LeftDraft { id, tag, since });
        }
    }
    Ok(left)
}

/// Deletes those whose run is over, and says so. Where any lock is there, none: its run may have stopped long ago, and
/// needs its draft. What stays is seen again after the next release.
pub async fn clear_left_drafts(
    world: &World,
    lock_refs: &RefName,
    is_own: impl Fn(&str) -> bool + Send,
) {
    let Ok(forge) = &world.forge else { return };
    // Nobody waits for this.
    let _ = timeout(PATIENCE, clear(world, &**forge, lock_refs, is_own)).await;
}

async fn clear(
    world: &World,
    forge: &dyn ForgeApi,
    lock_refs: &RefName,
    is_own: impl Fn(&str) -> bool + Send,
) {
    let now = world.clock.now();
    let mut left = left_drafts(forge, is_own).await.unwrap_or_default();
    left.retain(|left| left.is_over(now));
    if left.is_empty() {
        return;
    }
    let locks = [RefPattern::Below(locks_below(lock_refs))];
    if !world
        .remote
        .refs(&locks)
        .await
        .is_ok_and(|refs| refs.is_empty())
    {
        return;
    }
    for LeftDraft { id, tag, .. } in left {
        let holder = FileHolder {
            draft: Some(id),
            package: String::new(),
        };
        let place = forge.place();
        world.events.note(match forge.discard(&holder).await {
            Ok(()) => format!("deleted the draft {id} of `{tag}` on {place}: its run is over"),
            Err(error) => {
                format!(
                    "the draft {id} of `{tag}` on {place} is left by a run that is over: {error}"
                )
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_draft_of_known_age_is_over() {
        let at = |text: &str| -> DateTime<Utc> { text.parse().expect("a time") };
        let now = at("2026-11-23T12:00:00Z");
        for (since, is_over) in [
            (Some("2026-11-22T11:59:59Z"), true),
            (Some("2026-11-22T12:00:00Z"), false),
            (Some("2026-11-24T12:00:00Z"), false),
            (None, false),
        ] {
            let left = LeftDraft {
                id: 1,
                tag: "v1.0.0".to_owned(),
                since: since.map(at),
            };
            assert_eq!(left.is_over(now), is_over, "{since:?}");
        }
    }
}
