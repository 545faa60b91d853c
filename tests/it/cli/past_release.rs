//! A way back that begins after a later release: what the later release moved stays where it is.

use std::collections::BTreeMap;

use serde_json::Value;
use testkit::sandbox::Clone;

use crate::{
    cli::locks::{NAME, dead, lock},
    registry::server::{Delete, TestRegistry},
    support::{Run, World},
};

/// The next version, from another clone.
fn release_the_next(world: &World<'_>, clone: &Clone<'_>) {
    world.change(clone, "feat: yet more");
    world.hoist(clone, &["release", "--version", "1.2.0", "--yes"]);
    assert_eq!(world.shows("latest"), world.shows("1.2.0"));
}

/// What the outcome says of each tag is what the registry shows.
#[track_caller]
fn assert_true(run: &Run, registry: &TestRegistry) {
    let outcome = run.outcome();
    let there = registry.tags(NAME);
    let tags = outcome["tags"].as_array().unwrap();
    assert!(!tags.is_empty(), "{run}");
    for tag in tags {
        let told = match tag["now"]["shows"].as_str().unwrap() {
            "absent" => None,
            _ => tag["now"]["digest"].as_str(),
        };
        let name = tag["tag"].as_str().unwrap();
        let shown = there.iter().find(|(one, _)| *one == name);
        let shown = shown.map(|(_, digest)| digest.to_string());
        assert_eq!(told.map(str::to_owned), shown, "{name}: {run}");
    }
}

/// What tags show that belong to the later release.
fn of_the_next(registry: &TestRegistry) -> BTreeMap<String, String> {
    let all = registry.tags(NAME);
    let digest = all["1.2.0"].clone();
    let ours = all.into_iter().filter(|(_, shown)| *shown == digest);
    ours.map(|(tag, shown)| (tag, shown.to_string())).collect()
}

#[test]
fn a_lost_lock_does_not_lead_back_past_a_later_release() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = dead(&world, &registry);
    let unfinished = world.shows("1.1.0").unwrap();
    let (name, _) = lock(&world);
    world.remote.git(&["update-ref", "-d", &name]);
    let other = world.remote.clone("elsewhere", &[]);
    release_the_next(&world, &other);
    let next = of_the_next(&registry);

    // Whoever may still write is not known, so nothing is moved without a word.
    let before = world.tags();
    let run = world.run(&clone, &["rollback", "--yes", "--json"]);
    run.expect(8);
    assert_true(&run, &registry);
    assert_eq!(world.tags(), before, "{run}");
    run.says("another release has gone over 1.1.0, whose lock is gone");
    run.says("hoist rollback --take-over");

    let run = world.run(&clone, &["rollback", "--take-over", "--yes", "--json"]);
    run.expect(8);
    assert_true(&run, &registry);
    assert_eq!(of_the_next(&registry), next, "{run}");
    let left = registry.tags(NAME);
    assert!(
        left.values().all(|shown| shown.to_string() != unfinished),
        "{left:?} {run}"
    );
    run.says("have moved on since");
    run.says("hoist repair");
    world.assert_unlocked();

    // It is over: nothing is unfinished, and the set is that of 1.2.0.
    world.hoist(&clone, &["status"]);
    clone.git(&["fetch", "--quiet", "--tags"]);
    world.hoist(&clone, &["verify", "1.2.0"]);
}

#[test]
fn what_was_finished_elsewhere_is_not_taken_back_past_a_later_release() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = dead(&world, &registry);
    let other = world.remote.clone("elsewhere", &[]);
    world.hoist(&other, &["resume", "--yes"]);
    release_the_next(&world, &other);
    let before = world.tags();

    let run = world.run(&clone, &["rollback", "--yes", "--json"]);
    assert_eq!(world.tags(), before, "{run}");
    run.says("was finished from another place");
    assert_ne!(run.code, Some(0), "{run}");
    let outcome: Value = run.outcome();
    assert_eq!(outcome["version"], "1.1.0", "{run}");
    world.assert_unlocked();
    world.hoist(&clone, &["status"]);
}
