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
        steps::{
            answer::answered,
            restage::resend_image,
            right::{Right, is_permitted, read_right},
            send::{pause_after, send},
            tag::{read_tag, read_tags},
        },
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
    let mut remarks = Remarks::default();
    if api.takes_single_tags_only() {
        let all = batch.iter().map(|&index| (index, PutSeen::NotTaken));
        return (all.collect(), remarks);
    }
    // Tags about which something was seen that decides.
    let mut seen: BTreeMap<usize, PutSeen> = BTreeMap::new();
    let mut must_look = !is_permitted(at) || batch.iter().any(|&tag| !run.holding.is_fresh(tag));
    loop {
        if must_look {
            let right = read_right(at, limit, &mut remarks).await;
            if right != Right::Held {
                let all = batch.iter().map(|&index| (index, without_right(right)));
                return (all.collect(), remarks);
            }
            let (shown, new) = look_before(at, batch, limit).await;
            remarks.absorb(new);
            seen = shown;
        }
        let open: Vec<usize> = batch
            .iter()
            .copied()
            .filter(|tag| !seen.contains_key(tag))
            .collect();
        let name = |&index: &usize| run.prepared.tags[index].tag.clone();
        let names: Vec<Tag> = open.iter().map(name).collect();
        let permit = run.holding.permit();
        let put = api.put_manifest(run.manifest(batch[0]), &names, &permit);
        match send(run, &open, limit, put).await {
            Some(Ok(receipt)) => {
                for index in open {
                    let answer = if receipt.tags.contains(&run.prepared.tags[index].tag) {
                        tagged(run, index, &mut remarks)
                    } else {
                        PutSeen::NotTaken
                    };
                    seen.insert(index, answer);
                }
            }
            Some(Err(error)) if error.kind == RegistryErrorKind::NotPermitted => {
                must_look = true;
                continue;
            }
            Some(Err(error)) => {
                let (failed, new) = after_failed_batch(at, &open, &error, limit).await;
                remarks.absorb(new);
                seen.extend(failed);
            }
            None => seen.extend(open.iter().map(|&index| (index, PutSeen::Unclear))),
        }
        return (seen.into_iter().collect(), remarks);
    }
}

/// What decides about tags before they are put, where something has been waited for: those that show
/// the release need nothing, and those that show somebody else's digest are left alone.
async fn look_before(
    at: Position<'_>,
    tags: &[usize],
    limit: &Deadline,
) -> (BTreeMap<usize, PutSeen>, Remarks) {
    let (shows, mut remarks) = read_tags(at, tags.iter().copied(), limit).await;
    let mut seen = BTreeMap::new();
    for (&index, shows) in tags.iter().zip(shows) {
        let decided = match shows {
            Shows::Ours => Some(tagged(at.run, index, &mut remarks)),
            Shows::Other => Some(foreign(at.run, index)),
            // The single PUT that follows looks again.
            Shows::Unreadable => Some(PutSeen::Pending),
            Shows::Before => None,
        };
        seen.extend(decided.map(|decided| (index, decided)));
    }
    (seen, remarks)
}

/// Nothing was sent, because this run may not write.
fn without_right(right: Right) -> PutSeen {
    match right {
        Right::Lost => PutSeen::LockLost,
        Right::Held | Right::Unknown => PutSeen::LockUnknown,
    }
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
            Shows::Other => foreign(at.run, index),
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
/// Whatever is repeated is repeated in this order: wait, read the lock, look at the tag, write.
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
    let mut must_look = !is_permitted(at) || !run.holding.is_fresh(index);
    loop {
        if must_look {
            let right = read_right(at, limit, remarks).await;
            if right != Right::Held {
                return without_right(right);
            }
            match read_tag(at, index, limit, remarks).await {
                Shows::Ours => return tagged(run, index, remarks),
                Shows::Other => return foreign(run, index),
                Shows::Before => {}
                Shows::Unreadable => {
                    let why = remarks.tag_failure(index);
                    run.tag_waits(index, why.unwrap_or("it cannot be read"), limit);
                    if !limit.pause(backoff.delay()).await {
                        return PutSeen::Unclear;
                    }
                    continue;
                }
            }
        }
        must_look = true;
        let permit = run.holding.permit();
        let put = api.put_tag(&tag.tag, run.manifest(index), &permit);
        let error = match send(run, &[index], limit, put).await {
            None => return PutSeen::Unclear,
            Some(Ok(_)) => return tagged(run, index, remarks),
            Some(Err(error)) => error,
        };
        if error.kind == RegistryErrorKind::NotPermitted {
            continue;
        }
        remarks.tag_failed(index, &error);
        if matches!(error.kind, RegistryErrorKind::BlobsMissing(_)) && !resent {
            // Swept since stage, or never there although HEAD said so.
            resent = true;
            resend_image(run, tag.repository, tag.image, limit, remarks).await;
            continue;
        }
        let answer = answered(&error);
        may_arrive |= answer == Answered::Ambiguous;
        match after_put(answer, read_tag(at, index, limit, remarks).await) {
            Then::Decided(PutSeen::Ours) => return tagged(run, index, remarks),
            // An earlier request may have been done and not show yet.
            Then::Decided(PutSeen::Refused) if may_arrive => return PutSeen::Unclear,
            Then::Decided(PutSeen::Foreign) => return foreign(run, index),
            Then::Decided(seen) => return seen,
            Then::PutAgain | Then::ReadAgain => {}
        }
        run.tag_waits(index, &error, limit);
        if !limit.pause(pause_after(&error, &mut backoff)).await {
            return PutSeen::Unclear;
        }
    }
}

/// A tag shows somebody else's digest.
fn foreign(run: &Run, index: usize) -> PutSeen {
    match run.holding.may_have_moved(index) {
        true => PutSeen::Overwritten,
        false => PutSeen::Foreign,
    }
}

/// A tag shows the release.
fn tagged(run: &Run, index: usize, remarks: &mut Remarks) -> PutSeen {
    let tag = &run.prepared.tags[index];
    let digest = run.prepared.wanted(tag).clone();
    remarks.shows(index, Observed::At(digest.clone()));
    run.waits.is_done(run.prepared.repository(tag), &tag.tag);
    run.world.events.emit(Event::Tagged {
        repository: run.prepared.repository(tag).clone(),
        tag: tag.tag.clone(),
        digest,
    });
    PutSeen::Ours
}
