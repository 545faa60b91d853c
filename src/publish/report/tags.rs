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
        State::Drafting | State::Observing => "locked; no tag has moved",
        State::CheckingLock(_) | State::Committing(_) | State::Staging => "tags were being moved",
        State::WithoutLock(_) | State::Relocking(_) => "its lock is gone",
        State::Verifying => "all tags were accepted; not all were seen to show it",
        State::Finishing => "all tags show it; the git tag may be missing",
        State::Revealing => {
            "all tags show it, and git has its tag; its release on the forge may not be public"
        }
        State::Recovering(_) => "taken over",
        State::Settling | State::RollingBack(_) | State::Confirming(_) | State::Withdrawing(_) => {
            "being rolled back"
        }
        State::Unlocking(_) | State::Judging(_) => "decided; the lock may be left",
        State::Stopped(_) => "stopped",
        State::Ended(_) => "over",
    }
}

/// Whether a tag shows what somebody else has put there.
pub(super) fn is_other(tag: &TagReport) -> bool {
    !tag.is_ours() && !tag.is_as_before() && tag.now != Observed::Unknown
}

/// How a tag is meant to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meant<'a> {
    /// It shows this version.
    New(&'a semver::Version),
    /// It is as it was before.
    Before,
    /// It shows nothing that somebody else has put there since.
    Own,
}

impl Meant<'_> {
    fn holds(self, tag: &TagReport) -> bool {
        match self {
            Self::New(_) => tag.is_ours(),
            Self::Before => tag.is_as_before(),
            Self::Own => !is_other(tag),
        }
    }

    /// The predicate for so many tags.
    fn words(self, count: usize) -> String {
        match (self, count) {
            (Self::New(version), 0 | 1) => format!("shows {version}"),
            (Self::New(version), _) => format!("show {version}"),
            (Self::Before, 0 | 1) => "is as it was before".to_owned(),
            (Self::Before, _) => "are as they were before".to_owned(),
            (Self::Own, 0 | 1) => "was not moved by anybody else".to_owned(),
            (Self::Own, _) => "were not moved by anybody else".to_owned(),
        }
    }
}

/// Which tags are as they are meant to be, and what the others show.
pub(super) fn list(tags: &[TagReport], meant: Meant<'_>) -> String {
    let bad: Vec<_> = tags
        .iter()
        .filter(|tag| !meant.holds(tag))
        .map(|tag| format!("{} ({})", tag.repository.tag(&tag.tag), tag.now))
        .collect();
    let (all, count) = (tags.len(), tags.len() - bad.len());
    let (words, bad) = (meant.words(count), bad.join(", "));
    match count {
        1 if all == 1 => format!("the tag {words}"),
        count if count == all => format!("all {all} tags {words}"),
        0 if all == 1 => format!("the tag does not: {bad}"),
        0 => format!("none of the {all} tags {words}: {bad}"),
        count => format!("{count} of {all} tags {words}, but not {bad}"),
    }
}
