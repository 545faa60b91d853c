//! The lock itself: many contenders over one real git remote.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use hoist::{
    git::{ObjectId, RefName},
    io::git::remote::{GitRemote, RefEdit, RefPattern, Remote as _},
    publish::lock_ref,
};
use testkit::sandbox;

use super::scene::repository;

/// A lock over two repositories, as a release takes it.
fn refs() -> [RefName; 2] {
    let prefix = "refs/hoist".parse().unwrap();
    [0, 1].map(|index| lock_ref(&prefix, &repository(index)))
}

async fn shown(remote: &GitRemote) -> Vec<(RefName, ObjectId)> {
    remote.refs(&RefPattern::names(&refs())).await.unwrap()
}

fn edits(from: Option<&ObjectId>, to: Option<&ObjectId>) -> Vec<RefEdit> {
    let edit = |name: RefName| match (from, to) {
        (None, Some(new)) => RefEdit::create(&name, new),
        (Some(expected), Some(new)) => RefEdit::update(&name, expected, new),
        (Some(expected), None) => RefEdit::delete(&name, expected),
        (None, None) => panic!("an edit changes something"),
    };
    refs().map(edit).to_vec()
}

/// What contenders count together.
#[derive(Debug, Default)]
struct Count {
    holders: AtomicUsize,
    taken: AtomicUsize,
    refused: AtomicUsize,
}

/// Takes the lock and lets go of it, so often.
async fn contend(clone: &sandbox::Clone<'_>, me: usize, times: usize, count: &Count) {
    let remote = GitRemote::new(clone.path(), "origin");
    for turn in 0..times {
        let title = format!("{me}, {turn}");
        let lock = remote.write_lock(&title, &title).await.unwrap();
        // An error does not say whether the lock was taken: the refs do.
        while remote.swap(&edits(None, Some(&lock))).await.is_err() {
            let there = shown(&remote).await;
            if there.iter().any(|(_, id)| *id == lock) {
                assert_eq!(there.len(), 2, "both or none: {there:?}");
                break;
            }
            count.refused.fetch_add(1, Ordering::SeqCst);
        }
        let others = count.holders.fetch_add(1, Ordering::SeqCst);
        assert_eq!(others, 0, "{me} holds the lock, and {others} others do");
        let there = shown(&remote).await;
        assert!(
            there.len() == 2 && there.iter().all(|(_, id)| *id == lock),
            "{there:?}"
        );
        count.taken.fetch_add(1, Ordering::SeqCst);
        count.holders.fetch_sub(1, Ordering::SeqCst);
        remote.swap(&edits(Some(&lock), None)).await.unwrap();
    }
}

/// So many contenders take the lock so often each; then all take over what a dead one left: one
/// gets it, with both refs.
async fn contest(contenders: usize, times: usize) -> Count {
    let remote = sandbox::GitRemote::new();
    let clones: Vec<_> = (0..contenders)
        .map(|n| remote.clone(&format!("c{n}"), &[]))
        .collect();
    let count = Count::default();
    let all = clones.iter().enumerate();
    join_all(all.map(|(me, clone)| contend(clone, me, times, &count))).await;
    assert_eq!(remote.refs(), "", "nothing is left");

    let dead = GitRemote::new(clones[0].path(), "origin");
    let left = dead.write_lock("dead", "dead").await.unwrap();
    dead.swap(&edits(None, Some(&left))).await.unwrap();
    let read = clones.iter().enumerate().map(async |(me, clone)| {
        let remote = GitRemote::new(clone.path(), "origin");
        remote.read_lock(&refs()[0], &left).await.unwrap();
        let title = format!("{me} takes over");
        let mine = remote.write_lock(&title, &title).await.unwrap();
        (remote, mine)
    });
    let ready = join_all(read).await;
    let swaps = ready.iter().map(async |(remote, mine)| {
        let _ = remote.swap(&edits(Some(&left), Some(mine))).await;
    });
    join_all(swaps).await;
    let there = shown(&dead).await;
    assert_eq!(there.len(), 2);
    assert_eq!(there[0].1, there[1].1, "both refs went to one");
    let got = ready.iter().filter(|(_, mine)| *mine == there[0].1);
    assert_eq!(got.count(), 1, "one of those who tried");
    count
}

#[tokio::test]
async fn of_many_contenders_one_holds_the_lock_at_any_time() {
    let count = contest(16, 1).await;
    assert_eq!(count.taken.into_inner(), 16);
}

/// By hand: `cargo test --test it sixteen_contenders -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "minutes; a part of it runs each time"]
#[expect(clippy::print_stderr, reason = "the figures are the point")]
async fn sixteen_contenders_take_the_lock_ten_times_each() {
    let count = contest(16, 10).await;
    eprintln!("{count:?}");
    assert_eq!(count.taken.into_inner(), 160);
}
