//! A version that is taken back: its tags go to the one before it, and the push that ends this marks it.

use std::sync::{Arc, Mutex};

use hoist::{
    outcome::OutcomeKind,
    publish::{Recheck, publish},
    testing::Fault,
};

use super::{
    faults::{exhaust, exhaust_on, print},
    scene::{MARK, Scene, Setting, Snapshot},
};

fn setting() -> Setting {
    Setting {
        takes_back: true,
        ..Setting::default()
    }
}

#[tokio::test(start_paused = true)]
async fn the_push_that_ends_it_marks_the_version() {
    let scene = Scene::new(&setting());
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Published);
    assert!(outcome.git_tag.is_none());
    assert_eq!(scene.snapshot(), scene.after());
    let mark = scene.remote.all_refs()[MARK].clone();
    let object = scene.remote.object(&mark).unwrap();
    assert_eq!(
        Some(object),
        scene.publication.mark.clone().map(|mark| mark.object)
    );
    // One to take the lock, one to mark the version and to give the lock back.
    assert_eq!(scene.requests("git swap").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn row_45_every_fault_at_every_operation_of_taking_back() {
    let tally = exhaust(setting()).await;
    print("2 repositories × 2 tags, taken back", &tally);
    assert!(tally.runs > 300 && tally.complete > 50 && tally.as_before > 50);
}

#[tokio::test(start_paused = true)]
async fn every_fault_at_every_git_operation_of_taking_back_without_atomic_pushes() {
    let setting = Setting {
        atomic: false,
        ..setting()
    };
    let tally = exhaust_on("git", setting).await;
    print(
        "2 repositories × 2 tags, taken back, no atomic pushes",
        &tally,
    );
    assert!(tally.runs > 100 && tally.complete > 20 && tally.as_before > 20);
}

/// Dead before the last push: all tags have moved, and only the lock tells of the mark that is to be made.
#[tokio::test(start_paused = true)]
async fn whoever_takes_it_over_makes_the_mark_or_none() {
    for forward in [true, false] {
        let mut scene = Scene::new(&setting());
        let (before, after) = (scene.snapshot(), scene.after());
        scene.faults.strike("git swap", 1, 1, Fault::CrashBefore);
        assert!(scene.run(1).await.is_none());
        scene.faults.clear();
        let now = scene.snapshot();
        assert!(
            now.tags == after.tags && !now.mark && now.locks == 2,
            "{now:#?}"
        );
        scene.elsewhere();
        let (kind, end) = match forward {
            true => (scene.resume(2).await.unwrap().kind, after),
            false => (scene.rollback(2).await.unwrap().kind, before),
        };
        let expected = match forward {
            true => OutcomeKind::Published,
            false => OutcomeKind::RolledBack,
        };
        assert_eq!((kind, scene.snapshot()), (expected, end));
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_the_mark_is_told_of() {
    let scene = Scene::new(&setting());
    // The lock is taken; the mark is refused for good, and the lock can go alone.
    scene.faults.strike("git swap", 1, 3, Fault::Refused);
    let outcome = scene.run(1).await.unwrap();
    let error = outcome.error.as_ref().unwrap();
    assert_eq!(outcome.kind, OutcomeKind::NeedsHuman, "{error:#}");
    assert_eq!(
        error.message(),
        "the git server refuses the mark that 1.3.0 is withdrawn"
    );
    let now = scene.snapshot();
    let expected = Snapshot {
        mark: false,
        ..scene.after()
    };
    assert_eq!(now, expected);
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_second_moves_nothing() {
    let scene = Scene::new(&setting());
    scene.remote.set(MARK, "somebody else");
    let before = scene.snapshot();
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Failed);
    assert_eq!(
        outcome.error.as_ref().map(|error| error.message()),
        Some("somebody else has taken 1.3.0 back")
    );
    assert_eq!(scene.snapshot(), before);
}

/// What is withdrawn is read with the lock: no request more than without.
#[tokio::test(start_paused = true)]
async fn marks_are_read_together_with_the_lock() {
    let mut requests = Vec::new();
    for marks in [&[][..], &[MARK, "refs/hoist/withdrawn/1.2.0"]] {
        let mut scene = Scene::new(&Setting::default());
        for mark in marks {
            scene.remote.set(mark, "a mark");
        }
        let seen = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&seen);
        scene.publication.recheck = Some(Recheck::new(move |now| {
            told.lock().unwrap().extend(now.marks.clone());
            Ok(Vec::new())
        }));
        let outcome = publish(&scene.world(1), &scene.publication).await;
        assert_eq!(outcome.kind, OutcomeKind::Published);
        let mut seen: Vec<String> = seen
            .lock()
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        seen.sort_by(|a, b| b.cmp(a));
        assert_eq!(seen, marks);
        requests.push(scene.requests("git").len());
    }
    assert_eq!(requests[0], requests[1]);
}
