//! The happy path, a refused tag, a crash and both ways out of it.

use hoist::{
    error::ErrorKind,
    event::{Event, Step},
    outcome::OutcomeKind,
    testing::{Fault, MultiTag, Personality},
};

use super::scene::{Scene, Setting};

#[tokio::test(start_paused = true)]
async fn a_release_moves_every_tag_and_leaves_no_lock() {
    let scene = Scene::new(&Setting::default());
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Published, "{outcome:#?}");
    assert!(outcome.error.is_none());
    assert!(outcome.tags.iter().all(|tag| tag.is_ours()));
    assert_eq!(scene.snapshot(), scene.after());
    let tagged = |event: &Event| matches!(event, Event::Tagged { .. });
    let events = scene.events.lock().unwrap();
    assert_eq!(events.iter().filter(|event| tagged(event)).count(), 12);
}

#[tokio::test(start_paused = true)]
async fn the_version_moves_first_and_the_moving_tags_last() {
    let scene = Scene::new(&Setting {
        repositories: 1,
        ..Setting::default()
    });
    scene.run(1).await.unwrap();
    let puts: Vec<_> = scene.requests("PUT 127.0.0.1:5001/acme/api:");
    let names: Vec<_> = puts
        .iter()
        .map(|put| put.rsplit(':').next().unwrap())
        .collect();
    assert_eq!(names[..2], ["1.3.0", "sha-0123456"]);
    let mut moving = names[2..].to_vec();
    moving.sort_unstable();
    assert_eq!(moving, ["1", "1.3", "2026-11-23", "latest"]);
}

#[tokio::test(start_paused = true)]
async fn where_the_registry_can_all_tags_move_in_one_request() {
    let scene = Scene::new(&Setting {
        repositories: 1,
        personality: Personality {
            multi_tag: MultiTag::Whole,
            ..Personality::default()
        },
        ..Setting::default()
    });
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Published);
    assert_eq!(scene.snapshot(), scene.after());
    assert!(scene.requests("PUT 127.0.0.1:5001/acme/api:").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_refused_tag_puts_everything_back() {
    let scene = Scene::new(&Setting::default());
    let before = scene.snapshot();
    scene.registries[1].become_like(|it| it.refused = vec!["1.3".parse().unwrap()]);
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::RolledBack, "{outcome:#?}");
    let error = outcome.error.unwrap();
    assert_eq!(error.kind(), ErrorKind::RolledBack);
    assert_eq!(
        error.message(),
        "`127.0.0.1:5002/acme/api` refuses the tag `1.3`"
    );
    assert_eq!(
        error.state_now(),
        Some("rolled back; all 12 tags are as they were before")
    );
    assert_eq!(scene.snapshot(), before);
}

/// The steps of a run in the order in which they were over, each with whether it had a result.
fn steps_of(scene: &Scene) -> Vec<(Step, bool)> {
    let mut open = Vec::new();
    let mut over = Vec::new();
    for event in scene.events.lock().unwrap().iter() {
        let (step, has_result) = match event {
            Event::Started(started) => {
                open.push(started.step());
                continue;
            }
            Event::Finished(finished) => (finished.step(), true),
            Event::Ended { step } => (*step, false),
            _ => continue,
        };
        let place = open.iter().position(|one| *one == step);
        open.remove(place.unwrap_or_else(|| panic!("{step:?} is over and had not started")));
        over.push((step, has_result));
    }
    assert_eq!(open, [], "these steps are not over");
    over
}

#[tokio::test(start_paused = true)]
async fn every_step_that_starts_ends() {
    let scene = Scene::new(&Setting::default());
    scene.run(1).await.unwrap();
    let stages = [(Step::Stage, true); 2];
    let rest = [
        Step::Lock,
        Step::Observe,
        Step::Commit,
        Step::Verify,
        Step::Finish,
    ];
    let done: Vec<_> = stages
        .into_iter()
        .chain(rest.map(|step| (step, true)))
        .collect();
    assert_eq!(steps_of(&scene), done);

    let scene = Scene::new(&Setting::default());
    scene.registries[1].become_like(|it| it.refused = vec!["1.3".parse().unwrap()]);
    scene.run(1).await.unwrap();
    let over = steps_of(&scene);
    let last = [
        (Step::Observe, true),
        (Step::Commit, false),
        (Step::RollBack, true),
    ];
    assert!(over.ends_with(&last), "{over:?}");
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_two_puts_is_finished_from_another_machine() {
    let mut scene = Scene::new(&Setting::default());
    scene
        .faults
        .strike("PUT 127.0.0.1:5001/acme/api:1", 1, 1, Fault::CrashAfter);
    assert!(scene.run(1).await.is_none(), "the process died");
    let half = scene.snapshot();
    assert_ne!(half, scene.after());
    scene.faults.clear();
    scene.elsewhere();
    let outcome = scene.resume(2).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Published, "{outcome:#?}");
    assert_eq!(scene.snapshot(), scene.after());
    assert!(scene.resume(3).await.is_none(), "nothing is left to do");
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_two_puts_is_undone_from_another_machine() {
    let mut scene = Scene::new(&Setting::default());
    let before = scene.snapshot();
    scene
        .faults
        .strike("PUT 127.0.0.1:5001/acme/api:1", 1, 1, Fault::CrashAfter);
    assert!(scene.run(1).await.is_none(), "the process died");
    assert_ne!(scene.snapshot().tags, before.tags);
    scene.faults.clear();
    scene.elsewhere();
    let outcome = scene.rollback(2).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::RolledBack, "{outcome:#?}");
    assert!(outcome.error.is_none());
    assert_eq!(scene.snapshot(), before);
}
