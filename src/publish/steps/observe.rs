//! Looking at tags: once, or until they show what they should.

use futures_util::future::join_all;

use crate::{
    oci::Observed,
    publish::{
        deadline::{Backoff, Deadline},
        protocol::{
            observation::{GitTagSeen, LockSeen, Observation, Shows},
            state::State,
            verdict::judge,
        },
        run::{Run, words},
        steps::stand_in::stand_in,
    },
};

impl Run {
    /// One HEAD; reads are repeated by the client where that helps.
    pub(in crate::publish) async fn head(&self, index: usize, limit: &Deadline) -> Shows {
        let (tag, api) = self.tag(index);
        let shown = match limit.run(api.head(&tag.tag.clone().into())).await {
            None => return Shows::Unreadable,
            Some(Err(error)) => {
                self.notes.tag(index, words(&error));
                self.notes.shown(index, Observed::Unknown);
                return Shows::Unreadable;
            }
            Some(Ok(shown)) => shown.map(|descriptor| descriptor.digest),
        };
        self.notes.shown(index, Observed::from(shown.clone()));
        if shown.is_none() && tag.before.is_some() && self.may_lag() {
            return Shows::Unreadable;
        }
        let shows = judge(
            tag.before.as_ref(),
            self.prepared.wanted(tag),
            shown.as_ref(),
        );
        let is_stand_in = || shown.is_some() && shown == stand_in(&self.prepared, tag);
        if shows == Shows::Other && is_stand_in() {
            // Ours too: a roll back was cut short between putting it and deleting it.
            return if self.is_going_back() {
                Shows::Ours
            } else {
                Shows::Before
            };
        }
        shows
    }

    /// A tag that existed, was put and is not there is no other writer's: registries lag behind
    /// what they accepted, and some show nothing while they replace a tag.
    fn may_lag(&self) -> bool {
        match self.txn.state {
            State::Committing(_) | State::Verifying | State::Settling | State::RollingBack(_) => {
                true
            }
            State::Locking
            | State::Observing
            | State::CheckingLock(_)
            | State::Finishing
            | State::Recovering(_)
            | State::Staging
            | State::Unlocking(_)
            | State::Stopped(_)
            | State::Ended(_) => false,
        }
    }

    pub(in crate::publish) async fn heads(&self, limit: &Deadline) -> Vec<Shows> {
        join_all((0..self.prepared.tags.len()).map(|index| self.head(index, limit))).await
    }

    /// Everything at once: each tag, the git tag, the lock; before the commit what else is
    /// published, too.
    pub(in crate::publish) async fn look(&self) -> Observation {
        let limit = self.forward();
        let (mut tags, refs, lists) = tokio::join!(
            self.heads(&limit),
            limit.run(self.read_refs()),
            self.lists()
        );
        let (lock, git_tag) = match refs {
            Some(Ok(seen)) => {
                self.hold_back(&mut tags, lists, seen.git_tags);
                (seen.lock, seen.git_tag)
            }
            Some(Err(error)) => {
                self.notes.other(error);
                (LockSeen::Unreachable, GitTagSeen::Absent)
            }
            None => (LockSeen::Unreachable, GitTagSeen::Absent),
        };
        Observation::World {
            tags,
            git_tag,
            lock,
        }
    }

    /// Looks until every tag shows the release, one shows somebody else's digest, or the time is
    /// up: registries lag behind what they accepted.
    pub(in crate::publish) async fn watch(&self) -> Vec<Shows> {
        let limit = self.visible(0.5);
        self.poll(&limit, |_, shows| {
            matches!(shows, Shows::Before | Shows::Unreadable)
        })
        .await
    }

    /// Looks until each of `tags` that was absent before shows something, or the time is up. A tag
    /// that existed needs no wait: it is put back whether the release shows yet or not.
    pub(in crate::publish) async fn settle(&self, tags: &[usize]) -> Vec<Shows> {
        let limit = self.visible(0.7);
        self.poll(&limit, |index, shows| {
            let new = tags.contains(&index) && self.prepared.tags[index].before.is_none();
            match shows {
                Shows::Before => new,
                Shows::Unreadable => tags.contains(&index),
                Shows::Ours | Shows::Other => false,
            }
        })
        .await
    }

    /// Looks at all tags once, then again at those for which `again` holds.
    async fn poll(&self, limit: &Deadline, again: impl Fn(usize, Shows) -> bool) -> Vec<Shows> {
        let mut shows = self.heads(limit).await;
        let mut backoff = Backoff::poll();
        loop {
            let open: Vec<_> = (0..shows.len())
                .filter(|&index| again(index, shows[index]))
                .collect();
            if open.is_empty() || !limit.pause(backoff.delay()).await {
                return shows;
            }
            let seen = join_all(open.iter().map(|&index| self.head(index, limit))).await;
            for (index, now) in open.into_iter().zip(seen) {
                shows[index] = now;
            }
            if self.txn.state == State::Verifying && shows.contains(&Shows::Other) {
                return shows;
            }
        }
    }
}
