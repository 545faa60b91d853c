//! What runs of hoist have left on the forge: a run that dies before it has the lock leaves a draft, or a package with
//! files where there are no drafts, and no lock tells of it.

use std::{fmt, time::Duration};

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

/// From this age on what no lock tells of belongs to a run that is over: making it takes half of that at most, and
/// the lock follows at once.
const OVER: TimeDelta = TimeDelta::hours(24);

/// Below which locks are that no policy has put elsewhere: one of another image may need a package of the project.
const LOCKS: &str = "refs/hoist/publish/";

/// How long deleting it may take in all.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a run of hoist has made on the forge, and no public release has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOnForge {
    /// What it is.
    pub what: LeftKind,
    /// Since when it is there by the forge's clock; older versions of hoist did not write that down.
    pub since: Option<DateTime<Utc>>,
}

/// What a run has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftKind {
    /// A draft.
    Draft {
        /// Its number.
        id: u64,
        /// Its git tag.
        tag: String,
    },
    /// A package with files.
    Package {
        /// Its version.
        version: String,
    },
}

impl fmt::Display for LeftKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Draft { id, tag } => write!(f, "the draft {id} of `{tag}`"),
            Self::Package { version } => write!(f, "the package `{version}`"),
        }
    }
}

impl LeftOnForge {
    /// Whether its run is over, where no lock tells of one. `now`: what the forge's clock says; where that is not known,
    /// nothing is over.
    #[must_use]
    pub fn is_over(&self, now: Option<DateTime<Utc>>) -> bool {
        let age = self.since.zip(now).map(|(since, now)| now - since);
        age.is_some_and(|age| age > OVER)
    }

    fn holder(&self) -> FileHolder {
        match &self.what {
            LeftKind::Draft { id, .. } => FileHolder {
                draft: Some(*id),
                package: String::new(),
            },
            LeftKind::Package { version } => FileHolder {
                draft: None,
                package: version.clone(),
            },
        }
    }
}

/// What runs of hoist have left: drafts of tags that `is_own`, and packages whose files no release links. Drafts of people
/// are not among them, even where hoist has taken one.
///
/// # Errors
/// The forge could not be asked.
pub async fn left_on_forge(
    forge: &dyn ForgeApi,
    is_own: impl Fn(&str) -> bool + Send,
) -> Result<Vec<LeftOnForge>, ForgeError> {
    let mut left = Vec::new();
    for (tag, draft) in forge.drafts().await? {
        let mark = marked(&draft.text, &tag).filter(|mark| !mark.adopted);
        if let (Some(id), Some(mark), true) = (draft.id, mark, is_own(&tag)) {
            let what = LeftKind::Draft { id, tag };
            let since = mark.since;
            left.push(LeftOnForge { what, since });
        }
    }
    let packages = forge.unlinked_packages().await?.into_iter();
    left.extend(packages.map(|package| LeftOnForge {
        what: LeftKind::Package {
            version: package.version,
        },
        since: package.since,
    }));
    Ok(left)
}

/// Deletes what belongs to runs that are over, and says so. Where any lock is there, nothing: its run may have stopped
/// long ago, and needs what it has made. What stays is seen again after the next release.
pub async fn clear_left_on_forge(
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
    let mut left = left_on_forge(forge, is_own).await.unwrap_or_default();
    let now = forge.time();
    left.retain(|left| left.is_over(now));
    if left.is_empty() {
        return;
    }
    let locks = [locks_below(lock_refs), LOCKS.to_owned()].map(RefPattern::Below);
    if !world
        .remote
        .refs(&locks)
        .await
        .is_ok_and(|refs| refs.is_empty())
    {
        return;
    }
    for left in left {
        let (what, place) = (&left.what, forge.place());
        world
            .events
            .note(match forge.discard(&left.holder()).await {
                Ok(()) => format!("deleted {what} on {place}: its run is over"),
                Err(error) => format!("{what} on {place} is left by a run that is over: {error}"),
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
            let left = LeftOnForge {
                what: LeftKind::Draft {
                    id: 1,
                    tag: "v1.0.0".to_owned(),
                },
                since: since.map(at),
            };
            assert_eq!(left.is_over(Some(now)), is_over, "{since:?}");
            assert!(!left.is_over(None), "{since:?}");
        }
    }
}
