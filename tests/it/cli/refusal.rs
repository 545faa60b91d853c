//! A registry that refuses, and a release that dies, at one chosen tag: over real HTTP, with a
//! real git remote, through the binary.

use std::{
    process::{Child, Stdio},
    time::Duration,
};

use testkit::sandbox::Clone;

use crate::{
    registry::server::{Delete, Fault, Held, On, Personality, TestRegistry, What},
    support::{Run, World},
};

const NAME: &str = "acme/api";

/// What a registry of the common kind allows: deletion of digests, or none.
fn registry(delete: Delete) -> TestRegistry {
    TestRegistry::start(Personality {
        delete,
        ..Personality::default()
    })
}

/// 1.0.0 is out, a feature is pushed, and the registry refuses to move `latest`.
fn refused<'w>(world: &'w World<'_>, registry: &TestRegistry) -> Clone<'w> {
    let clone = world.released();
    let latest = On::put_manifest().with("/manifests/latest");
    registry.fault(Fault::always(latest, What::Status(403, "DENIED")));
    clone
}

#[test]
fn a_refused_tag_puts_every_tag_back() {
    let registry = registry(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = refused(&world, &registry);
    let before = world.tags();
    let run = world.run(&clone, &["release", "--yes"]);
    run.expect(7);
    assert_eq!(world.tags(), before);
    assert_eq!(run.stderr.matches("error:").count(), 1, "{run}");
    run.says("`latest`");
    run.says("state: rolled back");
    assert!(!world.remote.refs().contains("v1.1.0"));
    world.assert_unlocked();

    registry.heal();
    world.hoist(&clone, &["release", "--yes"]);
    assert_eq!(world.shows("latest"), world.shows("1.1.0"));
}

#[test]
fn a_head_that_hides_every_tag_costs_nobody_a_tag() {
    for delete in [Delete::Tag, Delete::Digest(400), Delete::Off] {
        let registry = registry(delete);
        let world = World::new(&registry, &[NAME]);
        let clone = refused(&world, &registry);
        let heads = On::method("HEAD").with("/manifests/");
        registry.fault(Fault::always(heads, What::Status(404, "MANIFEST_UNKNOWN")));
        let before = world.tags();
        let run = world.run(&clone, &["release", "--yes", "-v"]);
        run.says("answers HEAD with 404 for what GET shows");
        if delete == Delete::Off {
            run.expect(8);
            let after = world.tags();
            assert!(before.iter().all(|tag| after.contains(tag)), "{run}");
        } else {
            run.expect(7);
            assert_eq!(world.tags(), before);
        }
    }
}

#[test]
fn an_image_that_the_registry_refuses_stops_at_stage() {
    for (status, code, words) in [
        (400, "MANIFEST_INVALID", "whatever its name"),
        (413, "", "raise the limit of the registry"),
    ] {
        let registry = registry(Delete::Tag);
        let world = World::new(&registry, &[NAME]);
        let clone = world.project("a");
        registry.fault(Fault::always(
            On::put_manifest(),
            What::Status(status, code),
        ));
        let run = world.run(&clone, &["release", "--version", "1.0.0", "--yes"]);
        run.expect(6);
        run.says("cannot stage the image");
        run.says(words);
        assert!(!run.stderr.contains("starts again"), "{run}");
        assert!(!run.stderr.contains("Rolling back"), "{run}");
        assert_eq!(registry.count(&On::put_tag()), 0);
        world.assert_unlocked();
    }
}

#[test]
fn what_cannot_be_taken_back_is_listed_and_adopted() {
    leftovers_are_listed_and_adopted(|_, _| {});
}

/// Without a label only the journal says whose the leftover is.
#[test]
fn what_the_journal_names_is_adopted_without_a_label() {
    leftovers_are_listed_and_adopted(|world, clone| {
        let script = std::fs::read_to_string(clone.path().join("image.sh")).unwrap();
        let labels = script
            .lines()
            .find(|line| line.starts_with("labels="))
            .unwrap();
        clone.write("image.sh", script.replace(labels, "labels='{}'"));
        world.change(clone, "fix: no label");
    });
}

fn leftovers_are_listed_and_adopted(prepare: fn(&World<'_>, &Clone<'_>)) {
    let registry = registry(Delete::Off);
    let world = World::new(&registry, &[NAME]);
    let clone = refused(&world, &registry);
    prepare(&world, &clone);
    let before = world.tags();
    let run = world.run(&clone, &["release", "--yes", "--json"]);
    run.expect(8);
    let outcome = run.outcome();
    assert_eq!(outcome["exit"], 8);
    let after = world.tags();
    assert!(before.iter().all(|tag| after.contains(tag)), "{after:?}");
    let left: Vec<_> = after.iter().filter(|tag| !before.contains(tag)).collect();
    assert!(!left.is_empty());
    let listed = outcome["tags"].to_string();
    for line in &left {
        let (tag, digest) = line.split_once(' ').unwrap();
        let (_, tag) = tag.split_once(':').unwrap();
        assert!(
            listed.contains(tag) && listed.contains(digest),
            "{line}: {run}"
        );
    }
    let leftover = world.shows("1.1.0").expect("the version tag came first");
    world.assert_unlocked();

    registry.heal();
    world.hoist(&clone, &["release", "--yes"]);
    for tag in ["1.1.0", "1.1", "1", "latest"] {
        assert_eq!(world.shows(tag).as_ref(), Some(&leftover), "{tag}");
    }
    assert!(world.remote.refs().contains("refs/tags/v1.1.0"));
}

/// Kills a release while its PUT of `latest` waits, after the version tag has moved.
pub fn die_between_two_tags(world: &World<'_>, registry: &TestRegistry, clone: &Clone<'_>) {
    die_between_two_tags_of(world, registry, clone, &["release", "--yes"]);
}

/// The same, of a release with these arguments.
pub fn die_between_two_tags_of(
    world: &World<'_>,
    registry: &TestRegistry,
    clone: &Clone<'_>,
    args: &[&str],
) {
    let held = Held::default();
    let latest = On::put_manifest().with("/manifests/latest");
    registry.fault(Fault::always(latest, What::Hold(held.clone())));
    let mut command = world.command(clone, args);
    let mut child: Child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    assert!(held.wait(Duration::from_secs(60)), "`latest` was never put");
    child.kill().unwrap();
    child.wait().unwrap();
    registry.heal();
}

#[test]
fn a_release_that_died_is_finished_from_another_clone_without_building() {
    let registry = registry(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    die_between_two_tags(&world, &registry, &clone);
    assert_ne!(world.shows("1.1.0"), world.shows("latest"));

    let other = world.remote.clone("elsewhere", &[]);
    let status = world.run(&other, &["status"]);
    status.expect(5);
    status.says("1.1.0");
    let stopped = world.run(&other, &["release", "--version", "2.0.0", "--yes"]);
    stopped.expect(5);
    stopped.says("hoist resume");
    // The dead owner was a process of this machine, so no word is needed to take over.
    let resumed = world.hoist(&other, &["resume", "--yes"]);
    resumed.says("waiting until ");
    resumed.says("for requests that the former holder of the lock may have sent");
    assert!(!other.path().join("dist").exists(), "it was built again");
    let digest = world.shows("1.1.0").unwrap();
    for tag in ["1.1", "1", "latest"] {
        assert_eq!(world.shows(tag).as_ref(), Some(&digest), "{tag}");
    }
    assert!(world.remote.refs().contains("refs/tags/v1.1.0"));
    world.assert_unlocked();
    world.run(&other, &["status"]).expect(0);
}

#[test]
fn a_release_that_died_is_undone_from_another_clone() {
    let registry = registry(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    let before = world.tags();
    world.change(&clone, "feat: more");
    die_between_two_tags(&world, &registry, &clone);
    assert_ne!(world.tags(), before);

    let other = world.remote.clone("elsewhere", &[]);
    world.hoist(&other, &["rollback", "--take-over", "--yes"]);
    assert_eq!(world.tags(), before);
    assert!(!world.remote.refs().contains("v1.1.0"));
    world.assert_unlocked();
    world.hoist(&other, &["rollback"]);
}

#[test]
fn the_last_json_line_is_the_outcome_after_an_error_too() {
    let registry = registry(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    clone.commit("feat: only here");
    let run = world.run(&clone, &["release", "--yes", "--json"]);
    run.expect(4);
    assert_eq!(run.outcome()["exit"], 4);
    clone.push();
    let run = world.hoist(&clone, &["release", "--yes", "--json"]);
    assert_eq!(run.outcome()["outcome"], "published");
    let all: Result<Vec<serde_json::Value>, _> =
        run.stdout.lines().map(serde_json::from_str).collect();
    assert!(all.unwrap().len() > 5, "{run}");
    let again: Run = world.hoist(&clone, &["release", "--yes", "--json"]);
    assert_eq!(again.outcome()["outcome"], "nothing");
    let next = world.hoist(&clone, &["next", "--json"]).json();
    assert!(next["next"].is_null());
    assert_eq!(next["current"], "0.1.0");
}
