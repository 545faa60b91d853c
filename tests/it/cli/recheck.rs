//! What is published while a release runs: the guard is asked again under the lock.

use std::sync::{Arc, Mutex};

use testkit::sandbox::Clone;

use crate::{
    publish::scene::foreign,
    registry::server::{Delete, Fault, On, State, TestRegistry, What},
    support::World,
};

const NAME: &str = "acme/api";

/// Something happens after the last thing before the lock is taken: the manifest has arrived by its
/// digest.
fn meanwhile(registry: &TestRegistry, deed: impl Fn(&mut State) + Send + Sync + 'static) {
    let staged = On::put_manifest().with("/manifests/sha256:");
    registry.fault(Fault::once(staged, What::After(Arc::new(deed))));
}

/// A verb that stops under the lock with these words, and moves no tag; the tag `new` is somebody
/// else's.
fn stops(world: &World<'_>, clone: &Clone<'_>, args: &[&str], new: &str, words: &[&str]) {
    let before = world.tags();
    let run = world.run(clone, args);
    run.expect(6);
    for words in words {
        run.says(words);
    }
    let mut after = world.tags();
    after.retain(|line| !line.contains(&format!(":{new} ")));
    assert_eq!(after, before);
    world.assert_unlocked();
}

#[test]
fn a_version_published_while_a_release_runs_keeps_its_line() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    // The version alone, so no tag that this release moves has changed.
    meanwhile(&registry, |state| {
        state.store.foreign_push(NAME, "1.7.0", &foreign());
    });
    let words = [
        "a higher version of its line came while this release was running",
        "1.7.0 is newer (published)",
        "state: this release has moved no tag",
    ];
    stops(&world, &clone, &["release", "--yes"], "1.7.0", &words);

    world.hoist(&clone, &["release", "--yes"]);
    assert_eq!(world.shows("1.1"), world.shows("1.1.0"));
    assert_eq!(world.shows("latest"), world.shows("1.0.0"));
}

/// The git tag `v2.0.0` is pushed while a release runs; no image of it comes.
fn tagged_meanwhile(world: &World<'_>, clone: &Clone<'_>, registry: &TestRegistry) {
    let head = clone.git(&["rev-parse", "HEAD"]);
    let mut push = world.remote.hermetic("git");
    push.current_dir(world.remote.path());
    push.args(["tag", "v2.0.0", &head]);
    let push = Mutex::new(push);
    meanwhile(registry, move |_| {
        assert!(push.lock().unwrap().status().unwrap().success());
    });
}

/// Refuses the list of tags from the `nth` time on; the first one is the plan's.
fn refuse_lists(registry: &TestRegistry, nth: usize) {
    let list = On::method("GET").with("/tags/list");
    let refused = What::Status(403, "DENIED");
    registry.fault(Fault::nth(nth, list, refused).times(99));
}

#[test]
fn a_git_tag_without_an_image_freezes_nothing_while_a_release_runs() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    tagged_meanwhile(&world, &clone, &registry);
    world.hoist(&clone, &["release", "--yes"]);
    for tag in ["1.1", "1", "latest"] {
        assert_eq!(world.shows(tag), world.shows("1.1.0"), "`{tag}`");
    }
    assert_eq!(world.shows("2.0.0"), None);
    world.assert_unlocked();
}

#[test]
fn a_git_tag_pushed_while_a_release_runs_keeps_its_line_where_no_list_is_to_be_had() {
    for refused_from in [1, 2] {
        let registry = TestRegistry::that_deletes(Delete::Digest(400));
        let world = World::new(&registry, &[NAME]);
        let clone = world.released();
        refuse_lists(&registry, refused_from);
        tagged_meanwhile(&world, &clone, &registry);
        let words = ["2.0.0 is newer"];
        stops(&world, &clone, &["release", "--yes"], "2.0.0", &words);
        assert_eq!(world.shows("2.0.0"), None);
    }
}

#[test]
fn a_version_that_only_git_knows_is_named_and_holds_nothing_back() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    clone.git(&["switch", "--quiet", "--create", "two"]);
    clone.commit("feat!: two");
    clone.git(&["tag", "v2.0.0"]);
    clone.git(&["push", "--quiet", "origin", "v2.0.0"]);
    clone.git(&["switch", "--quiet", "main"]);
    world.change(&clone, "fix: one");
    let note = "2.0.0 has a git tag and no image in any repository";
    let plan = ["plan", "--version", "1.0.1"];
    for args in [&plan[..], &["tags", "1.0.1"]] {
        let run = world.hoist(&clone, args);
        run.says(note);
        run.says("`hoist release --version 2.0.0`");
    }
    // Without an answer from the registry git decides.
    world
        .hoist(&clone, &["tags", "1.0.1", "--offline", "--explain"])
        .says("2.0.0 is newer");

    // The image came out, and its own tag was deleted: `latest` shows it, by the receipt of its git tag.
    let other = registry.tags(NAME)["latest"].clone();
    let block = format!(
        "v2.0.0\n\nHoist-Run: ci\nHoist-Image: {}@{other}\n",
        registry.repository(NAME)
    );
    clone.git(&[
        "tag",
        "--force",
        "--annotate",
        "v2.0.0",
        "two",
        "--message",
        &block,
    ]);
    clone.git(&["push", "--quiet", "--force", "origin", "v2.0.0"]);
    let run = world.hoist(&clone, &plan);
    run.says("2.0.0 is newer");
    assert!(!run.to_string().contains(note), "{run}");
}

#[test]
fn a_registry_that_stops_listing_its_tags_leaves_the_guard_to_git() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    let list = On::method("GET").with("/tags/list");
    refuse_lists(&registry, 2);
    world.hoist(&clone, &["release", "--yes"]);
    assert!(registry.count(&list) > 1, "the guard asked again");
    assert_eq!(world.shows("latest"), world.shows("1.1.0"));
}

#[test]
fn a_repair_puts_no_tag_behind_what_came_meanwhile() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    registry.foreign_push(NAME, "latest", &foreign());
    world.run(&clone, &["repair"]).expect(9);
    // Its image is there and is not put again: the right to push is proven right before the lock.
    let proof = On::method("POST").with("/blobs/uploads/");
    let deed = |state: &mut State| state.store.foreign_push(NAME, "3.0.0", &foreign());
    registry.fault(Fault::once(proof, What::After(Arc::new(deed))));
    let words = ["3.0.0 is the highest of its line now"];
    stops(&world, &clone, &["repair", "--yes"], "3.0.0", &words);
    assert_eq!(world.shows("latest"), world.shows("3.0.0"));
}
