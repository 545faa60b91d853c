//! Puts tags back to what they showed before, each only while it shows the release or the old
//! digest. The release's own digest is never deleted: that would take every tag with it.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::{
    event::Event,
    io::registry::{Deletion, RepositoryApi},
    oci::{Manifest, Observed, TagOrDigest},
    publish::{
        deadline::{Backoff, Deadline},
        protocol::{
            observation::{PutBackSeen, Shows},
            state::TagProgress,
            verdict::{Answered, Undo, undo},
        },
        run::{Run, words},
        steps::{answer::answered, stand_in::stand_in_manifest},
    },
};

impl Run {
    /// Puts these tags back, all at once.
    pub(in crate::publish) async fn put_back(&self, tags: &[usize]) -> Vec<(usize, PutBackSeen)> {
        let limit = self.back();
        let limit = &limit;
        let one = |&index: &usize| async move {
            let seen = self.put_one_back(index, limit).await;
            // A refused tag never moved, so there is nothing to tell.
            if seen == PutBackSeen::Restored && self.txn.marks[index] != TagProgress::Refused {
                self.restored(index);
            }
            (index, seen)
        };
        join_all(tags.iter().map(one)).await
    }

    fn restored(&self, index: usize) {
        let tag = &self.prepared.tags[index];
        let now = tag.before.clone().map_or(Observed::Absent, Observed::At);
        self.notes.shown(index, now);
        self.world.events.emit(Event::Restored {
            repository: self.prepared.repository(tag).clone(),
            tag: tag.tag.clone(),
            digest: tag.before.clone(),
        });
    }

    async fn put_one_back(&self, index: usize, limit: &Deadline) -> PutBackSeen {
        let refused = self.txn.marks[index] == TagProgress::Refused;
        let existed = self.prepared.tags[index].before.is_some();
        let mut backoff = Backoff::retry();
        let landed = Instant::now() + Duration::from_millis(self.prepared.verify_timeout);
        loop {
            let shows = self.head(index, limit).await;
            if shows == Shows::Before && Instant::now() >= landed {
                // Whatever was sent has landed by now, or never will.
                return PutBackSeen::Restored;
            }
            let gone = self.notes.last_shown(index) == Some(Observed::Absent);
            if shows == Shows::Unreadable && gone && existed && Instant::now() >= landed {
                // No answer lags so long: somebody else has deleted it.
                return PutBackSeen::Foreign;
            }
            let done = match undo(shows, existed, refused) {
                Undo::Done(seen) => Some(seen),
                Undo::PutOld => self.put_old(index, limit).await,
                Undo::Delete => self.delete_new(index, shows, limit).await,
                Undo::LookAgain => None,
            };
            if let Some(seen) = done {
                return seen;
            }
            if !limit.pause(backoff.delay()).await {
                return PutBackSeen::Unclear;
            }
        }
    }

    /// The manifest that a tag showed before: from the journal, else from the registry.
    async fn old(&self, index: usize, limit: &Deadline) -> Result<Option<Manifest>, ()> {
        let (tag, api) = self.tag(index);
        let Some(digest) = &tag.before else {
            return Ok(None);
        };
        if let Some(manifest) = self.prepared.document(digest) {
            return Ok(Some(manifest.clone()));
        }
        match limit.run(api.manifest(&digest.clone().into())).await {
            Some(Ok(found)) => Ok(found),
            Some(Err(error)) => {
                self.notes.tag(index, words(&error));
                Err(())
            }
            None => Err(()),
        }
    }

    /// `None`: not decided, try again.
    async fn put_old(&self, index: usize, limit: &Deadline) -> Option<PutBackSeen> {
        let (tag, api) = self.tag(index);
        let manifest = match self.old(index, limit).await {
            Ok(Some(manifest)) => manifest,
            Ok(None) => {
                self.notes
                    .tag(index, "the manifest it showed before is gone");
                return Some(PutBackSeen::Left);
            }
            Err(()) => return None,
        };
        match limit.run(api.put_tag(&tag.tag, &manifest)).await {
            None => Some(PutBackSeen::Unclear),
            Some(Ok(_)) => Some(self.until_restored(index).await),
            Some(Err(error)) => {
                self.notes.tag(index, words(&error));
                if answered(&error) != Answered::Refused {
                    return None;
                }
                // Some refuse a tag that shows this digest already.
                match self.head(index, limit).await {
                    Shows::Before => Some(PutBackSeen::Restored),
                    Shows::Ours => Some(PutBackSeen::Left),
                    Shows::Other => Some(PutBackSeen::Foreign),
                    Shows::Unreadable => None,
                }
            }
        }
    }

    /// After an accepted request: looks until the tag shows what was before, or the time is up.
    async fn until_restored(&self, index: usize) -> PutBackSeen {
        let limit = self.visible(0.9);
        let mut backoff = Backoff::poll();
        loop {
            match self.head(index, &limit).await {
                Shows::Before => return PutBackSeen::Restored,
                Shows::Other => return PutBackSeen::Foreign,
                Shows::Ours | Shows::Unreadable => {}
            }
            if !limit.pause(backoff.delay()).await {
                return PutBackSeen::Unclear;
            }
        }
    }

    /// Takes a new tag away. `None`: not decided, try again.
    async fn delete_new(
        &self,
        index: usize,
        shows: Shows,
        limit: &Deadline,
    ) -> Option<PutBackSeen> {
        let (tag, api) = self.tag(index);
        match limit.run(api.delete(&tag.tag.clone().into())).await {
            None => Some(PutBackSeen::Unclear),
            Some(Err(error)) => {
                self.notes.tag(index, words(&error));
                None
            }
            Some(Ok(Deletion::Accepted)) => Some(self.until_restored(index).await),
            // It does not show after all this time, and there is nothing to delete.
            Some(Ok(Deletion::Absent | Deletion::Refused)) if shows == Shows::Before => {
                Some(PutBackSeen::Restored)
            }
            Some(Ok(Deletion::Absent | Deletion::Refused)) => {
                self.delete_by_stand_in(index, api, limit).await
            }
        }
    }

    /// Deletes a tag on a registry that deletes by digest only: another manifest is put under the
    /// tag, and that one is deleted.
    async fn delete_by_stand_in(
        &self,
        index: usize,
        api: &dyn RepositoryApi,
        limit: &Deadline,
    ) -> Option<PutBackSeen> {
        let tag = &self.prepared.tags[index];
        let Some(manifest) = stand_in_manifest(&self.prepared, tag) else {
            return Some(PutBackSeen::Left);
        };
        let digest = TagOrDigest::Digest(manifest.digest().clone());
        // First without a name, to learn whether digests can be deleted before anybody sees it.
        let trial = async {
            api.put_manifest(&manifest, &[]).await?;
            api.delete(&digest).await
        };
        match limit.run(trial).await {
            None => return Some(PutBackSeen::Unclear),
            Some(Ok(Deletion::Accepted)) => {}
            Some(Ok(Deletion::Absent | Deletion::Refused)) => {
                self.notes.tag(index, "the registry does not delete tags");
                return Some(PutBackSeen::Left);
            }
            Some(Err(error)) => {
                self.notes.tag(index, words(&error));
                return (answered(&error) == Answered::Refused).then_some(PutBackSeen::Left);
            }
        }
        let swap = async {
            api.put_tag(&tag.tag, &manifest).await?;
            api.delete(&digest).await
        };
        match limit.run(swap).await {
            None => Some(PutBackSeen::Unclear),
            Some(Ok(Deletion::Accepted)) => Some(self.until_restored(index).await),
            Some(Ok(Deletion::Absent)) => None,
            Some(Ok(Deletion::Refused)) => self.leave(index, limit).await,
            Some(Err(error)) => {
                self.notes.tag(index, words(&error));
                if answered(&error) == Answered::Refused {
                    return self.leave(index, limit).await;
                }
                None
            }
        }
    }

    /// The tag cannot go, so it shall at least show an image that works.
    async fn leave(&self, index: usize, limit: &Deadline) -> Option<PutBackSeen> {
        let (tag, api) = self.tag(index);
        self.notes
            .tag(index, "the registry does not delete what has a tag");
        match self.head(index, limit).await {
            Shows::Unreadable => return None,
            Shows::Other => return Some(PutBackSeen::Foreign),
            Shows::Before => return Some(PutBackSeen::Restored),
            Shows::Ours => {}
        }
        let wanted = self.prepared.wanted(tag).clone();
        if self.notes.last_shown(index) == Some(Observed::At(wanted)) {
            return Some(PutBackSeen::Left);
        }
        match limit.run(api.put_tag(&tag.tag, self.manifest(index))).await {
            Some(Ok(_)) => {
                self.head(index, limit).await;
                Some(PutBackSeen::Left)
            }
            Some(Err(error)) if answered(&error) == Answered::Refused => Some(PutBackSeen::Left),
            Some(Err(_)) => None,
            None => Some(PutBackSeen::Unclear),
        }
    }
}
