//! What is published while a release runs: the guard is asked again under the lock.

use std::sync::{Arc, Mutex};

use testkit::sandbox::Clone;

use crate::{
    publish::scene::foreign,
    registry::server::{Delete, Fault, On, Personality, TestRegistry, What},
    support::World,
};

const NAME: &str = "acme/api";

fn registry() -> TestRegistry {
    TestRegistry::start(Personality {
        delete: Delete::Digest(400),
        ..Personality::default()
    })
}

/// 1.0.0 is out and a feature is pushed.
fn begun<'w>(world: &'w World<'_>) -> Clone<'w> {
    let clone = world.project("a");
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    world.change(&clone, "feat: more");
    clone
}

/// The last thing before the lock is taken: the manifest arrives by its digest.
fn staged() -> On {
    On::put_manifest().with("/manifests/sha256:")
}

#[test]
fn a_version_published_while_a_release_runs_keeps_its_line() {
    let registry = registry();
    let world = World::new(&registry, &[NAME]);
    let clone = begun(&world);
    // The version alone, so no tag that this release moves has changed.
    registry.fault(Fault::once(
        staged(),
        What::After(Arc::new(|state| {
            state.store.foreign_push(NAME, "1.7.0", &foreign());
        })),
    ));
    let before = world.tags();
    let run = world.run(&clone, &["release", "--yes"]);
    run.expect(6);
    run.says("a higher version of its line came while this release was running");
    run.says("1.7.0 is newer (published)");
    run.says("state: no tag has moved");
    let mut after = world.tags();
    after.retain(|line| !line.contains(":1.7.0 "));
    assert_eq!(after, before);
    world.assert_unlocked();

    world.hoist(&clone, &["release", "--yes"]);
    assert_eq!(world.shows("1.1"), world.shows("1.1.0"));
    assert_eq!(world.shows("latest"), world.shows("1.0.0"));
}

#[test]
fn a_git_tag_pushed_while_a_release_runs_keeps_its_line() {
    let registry = registry();
    let world = World::new(&registry, &[NAME]);
    let clone = begun(&world);
    let head = clone.git(&["rev-parse", "HEAD"]);
    let mut push = world.remote.hermetic("git");
    push.current_dir(world.remote.path());
    push.args(["tag", "v2.0.0", &head]);
    let push = Mutex::new(push);
    registry.fault(Fault::once(
        staged(),
        What::After(Arc::new(move |_| {
            assert!(push.lock().unwrap().status().unwrap().success());
        })),
    ));
    let before = world.tags();
    let run = world.run(&clone, &["release", "--yes"]);
    run.expect(6);
    run.says("2.0.0 is newer");
    assert_eq!(world.tags(), before);
    world.assert_unlocked();
}

#[test]
fn a_registry_that_stops_listing_its_tags_leaves_the_guard_to_git() {
    let registry = registry();
    let world = World::new(&registry, &[NAME]);
    let clone = begun(&world);
    let list = On::method("GET").with("/tags/list");
    let refused = What::Status(403, "DENIED");
    // The first list is the plan's.
    registry.fault(Fault::nth(2, list.clone(), refused).times(99));
    world.hoist(&clone, &["release", "--yes"]);
    assert!(registry.count(&list) > 1, "the guard asked again");
    assert_eq!(world.shows("latest"), world.shows("1.1.0"));
}

#[test]
fn a_repair_puts_no_tag_behind_what_came_meanwhile() {
    let registry = registry();
    let world = World::new(&registry, &[NAME]);
    let clone = begun(&world);
    registry.foreign_push(NAME, "latest", &foreign());
    world.run(&clone, &["repair"]).expect(9);
    registry.fault(Fault::once(
        staged(),
        What::After(Arc::new(|state| {
            state.store.foreign_push(NAME, "3.0.0", &foreign());
        })),
    ));
    let run = world.run(&clone, &["repair", "--yes"]);
    run.expect(6);
    run.says("3.0.0 is the highest of its line now");
    assert_eq!(world.shows("latest"), world.shows("3.0.0"));
    world.assert_unlocked();
}
