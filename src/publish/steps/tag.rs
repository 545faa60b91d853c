//! What a tag shows, in the terms of the protocol.

use futures_util::future::join_all;

use crate::{
    io::registry::RegistryErrorKind,
    oci::{Digest, Observed},
    publish::{
        deadline::Deadline,
        protocol::{observation::Shows, state::State, verdict::judge},
        remarks::{Remarks, gather},
        run::Position,
        steps::stand_in::stand_in,
    },
};

/// What one look at a tag gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::publish) enum TagLook {
    Shows(Shows),
    /// The list of tags names it, and it shows nothing.
    Hollow,
}

/// One HEAD; reads are repeated by the registry client where that helps.
pub(in crate::publish) async fn look_at_tag(
    at: Position<'_>,
    index: usize,
    limit: &Deadline,
    remarks: &mut Remarks,
) -> TagLook {
    let (tag, api) = at.run.tag(index);
    match limit.run(api.head(&tag.tag.clone().into())).await {
        None => TagLook::Shows(Shows::Unreadable),
        Some(Err(error)) => {
            remarks.tag_failed(index, &error);
            remarks.shows(index, Observed::Unknown);
            match error.kind {
                RegistryErrorKind::Unclear => TagLook::Hollow,
                _ => TagLook::Shows(Shows::Unreadable),
            }
        }
        Some(Ok(shown)) => {
            at.run.holding.looked_at(index);
            let shown = shown.map(|descriptor| descriptor.digest);
            remarks.shows(index, Observed::from(shown.clone()));
            TagLook::Shows(classify(at, index, shown.as_ref()))
        }
    }
}

/// As [`look_at_tag`], for whom all that shows nothing is the same.
pub(in crate::publish) async fn read_tag(
    at: Position<'_>,
    index: usize,
    limit: &Deadline,
    remarks: &mut Remarks,
) -> Shows {
    match look_at_tag(at, index, limit, remarks).await {
        TagLook::Shows(shows) => shows,
        TagLook::Hollow => Shows::Unreadable,
    }
}

/// Reads these tags side by side; the answers are in the order of `tags`.
pub(in crate::publish) async fn read_tags(
    at: Position<'_>,
    tags: impl IntoIterator<Item = usize>,
    limit: &Deadline,
) -> (Vec<Shows>, Remarks) {
    let read = |index: usize| async move {
        let mut remarks = Remarks::default();
        let shows = read_tag(at, index, limit, &mut remarks).await;
        (shows, remarks)
    };
    gather(join_all(tags.into_iter().map(read)).await)
}

fn classify(at: Position<'_>, index: usize, shown: Option<&Digest>) -> Shows {
    let prepared = &at.run.prepared;
    let tag = &prepared.tags[index];
    if shown.is_none() && tag.before.is_some() && may_lag(at.txn.state) {
        return Shows::Unreadable;
    }
    let shows = judge(tag.before.as_ref(), prepared.wanted(tag), shown);
    let is_stand_in = || shown.is_some() && shown == stand_in(prepared, tag).as_ref();
    if shows != Shows::Other || !is_stand_in() {
        return shows;
    }
    // This release's, too: a roll back was cut short between putting it and deleting it.
    if at.is_going_back() {
        Shows::Ours
    } else {
        Shows::Before
    }
}

/// Whether a tag that existed and is not there may only lag: registries lag behind what they
/// accepted, and some show nothing while they replace a tag.
fn may_lag(state: State) -> bool {
    match state {
        State::Committing(_)
        | State::Verifying
        | State::Settling
        | State::RollingBack(_)
        | State::Confirming(_) => true,
        State::Locking
        | State::Drafting
        | State::Observing
        | State::CheckingLock(_)
        | State::Finishing
        | State::Revealing
        | State::Recovering(_)
        | State::Staging
        | State::Withdrawing(_)
        | State::Unlocking(_)
        | State::Judging(_)
        | State::WithoutLock(_)
        | State::Relocking(_)
        | State::Stopped(_)
        | State::Ended(_) => false,
    }
}
