//! A promotion that died, taken over from another clone: its image is another version's by nature.

use std::fs;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hoist::oci::TagOrDigest;
use serde_json::{Value, json};
use testkit::sandbox::Clone;

use crate::{
    cli::{
        locks::{NAME, changed, lock, plant},
        refusal::die_between_two_tags_of,
    },
    registry::server::{Delete, Fault, On, Stale, TestRegistry, What},
    support::World,
};

/// 1.0.0 and two pre-releases of 1.1.0 are out, whose images no label tells of; the promotion of the second
/// has died between two tags.
fn dead<'w>(world: &'w World<'_>, registry: &TestRegistry) -> Clone<'w> {
    let clone = world.project_that_settles("a");
    let script = fs::read_to_string(clone.path().join("image.sh")).unwrap();
    let line = script.lines().find(|line| line.starts_with("labels="));
    clone.write("image.sh", script.replace(line.unwrap(), "labels='{}'"));
    clone.commit("chore: no labels");
    clone.push();
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    for change in ["feat: more", "fix: one thing"] {
        world.change(&clone, change);
        world.hoist(&clone, &["release", "--pre", "rc", "--yes"]);
    }
    die_between_two_tags_of(world, registry, &clone, &["promote", "1.1.0-rc.2", "--yes"]);
    clone
}

#[test]
fn a_promotion_that_died_is_ended_from_any_clone() {
    let verbs: [&[&str]; 4] = [
        &["resume", "--yes"],
        &["rollback", "--yes"],
        &["resume", "--take-over", "--yes"],
        &["rollback", "--take-over", "--yes"],
    ];
    for (n, verb) in verbs.into_iter().enumerate() {
        let registry = TestRegistry::that_deletes(Delete::Tag);
        let world = World::new(&registry, &[NAME]);
        let _clone = dead(&world, &registry);
        assert_ne!(world.shows("latest"), world.shows("1.1.0-rc.2"));
        // Two of them do not have the git tags yet.
        let args: &[&str] = if n < 2 { &["--no-tags"] } else { &[] };
        let other = world.remote.clone("other", args);
        world.hoist(&other, verb);
        if verb[0] == "resume" {
            assert_eq!(world.shows("latest"), world.shows("1.1.0-rc.2"));
            assert_eq!(world.shows("1.1.0"), world.shows("1.1.0-rc.2"));
        } else {
            assert_eq!(world.shows("latest"), world.shows("1.0.0"));
            assert_eq!(world.shows("1.1.0"), None);
        }
        world.assert_unlocked();
    }
}

/// The image of a planted journal becomes that of another version.
fn plant_image_of(registry: &TestRegistry, prepared: &mut Value, version: &str) {
    let mut state = registry.state();
    let contents = state.store.contents(NAME).unwrap();
    let shown = TagOrDigest::Tag(version.parse().unwrap());
    let manifest = contents.find(&shown, Stale::Never).unwrap();
    let document = json!({
        "media_type": manifest.media_type.to_string(),
        "bytes": STANDARD.encode(&manifest.bytes),
    });
    prepared["images"][0]["manifest"] = json!(manifest.digest());
    prepared["documents"].as_array_mut().unwrap().push(document);
}

#[test]
fn a_planted_promotion_publishes_no_other_versions_image() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = dead(&world, &registry);
    let (name, text) = lock(&world);
    let other = world.remote.clone("other", &[]);
    let before = world.tags();
    // That of another version, and that of a pre-release from another commit.
    for version in ["1.0.0", "1.1.0-rc.1"] {
        let planted = changed(&text, |prepared| {
            plant_image_of(&registry, prepared, version);
        });
        plant(&other, &name, &planted);
        for verb in ["resume", "rollback"] {
            let run = world.run(&other, &[verb, "--take-over", "--yes"]);
            run.expect(4);
            run.says("another version published it");
        }
        assert_eq!(world.tags(), before, "{version}");
    }
    plant(&other, &name, &text);
    world.hoist(&clone, &["rollback"]);
    assert_eq!(world.shows("latest"), world.shows("1.0.0"));
}

/// Where the deletion of a tag takes along what it shows, a promotion that is rolled back leaves the candidate's tags.
#[test]
fn a_promotion_that_is_rolled_back_leaves_the_candidate() {
    for delete in [Delete::TagAndImage, Delete::Tag] {
        let registry = TestRegistry::that_deletes(delete);
        let world = World::new(&registry, &[NAME]);
        let clone = world.released();
        world.hoist(&clone, &["release", "--pre", "rc", "--yes"]);
        let before = world.tags();
        registry.fault(Fault::always(
            On::method("PUT").with("/manifests/latest"),
            What::Status(403, "DENIED"),
        ));
        let run = world.run(&clone, &["promote", "1.1.0-rc.1", "--yes"]);
        run.expect(7);
        assert_eq!(world.tags(), before, "{delete:?} {run}");
        world.assert_unlocked();
    }
}
