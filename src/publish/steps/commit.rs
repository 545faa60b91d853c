//! The tags move: all of an image's in one request where the registry can, else one request each.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use crate::{
    event::Event,
    io::registry::{RegistryError, RegistryErrorKind},
    oci::{Observed, Tag},
    publish::{
        deadline::{Backoff, Deadline},
        protocol::{
            journal::Prepared,
            observation::{PutSeen, Shows},
            verdict::{Answered, Then, after_put},
        },
        remarks::{Remarks, gather},
        run::{Position, Run},
        steps::{answer::answered, restage::resend_image, tag::read_tag},
    },
};

/// The tags that belong together: same repository, same image.
fn batches(prepared: &Prepared, tags: &[usize]) -> Vec<Vec<usize>> {
    let mut batches: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
    for &index in tags {
        let tag = &prepared.tags[index];
        let batch = batches.entry((tag.repository, tag.image));
        batch.or_default().push(index);
    }
    let mut batches: Vec<_> = batches.into_values().collect();
    for batch in &mut batches {
        // Where the client needs more than one request, the version goes first.
        batch.sort_by_key(|&index| prepared.tags[index].kind);
    }
    batches
}

/// Puts each image's manifest by digest and asks for its tags with it. How many requests that takes,
/// and whether a registry knows the form, is the registry client's business.
pub(in crate::publish) async fn put_together(
    at: Position<'_>,
    tags: &[usize],
) -> (Vec<(usize, PutSeen)>, Remarks) {
    let limit = at.run.limits.forward();
    let batches = batches(&at.run.prepared, tags);
    let puts = batches.iter().map(|batch| put_batch(at, batch, &limit));
    let (seen, remarks) = gather(join_all(puts).await);
    (seen.concat(), remarks)
}

async fn put_batch(
    at: Position<'_>,
    batch: &[usize],
    limit: &Deadline,
) -> (Vec<(usize, PutSeen)>, Remarks) {
    let run = at.run;
    let (_, api) = run.tag(batch[0]);
    let name = |&index: &usize| run.prepared.tags[index].tag.clone();
    let names: Vec<Tag> = batch.iter().map(name).collect();
    let put = api.put_manifest(run.manifest(batch[0]), &names);
    let receipt = match limit.run(put).await {
        Some(Ok(receipt)) => receipt,
        Some(Err(error)) => return after_failed_batch(at, batch, &error, limit).await,
        None => {
            let unclear = batch.iter().map(|&index| (index, PutSeen::Unclear));
            return (unclear.collect(), Remarks::default());
        }
    };
    let mut remarks = Remarks::default();
    let seen = batch.iter().map(|&index| {
        if receipt.tags.contains(&run.prepared.tags[index].tag) {
            (index, tagged(run, index, &mut remarks))
        } else {
            (index, PutSeen::NotTaken)
        }
    });
    (seen.collect(), remarks)
}

/// A failed request for several tags: a registry may have taken some of them. Those that were not
/// taken are put one by one.
async fn after_failed_batch(
    at: Position<'_>,
    batch: &[usize],
    error: &RegistryError,
    limit: &Deadline,
) -> (Vec<(usize, PutSeen)>, Remarks) {
    let mut remarks = Remarks::default();
    if let RegistryErrorKind::BlobsMissing(_) = error.kind {
        let (tag, _) = at.run.tag(batch[0]);
        resend_image(at.run, tag.repository, tag.image, limit, &mut remarks).await;
    }
    let read = batch.iter().map(|&index| async move {
        let mut remarks = Remarks::default();
        let seen = match read_tag(at, index, limit, &mut remarks).await {
            Shows::Ours => tagged(at.run, index, &mut remarks),
            Shows::Other => PutSeen::Foreign,
            // It may still arrive; the single PUT that follows decides.
            Shows::Before | Shows::Unreadable => PutSeen::Pending,
        };
        ((index, seen), remarks)
    });
    let (seen, new) = gather(join_all(read).await);
    remarks.absorb(new);
    (seen, remarks)
}

/// Puts these tags side by side, one request each.
pub(in crate::publish) async fn put_each(
    at: Position<'_>,
    tags: &[usize],
) -> (Vec<(usize, PutSeen)>, Remarks) {
    let limit = &at.run.limits.forward();
    let put = |&index: &usize| async move {
        let mut remarks = Remarks::default();
        let seen = put_one(at, index, limit, &mut remarks).await;
        ((index, seen), remarks)
    };
    gather(join_all(tags.iter().map(put)).await)
}

/// Puts one tag and never assumes: after every answer that leaves a doubt, what the tag shows decides.
async fn put_one(
    at: Position<'_>,
    index: usize,
    limit: &Deadline,
    remarks: &mut Remarks,
) -> PutSeen {
    let run = at.run;
    let (tag, api) = run.tag(index);
    let mut backoff = Backoff::retry();
    let mut resent = false;
    let mut may_arrive = false;
    // The answer to the last request, while what it did is still open.
    let mut open = None;
    loop {
        let answer = match open {
            Some(answer) => answer,
            None => match limit.run(api.put_tag(&tag.tag, run.manifest(index))).await {
                None => return PutSeen::Unclear,
                Some(Ok(_)) => return tagged(run, index, remarks),
                Some(Err(error)) => {
                    remarks.tag_failed(index, &error);
                    if matches!(error.kind, RegistryErrorKind::BlobsMissing(_)) && !resent {
                        // Swept since stage, or never there although HEAD said so.
                        resent = true;
                        resend_image(run, tag.repository, tag.image, limit, remarks).await;
                        continue;
                    }
                    answered(&error)
                }
            },
        };
        may_arrive |= answer == Answered::Ambiguous;
        match after_put(answer, read_tag(at, index, limit, remarks).await) {
            Then::Decided(PutSeen::Ours) => return tagged(run, index, remarks),
            // An earlier request may have been done and not show yet.
            Then::Decided(PutSeen::Refused) if may_arrive => return PutSeen::Unclear,
            Then::Decided(seen) => return seen,
            Then::PutAgain => open = None,
            Then::ReadAgain => open = Some(answer),
        }
        if !limit.pause(backoff.delay()).await {
            return PutSeen::Unclear;
        }
    }
}

/// A tag shows the release.
fn tagged(run: &Run, index: usize, remarks: &mut Remarks) -> PutSeen {
    let tag = &run.prepared.tags[index];
    let digest = run.prepared.wanted(tag).clone();
    remarks.shows(index, Observed::At(digest.clone()));
    run.world.events.emit(Event::Tagged {
        repository: run.prepared.repository(tag).clone(),
        tag: tag.tag.clone(),
        digest,
    });
    PutSeen::Ours
}
