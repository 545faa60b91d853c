//! A release on a forge in the transaction: the order of things, and what becomes of a draft.

use hoist::{
    event::{Event, Step},
    outcome::OutcomeKind,
    policy::ForgeService,
    testing::{Fault, Personality},
};

use super::scene::{Scene, Setting};

fn setting() -> Setting {
    Setting {
        repositories: 1,
        forge: Some(ForgeService::GitHub),
        ..Setting::default()
    }
}

/// Where in the log a line is first.
fn at(scene: &Scene, what: &str) -> usize {
    let log = scene.faults.log();
    let found = log.iter().position(|line| line.contains(what));
    found.unwrap_or_else(|| panic!("no `{what}` in {log:#?}"))
}

#[tokio::test(start_paused = true)]
async fn the_draft_comes_before_the_lock_and_is_public_after_the_git_tag() {
    for service in [ForgeService::GitHub, ForgeService::GitLab] {
        let scene = Scene::new(&Setting {
            forge: Some(service),
            ..setting()
        });
        let after = scene.after();
        let outcome = scene.run(1).await.unwrap();
        assert_eq!(outcome.kind, OutcomeKind::Published, "{outcome:#?}");
        assert_eq!(scene.snapshot(), after);
        let report = outcome.forge.unwrap();
        assert_eq!((report.service, report.public), (service, Some(true)));
        assert!(at(&scene, "forge keep") < at(&scene, "git swap"));
        let log = scene.faults.log();
        let last = |what: &str| log.iter().rposition(|line| line.contains(what)).unwrap();
        assert!(
            last("forge publish") < last("git swap"),
            "the lock goes last: {log:#?}"
        );
        // Lock, git tag, lock's end.
        assert_eq!(scene.requests("git swap").len(), 3);
        let events = scene.events.lock().unwrap();
        for step in [Step::Draft, Step::Forge] {
            let is_it = |event: &&Event| matches!(event, Event::Finished(it) if it.step() == step);
            assert_eq!(events.iter().filter(is_it).count(), 1, "{step:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn row_47_a_draft_of_a_run_that_died_is_taken_over_and_not_doubled() {
    let scene = Scene::new(&setting());
    let after = scene.after();
    // It dies with the draft made, and before anything is written down.
    scene
        .faults
        .strike("journal create", 0, 1, Fault::CrashBefore);
    assert!(scene.run(1).await.is_none());
    scene.faults.clear();
    assert_eq!(scene.snapshot().drafts, 1);
    let outcome = scene.run(2).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Published, "{outcome:#?}");
    assert_eq!(scene.snapshot(), after);
    assert_eq!(scene.requests("forge create").len(), 1);
}

/// The page of another release was the pattern for a text, with the marker in it that nobody sees.
#[tokio::test(start_paused = true)]
async fn a_draft_with_the_marker_of_another_release_is_somebodys_own() {
    let scene = Scene::new(&setting());
    let forge = scene.forge.clone().unwrap();
    let text = "What I wrote, adopted from 1.2.0\n\n<!-- hoist: 1a2b3c v1.2.0 -->\n";
    forge.draft_by_hand("v1.3.0", text);
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Failed, "{outcome:#?}");
    let stored = forge.stored();
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].text, text);
}

#[tokio::test(start_paused = true)]
async fn row_50_a_draft_that_cannot_be_deleted_is_a_warning() {
    let mut setting = setting();
    setting.personality = Personality {
        refused: vec!["latest".parse().unwrap()],
        ..Personality::default()
    };
    let scene = Scene::new(&setting);
    let before = scene.snapshot();
    scene
        .faults
        .strike("forge discard", 0, u64::MAX, Fault::Refused);
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::RolledBack, "{outcome:#?}");
    let now = scene.snapshot();
    assert_eq!((now.drafts, now.public), (1, 0));
    assert_eq!(now.tags, before.tags);
    let events = scene.events.lock().unwrap();
    let is_warning = |event: &&Event| matches!(event, Event::Warning { text } if text.contains("could not be deleted"));
    assert_eq!(events.iter().filter(is_warning).count(), 1);
}

/// Somebody has published the release by hand, as pipelines that start because of it have it.
#[tokio::test(start_paused = true)]
async fn a_release_that_is_public_already_is_left_as_it_is() {
    let scene = Scene::new(&setting());
    let forge = scene.forge.clone().unwrap();
    forge.release_by_hand("v1.3.0", "by hand");
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Published, "{outcome:#?}");
    assert_eq!(outcome.forge, None);
    let stored = forge.stored();
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].text, "by hand");
    assert!(scene.requests("forge publish").is_empty());
}

/// Another release has the lock: the draft of the one that came second goes again.
#[tokio::test(start_paused = true)]
async fn whoever_does_not_get_the_lock_leaves_no_draft() {
    let scene = Scene::new(&setting());
    let other = scene.remote.clone();
    let name = hoist::publish::lock_ref(
        &scene.publication.lock_refs,
        &scene.publication.targets[0].repository,
    );
    let take = move || other.set(name.as_str(), "somebody else");
    scene
        .faults
        .strike("git swap", 0, 1, Fault::First(std::sync::Arc::new(take)));
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Busy, "{outcome:#?}");
    assert_eq!(scene.snapshot().drafts, 0);
}
