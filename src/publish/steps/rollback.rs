//! Puts tags back to what they showed before, each only while it shows the release or the old
//! digest. The release's own digest is never deleted: that would take every tag with it. On some registries the
//! deletion of a tag deletes what it shows; where tags that stay can show the release's image, another manifest is
//! put under a tag before the tag is deleted.

use std::{future::Future, time::Duration};

use futures_util::future::join_all;
use tokio::{sync::MutexGuard, time::Instant};

use crate::{
    event::Event,
    io::registry::{Deletion, RegistryError, RegistryErrorKind},
    oci::{Manifest, Observed, TagOrDigest},
    publish::{
        deadline::{Backoff, Deadline},
        protocol::{
            observation::{PutBackSeen, Shows},
            state::TagProgress,
            verdict::{Answered, Restore, restore},
        },
        remarks::{Remarks, gather},
        run::{Position, Run},
        steps::{
            answer::answered,
            right::{Right, is_permitted, read_right},
            send::{pause_after, send},
            stand_in::stand_in_manifest,
            tag::{TagLook, look_at_tag, read_tag},
        },
    },
};

/// Puts these tags back, side by side.
pub(in crate::publish) async fn put_back(
    at: Position<'_>,
    tags: &[usize],
) -> (Vec<(usize, PutBackSeen)>, Remarks) {
    let limit = &at.run.limits.back();
    let one = |&index: &usize| async move {
        let mut back = PutBack {
            at,
            index,
            limit,
            remarks: Remarks::default(),
            backoff: Backoff::retry(),
            pause: None,
            way: match has_other_names(at.run, index) {
                true => TakingAway::StandIn,
                false => TakingAway::Tag,
            },
        };
        let seen = back.put_back().await;
        // A refused tag never moved, so there is nothing to tell.
        if seen == PutBackSeen::Restored && at.txn.progress[index] != TagProgress::Refused {
            restored(at.run, index, &mut back.remarks);
        }
        ((index, seen), back.remarks)
    };
    gather(join_all(tags.iter().map(one)).await)
}

/// Whether tags that stay can show the image that the release has put under a new tag: it was published before.
fn has_other_names(run: &Run, index: usize) -> bool {
    let prepared = &run.prepared;
    let tag = &prepared.tags[index];
    let wanted = prepared.wanted(tag);
    let mut here = prepared
        .tags
        .iter()
        .filter(|other| other.repository == tag.repository);
    prepared.promotes.is_some() || here.any(|other| other.before.as_ref() == Some(wanted))
}

/// A tag shows again what it showed before.
fn restored(run: &Run, index: usize, remarks: &mut Remarks) {
    let tag = &run.prepared.tags[index];
    remarks.shows(index, Observed::from(tag.before.clone()));
    run.waits.is_done(run.prepared.repository(tag), &tag.tag);
    run.world.events.emit(Event::Restored {
        repository: run.prepared.repository(tag).clone(),
        tag: tag.tag.clone(),
        digest: tag.before.clone(),
    });
}

/// One tag that is put back.
struct PutBack<'a> {
    at: Position<'a>,
    index: usize,
    limit: &'a Deadline,
    remarks: Remarks,
    backoff: Backoff,
    /// How long to wait before the next try, where a request's answer says so.
    pause: Option<Duration>,
    /// How a new tag is taken away.
    way: TakingAway,
}

/// How a new tag is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TakingAway {
    /// The tag is deleted.
    Tag,
    /// The registry deletes digests only, or takes along what a deleted tag shows: another manifest is put under
    /// the tag, and that one is deleted.
    StandIn,
    /// That was begun, so whatever is left of the tag comes from it.
    StandInAgain,
}

impl PutBack<'_> {
    /// What the tag shows now.
    async fn read(&mut self) -> Shows {
        read_tag(self.at, self.index, self.limit, &mut self.remarks).await
    }

    async fn put_back(&mut self) -> PutBackSeen {
        let refused = self.at.txn.progress[self.index] == TagProgress::Refused;
        let existed = self.at.run.prepared.tags[self.index].before.is_some();
        let landed = self.at.run.limits.landed();
        let mut must_ask = !is_permitted(self.at);
        loop {
            // Registries that take tags along with a digest read all tags for it, and leave some that
            // show nothing where two deletions meet.
            let run = self.at.run;
            let turn = match self.way {
                TakingAway::Tag => None,
                TakingAway::StandIn | TakingAway::StandInAgain => {
                    match self.limit.run(run.turn(self.index)).await {
                        Some(turn) => Some(turn),
                        None => return PutBackSeen::Unclear,
                    }
                }
            };
            // Wait, read the lock, look at the tag, write.
            if must_ask || !is_permitted(self.at) {
                match read_right(self.at, self.limit, &mut self.remarks).await {
                    Right::Held => {}
                    Right::Lost => return PutBackSeen::LockLost,
                    Right::Unknown => return PutBackSeen::LockUnknown,
                }
            }
            must_ask = true;
            self.pause = None;
            let look = look_at_tag(self.at, self.index, self.limit, &mut self.remarks).await;
            let is_hollow = look == TagLook::Hollow;
            let shows = match look {
                TagLook::Shows(shows) => shows,
                TagLook::Hollow => Shows::Unreadable,
            };
            if shows == Shows::Before && Instant::now() >= landed {
                // Whatever was sent has landed by now, or never will.
                return PutBackSeen::Restored;
            }
            let gone = self.remarks.last_shown(self.index) == Some(&Observed::Absent);
            if shows == Shows::Unreadable && gone && existed && Instant::now() >= landed {
                // No answer lags so long: somebody else has deleted it.
                return PutBackSeen::Foreign;
            }
            // Nobody can read what is behind it, and no answer lags so long: a deletion was cut short.
            let is_left = self.way == TakingAway::StandInAgain || Instant::now() >= landed;
            let was_by_tag = self.way == TakingAway::Tag;
            let done = match restore(shows, existed, refused) {
                Restore::Done(seen) => Some(seen),
                Restore::PutOld => self.put_old().await,
                Restore::Delete => match turn {
                    None => self.delete_new(shows).await,
                    Some(turn) => self.delete_by_stand_in(turn).await,
                },
                Restore::ReadAgain if is_hollow && is_left && !existed => match turn {
                    None => {
                        self.way = TakingAway::StandIn;
                        None
                    }
                    Some(turn) => self.delete_by_stand_in(turn).await,
                },
                Restore::ReadAgain => None,
            };
            if done.is_none() && was_by_tag && self.way != TakingAway::Tag {
                // Nothing was sent that a look would have to wait for.
                must_ask = false;
                continue;
            }
            if let Some(seen) = done {
                return seen;
            }
            if let Some(why) = self.remarks.tag_failure(self.index) {
                self.at.run.tag_waits_back(self.index, why, self.limit);
            }
            let pause = self.pause.unwrap_or_else(|| self.backoff.delay());
            if !self.limit.pause(pause).await {
                return PutBackSeen::Unclear;
            }
        }
    }

    /// The answer to a request that moves this tag.
    async fn send<T>(
        &mut self,
        request: impl Future<Output = Result<T, RegistryError>>,
    ) -> Option<Result<T, RegistryError>> {
        let answer = send(self.at.run, &[self.index], self.limit, request).await;
        if let Some(Err(error)) = &answer {
            self.pause = Some(pause_after(error, &mut self.backoff));
            if error.kind != RegistryErrorKind::NotPermitted {
                self.remarks.tag_failed(self.index, error);
            }
        }
        answer
    }

    fn has_other_names(&self) -> bool {
        has_other_names(self.at.run, self.index)
    }

    /// The manifest that a tag showed before: from the journal, else from the registry.
    async fn old_manifest(&mut self) -> Result<Option<Manifest>, ()> {
        let (tag, api) = self.at.run.tag(self.index);
        let Some(digest) = &tag.before else {
            return Ok(None);
        };
        if let Some(manifest) = self.at.run.prepared.document(digest) {
            return Ok(Some(manifest.clone()));
        }
        match self.limit.run(api.manifest(&digest.clone().into())).await {
            Some(Ok(found)) => Ok(found),
            Some(Err(error)) => {
                self.remarks.tag_failed(self.index, &error);
                Err(())
            }
            None => Err(()),
        }
    }

    /// `None`: not decided, try again.
    async fn put_old(&mut self) -> Option<PutBackSeen> {
        let (tag, api) = self.at.run.tag(self.index);
        let manifest = match self.old_manifest().await {
            Ok(Some(manifest)) => manifest,
            Ok(None) => {
                self.remarks
                    .tag_failed(self.index, "the manifest it showed before is gone");
                return Some(PutBackSeen::Left);
            }
            Err(()) => return None,
        };
        let permit = self.at.run.holding.permit();
        match self.send(api.put_tag(&tag.tag, &manifest, &permit)).await {
            None => Some(PutBackSeen::Unclear),
            Some(Ok(_)) => Some(self.until_restored().await),
            Some(Err(error)) => {
                if answered(&error) != Answered::Refused {
                    return None;
                }
                // Some refuse a tag that shows this digest already.
                match self.read().await {
                    Shows::Before => Some(PutBackSeen::Restored),
                    Shows::Ours => Some(PutBackSeen::Left),
                    Shows::Other => Some(PutBackSeen::Foreign),
                    Shows::Unreadable => None,
                }
            }
        }
    }

    /// After an accepted request: looks until the tag shows what was before, or the registry has had its
    /// time to show it; then once more, however long that look takes.
    async fn until_restored(&mut self) -> PutBackSeen {
        let visible = self.at.run.limits.visible(0.9);
        let mut backoff = Backoff::poll();
        loop {
            if let Some(seen) = self.shown(&visible).await {
                return seen;
            }
            if !visible.pause(backoff.delay()).await {
                break;
            }
        }
        let last = self.at.run.limits.last_look();
        self.shown(&last).await.unwrap_or(PutBackSeen::Unclear)
    }

    /// Whether an accepted request shows. `None`: not yet.
    async fn shown(&mut self, limit: &Deadline) -> Option<PutBackSeen> {
        match read_tag(self.at, self.index, limit, &mut self.remarks).await {
            Shows::Before => Some(PutBackSeen::Restored),
            Shows::Other => Some(PutBackSeen::Foreign),
            Shows::Ours | Shows::Unreadable => None,
        }
    }

    /// Takes a new tag away. `None`: not decided, try again.
    async fn delete_new(&mut self, shows: Shows) -> Option<PutBackSeen> {
        let (tag, api) = self.at.run.tag(self.index);
        let permit = self.at.run.holding.permit();
        let what = tag.tag.clone().into();
        match self.send(api.delete(&what, &permit)).await {
            None => Some(PutBackSeen::Unclear),
            Some(Err(_)) => None,
            Some(Ok(Deletion::Accepted)) => Some(self.until_restored().await),
            // It does not show after all this time, and there is nothing to delete.
            Some(Ok(Deletion::Absent | Deletion::Refused)) if shows == Shows::Before => {
                Some(PutBackSeen::Restored)
            }
            Some(Ok(Deletion::Absent | Deletion::Refused)) => {
                self.way = TakingAway::StandIn;
                None
            }
        }
    }

    /// Puts another manifest under the tag, and deletes that one: by its digest, or with the tag where digests are
    /// not deleted.
    async fn delete_by_stand_in(&mut self, turn: MutexGuard<'_, ()>) -> Option<PutBackSeen> {
        let (tag, api) = self.at.run.tag(self.index);
        let Some(manifest) = stand_in_manifest(&self.at.run.prepared, tag) else {
            return Some(PutBackSeen::Left);
        };
        let digest = TagOrDigest::Digest(manifest.digest().clone());
        // First without a name, to learn whether digests can be deleted before anybody sees it.
        let permit = self.at.run.holding.permit();
        let trial = async {
            api.put_manifest(&manifest, &[], &permit).await?;
            api.delete(&digest, &permit).await
        };
        let mut by_digest = true;
        match self.limit.run(trial).await {
            None => return Some(PutBackSeen::Unclear),
            Some(Ok(Deletion::Accepted)) => {}
            Some(Ok(Deletion::Absent | Deletion::Refused)) if self.has_other_names() => {
                by_digest = false;
            }
            Some(Ok(Deletion::Absent | Deletion::Refused)) => {
                self.remarks
                    .tag_failed(self.index, "the registry does not delete tags");
                return Some(PutBackSeen::Left);
            }
            Some(Err(error)) => {
                self.remarks.tag_failed(self.index, &error);
                return (answered(&error) == Answered::Refused).then_some(PutBackSeen::Left);
            }
        }
        self.way = TakingAway::StandInAgain;
        let what = match by_digest {
            true => digest,
            false => tag.tag.clone().into(),
        };
        let swap = async {
            api.put_tag(&tag.tag, &manifest, &permit).await?;
            api.delete(&what, &permit).await
        };
        let answer = self.send(swap).await;
        drop(turn);
        match answer {
            None => Some(PutBackSeen::Unclear),
            Some(Ok(Deletion::Accepted)) => Some(self.until_restored().await),
            Some(Ok(Deletion::Absent)) => None,
            Some(Ok(Deletion::Refused)) => self.leave().await,
            Some(Err(error)) if answered(&error) == Answered::Refused => self.leave().await,
            Some(Err(_)) => None,
        }
    }

    /// The tag cannot go, so it shall at least show an image that works.
    async fn leave(&mut self) -> Option<PutBackSeen> {
        let (tag, api) = self.at.run.tag(self.index);
        self.remarks
            .tag_failed(self.index, "the registry does not delete what has a tag");
        match self.read().await {
            Shows::Unreadable => return None,
            Shows::Other => return Some(PutBackSeen::Foreign),
            Shows::Before => return Some(PutBackSeen::Restored),
            Shows::Ours => {}
        }
        let wanted = self.at.run.prepared.wanted(tag).clone();
        if self.remarks.last_shown(self.index) == Some(&Observed::At(wanted)) {
            return Some(PutBackSeen::Left);
        }
        let (permit, manifest) = (
            self.at.run.holding.permit(),
            self.at.run.manifest(self.index),
        );
        match self.send(api.put_tag(&tag.tag, manifest, &permit)).await {
            Some(Ok(_)) => {
                self.read().await;
                Some(PutBackSeen::Left)
            }
            Some(Err(error)) if answered(&error) == Answered::Refused => Some(PutBackSeen::Left),
            Some(Err(_)) => None,
            None => Some(PutBackSeen::Unclear),
        }
    }
}
