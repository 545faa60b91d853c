//! What goes wrong while content and manifests are sent: rows 14 to 17.

use hoist::testing::{MultiTag, Personality};

use super::row::{Row, check, meanwhile, new, published, sweep, tag, tagging};
use crate::publish::scene::{Scene, Setting, repository};

#[tokio::test(start_paused = true)]
async fn content_that_is_missing_is_sent_again() {
    check(vec![
        Row {
            name: "row_14_blobs_that_head_claims_are_sent_again",
            // Swept between the upload and the manifest.
            strikes: vec![meanwhile("PUT 127.0.0.1:5001/acme/api@", sweep)],
            counts: &[("POST 127.0.0.1:5001/acme/api blob", 4)],
            ..Row::one(Personality::default())
        },
        Row {
            name: "row_15_a_registry_that_refuses_a_second_put_is_read_back",
            arrange: |scene| {
                scene.registries[0].set_tag(&repository(0), &tag("old-build"), &new(scene))
            },
            ..Row::one(Personality {
                conflict_on_second_put: true,
                ..Personality::default()
            })
        },
        Row {
            name: "row_17_what_is_swept_between_stage_and_commit_is_sent_again",
            // After the observation: before the commit's first request.
            strikes: vec![meanwhile("PUT 127.0.0.1:5001/acme/api@", sweep).after(1)],
            ..Row::one(Personality::default())
        },
        Row {
            name: "row_17_what_is_swept_is_sent_again_with_tags_in_one_request",
            strikes: vec![meanwhile("PUT 127.0.0.1:5001/acme/api@", sweep).after(1)],
            ..Row::one(tagging(MultiTag::Whole))
        },
    ])
    .await;
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
