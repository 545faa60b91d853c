//! A promotion that died, taken over from another clone: its image is another version's by nature.

use std::fs;

use testkit::sandbox::Clone;

use crate::{
    cli::{locks::NAME, refusal::die_between_two_tags_of},
    registry::server::{Delete, TestRegistry},
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
        // One of them does not have the git tags yet.
        let args: &[&str] = if n == 0 { &["--no-tags"] } else { &[] };
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
