//! What is read before anything moves: rows 2 to 7, and 18.

use std::sync::Arc;

use hoist::{
    error::ErrorKind,
    event::Event,
    git::RefName,
    oci::Observed,
    outcome::OutcomeKind::{self, Failed, RolledBack},
    publish::{self, Preflight, PreflightResult},
    testing::{Fault, Personality},
};

use super::row::{
    Now::Before, Row, adopt, always, check, deleting_and_refusing, not_as_before, one, ours,
    refusing, rolled_back, tag, text,
};
use crate::publish::scene::{Scene, Setting, foreign, repository};

async fn preflight(scene: &Scene) -> hoist::error::Result<Vec<PreflightResult>> {
    let repositories = scene.publication.targets.iter();
    let asked = Preflight {
        branch: None,
        mark: None,
        shown: Vec::new(),
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

#[tokio::test(start_paused = true)]
async fn what_is_read_decides_whether_anything_moves() {
    check(vec![
        Row {
            name: "row_4_a_tag_that_stays_unreadable_stops_the_release",
            arrange: |scene| scene.publication.targets[0].tags[4].before = Observed::Unknown,
            strikes: vec![always(
                "HEAD 127.0.0.1:5001/acme/api:latest",
                Fault::Refused,
            )],
            ends: (Failed, Before),
            ..Row::one(Personality::default())
        },
        Row {
            name: "row_5_a_tag_that_shows_the_release_already_is_skipped",
            arrange: adopt,
            counts: &[("PUT 127.0.0.1:5001/acme/api:1.3.0", 0)],
            ..Row::one(Personality {
                // Refused even for the same digest, as on ECR and Harbor.
                immutable: vec![tag("1.3.0")],
                ..Personality::default()
            })
        },
        Row {
            name: "row_5_adopted_tags_are_never_taken_back",
            arrange: adopt,
            ends: (RolledBack, Before),
            ..Row::one(refusing("latest"))
        },
        Row {
            name: "row_18_a_tag_that_moved_since_the_plan_stops_before_the_commit",
            arrange: |scene| {
                scene.registries[1].set_tag(&repository(1), &tag("latest"), &foreign())
            },
            ends: (Failed, Before),
            message: "cannot move tag `latest` of `127.0.0.1:5002/acme/api`: \
          it changed while this release was running",
            says: vec![format!("found {}", foreign().digest().short())],
            ..Row::two()
        },
        Row {
            name: "row_18_a_tag_that_was_deleted_since_the_plan_stops_before_the_commit",
            arrange: |scene| scene.registries[0].drop_tag(&repository(0), &tag("latest")),
            ends: (Failed, Before),
            says: vec!["found absent".into()],
            ..Row::one(Personality {
                delete_tags: true,
                ..Personality::default()
            })
        },
        Row {
            name: "row_18_somebody_elses_git_tag_stops_before_the_commit",
            arrange: |scene| scene.remote.set("refs/tags/v1.3.0", "4567"),
            ends: (Failed, Before),
            ..Row::two()
        },
    ])
    .await;
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
    for found in &mut scene.publication.targets[0].tags {
        found.before = Observed::Unknown;
    }
    scene.registries[0].become_like(|it| it.refused = vec![tag("latest")]);
    rolled_back(&scene).await;
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
    let scene = one(deleting_and_refusing("2026-11-23"));
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
    let shown = Observed::At(ours(&scene));
    assert_eq!(not_as_before(&outcome), [("latest", &shown)]);
}

#[tokio::test(start_paused = true)]
async fn row_7_an_old_manifest_that_may_not_be_read_stops_the_release() {
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
