//! What each tag of a transaction shows, for the outcome.

use futures_util::future::join_all;

use crate::{
    oci::Observed,
    outcome::TagReport,
    publish::{
        deadline::Deadline,
        protocol::{
            journal::{Prepared, TagRecord},
            state::State,
        },
        world::World,
    },
};

pub(super) fn report(prepared: &Prepared, tag: &TagRecord, now: Observed) -> TagReport {
    TagReport {
        repository: prepared.repository(tag).clone(),
        tag: tag.tag.clone(),
        before: tag.before.clone(),
        wanted: prepared.wanted(tag).clone(),
        now,
    }
}

/// What each tag of a transaction shows now.
pub(in crate::publish) async fn read_all(
    world: &World,
    prepared: &Prepared,
    limit: &Deadline,
) -> Vec<TagReport> {
    let heads = prepared.tags.iter().map(|tag| async move {
        let now = match (world.connect)(prepared.repository(tag)) {
            Err(_) => Observed::Unknown,
            Ok(api) => {
                let what = tag.tag.clone().into();
                match limit.run(api.head(&what)).await {
                    Some(Ok(Some(shown))) => Observed::At(shown.digest),
                    Some(Ok(None)) => Observed::Absent,
                    Some(Err(_)) | None => Observed::Unknown,
                }
            }
        };
        report(prepared, tag, now)
    });
    join_all(heads).await
}

/// Where a transaction stands, in a few words; `None`: only its lock is known.
pub(in crate::publish) fn standing(state: Option<State>) -> &'static str {
    let Some(state) = state else {
        return "prepared; how far it came is not known here";
    };
    match state {
        State::Locking => "about to take the lock",
        State::Observing => "locked; no tag has moved",
        State::CheckingLock(_) | State::Committing(_) | State::Staging => "tags were being moved",
        State::WithoutLock(_) | State::Relocking(_) => "its lock is gone",
        State::Verifying => "all tags were accepted; not all were seen to show it",
        State::Finishing => "all tags show it; the git tag may be missing",
        State::Recovering(_) => "taken over",
        State::Settling | State::RollingBack(_) | State::Confirming(_) => "being rolled back",
        State::Unlocking(_) | State::Judging(_) => "decided; the lock may be left",
        State::Stopped(_) => "stopped",
        State::Ended(_) => "over",
    }
}

/// What tags are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compared {
    /// What the release wants them to show.
    Release,
    /// What they showed before it.
    Before,
    /// What somebody else has put there since.
    Others,
}

/// Whether a tag shows what somebody else has put there.
pub(super) fn is_other(tag: &TagReport) -> bool {
    !tag.is_ours() && !tag.is_as_before() && tag.now != Observed::Unknown
}

/// How many tags are as they should be, and what the others show.
pub(super) fn list(tags: &[TagReport], with: Compared) -> String {
    let (good, words): (fn(&TagReport) -> bool, _) = match with {
        Compared::Release => (TagReport::is_ours, "show the release"),
        Compared::Before => (TagReport::is_as_before, "are as they were before"),
        Compared::Others => (|tag| !is_other(tag), "were not moved by anybody else"),
    };
    let bad: Vec<_> = tags
        .iter()
        .filter(|tag| !good(tag))
        .map(|tag| format!("{} ({})", tag.repository.tag(&tag.tag), tag.now))
        .collect();
    let count = tags.len() - bad.len();
    if bad.is_empty() {
        return format!("all {count} tags {words}");
    }
    format!(
        "{count} of {} tags {words}, but not {}",
        tags.len(),
        bad.join(", ")
    )
}
