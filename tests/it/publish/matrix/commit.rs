//! What goes wrong while the tags move: rows 19 to 29.

use std::time::Duration;

use hoist::{
    outcome::OutcomeKind::{self, NeedsHuman, RolledBack},
    testing::{Fault, MultiTag, Personality},
};

use super::row::{
    Now::{Before, But},
    Row,
    Shown::{Nothing, Theirs},
    check, compete, deleting_and_refusing, happens, meanwhile, new, once, one, ours, published,
    sweep, tag, tagging, text,
};
use crate::publish::scene::{Scene, Setting, repository};

#[tokio::test(start_paused = true)]
async fn one_answer_while_the_tags_move() {
    check(vec![
        Row {
            name: "row_20_a_lost_answer_is_decided_by_a_look",
            strikes: vec![once("PUT 127.0.0.1:5001/acme/api:1.3.0", Fault::Lost)],
            counts: &[("PUT 127.0.0.1:5001/acme/api:1.3.0", 1)],
            ..Row::one(Personality::default())
        },
        Row {
            name: "row_20_an_answer_that_says_nothing_is_decided_by_a_look",
            strikes: vec![once("PUT 127.0.0.1:5001/acme/api:1.3.0", Fault::Failed)],
            counts: &[("PUT 127.0.0.1:5001/acme/api:1.3.0", 2)],
            ..Row::one(Personality::default())
        },
        Row {
            name: "row_22_a_refusal_is_permanent",
            strikes: vec![once("PUT 127.0.0.1:5001/acme/api:latest", Fault::Refused)],
            ends: (RolledBack, Before),
            ..Row::one(Personality::default())
        },
        Row {
            name: "row_23_a_404_for_a_tag_is_permanent",
            strikes: vec![once("PUT 127.0.0.1:5002/acme/api:1.3", Fault::NotFound).after(1)],
            ends: (RolledBack, Before),
            ..Row::two()
        },
        Row {
            name: "row_24_content_that_vanishes_in_mid_commit_is_sent_again",
            strikes: vec![meanwhile("PUT 127.0.0.1:5001/acme/api:latest", sweep)],
            ..Row::one(Personality::default())
        },
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn tags_that_were_not_taken_together_follow_one_by_one() {
    check(vec![
        Row {
            name: "row_26_tags_of_which_the_first_were_taken",
            ..Row::one(tagging(MultiTag::First(2)))
        },
        Row {
            name: "row_26_tags_of_which_the_first_were_taken_before_a_failure",
            ..Row::one(tagging(MultiTag::FirstThenFails(3)))
        },
        Row {
            name: "row_26_tags_that_were_refused_together",
            ..Row::one(tagging(MultiTag::Refused))
        },
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn another_writer_is_not_fought() {
    check(vec![
        Row {
            name: "row_27_a_competitor_after_our_put_is_not_fought",
            // While the other repository commits: ours was taken, then theirs came.
            strikes: vec![meanwhile(
                "PUT 127.0.0.1:5002/acme/api:latest",
                |registry| compete(registry, "latest"),
            )],
            ends: (NeedsHuman, But("latest", Theirs)),
            says: vec!["it changed while this release was running".into()],
            state: &["127.0.0.1:5001/acme/api:latest"],
            ..Row::two()
        },
        Row {
            name: "row_27_a_tag_that_somebody_deleted_is_left_deleted",
            // Somebody deletes a tag while the release goes back: it is waited for as long as a
            // registry may lag, then left to them and listed.
            strikes: vec![meanwhile(
                "PUT 127.0.0.1:5001/acme/api:2026-11-23",
                |registry| registry.drop_tag(&repository(0), &tag("latest")),
            )],
            ends: (NeedsHuman, But("latest", Nothing)),
            ..Row::one(deleting_and_refusing("2026-11-23"))
        },
    ])
    .await;
}

/// Dead before the intent of the first round was written: nothing moved, and both ways are open.
#[tokio::test(start_paused = true)]
async fn row_19_a_crash_before_the_first_intent_moved_nothing() {
    for forward in [true, false] {
        let scene = Scene::new(&Setting::default());
        let (before, after) = (scene.snapshot(), scene.after());
        // Locking and observing are the first two records, the first round the third.
        scene
            .faults
            .strike("journal append", 2, 1, Fault::CrashBefore);
        assert!(scene.run(1).await.is_none());
        scene.faults.clear();
        assert_eq!(scene.snapshot().tags, before.tags);
        if forward {
            assert!(scene.resume(2).await.unwrap().error.is_none());
            assert_eq!(scene.snapshot(), after);
        } else {
            scene.rollback(2).await.unwrap();
            assert_eq!(scene.snapshot(), before);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn row_22_a_refused_tag_that_shows_the_release_is_done() {
    // Refused, and yet there: a proxy sent the request twice.
    let scene = one(Personality::default());
    let (registry, image) = (scene.registries[0].clone(), new(&scene));
    let twice = move || {
        registry.set_tag(&repository(0), &tag("1.3.0"), &image);
        registry.become_like(|it| it.immutable = vec![tag("1.3.0")]);
    };
    happens(&scene, "PUT 127.0.0.1:5001/acme/api:1.3.0", 0, twice);
    published(&scene).await;
}

#[tokio::test(start_paused = true)]
async fn row_25_beyond_the_deadline_what_moved_is_put_back() {
    let scene = Scene::new(&Setting::default());
    let before = scene.snapshot();
    scene
        .faults
        .strike("PUT 127.0.0.1:5002/acme/api:latest", 0, 500, Fault::Failed);
    let begun = tokio::time::Instant::now();
    let outcome = scene.run(1).await.unwrap();
    let waited = begun.elapsed();
    scene.faults.clear();
    let deadline = scene.publication.policy.deadline;
    assert!(waited >= deadline, "it kept trying for {waited:?}");
    // The tag that could not be put shows what it showed before, for longer than any answer lags.
    assert_eq!(outcome.kind, OutcomeKind::RolledBack, "{outcome:#?}");
    assert!(text(&outcome).0.contains("could not be found out in time"));
    assert_eq!(scene.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn row_25_where_the_roll_back_is_throttled_too_the_journal_stays() {
    let scene = Scene::new(&Setting::default());
    let before = scene.snapshot();
    let latest = "PUT 127.0.0.1:5002/acme/api:latest";
    scene.faults.strike(latest, 0, 1, Fault::Lost);
    scene.faults.strike(latest, 0, u64::MAX, Fault::Failed);
    // Another tag of the same round is refused, so what has moved must go back.
    let other = "PUT 127.0.0.1:5002/acme/api:1.3";
    scene.faults.strike(other, 1, 1, Fault::Refused);
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::NeedsHuman, "{outcome:#?}");
    let (_, state) = text(&outcome);
    assert!(
        state.contains("11 of 12 tags are as they were before"),
        "{state}"
    );
    assert!(state.contains("127.0.0.1:5002/acme/api:latest"), "{state}");
    scene.faults.clear();
    assert!(scene.rollback(2).await.unwrap().error.is_none());
    assert_eq!(scene.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn row_26_how_many_tags_go_into_a_request_is_left_to_the_client() {
    let mut scene = one(tagging(MultiTag::Whole));
    let model = scene.publication.targets[0].tags[2].clone();
    for n in 0..12 {
        let mut more = model.clone();
        more.tag = tag(&format!("more-{n}"));
        scene.publication.targets[0].tags.push(more);
    }
    published(&scene).await;
    let requests = scene.requests("PUT 127.0.0.1:5001/acme/api@");
    let with_tags = requests
        .iter()
        .map(|line| line.matches(',').count() + 1)
        .filter(|&tags| tags > 1);
    assert_eq!(with_tags.collect::<Vec<_>>(), [18], "{requests:#?}");
}

/// Dead after each PUT of a tag in turn; another machine goes on without a build, to the same
/// digest.
#[tokio::test(start_paused = true)]
async fn row_28_a_crash_while_the_tags_move_is_rolled_forward_to_the_same_digest() {
    for puts in 0..6 {
        let mut scene = Scene::new(&Setting::default());
        let after = scene.after();
        let put = "PUT 127.0.0.1:5001/acme/api:";
        scene.faults.strike(put, puts, 1, Fault::CrashAfter);
        assert!(scene.run(1).await.is_none());
        scene.faults.clear();
        scene.elsewhere();
        let outcome = scene.resume(2).await.unwrap();
        assert_eq!(outcome.kind, OutcomeKind::Published, "{outcome:#?}");
        assert_eq!(scene.snapshot(), after);
        assert!(outcome.tags.iter().all(|tag| tag.wanted == ours(&scene)));
    }
}

#[tokio::test(start_paused = true)]
async fn row_29_a_registry_that_lags_is_waited_for() {
    let scene = Scene::new(&Setting {
        personality: Personality {
            lag: Duration::from_secs(20),
            ..Personality::default()
        },
        ..Setting::default()
    });
    // What was there before is old enough to show.
    tokio::time::advance(Duration::from_secs(60)).await;
    published(&scene).await;
}

#[tokio::test(start_paused = true)]
async fn row_29_a_registry_that_lags_too_long_is_not_rolled_back() {
    let scene = Scene::new(&Setting {
        personality: Personality {
            lag: Duration::from_secs(600),
            ..Personality::default()
        },
        ..Setting::default()
    });
    tokio::time::advance(Duration::from_secs(700)).await;
    let tags = scene.after().tags;
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::NeedsHuman, "{outcome:#?}");
    let error = outcome.error.unwrap();
    assert_eq!(error.message(), "not every tag shows 1.3.0 yet");
    assert!(error.first_hint().unwrap().contains("hoist verify 1.3.0"));
    assert_eq!(scene.snapshot().tags, tags, "nothing was taken back");
    tokio::time::advance(Duration::from_secs(700)).await;
    assert!(scene.resume(2).await.unwrap().error.is_none());
    assert_eq!(scene.snapshot(), scene.after());
}
