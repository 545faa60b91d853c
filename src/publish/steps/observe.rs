//! Reading what is there: everything once, or tags until they show what they should.

use crate::publish::{
    deadline::{Backoff, Deadline},
    protocol::{
        observation::{GitTagSeen, LockSeen, Observation, Shows},
        state::State,
    },
    remarks::Remarks,
    run::Position,
    steps::{recheck, refs_seen::read_refs, tag::read_tags},
};

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
    let ((mut tags, mut remarks), refs, lists) = tokio::join!(
        read_tags(at, 0..run.prepared.tags.len(), &limit),
        limit.run(read_refs(run, recheck.is_some())),
        lists
    );
    let (lock, git_tag) = match refs {
        Some(Ok(seen)) => {
            if let Some(recheck) = recheck {
                let (git, remarks) = (seen.git_tags, &mut remarks);
                recheck::hold_back(run, recheck, lists, git, &mut tags, remarks);
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
/// registries lag behind what they accepted.
pub(in crate::publish) async fn await_visible(at: Position<'_>) -> (Vec<Shows>, Remarks) {
    let limit = at.run.limits.visible(0.5);
    let again = |_, shows| matches!(shows, Shows::Before | Shows::Unreadable);
    poll(at, &limit, again).await
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
    poll(at, &limit, again).await
}

/// Reads all tags once, then again those for which `again` holds.
async fn poll(
    at: Position<'_>,
    limit: &Deadline,
    again: impl Fn(usize, Shows) -> bool,
) -> (Vec<Shows>, Remarks) {
    let all = 0..at.run.prepared.tags.len();
    let (mut shows, mut remarks) = read_tags(at, all, limit).await;
    let mut backoff = Backoff::poll();
    loop {
        let open: Vec<_> = (0..shows.len())
            .filter(|&index| again(index, shows[index]))
            .collect();
        if open.is_empty() || !limit.pause(backoff.delay()).await {
            return (shows, remarks);
        }
        let (seen, new) = read_tags(at, open.iter().copied(), limit).await;
        remarks.absorb(new);
        for (index, now) in open.into_iter().zip(seen) {
            shows[index] = now;
        }
        if at.txn.state == State::Verifying && shows.contains(&Shows::Other) {
            return (shows, remarks);
        }
    }
}
