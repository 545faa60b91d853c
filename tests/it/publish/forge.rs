//! A release on a forge in the transaction: the order of things, and what becomes of a draft.

use std::{sync::Arc, time::Duration};

use hoist::{
    event::{Event, Step},
    oci::Digest,
    outcome::OutcomeKind,
    policy::ForgeService,
    publish::{Proven, publish_past},
    testing::{FakeJournals, Fault, Personality},
};
use tokio::time::Instant;

use super::scene::{BY_HAND, Scene, Setting};

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
async fn row_47_a_draft_of_a_run_that_died_goes_when_the_next_release_is_public() {
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
    let log = scene.faults.log();
    let last = |what: &str| log.iter().rposition(|line| line.contains(what)).unwrap();
    assert!(last("forge publish") < last("forge discard"), "{log:#?}");
}

/// Two pipelines of one version: each has made, or found, what the forge is to have before either has the lock.
#[tokio::test(start_paused = true)]
async fn of_two_live_runs_the_loser_leaves_the_winner_what_it_needs() {
    for (service, use_draft) in [
        (ForgeService::GitHub, false),
        (ForgeService::GitHub, true),
        (ForgeService::GitLab, false),
    ] {
        for head_start in 0..60_u32 {
            let scene = Scene::new(&Setting {
                forge: Some(service),
                use_draft,
                ..setting()
            });
            let forge = scene.forge.clone().unwrap();
            let one = |pid: u32| {
                let mut world = scene.world(pid);
                world.journals = Arc::new(FakeJournals::new(&scene.faults));
                let mut on_forge = scene.on_forge();
                // Their builds are not the same, byte for byte.
                for file in &mut on_forge.files {
                    file.sha256 = Digest::of(format!("{pid}").as_bytes()).hex().to_owned();
                }
                let proven = Proven {
                    forge: Some(on_forge),
                    ..Proven::default()
                };
                let publication = &scene.publication;
                async move {
                    for _ in 0..(pid - 1) * head_start {
                        tokio::task::yield_now().await;
                    }
                    publish_past(&world, publication, async { Ok(proven) }).await
                }
            };
            let (first, second) = tokio::join!(one(1), one(2));
            let what = format!("{service:?} {use_draft}, {head_start}: {first:#?} {second:#?}");
            let (won, lost) = match first.kind {
                OutcomeKind::Published => (first, second),
                _ => (second, first),
            };
            assert_eq!(won.kind, OutcomeKind::Published, "{what}");
            // Whoever comes later finds the lock taken, or all of it done already.
            assert!(
                matches!(lost.kind, OutcomeKind::Busy | OutcomeKind::Published),
                "{what}"
            );
            let stored = forge.stored();
            assert_eq!(stored.len(), 1, "{what} {stored:#?}");
            assert!(stored[0].is_public, "{what}");
            let files = match use_draft {
                false => vec!["api.tar.gz", "SHA256SUMS"],
                true => vec!["manual.pdf", "api.tar.gz", "SHA256SUMS"],
            };
            assert_eq!(stored[0].files, files, "{what}");
            if use_draft {
                assert!(stored[0].text.starts_with(BY_HAND), "{what}");
                let marks = stored[0].text.matches("<!-- hoist: ").count();
                assert_eq!(marks, 1, "{what} {stored:#?}");
            }
            let kept = forge.packages().len();
            let expected = match service {
                ForgeService::GitHub => 0,
                ForgeService::GitLab => 2,
            };
            assert_eq!(kept, expected, "{what}");
        }
    }
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

/// What hoist has put into somebody's draft goes again with the release; what was there stays.
#[tokio::test(start_paused = true)]
async fn a_draft_of_a_person_is_as_it_was_after_a_roll_back() {
    let mut setting = setting();
    setting.personality = Personality {
        refused: vec!["latest".parse().unwrap()],
        ..Personality::default()
    };
    setting.use_draft = true;
    let scene = Scene::new(&setting);
    let forge = scene.forge.clone().unwrap();
    let before = forge.stored();
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::RolledBack, "{outcome:#?}");
    assert!(!scene.requests("forge keep").is_empty());
    // Title, text to the byte, target, kind and files.
    assert_eq!(forge.stored(), before);
}

/// Before the lock, the draft of a person is only looked at.
#[tokio::test(start_paused = true)]
async fn a_draft_of_a_person_is_changed_under_the_lock_alone() {
    let mut setting = setting();
    setting.use_draft = true;
    let scene = Scene::new(&setting);
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Published, "{outcome:#?}");
    assert!(at(&scene, "git swap") < at(&scene, "forge change"));
    assert!(at(&scene, "forge change") < at(&scene, "forge keep"));
    let log = scene.faults.log();
    let last = log.iter().rposition(|line| line.contains("forge keep"));
    assert!(
        last.unwrap() < at(&scene, "PUT 127.0.0.1:5001/acme/api:"),
        "{log:#?}"
    );
}

/// A run that has lost its lock in the meantime leaves the draft to the one that has it now.
#[tokio::test(start_paused = true)]
async fn whoever_has_lost_the_lock_leaves_the_draft_where_it_is() {
    for use_draft in [false, true] {
        let setting = Setting {
            use_draft,
            ..setting()
        };
        // The looks at the refs from the lock on, until a tag moves.
        let clean = Scene::new(&setting);
        clean.run(1).await.unwrap();
        let log = clean.faults.log();
        let looks = |until: &str| {
            let before = log[..at(&clean, until)].iter();
            before.filter(|line| line.contains("git refs")).count() as u64
        };
        let mut busy = 0;
        for look in looks("git swap")..looks("PUT 127.0.0.1:5001/acme/api:") {
            let scene = Scene::new(&setting);
            let forge = scene.forge.clone().unwrap();
            let other = scene.remote.clone();
            let name = hoist::publish::lock_ref(
                &scene.publication.lock_refs,
                &scene.publication.targets[0].repository,
            );
            let take = move || other.set(name.as_str(), "somebody else");
            scene
                .faults
                .strike("git refs", look, 1, Fault::First(Arc::new(take)));
            // Requests take their time: what is read at one instant serves all that ask at it.
            let ticks = async {
                loop {
                    tokio::time::advance(Duration::from_millis(1)).await;
                }
            };
            let outcome = tokio::select! {
                outcome = scene.run(1) => outcome.unwrap(),
                () = ticks => unreachable!("the clock never stops"),
            };
            match outcome.kind {
                OutcomeKind::Busy => busy += 1,
                // Tags were about to move.
                OutcomeKind::NeedsHuman => {}
                _ => panic!("{use_draft}, {look}: {outcome:#?}"),
            }
            assert!(scene.requests("forge discard").is_empty(), "{look}");
            let stored = forge.stored();
            assert_eq!(stored.len(), 1, "{look}: {stored:#?}");
            assert!(!stored[0].is_public, "{look}: {stored:#?}");
        }
        assert!(busy > 0, "{use_draft}");
    }
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

/// Nothing is moved without a journal, and what was made on the forge goes.
#[tokio::test(start_paused = true)]
async fn a_full_disk_is_named_and_leaves_no_draft() {
    let scene = Scene::new(&setting());
    let before = scene.snapshot();
    scene
        .faults
        .strike("journal create", 0, u64::MAX, Fault::Refused);
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Failed, "{outcome:#?}");
    let error = outcome.error.unwrap();
    let hints = error.hints().join("; ");
    assert!(hints.contains("with room on its disk"), "{error:#?}");
    assert_eq!(scene.snapshot(), before);
}

/// However often a forge fails, the pauses before the lock have one limit: that of the policy.
#[tokio::test(start_paused = true)]
async fn a_forge_that_fails_for_good_is_left_in_time() {
    for (on, fault) in [
        ("forge create", Fault::Failed),
        ("forge create", Fault::Unreachable),
        ("forge keep", Fault::Failed),
        ("forge keep", Fault::Unreachable),
    ] {
        for deadline in [1, 3600] {
            let mut scene = Scene::new(&setting());
            scene.publication.policy.deadline = Duration::from_secs(deadline);
            let before = scene.snapshot();
            scene.faults.strike(on, 0, u64::MAX, fault.clone());
            let begun = Instant::now();
            let outcome = scene.run(1).await.unwrap();
            assert_eq!(outcome.kind, OutcomeKind::Failed, "{on}: {outcome:#?}");
            let waited = begun.elapsed();
            assert!(
                waited <= Duration::from_secs(deadline.min(60)),
                "{on}: {waited:?}"
            );
            assert_eq!(scene.snapshot(), before, "{on}");
        }
    }
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
