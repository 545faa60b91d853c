//! A journal remembers, the world decides: what came of an unfinished journal of this clone whose lock
//! is gone. Another clone may have finished or undone the release since.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;

use crate::{
    error::Result,
    io::git::remote::RefPattern,
    publish::{
        deadline::{Deadline, LAST_LOOK},
        errors::recovery_error,
        protocol::{
            journal::{Prepared, Record, encode},
            lockless::{Fate, fate},
            observation::{GitTagSeen, Shows},
            replay::Replayed,
            state::{End, State, Transaction},
            verdict::judge,
        },
        run_state::may_run,
        unfinished::UnfinishedTransaction,
        world::World,
    },
};

/// What became of a transaction that this clone's journal calls unfinished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whereabouts {
    /// It is unfinished indeed: it has its lock, or its run may be alive, or nobody has ended it.
    Open,
    /// It was undone, as far as can be seen: until this instant a request of its run may still be carried out.
    Settling(DateTime<Utc>),
    /// It was ended from another place.
    Ended(Fate),
}

/// What the world shows of a transaction that this clone's journal calls unfinished.
pub(super) async fn whereabouts(
    world: &World,
    found: &UnfinishedTransaction,
) -> Result<Whereabouts> {
    if !found.locks.is_empty() || may_run(world, &found.replayed) {
        return Ok(Whereabouts::Open);
    }
    let prepared = &found.replayed.prepared;
    let (tags, git_tag) = tokio::join!(shows(world, prepared), git_tag_seen(world, prepared));
    Ok(match fate(&prepared.spec(), &tags, git_tag?) {
        Fate::Open | Fate::Unknown => Whereabouts::Open,
        Fate::Undone => match settles_at(world, &found.replayed) {
            Some(at) => Whereabouts::Settling(at),
            None => Whereabouts::Ended(Fate::Undone),
        },
        decided @ (Fate::Published | Fate::Overtaken) => Whereabouts::Ended(decided),
    })
}

/// Until when a request of the dead run may still be carried out; `None`: none can be any more.
fn settles_at(world: &World, replayed: &Replayed) -> Option<DateTime<Utc>> {
    let timeout = i64::try_from(replayed.prepared.verify_timeout).unwrap_or(i64::MAX);
    let at = replayed.last + TimeDelta::try_milliseconds(timeout).unwrap_or_default();
    (replayed.txn.may_be_under_way() && at > world.clock.now()).then_some(at)
}

async fn shows(world: &World, prepared: &Prepared) -> Vec<Shows> {
    let limit = &Deadline::new(LAST_LOOK, world.cancel.clone());
    let heads = prepared.tags.iter().map(|tag| async move {
        let Ok(api) = (world.connect)(prepared.repository(tag)) else {
            return Shows::Unreadable;
        };
        match limit.run(api.head(&tag.tag.clone().into())).await {
            Some(Ok(shown)) => {
                let shown = shown.map(|descriptor| descriptor.digest);
                judge(tag.before.as_ref(), prepared.wanted(tag), shown.as_ref())
            }
            Some(Err(_)) | None => Shows::Unreadable,
        }
    });
    join_all(heads).await
}

pub(super) async fn git_tag_seen(world: &World, prepared: &Prepared) -> Result<GitTagSeen> {
    let Some((name, object)) = prepared.last_ref() else {
        return Ok(GitTagSeen::Absent);
    };
    let refs = world.remote.refs(&RefPattern::names([name])).await;
    let refs = refs.map_err(|error| recovery_error("cannot read the git tag", &error))?;
    Ok(match refs.first() {
        None => GitTagSeen::Absent,
        Some((_, id)) if id == object => GitTagSeen::Ours,
        Some(_) => GitTagSeen::Other,
    })
}

/// What came of it, for people.
pub(super) fn told(replayed: &Replayed, fate: Fate) -> String {
    let version = &replayed.prepared.version;
    match fate {
        Fate::Published => format!("{version} was finished from another place"),
        Fate::Undone => format!("{version} was rolled back from another place"),
        Fate::Overtaken | Fate::Open | Fate::Unknown => {
            format!(
                "another release has gone over {version}, whose lock is gone; `hoist repair` puts the tags right"
            )
        }
    }
}

/// The same of one that was undone, while a request of its run may still be carried out.
pub(super) fn settling(replayed: &Replayed, at: DateTime<Utc>) -> String {
    format!(
        "{} was rolled back from another place, and a request of its run may still be carried out until {}",
        replayed.prepared.version,
        at.format("%H:%M:%S UTC")
    )
}

/// Closes the journal of a transaction that was ended from another place. Only a run that holds the
/// journal does that; one that another release has gone over stays open, for it is the way back.
pub(super) fn close(world: &World, found: &UnfinishedTransaction, fate: Fate) {
    let (Some(journal), Fate::Published | Fate::Undone) = (&found.journal, fate) else {
        return;
    };
    if world.journals.hold(journal).is_ok_and(|held| held) {
        let record = Record::Step {
            at: world.clock.now(),
            txn: Transaction {
                state: State::Ended(End::Elsewhere),
                ..found.replayed.txn.clone()
            },
        };
        // If this fails, the next look comes to the same end.
        let _ = world.journals.append(journal, &encode(&record));
    }
}
