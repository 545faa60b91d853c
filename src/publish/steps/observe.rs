//! Reading what is there: everything once, or tags until they show what they should.

use std::time::Duration;

use futures_util::future::join_all;

use crate::{
    event::Awaited,
    io::wait_report::WaitReport,
    publish::{
        deadline::{Backoff, Deadline},
        protocol::{
            lockless::{Fate, fate},
            observation::{GitTagSeen, LockSeen, Observation, Shows},
            state::State,
        },
        remarks::Remarks,
        run::Position,
        steps::{recheck, refs_seen::read_refs, tag::read_tags},
    },
};

/// A registry that shows what it accepted within this time does not lag.
const NO_LAG: Duration = Duration::from_secs(3);

/// Everything at once: each tag, the git tag, the lock; before the commit what else is published,
/// too.
pub(in crate::publish) async fn observe(at: Position<'_>) -> (Observation, Remarks) {
    let run = at.run;
    // A run that takes another one over goes on with what that one decided.
    let recheck = run.recheck.as_ref();
    let recheck = recheck.filter(|_| at.txn.state == State::Observing);
    let limit = run.limits.forward();
    let lists = async {
        match recheck {
            Some(_) => recheck::lists(run, &limit).await,
            None => Ok(Vec::new()),
        }
    };
    // A look that is gone by when a slow list has come is repeated right before the tag is put.
    let (refs, lists, (mut tags, mut remarks), _) = tokio::join!(
        limit.run(read_refs(run, recheck.is_some())),
        lists,
        read_tags(at, 0..run.prepared.tags.len(), &limit),
        // Every blob is sent by now, so what has proven the right to push is needed no more.
        join_all(run.apis.iter().map(|api| api.close_push()))
    );
    let (lock, git_tag) = match refs {
        Some(Ok(seen)) => {
            if let Some(recheck) = recheck {
                let refs = (seen.git_tags, seen.marks);
                recheck::hold_back(run, recheck, (lists, refs), &mut tags, &mut remarks);
            }
            (seen.lock, seen.git_tag)
        }
        Some(Err(error)) => {
            remarks.failed(error);
            (LockSeen::Unreachable, GitTagSeen::Absent)
        }
        None => (LockSeen::Unreachable, GitTagSeen::Absent),
    };
    let observation = Observation::World {
        tags,
        git_tag,
        lock,
    };
    (observation, remarks)
}

/// Reads until every tag shows the release, one shows somebody else's digest, or the time is up:
/// registries lag behind what they accepted. Then the last look, when no request can still be under
/// way: what it shows is what is reported.
pub(in crate::publish) async fn await_visible(at: Position<'_>) -> (LastLook, Remarks) {
    let limit = at.run.limits.visible(0.5);
    let again = |_, shows| matches!(shows, Shows::Before | Shows::Unreadable);
    let (polled, mut remarks) = poll(at, &limit, again).await;
    let is_complete = |tags: &[Shows]| tags.iter().all(|shows| *shows == Shows::Ours);
    if !is_complete(&polled.tags) {
        return (LastLook::unsettled(polled.tags), remarks);
    }
    let (look, new) = look_last(at, (polled.rounds == 1).then_some(polled.tags)).await;
    remarks.absorb(new);
    if is_complete(&look.tags) || look.tags.contains(&Shows::Other) {
        return (look, remarks);
    }
    // A tag that had shown it does not show it any more: a lagging replica, until the time is up.
    let (polled, new) = poll(at, &limit, again).await;
    remarks.absorb(new);
    let settled = look.settled;
    (
        LastLook {
            tags: polled.tags,
            settled,
        },
        remarks,
    )
}

/// What the tags show in the last look.
pub(in crate::publish) struct LastLook {
    pub(in crate::publish) tags: Vec<Shows>,
    /// Whether no request could still be under way.
    pub(in crate::publish) settled: bool,
}

impl LastLook {
    fn unsettled(tags: Vec<Shows>) -> Self {
        Self {
            tags,
            settled: false,
        }
    }
}

/// Waits until no request can still be under way, then reads every tag. `shown`: what they all showed
/// just now, which is enough where nothing is to be waited for.
pub(in crate::publish) async fn look_last(
    at: Position<'_>,
    shown: Option<Vec<Shows>>,
) -> (LastLook, Remarks) {
    let run = at.run;
    let all = 0..run.prepared.tags.len();
    let timeout = run.limits.verify_timeout();
    let Some((until, awaited)) = run.holding.settles_at(timeout) else {
        if let Some(tags) = shown {
            return (
                LastLook {
                    tags,
                    settled: true,
                },
                Remarks::default(),
            );
        }
        let limit = run.limits.look(0.7);
        let (tags, remarks) = read_tags(at, all, &limit).await;
        return (
            LastLook {
                tags,
                settled: true,
            },
            remarks,
        );
    };
    let patience = run.limits.patience(0.7);
    let settled = run.wait_until(until, awaited, &patience).await;
    let limit = run.limits.last_look();
    let (tags, remarks) = read_tags(at, all, &limit).await;
    (LastLook { tags, settled }, remarks)
}

/// Reads all tags once.
pub(in crate::publish) async fn look(at: Position<'_>) -> (Vec<Shows>, Remarks) {
    let limit = at.run.limits.last_look();
    read_tags(at, 0..at.run.prepared.tags.len(), &limit).await
}

/// Reads tags, git tag and lock without having the lock. That all tags are as they were is believed
/// only when no request of the run that had the lock can still be under way.
pub(in crate::publish) async fn look_without_lock(at: Position<'_>) -> (Observation, Remarks) {
    let run = at.run;
    let limit = run.limits.patience(0.7);
    let mut all = Remarks::default();
    let mut backoff = Backoff::poll();
    let mut report = WaitReport::new(&run.world.events, Awaited::FormerHolder).silent_for(NO_LAG);
    loop {
        let refs = limit.run(read_refs(run, false)).await;
        let (tags, remarks) = read_tags(at, 0..run.prepared.tags.len(), &limit).await;
        all.absorb(remarks);
        let (lock, git_tag) = match refs {
            Some(Ok(seen)) if seen.others => (LockSeen::Taken, seen.git_tag),
            Some(Ok(seen)) if seen.ours.is_empty() => (LockSeen::Absent, seen.git_tag),
            Some(Ok(seen)) if seen.lock == LockSeen::Ours => (LockSeen::Ours, seen.git_tag),
            Some(Ok(seen)) => (LockSeen::Partly, seen.git_tag),
            Some(Err(error)) => {
                all.failed(error);
                (LockSeen::Unreachable, GitTagSeen::Absent)
            }
            None => (LockSeen::Unreachable, GitTagSeen::Absent),
        };
        let may_change = fate(&run.spec, &tags, git_tag) == Fate::Undone;
        let settles = run.holding.settles_at(run.limits.verify_timeout());
        let observation = Observation::World {
            tags,
            git_tag,
            lock,
        };
        let Some((until, awaited)) = settles.filter(|_| may_change) else {
            return (observation, all);
        };
        report.retry_for(awaited, None, until);
        if !limit.pause(backoff.delay()).await {
            return (observation, all);
        }
    }
}

/// Reads until each of `tags` that was absent before shows something, or the time is up. A tag that
/// existed needs no wait: it is put back whether the release shows yet or not.
pub(in crate::publish) async fn await_landing(
    at: Position<'_>,
    tags: &[usize],
) -> (Vec<Shows>, Remarks) {
    let limit = at.run.limits.visible(0.7);
    let again = |index, shows| {
        let is_new = tags.contains(&index) && at.run.prepared.tags[index].before.is_none();
        match shows {
            Shows::Before => is_new,
            Shows::Unreadable => tags.contains(&index),
            Shows::Ours | Shows::Other => false,
        }
    };
    let (polled, remarks) = poll(at, &limit, again).await;
    (polled.tags, remarks)
}

/// What tags showed after they were read for a while.
struct Polled {
    tags: Vec<Shows>,
    /// How often they were read.
    rounds: u32,
}

/// Reads all tags once, then again those for which `again` holds, until the time is up; then once more,
/// for the last look may be long ago by then.
async fn poll(
    at: Position<'_>,
    limit: &Deadline,
    again: impl Fn(usize, Shows) -> bool,
) -> (Polled, Remarks) {
    let all = 0..at.run.prepared.tags.len();
    let (mut shows, mut remarks) = read_tags(at, all, limit).await;
    let mut backoff = Backoff::poll();
    let mut rounds = 1;
    let mut is_last = false;
    let awaited = |tags: usize| Awaited::TagsShow { tags };
    let mut report = WaitReport::new(&at.run.world.events, awaited(0)).silent_for(NO_LAG);
    loop {
        let open: Vec<_> = (0..shows.len())
            .filter(|&index| again(index, shows[index]))
            .collect();
        if open.is_empty() || is_last {
            return (
                Polled {
                    tags: shows,
                    rounds,
                },
                remarks,
            );
        }
        report.retry_for(awaited(open.len()), None, limit.until);
        is_last = !limit.pause(backoff.delay()).await;
        let last_look = at.run.limits.last_look();
        let limit = if is_last { &last_look } else { limit };
        rounds += 1;
        let (seen, new) = read_tags(at, open.iter().copied(), limit).await;
        remarks.absorb(new);
        for (index, now) in open.into_iter().zip(seen) {
            shows[index] = now;
        }
        if at.txn.state == State::Verifying && shows.contains(&Shows::Other) {
            return (
                Polled {
                    tags: shows,
                    rounds,
                },
                remarks,
            );
        }
    }
}
