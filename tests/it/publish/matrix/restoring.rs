//! What goes wrong while moved tags are put back: rows 30 to 36.

use hoist::{
    io::registry::RepositoryApi as _,
    oci::{Digest, Manifest, MediaType, Observed},
    outcome::OutcomeKind::{self, NeedsHuman, RolledBack},
    testing::{Fault, Personality},
};

use super::row::{
    Now::{Before, But},
    Row,
    Shown::{Ours, Theirs},
    check, compete, deleting_and_refusing, happens, meanwhile, one, ours, refusing, rolled_back,
    tag, text,
};
use crate::publish::scene::{Scene, Setting, repository};

/// `latest` shows an image whose blobs are gone.
fn lose_the_blobs_of_latest(scene: &mut Scene) {
    let config = Digest::of(b"swept");
    let old = Manifest::new(
        MediaType::OCI_MANIFEST.into(),
        format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config}","size":5}},"layers":[]}}"#
        ),
    );
    scene.registries[0].set_tag(&repository(0), &tag("latest"), &old);
    scene.publication.targets[0].tags[4].before = Observed::At(old.digest().clone());
}

#[tokio::test(start_paused = true)]
async fn what_was_moved_is_put_back_or_listed() {
    check(vec![
        Row {
            name: "row_30_a_third_digest_at_verify_undoes_what_is_still_ours",
            // Each tag is looked at once by `observe`; the second look is `verify`.
            strikes: vec![
                meanwhile("HEAD 127.0.0.1:5001/acme/api:1.3.0", |registry| {
                    compete(registry, "1.3")
                })
                .after(1),
            ],
            ends: (NeedsHuman, But("1.3", Theirs)),
            ..Row::one(Personality::default())
        },
        Row {
            name: "row_32_an_old_tag_whose_blobs_were_swept_is_listed",
            arrange: lose_the_blobs_of_latest,
            ends: (NeedsHuman, But("latest", Ours)),
            ..Row::one(deleting_and_refusing("2026-11-23"))
        },
        Row {
            name: "row_33_a_new_tag_is_deleted_by_name_where_that_works",
            ends: (RolledBack, Before),
            counts: &[("DELETE 127.0.0.1:5001/acme/api@", 0)],
            ..Row::one(Personality {
                delete_digests: false,
                ..deleting_and_refusing("latest")
            })
        },
        Row {
            name: "row_34_a_new_tag_that_became_immutable_is_listed",
            ends: (NeedsHuman, But("1.3.0", Ours)),
            ..Row::one(Personality {
                immutable: vec![tag("1.3.0")],
                ..deleting_and_refusing("latest")
            })
        },
        Row {
            name: "row_35_a_writer_between_the_look_and_the_put_of_a_roll_back_is_overwritten",
            // Nothing can keep another writer out there; what it did is overwritten, and hoist does
            // not say otherwise. The first PUT is the commit's, the second the roll back's.
            strikes: vec![
                meanwhile("PUT 127.0.0.1:5001/acme/api:latest", |registry| {
                    compete(registry, "latest")
                })
                .after(1),
            ],
            ends: (RolledBack, Before),
            counts: &[("PUT 127.0.0.1:5001/acme/api:latest", 2)],
            ..Row::one(refusing("2026-11-23"))
        },
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn row_32_an_old_tag_gets_its_old_bytes_even_when_they_were_swept() {
    let scene = one(deleting_and_refusing("2026-11-23"));
    let old = scene.old["latest"].digest().clone();
    // `latest` has moved by then, so its old manifest has no tag; the retention rule is quick.
    let (registry, swept) = (scene.registries[0].clone(), old.clone());
    let sweep = move || registry.lose(&repository(0), &swept);
    let put = "PUT 127.0.0.1:5001/acme/api:2026-11-23";
    happens(&scene, put, 0, sweep);
    rolled_back(&scene).await;
    let place = scene.registries[0].repository(&repository(0));
    assert!(place.head(&old.clone().into()).await.unwrap().is_some());
    assert_eq!(scene.shows(0, "latest"), Some(old));
}

#[tokio::test(start_paused = true)]
async fn row_33_else_a_stand_in_is_deleted_and_never_the_releases_digest() {
    let scene = one(refusing("latest"));
    rolled_back(&scene).await;
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
            ..refusing("latest")
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

/// Dead at each operation of a roll back in turn; the next one ends it, from here and from elsewhere.
#[tokio::test(start_paused = true)]
async fn row_36_a_crash_in_a_roll_back_is_rolled_back() {
    let setting = Setting {
        personality: refusing("2026-11-23"),
        ..Setting::default()
    };
    let mut crashes = 0;
    for n in 0.. {
        let mut scene = Scene::new(&setting);
        let before = scene.snapshot();
        // Counted from where the roll back begins.
        let faults = scene.faults.clone();
        let begin = move || faults.strike("", n, 1, Fault::CrashBefore);
        happens(&scene, "PUT 127.0.0.1:5002/acme/api:2026-11-23", 0, begin);
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
