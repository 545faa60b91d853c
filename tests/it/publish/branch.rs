//! The release commit: it goes to its branch together with the lock, and back with it.

use hoist::{
    error::ErrorKind,
    outcome::OutcomeKind,
    publish::{self, Recovery},
    testing::{Fault, Personality, object_id},
};

use super::{
    faults::{exhaust, exhaust_on, print},
    scene::{BRANCH, PARENT, Scene, Setting},
};

fn commits() -> Setting {
    Setting {
        repositories: 1,
        commits: true,
        ..Setting::default()
    }
}

/// The last tag is refused, so that the release rolls back.
fn refusing() -> Setting {
    Setting {
        personality: Personality {
            refused: vec!["2026-11-23".parse().unwrap()],
            ..Personality::default()
        },
        ..commits()
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_commit_is_on_its_branch_before_any_tag_moves_and_stays_there() {
    let scene = Scene::new(&commits());
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Published);
    assert_eq!(scene.snapshot(), scene.after());
    let branch = outcome.branch.unwrap();
    assert_eq!((branch.name.short(), branch.pushed), ("main", Some(true)));
    // The lock's push is the only one before the tags, the finishing one the only one after them.
    assert_eq!(scene.requests("git swap").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_branch_that_has_advanced_stops_the_release_before_anything_happens() {
    let scene = Scene::new(&commits());
    let before = scene.snapshot();
    scene.remote.push_on_top(BRANCH, "bbbb");
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Failed, "{outcome:#?}");
    let error = outcome.error.unwrap();
    assert!(error.message().contains("`main` has advanced"), "{error}");
    assert!(error.first_hint().unwrap().contains("git pull"));
    let now = scene.snapshot();
    assert_eq!((now.tags, now.locks), (before.tags, 0));
    assert_eq!(now.branch, Some(object_id("bbbb")));
    assert!(!scene.requests("git swap").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_roll_back_takes_it_off_again() {
    let scene = Scene::new(&refusing());
    let before = scene.snapshot();
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::RolledBack, "{outcome:#?}");
    assert_eq!(scene.snapshot(), before);
    assert_eq!(outcome.branch.unwrap().pushed, Some(false));
}

#[tokio::test(start_paused = true)]
async fn where_others_have_built_on_it_it_stays_and_that_is_said() {
    let mut scene = Scene::new(&refusing());
    let before = scene.snapshot();
    // It dies while the tags move, and somebody pushes.
    scene.faults.strike("PUT", 3, 1, Fault::CrashBefore);
    assert!(scene.run(1).await.is_none());
    scene.faults.clear();
    scene.remote.push_on_top(BRANCH, "cccc");
    scene.elsewhere();
    let outcome = scene.rollback(2).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::NeedsHuman, "{outcome:#?}");
    let error = outcome.error.unwrap();
    let state = error.state_now().unwrap();
    assert!(
        state.contains(&format!(
            "`main` keeps the release commit {}",
            outcome.commit
        )),
        "{state}"
    );
    let now = scene.snapshot();
    assert_eq!((now.tags, now.locks), (before.tags, 0));
    assert_eq!(now.branch, Some(object_id("cccc")));
}

#[tokio::test(start_paused = true)]
async fn a_branch_that_was_put_back_by_hand_is_left_alone() {
    let mut scene = Scene::new(&refusing());
    scene.faults.strike("PUT", 3, 1, Fault::CrashBefore);
    assert!(scene.run(1).await.is_none());
    scene.faults.clear();
    for elsewhere in [PARENT, "dddd"] {
        scene.remote.set(BRANCH, elsewhere);
        scene.elsewhere();
        if let Some(outcome) = scene.rollback(2).await {
            assert_eq!(outcome.kind, OutcomeKind::RolledBack, "{outcome:#?}");
        }
        assert_eq!(scene.snapshot().branch, Some(object_id(elsewhere)));
        assert_eq!(scene.snapshot().locks, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn every_fault_at_every_operation() {
    let tally = exhaust(commits()).await;
    print("1 repository × 6 tags and a release commit", &tally);
    assert!(tally.runs > 500 && tally.complete > 50 && tally.as_before > 50);
}

#[tokio::test(start_paused = true)]
async fn every_fault_at_every_operation_of_a_roll_back() {
    let tally = exhaust(refusing()).await;
    print(
        "1 repository × 6 tags and a release commit, rolled back",
        &tally,
    );
    assert!(tally.runs > 500 && tally.complete == 0 && tally.as_before > 500);
}

#[tokio::test(start_paused = true)]
async fn every_fault_at_every_git_operation_without_atomic_pushes() {
    for (name, setting) in [("kept", commits()), ("rolled back", refusing())] {
        let setting = Setting {
            repositories: 2,
            atomic: false,
            ..setting
        };
        let tally = exhaust_on("git", setting).await;
        print(
            &format!("2 repositories × 6 tags and a release commit, {name}, no atomic pushes"),
            &tally,
        );
        assert!(tally.runs > 100 && tally.as_before > 20);
    }
}

/// The server gives the locks and then refuses the branch, which is protected.
#[tokio::test(start_paused = true)]
async fn a_refused_branch_gives_the_lock_back() {
    for atomic in [true, false] {
        let setting = Setting {
            atomic,
            ..commits()
        };
        let scene = Scene::new(&setting);
        let before = scene.snapshot();
        let locks = u64::from(!atomic);
        scene.faults.strike("git swap", locks, 1, Fault::Refused);
        let outcome = scene.run(1).await.unwrap();
        assert_eq!(outcome.kind, OutcomeKind::Failed, "{outcome:#?}");
        assert_eq!(scene.snapshot(), before, "atomic: {atomic}");
        let error = outcome.error.unwrap();
        assert!(error.message().contains("the release commit"), "{error}");
    }
}

/// It died between the lock and the branch, as only a server without atomic pushes allows; then
/// somebody pushes to the branch.
#[tokio::test(start_paused = true)]
async fn tags_do_not_move_to_a_commit_that_its_branch_does_not_hold() {
    let setting = Setting {
        atomic: false,
        ..commits()
    };
    let mut scene = Scene::new(&setting);
    let before = scene.snapshot();
    scene.faults.strike("git swap", 1, 1, Fault::CrashBefore);
    assert!(scene.run(1).await.is_none());
    scene.faults.clear();
    assert_eq!(
        (scene.snapshot().locks, scene.snapshot().branch),
        (1, before.branch)
    );
    scene.remote.push_on_top(BRANCH, "eeee");
    scene.elsewhere();
    let error = publish::resume(&scene.world(2), &scene.scope(), Recovery::TakeOver)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed, "{error}");
    assert!(
        error.message().contains("does not hold the release commit"),
        "{error}"
    );
    assert!(error.first_hint().unwrap().contains("hoist rollback"));
    assert_eq!(scene.snapshot().tags, before.tags);
    let outcome = scene.rollback(3).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::RolledBack, "{outcome:#?}");
    let now = scene.snapshot();
    assert_eq!((now.tags, now.locks), (before.tags, 0));
    assert_eq!(now.branch, Some(object_id("eeee")));
}
