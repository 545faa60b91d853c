//! The ways in which registries are known to fail, one test a row, named by row and words.

use std::{sync::Arc, time::Duration};

use hoist::{
    error::ErrorKind,
    event::Event,
    git::RefName,
    io::{journal_file::JournalStore as _, registry::RepositoryApi as _},
    oci::{Digest, Manifest, MediaType, Observed, Tag},
    outcome::{Outcome, OutcomeKind},
    publish::{self, Preflight, PreflightResult},
    testing::{Fault, MultiTag, Personality},
};

use super::scene::{Scene, Setting, foreign, repository};

fn tag(name: &str) -> Tag {
    name.parse().unwrap()
}

fn one(personality: Personality) -> Scene {
    Scene::new(&Setting {
        repositories: 1,
        personality,
        ..Setting::default()
    })
}

fn ours(scene: &Scene) -> Digest {
    scene.publication.images[0].manifest.digest().clone()
}

async fn preflight(scene: &Scene) -> hoist::error::Result<Vec<PreflightResult>> {
    let repositories = scene.publication.targets.iter();
    let asked = Preflight {
        branch: None,
        repositories: repositories
            .map(|target| {
                (
                    target.repository.clone(),
                    target.tags.iter().map(|tag| tag.tag.clone()).collect(),
                )
            })
            .collect(),
        git_tag: RefName::tag("v1.3.0").ok(),
        commit: scene.publication.commit,
        lock_refs: scene.publication.lock_refs.clone(),
    };
    publish::preflight(&scene.world(1), &asked).await
}

fn text(outcome: &Outcome) -> (String, String) {
    let error = outcome.error.as_ref().unwrap();
    (format!("{error:#}"), error.state_now().unwrap().to_owned())
}

/// Published, and the world agrees.
async fn published(scene: &Scene) {
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Published, "{outcome:#?}");
    assert_eq!(scene.snapshot(), scene.after());
}

#[tokio::test(start_paused = true)]
async fn row_2_another_holder_of_the_lock() {
    let scene = Scene::new(&Setting::default());
    scene.faults.strike(
        "PUT 127.0.0.1:5001/acme/api:1.3.0",
        0,
        1,
        Fault::CrashBefore,
    );
    assert!(scene.run(1).await.is_none());
    scene.faults.clear();
    // Another clone knows nothing of it but the lock.
    let mut other = scene;
    other.elsewhere();
    let error = preflight(&other).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    let outcome = other.run(2).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Busy, "{outcome:#?}");
    let error = outcome.error.unwrap();
    assert!(error.causes()[0].contains("process 1 on ci-1"), "{error}");
    assert!(error.first_hint().unwrap().contains("hoist resume"));
}

#[tokio::test(start_paused = true)]
async fn row_3_the_right_to_push_is_proven_before_the_build() {
    let scene = Scene::new(&Setting::default());
    scene
        .faults
        .strike("POST 127.0.0.1:5002/acme/api upload", 0, 1, Fault::Refused);
    let error = preflight(&scene).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert_eq!(
        error.message(),
        "no right to push to `127.0.0.1:5002/acme/api`"
    );
    assert_eq!(error.state_now(), Some("nothing was built or pushed"));
    assert!(scene.requests("PUT").is_empty());
}

#[tokio::test(start_paused = true)]
async fn row_4_what_cannot_be_read_is_not_absent() {
    let mut scene = one(Personality::default());
    scene
        .faults
        .strike("HEAD 127.0.0.1:5001/acme/api:latest", 0, 1, Fault::Refused);
    let found = preflight(&scene).await.unwrap();
    assert_eq!(found[0].tags[4], Observed::Unknown);
    assert!(found[0].strict);
    assert_eq!(found[0].tags[0], Observed::Absent);
    scene
        .faults
        .strike("HEAD 127.0.0.1:5001/acme/api:1", 0, 1, Fault::Failed);
    assert_eq!(
        preflight(&scene).await.unwrap_err().kind(),
        ErrorKind::Failed
    );
    // It is read again after stage, and put back to what it showed.
    let before = scene.snapshot();
    for found in &mut scene.publication.targets[0].tags {
        found.before = Observed::Unknown;
    }
    scene.registries[0].become_like(|it| it.refused = vec![tag("latest")]);
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::RolledBack, "{outcome:#?}");
    assert_eq!(scene.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn row_4_a_tag_that_stays_unreadable_stops_the_release() {
    let mut scene = one(Personality::default());
    let before = scene.snapshot();
    scene.publication.targets[0].tags[4].before = Observed::Unknown;
    scene.faults.strike(
        "HEAD 127.0.0.1:5001/acme/api:latest",
        0,
        u64::MAX,
        Fault::Refused,
    );
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Failed, "{outcome:#?}");
    assert_eq!(scene.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn row_5_a_tag_that_shows_the_release_already_is_skipped() {
    // Refused even for the same digest, as on ECR and Harbor.
    let mut scene = one(Personality {
        immutable: vec![tag("1.3.0")],
        ..Personality::default()
    });
    let image = scene.publication.images[0].manifest.clone();
    scene.registries[0].set_tag(&repository(0), &tag("1.3.0"), &image);
    scene.publication.targets[0].tags[0].before = Observed::At(image.digest().clone());
    published(&scene).await;
    assert!(
        scene
            .requests("PUT 127.0.0.1:5001/acme/api:1.3.0")
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn row_5_adopted_tags_are_never_taken_back() {
    let mut scene = one(Personality::default());
    let image = scene.publication.images[0].manifest.clone();
    scene.registries[0].set_tag(&repository(0), &tag("1.3.0"), &image);
    scene.publication.targets[0].tags[0].before = Observed::At(image.digest().clone());
    let before = scene.snapshot();
    scene.registries[0].become_like(|it| it.refused = vec![tag("latest")]);
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::RolledBack);
    assert_eq!(scene.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn row_6_a_version_tag_on_another_digest_stops_before_anything_moves() {
    let scene = Scene::new(&Setting::default());
    scene.registries[1].set_tag(&repository(1), &tag("1.3.0"), &foreign());
    let before = scene.snapshot();
    let found = preflight(&scene).await.unwrap();
    assert_eq!(found[1].tags[0], Observed::At(foreign().digest().clone()));
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Failed, "{outcome:#?}");
    assert_eq!(scene.snapshot(), before);
    assert!(
        scene
            .requests("api:1.3.0")
            .iter()
            .all(|line| line.starts_with("HEAD"))
    );
}

/// A tag names a manifest that cannot be read.
#[tokio::test(start_paused = true)]
async fn row_7_an_old_manifest_that_is_gone_is_said_before_and_listed_after() {
    let scene = one(Personality {
        delete_tags: true,
        refused: vec![tag("2026-11-23")],
        ..Personality::default()
    });
    let old = scene.old["latest"].clone();
    let registry = scene.registries[0].clone();
    let (lose, digest) = (registry.clone(), old.digest().clone());
    let lose = Arc::new(move || lose.lose(&repository(0), &digest));
    let show = Arc::new(move || registry.set_tag(&repository(0), &tag("latest"), &old));
    let old = scene.old["latest"].digest().short().to_owned();
    let get = format!("GET 127.0.0.1:5001/acme/api@{old}");
    scene.faults.strike(&get, 0, 1, Fault::First(lose.clone()));
    // The tag shows it all the while.
    scene.faults.strike("git write", 0, 1, Fault::First(show));
    let last = "PUT 127.0.0.1:5001/acme/api:2026-11-23";
    scene.faults.strike(last, 0, 1, Fault::First(lose));
    let outcome = scene.run(1).await.unwrap();
    let warned = |event: &Event| matches!(event, Event::Warning { text } if text.contains("cannot be put back"));
    assert!(scene.events.lock().unwrap().iter().any(warned));
    assert_eq!(outcome.kind, OutcomeKind::NeedsHuman, "{outcome:#?}");
    let left = outcome.tags.iter().filter(|tag| !tag.is_as_before());
    let left: Vec<_> = left.map(|tag| (tag.tag.as_str(), &tag.now)).collect();
    assert_eq!(left, [("latest", &Observed::At(ours(&scene)))]);

    // Where it cannot be read because the registry says no, nothing begins.
    let scene = one(Personality::default());
    let old = scene.old["latest"].digest().short().to_owned();
    let get = format!("GET 127.0.0.1:5001/acme/api@{old}");
    scene.faults.strike(&get, 0, u64::MAX, Fault::Refused);
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(
        outcome.kind,
        OutcomeKind::Failed,
        "a refused read is no answer"
    );
    assert!(
        text(&outcome)
            .0
            .contains("which a roll back would put back")
    );
}

#[tokio::test(start_paused = true)]
async fn row_14_blobs_that_head_claims_are_sent_again() {
    let scene = one(Personality::default());
    let registry = scene.registries[0].clone();
    // Swept between the upload and the manifest.
    let sweep = move || registry.sweep(&repository(0));
    scene.faults.strike(
        "PUT 127.0.0.1:5001/acme/api@",
        0,
        1,
        Fault::First(Arc::new(sweep)),
    );
    published(&scene).await;
    assert_eq!(scene.requests("POST 127.0.0.1:5001/acme/api blob").len(), 4);
}

#[tokio::test(start_paused = true)]
async fn row_15_a_registry_that_refuses_a_second_put_is_read_back() {
    let scene = one(Personality {
        conflict_on_second_put: true,
        ..Personality::default()
    });
    let image = scene.publication.images[0].manifest.clone();
    scene.registries[0].set_tag(&repository(0), &tag("old-build"), &image);
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Published, "{outcome:#?}");
}

#[tokio::test(start_paused = true)]
async fn row_15_a_registry_without_puts_by_digest_gets_the_manifest_with_its_first_tag_and_commits_first()
 {
    let scene = Scene::new(&Setting::default());
    scene.registries[1].become_like(|it| it.digest_puts = false);
    published(&scene).await;
    let log = scene.faults.log();
    let at = |what: &str| log.iter().position(|line| line.contains(what)).unwrap();
    assert!(at("PUT 127.0.0.1:5002/acme/api:latest") < at("PUT 127.0.0.1:5001/acme/api:1.3.0"));
}

#[tokio::test(start_paused = true)]
async fn row_17_what_is_swept_between_stage_and_commit_is_sent_again() {
    for multi_tag in [MultiTag::Ignored, MultiTag::Whole] {
        let scene = one(Personality {
            multi_tag,
            ..Personality::default()
        });
        let registry = scene.registries[0].clone();
        let sweep = move || registry.sweep(&repository(0));
        // After the observation: before the commit's first request.
        scene.faults.strike(
            "PUT 127.0.0.1:5001/acme/api@",
            1,
            1,
            Fault::First(Arc::new(sweep)),
        );
        published(&scene).await;
    }
}

#[tokio::test(start_paused = true)]
async fn row_18_a_tag_that_moved_since_the_plan_stops_before_the_commit() {
    let scene = Scene::new(&Setting::default());
    scene.registries[1].set_tag(&repository(1), &tag("latest"), &foreign());
    let before = scene.snapshot();
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Failed);
    let error = outcome.error.unwrap();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert_eq!(
        error.message(),
        "cannot move tag `latest` of `127.0.0.1:5002/acme/api`: it changed while this release was running"
    );
    assert!(
        error.causes()[0].contains(&format!("found {}", foreign().digest().short())),
        "{error}"
    );
    assert_eq!(scene.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn row_18_a_tag_that_was_deleted_since_the_plan_stops_before_the_commit() {
    let scene = one(Personality {
        delete_tags: true,
        ..Personality::default()
    });
    let place = scene.registries[0].repository(&repository(0));
    place.delete(&tag("latest").into()).await.unwrap();
    let before = scene.snapshot();
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Failed, "{outcome:#?}");
    assert!(text(&outcome).0.contains("found absent"), "{outcome:#?}");
    assert_eq!(scene.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn row_18_somebody_elses_git_tag_stops_before_the_commit() {
    let scene = Scene::new(&Setting::default());
    scene.remote.set("refs/tags/v1.3.0", "4567");
    let tags = scene.snapshot().tags;
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Failed, "{outcome:#?}");
    assert_eq!((scene.snapshot().tags, scene.snapshot().locks), (tags, 0));
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
async fn row_20_an_ambiguous_answer_is_decided_by_a_look() {
    for (fault, puts) in [(Fault::Lost, 1), (Fault::Failed, 2)] {
        let scene = one(Personality::default());
        scene
            .faults
            .strike("PUT 127.0.0.1:5001/acme/api:1.3.0", 0, 1, fault);
        published(&scene).await;
        assert_eq!(
            scene.requests("PUT 127.0.0.1:5001/acme/api:1.3.0").len(),
            puts
        );
    }
}

#[tokio::test(start_paused = true)]
async fn row_22_a_refusal_is_permanent_unless_the_tag_shows_the_release() {
    let scene = one(Personality::default());
    let before = scene.snapshot();
    scene
        .faults
        .strike("PUT 127.0.0.1:5001/acme/api:latest", 0, 1, Fault::Refused);
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::RolledBack);
    assert_eq!(scene.snapshot(), before);
    // Refused, and yet there: a proxy sent the request twice.
    let scene = one(Personality::default());
    let (registry, image) = (
        scene.registries[0].clone(),
        scene.publication.images[0].manifest.clone(),
    );
    let twice = move || {
        registry.set_tag(&repository(0), &tag("1.3.0"), &image);
        registry.become_like(|it| it.immutable = vec![tag("1.3.0")]);
    };
    scene.faults.strike(
        "PUT 127.0.0.1:5001/acme/api:1.3.0",
        0,
        1,
        Fault::First(Arc::new(twice)),
    );
    published(&scene).await;
}

#[tokio::test(start_paused = true)]
async fn row_23_a_404_for_a_tag_is_permanent() {
    let scene = Scene::new(&Setting::default());
    let before = scene.snapshot();
    scene
        .faults
        .strike("PUT 127.0.0.1:5002/acme/api:1.3", 1, 1, Fault::NotFound);
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::RolledBack, "{outcome:#?}");
    assert_eq!(scene.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn row_24_content_that_vanishes_in_mid_commit_is_sent_again() {
    let scene = one(Personality::default());
    let registry = scene.registries[0].clone();
    let sweep = move || registry.sweep(&repository(0));
    scene.faults.strike(
        "PUT 127.0.0.1:5001/acme/api:latest",
        0,
        1,
        Fault::First(Arc::new(sweep)),
    );
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
    assert!(state.contains("11 of 12 tags are right"), "{state}");
    assert!(state.contains("127.0.0.1:5002/acme/api:latest"), "{state}");
    scene.faults.clear();
    assert!(scene.rollback(2).await.unwrap().error.is_none());
    assert_eq!(scene.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn row_26_tags_that_were_not_taken_together_follow_one_by_one() {
    for multi_tag in [
        MultiTag::First(2),
        MultiTag::FirstThenFails(3),
        MultiTag::Refused,
    ] {
        let scene = one(Personality {
            multi_tag,
            ..Personality::default()
        });
        published(&scene).await;
    }
}

#[tokio::test(start_paused = true)]
async fn row_26_how_many_tags_go_into_a_request_is_left_to_the_client() {
    let mut scene = one(Personality {
        multi_tag: MultiTag::Whole,
        ..Personality::default()
    });
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

#[tokio::test(start_paused = true)]
async fn row_27_a_competitor_after_our_put_is_not_fought() {
    let scene = Scene::new(&Setting::default());
    let before = scene.snapshot();
    let registry = scene.registries[0].clone();
    let compete = move || registry.set_tag(&repository(0), &tag("latest"), &foreign());
    // While the other repository commits: ours was taken, then theirs came.
    scene.faults.strike(
        "PUT 127.0.0.1:5002/acme/api:latest",
        0,
        1,
        Fault::First(Arc::new(compete)),
    );
    let outcome = scene.run(1).await.unwrap();
    let (message, state) = text(&outcome);
    assert_eq!(outcome.kind, OutcomeKind::NeedsHuman, "{outcome:#?}");
    assert!(
        message.contains("it changed while this release was running"),
        "{message}"
    );
    assert!(state.contains("127.0.0.1:5001/acme/api:latest"), "{state}");
    let mut expected = before.tags;
    expected.insert(
        repository(0).tag(&tag("latest")),
        foreign().digest().clone(),
    );
    assert_eq!(scene.snapshot().tags, expected);
}

/// Dead after each PUT of a tag in turn; another machine goes on without a build, to the same digest.
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

/// Somebody deletes a tag while the release goes back: it is waited for as long as a registry may lag,
/// then left to them and listed.
#[tokio::test(start_paused = true)]
async fn row_27_a_tag_that_somebody_deleted_is_left_deleted() {
    let scene = one(Personality {
        delete_tags: true,
        refused: vec![tag("2026-11-23")],
        ..Personality::default()
    });
    let registry = scene.registries[0].clone();
    let delete = move || registry.drop_tag(&repository(0), &tag("latest"));
    let put = "PUT 127.0.0.1:5001/acme/api:2026-11-23";
    scene
        .faults
        .strike(put, 0, 1, Fault::First(Arc::new(delete)));
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::NeedsHuman, "{outcome:#?}");
    let left = outcome.tags.iter().filter(|tag| !tag.is_as_before());
    let left: Vec<_> = left.map(|tag| (tag.tag.as_str(), &tag.now)).collect();
    assert_eq!(left, [("latest", &Observed::Absent)]);
    assert_eq!(scene.snapshot().locks, 0);
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

#[tokio::test(start_paused = true)]
async fn row_30_a_third_digest_at_verify_undoes_what_is_still_ours() {
    let scene = one(Personality::default());
    let before = scene.snapshot();
    let registry = scene.registries[0].clone();
    let compete = move || registry.set_tag(&repository(0), &tag("1.3"), &foreign());
    // Each tag is looked at once by `observe`; the second look is `verify`.
    scene.faults.strike(
        "HEAD 127.0.0.1:5001/acme/api:1.3.0",
        1,
        1,
        Fault::First(Arc::new(compete)),
    );
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::NeedsHuman, "{outcome:#?}");
    let mut expected = before.tags;
    expected.insert(repository(0).tag(&tag("1.3")), foreign().digest().clone());
    assert_eq!(scene.snapshot().tags, expected);
    assert_eq!(scene.snapshot().locks, 0);
}

#[tokio::test(start_paused = true)]
async fn row_32_an_old_tag_gets_its_old_bytes_even_when_they_were_swept() {
    let scene = one(Personality {
        delete_tags: true,
        refused: vec![tag("2026-11-23")],
        ..Personality::default()
    });
    let before = scene.snapshot();
    let old = scene.old["latest"].digest().clone();
    // `latest` has moved by then, so its old manifest has no tag; the retention rule is quick.
    let (registry, swept) = (scene.registries[0].clone(), old.clone());
    let sweep = move || registry.lose(&repository(0), &swept);
    let put = "PUT 127.0.0.1:5001/acme/api:2026-11-23";
    let sweep = Fault::First(Arc::new(sweep));
    scene.faults.strike(put, 0, 1, sweep);
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::RolledBack, "{outcome:#?}");
    assert_eq!(scene.snapshot(), before);
    let place = scene.registries[0].repository(&repository(0));
    assert!(place.head(&old.clone().into()).await.unwrap().is_some());
    assert_eq!(scene.shows(0, "latest"), Some(old));
}

/// Even the old image's blobs are gone: it cannot be put back, and that is said.
#[tokio::test(start_paused = true)]
async fn row_32_an_old_tag_whose_blobs_were_swept_is_listed() {
    let mut scene = one(Personality {
        delete_tags: true,
        refused: vec![tag("2026-11-23")],
        ..Personality::default()
    });
    let config = Digest::of(b"swept");
    let old = Manifest::new(
        MediaType::OCI_MANIFEST.into(),
        format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config}","size":5}},"layers":[]}}"#
        ),
    );
    scene.registries[0].set_tag(&repository(0), &tag("latest"), &old);
    scene.publication.targets[0].tags[4].before = Observed::At(old.digest().clone());
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::NeedsHuman, "{outcome:#?}");
    let left: Vec<_> = outcome
        .tags
        .iter()
        .filter(|tag| !tag.is_as_before())
        .collect();
    assert_eq!(left.len(), 1, "{outcome:#?}");
    assert_eq!(
        (left[0].tag.as_str(), &left[0].now),
        ("latest", &Observed::At(ours(&scene)))
    );
    assert_eq!(scene.snapshot().locks, 0);
}

#[tokio::test(start_paused = true)]
async fn row_33_a_new_tag_is_deleted_by_name_where_that_works() {
    let scene = one(Personality {
        delete_tags: true,
        delete_digests: false,
        refused: vec![tag("latest")],
        ..Personality::default()
    });
    let before = scene.snapshot();
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::RolledBack, "{outcome:#?}");
    assert_eq!(scene.snapshot(), before);
    assert!(scene.requests("DELETE 127.0.0.1:5001/acme/api@").is_empty());
}

#[tokio::test(start_paused = true)]
async fn row_33_else_a_stand_in_is_deleted_and_never_the_releases_digest() {
    let scene = one(Personality {
        refused: vec![tag("latest")],
        ..Personality::default()
    });
    let before = scene.snapshot();
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::RolledBack, "{outcome:#?}");
    assert_eq!(scene.snapshot(), before);
    let deletions = scene.requests("DELETE 127.0.0.1:5001/acme/api@");
    assert!(!deletions.is_empty());
    assert!(
        deletions
            .iter()
            .all(|line| !line.contains(ours(&scene).short())),
        "{deletions:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn row_33_where_nothing_can_be_deleted_the_new_tags_are_listed_and_show_the_release() {
    for untagged_only in [false, true] {
        let scene = one(Personality {
            delete_digests: untagged_only,
            delete_untagged_only: untagged_only,
            refused: vec![tag("latest")],
            ..Personality::default()
        });
        let before = scene.snapshot();
        let outcome = scene.run(1).await.unwrap();
        assert_eq!(outcome.kind, OutcomeKind::NeedsHuman, "{outcome:#?}");
        let (_, state) = text(&outcome);
        for left in ["1.3.0", "sha-0123456", "1.3", "2026-11-23"] {
            assert_eq!(scene.shows(0, left), Some(ours(&scene)), "{left}");
            assert!(state.contains(&format!("api:{left} (")), "{state}");
        }
        for tag in outcome.tags {
            assert_eq!(tag.is_as_before(), tag.before.is_some(), "{tag:?}");
        }
        assert_eq!(
            scene.shows(0, "1"),
            before.tags.get(&repository(0).tag(&tag("1"))).cloned()
        );
        assert_eq!(
            scene.snapshot().locks,
            0,
            "the next release may adopt what is left"
        );
        assert!(scene.resume(2).await.is_none(), "nothing is open");
    }
}

#[tokio::test(start_paused = true)]
async fn row_34_a_new_tag_that_became_immutable_is_listed() {
    let scene = one(Personality {
        delete_tags: true,
        immutable: vec![tag("1.3.0")],
        refused: vec![tag("latest")],
        ..Personality::default()
    });
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::NeedsHuman, "{outcome:#?}");
    let left: Vec<_> = outcome
        .tags
        .iter()
        .filter(|tag| !tag.is_as_before())
        .collect();
    assert_eq!(left.len(), 1);
    assert_eq!(
        (left[0].tag.as_str(), &left[0].now),
        ("1.3.0", &Observed::At(ours(&scene)))
    );
}

/// Between the last look and the PUT of a roll back nothing can keep another writer out; what it did is
/// overwritten, and hoist does not say otherwise.
#[tokio::test(start_paused = true)]
async fn row_35_a_writer_between_the_look_and_the_put_of_a_roll_back_is_overwritten() {
    let scene = one(Personality {
        refused: vec![tag("2026-11-23")],
        ..Personality::default()
    });
    let before = scene.snapshot();
    let registry = scene.registries[0].clone();
    let compete = move || registry.set_tag(&repository(0), &tag("latest"), &foreign());
    // The first PUT is the commit's, the second the roll back's.
    scene.faults.strike(
        "PUT 127.0.0.1:5001/acme/api:latest",
        1,
        1,
        Fault::First(Arc::new(compete)),
    );
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::RolledBack, "{outcome:#?}");
    assert_eq!(scene.snapshot(), before);
    assert_eq!(
        scene.requests("PUT 127.0.0.1:5001/acme/api:latest").len(),
        2
    );
}

/// Dead at each operation of a roll back in turn; the next one ends it, from here and from elsewhere.
#[tokio::test(start_paused = true)]
async fn row_36_a_crash_in_a_roll_back_is_rolled_back() {
    let setting = Setting {
        personality: Personality {
            refused: vec![tag("2026-11-23")],
            ..Personality::default()
        },
        ..Setting::default()
    };
    let mut crashes = 0;
    for n in 0.. {
        let mut scene = Scene::new(&setting);
        let before = scene.snapshot();
        // Counted from where the roll back begins.
        let faults = scene.faults.clone();
        let begin = move || faults.strike("", n, 1, Fault::CrashBefore);
        scene.faults.strike(
            "PUT 127.0.0.1:5002/acme/api:2026-11-23",
            0,
            1,
            Fault::First(Arc::new(begin)),
        );
        if scene.run(1).await.is_some() {
            break;
        }
        crashes += 1;
        scene.faults.clear();
        if n % 2 == 0 {
            scene.elsewhere();
        }
        while let Some(outcome) = scene.rollback(2).await {
            assert_eq!(
                outcome.kind,
                OutcomeKind::RolledBack,
                "operation {n}: {outcome:#?}"
            );
        }
        assert_eq!(scene.snapshot(), before, "operation {n}");
    }
    assert!(crashes > 40, "{crashes}");
}

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
    let before = scene.snapshot();
    scene.registries[2].become_like(|it| it.refused = vec![tag("2026-11-23-alpine")]);
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::RolledBack, "{outcome:#?}");
    assert_eq!(outcome.tags.len(), 36);
    assert_eq!(scene.snapshot(), before);
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
        scene
            .faults
            .strike("", n, 1, Fault::First(Arc::new(move || cancel.cancel())));
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
        clean_stops > 20 && completions > 20,
        "{clean_stops} {completions}"
    );
}

#[tokio::test(start_paused = true)]
async fn row_39_a_signal_while_a_registry_hangs_rolls_back_within_the_grace_period() {
    let scene = Scene::new(&Setting::default());
    let before = scene.snapshot();
    let cancel = scene.cancel.clone();
    scene.faults.strike(
        "PUT 127.0.0.1:5002/acme/api:latest",
        0,
        1,
        Fault::First(Arc::new(move || cancel.cancel())),
    );
    scene
        .faults
        .strike("PUT 127.0.0.1:5002/acme/api:1", 1, 6, Fault::Failed);
    let begun = tokio::time::Instant::now();
    let outcome = scene.run(1).await.unwrap();
    let grace = scene.publication.policy.grace;
    assert!(begun.elapsed() <= grace, "{:?}", begun.elapsed());
    match outcome.kind {
        OutcomeKind::Published => assert_eq!(scene.snapshot(), scene.after()),
        OutcomeKind::Interrupted => assert_eq!(scene.snapshot(), before, "{outcome:#?}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn row_41_what_was_visible_is_told_as_it_happens() {
    let scene = one(Personality {
        refused: vec![tag("latest")],
        ..Personality::default()
    });
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
