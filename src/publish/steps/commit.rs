//! The tags move: all of an image's in one request where the registry can, else one request each.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use crate::{
    event::Event,
    io::registry::{PutReceipt, RegistryError, RegistryErrorKind},
    oci::{Manifest, Tag},
    publish::{
        deadline::{Backoff, Deadline},
        protocol::{
            observation::{PutSeen, Shows},
            verdict::{Answered, Then, after_put},
        },
        run::{Run, words},
        steps::answer::answered,
    },
};

/// Tags in one request: the distribution specification asks registries to take at least ten.
const BATCH: usize = 10;

impl Run {
    pub(in crate::publish) fn manifest(&self, index: usize) -> &Manifest {
        let tag = &self.prepared.tags[index];
        self.prepared
            .document(self.prepared.wanted(tag))
            .expect("a journal without its images' manifests is refused when it is read")
    }

    /// The tags that belong to one request each: same repository, same image.
    fn batches(&self, tags: &[usize]) -> Vec<Vec<usize>> {
        let mut batches: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        for &index in tags {
            let tag = &self.prepared.tags[index];
            batches
                .entry((tag.repository, tag.image))
                .or_default()
                .push(index);
        }
        let mut batches: Vec<_> = batches.into_values().collect();
        for batch in &mut batches {
            // Where more than one request is needed, the version goes first.
            batch.sort_by_key(|&index| self.prepared.tags[index].kind);
        }
        batches
    }

    /// Puts each image's manifest by digest and asks for its tags in the same request.
    pub(in crate::publish) async fn put_together(&self, tags: &[usize]) -> Vec<(usize, PutSeen)> {
        let limit = self.forward();
        let limit = &limit;
        let batches = self.batches(tags);
        let puts = batches.iter().map(|batch| self.put_batch(batch, limit));
        join_all(puts).await.into_iter().flatten().collect()
    }

    async fn put_batch(&self, batch: &[usize], limit: &Deadline) -> Vec<(usize, PutSeen)> {
        let mut seen = Vec::new();
        for part in batch.chunks(BATCH) {
            let (_, api) = self.tag(part[0]);
            let registry = api.repository().registry();
            if self.notes.is_plain(registry) {
                seen.extend(part.iter().map(|&index| (index, PutSeen::NotTaken)));
                continue;
            }
            let names: Vec<Tag> = part
                .iter()
                .map(|&index| self.prepared.tags[index].tag.clone())
                .collect();
            let put = api.put_manifest(self.manifest(part[0]), &names);
            match limit.run(put).await {
                Some(Ok(receipt)) => {
                    if !receipt.multi_tag {
                        self.notes.set_plain(registry);
                    }
                    seen.extend(self.taken(part, &receipt));
                }
                Some(Err(error)) => seen.extend(self.after_batch(part, &error, limit).await),
                None => seen.extend(part.iter().map(|&index| (index, PutSeen::Unclear))),
            }
        }
        seen
    }

    fn taken(&self, part: &[usize], receipt: &PutReceipt) -> Vec<(usize, PutSeen)> {
        let one = |&index: &usize| {
            if receipt.tags.contains(&self.prepared.tags[index].tag) {
                self.tagged(index);
                (index, PutSeen::Ours)
            } else {
                (index, PutSeen::NotTaken)
            }
        };
        part.iter().map(one).collect()
    }

    /// A failed request for several tags: a registry may have taken some of them. Those that were
    /// not taken are put one by one.
    async fn after_batch(
        &self,
        part: &[usize],
        error: &RegistryError,
        limit: &Deadline,
    ) -> Vec<(usize, PutSeen)> {
        let (_, api) = self.tag(part[0]);
        if answered(error) == Answered::Refused {
            // Not this form, then the plain one, here and for the rest of the run.
            self.notes.set_plain(api.repository().registry());
        }
        if let RegistryErrorKind::BlobsMissing(_) = error.kind {
            let tag = &self.prepared.tags[part[0]];
            self.resend(tag.repository, tag.image, limit).await;
        }
        let look = part.iter().map(|&index| async move {
            let seen = match self.head(index, limit).await {
                Shows::Ours => {
                    self.tagged(index);
                    PutSeen::Ours
                }
                Shows::Other => PutSeen::Foreign,
                // It may still arrive; the single PUT that follows decides.
                Shows::Before | Shows::Unreadable => PutSeen::Pending,
            };
            (index, seen)
        });
        join_all(look).await
    }

    /// Puts these tags at once, one request each.
    pub(in crate::publish) async fn put_each(&self, tags: &[usize]) -> Vec<(usize, PutSeen)> {
        let limit = self.forward();
        let limit = &limit;
        let put = |&index: &usize| async move { (index, self.put_one(index, limit).await) };
        join_all(tags.iter().map(put)).await
    }

    /// Puts one tag and never assumes: after every answer that is not plain, a look decides.
    async fn put_one(&self, index: usize, limit: &Deadline) -> PutSeen {
        let (tag, api) = self.tag(index);
        let mut backoff = Backoff::retry();
        let mut resent = false;
        let mut may_arrive = false;
        let mut answer = None;
        loop {
            let said = match answer {
                Some(said) => said,
                None => match limit.run(api.put_tag(&tag.tag, self.manifest(index))).await {
                    None => return PutSeen::Unclear,
                    Some(Ok(_)) => return self.tagged(index),
                    Some(Err(error)) => {
                        self.notes.tag(index, words(&error));
                        if matches!(error.kind, RegistryErrorKind::BlobsMissing(_)) && !resent {
                            // Swept since stage, or never there although HEAD said so.
                            resent = true;
                            self.resend(tag.repository, tag.image, limit).await;
                            continue;
                        }
                        answered(&error)
                    }
                },
            };
            may_arrive |= said == Answered::Ambiguous;
            match after_put(said, self.head(index, limit).await) {
                Then::Decided(PutSeen::Ours) => return self.tagged(index),
                // An earlier request may have been done and not show yet.
                Then::Decided(PutSeen::Refused) if may_arrive => return PutSeen::Unclear,
                Then::Decided(seen) => return seen,
                Then::Again => answer = None,
                Then::LookAgain => answer = Some(said),
            }
            if !limit.pause(backoff.delay()).await {
                return PutSeen::Unclear;
            }
        }
    }

    fn tagged(&self, index: usize) -> PutSeen {
        let tag = &self.prepared.tags[index];
        let digest = self.prepared.wanted(tag).clone();
        self.notes
            .shown(index, crate::oci::Observed::At(digest.clone()));
        self.world.events.emit(Event::Tagged {
            repository: self.prepared.repository(tag).clone(),
            tag: tag.tag.clone(),
            digest,
        });
        PutSeen::Ours
    }
}
