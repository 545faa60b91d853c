//! Several registries, the journal, signals and what is told: rows 37 to 41.

use tokio_util::sync::CancellationToken;

use hoist::{
    error::ErrorKind, event::Event, io::journal_file::JournalStore as _, outcome::OutcomeKind,
    testing::Fault,
};

use super::row::{happens, one, published, refusing, rolled_back, tag, text};
use crate::publish::scene::{Scene, Setting};

#[tokio::test(start_paused = true)]
async fn row_37_all_registries_are_staged_before_any_commits_and_the_strictest_commits_first() {
    let mut scene = Scene::new(&Setting {
        repositories: 3,
        ..Setting::default()
    });
    scene.publication.targets[2].strict = true;
    published(&scene).await;
    let log = scene.faults.log();
    let first = |what: &str| log.iter().position(|line| line.contains(what)).unwrap();
    let last = |what: &str| log.iter().rposition(|line| line.contains(what)).unwrap();
    let committed = first("PUT 127.0.0.1:5003/acme/api:1.3.0");
    for port in [5001, 5002, 5003] {
        assert!(first(&format!("PUT 127.0.0.1:{port}/acme/api@")) < committed);
        assert!(last(&format!("POST 127.0.0.1:{port}/acme/api blob")) < committed);
    }
    for port in [5001, 5002] {
        assert!(
            last("PUT 127.0.0.1:5003/acme/api:")
                < first(&format!("PUT 127.0.0.1:{port}/acme/api:"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn row_37_a_permanent_refusal_in_the_last_rolls_back_the_first() {
    let scene = Scene::new(&Setting {
        repositories: 3,
        variants: true,
        ..Setting::default()
    });
    scene.registries[2].become_like(|it| it.refused = vec![tag("2026-11-23-alpine")]);
    let outcome = rolled_back(&scene).await;
    assert_eq!(outcome.tags.len(), 36);
}

#[tokio::test(start_paused = true)]
async fn row_38_a_journal_that_cannot_be_written_moves_no_tag() {
    let scene = Scene::new(&Setting::default());
    let before = scene.snapshot();
    scene.faults.strike("journal create", 0, 1, Fault::Refused);
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Failed);
    assert_eq!(
        text(&outcome).0.split(':').next(),
        Some("cannot write the journal")
    );
    assert_eq!(scene.snapshot(), before);
    assert!(scene.journals.list().unwrap().is_empty());
    // The disk fills up between two rounds: what has moved is put back by what is written already.
    let scene = Scene::new(&Setting::default());
    scene
        .faults
        .strike("journal append", 4, u64::MAX, Fault::Refused);
    let outcome = scene.run(1).await.unwrap();
    assert_ne!(outcome.kind, OutcomeKind::Published);
    assert_eq!(scene.snapshot().tags, before.tags, "{outcome:#?}");
}

/// A signal before operation n, for every n.
#[tokio::test(start_paused = true)]
async fn row_39_a_signal_at_any_step_ends_in_a_named_state_within_the_grace_period() {
    let setting = Setting::default();
    let clean = Scene::new(&setting);
    clean.run(1).await.unwrap();
    let operations = clean.faults.log().len() as u64;
    let (mut clean_stops, mut completions) = (0, 0);
    for n in 0..operations {
        let scene = Scene::new(&setting);
        let (before, after) = (scene.snapshot(), scene.after());
        let cancel = scene.cancel.clone();
        happens(&scene, "", n, move || cancel.cancel());
        let outcome = scene.run(1).await.unwrap();
        match outcome.kind {
            OutcomeKind::Interrupted => {
                assert_eq!(scene.snapshot(), before, "operation {n}");
                assert_eq!(outcome.error.unwrap().kind(), ErrorKind::Interrupted);
                clean_stops += 1;
            }
            OutcomeKind::Published => {
                assert_eq!(scene.snapshot(), after, "operation {n}");
                completions += 1;
            }
            other => panic!("operation {n}: {other:?}"),
        }
    }
    assert!(
        clean_stops > 10 && completions > 20,
        "{clean_stops} {completions}"
    );
}

#[tokio::test(start_paused = true)]
async fn row_39_a_signal_while_a_registry_hangs_rolls_back_within_the_grace_period() {
    let mut scene = Scene::new(&Setting::default());
    let cancel = scene.cancel.clone();
    let put = "PUT 127.0.0.1:5002/acme/api:latest";
    happens(&scene, put, 0, move || cancel.cancel());
    scene
        .faults
        .strike("PUT 127.0.0.1:5002/acme/api:1", 1, 6, Fault::Failed);
    let begun = tokio::time::Instant::now();
    let outcome = scene.run(1).await.unwrap();
    let grace = scene.publication.policy.grace;
    assert!(begun.elapsed() <= grace, "{:?}", begun.elapsed());
    match outcome.kind {
        OutcomeKind::Published => assert_eq!(scene.snapshot(), scene.after()),
        // Requests whose answers were not seen may still be carried out. The grace period is too short
        // to wait for that, so the lock stays, and the list tells what is where.
        OutcomeKind::Interrupted => {
            let now = scene.snapshot().tags;
            for tag in &outcome.tags {
                let shown = now.get(&tag.repository.tag(&tag.tag));
                assert_eq!(tag.now.digest(), shown, "{outcome:#?}");
            }
            assert_eq!(scene.snapshot().locks, 2);
            scene.cancel = CancellationToken::new();
            assert_eq!(scene.resume(2).await.unwrap().kind, OutcomeKind::Published);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn row_41_what_was_visible_is_told_as_it_happens() {
    let scene = one(refusing("latest"));
    scene.run(1).await.unwrap();
    let events = scene.events.lock().unwrap();
    let tagged = events
        .iter()
        .filter(|event| matches!(event, Event::Tagged { .. }))
        .count();
    let restored = events
        .iter()
        .filter(|event| matches!(event, Event::Restored { .. }))
        .count();
    assert_eq!((tagged, restored), (5, 5), "{events:#?}");
}
