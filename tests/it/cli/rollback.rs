//! A release that is taken back, and the list of all of them.

use serde_json::Value;
use testkit::sandbox::Clone;

use crate::{
    registry::server::{Delete, Fault, On, TestRegistry, What},
    support::World,
};

const NAME: &str = "acme/api";

/// 1.0.0, and 1.1.0 after it.
fn two<'w>(world: &'w World<'_>) -> Clone<'w> {
    let clone = world.released();
    world.hoist(&clone, &["release", "--yes"]);
    clone
}

#[test]
fn a_release_is_taken_back_and_the_next_one_goes_on() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = two(&world);
    let (old, new) = (world.shows("1.0.0"), world.shows("1.1.0"));
    let before = world.tags();
    for (args, exit, words) in [
        (&["1.1.0"][..], 2, "hoist rollback 1.1.0 --yes"),
        (&["7.7.7", "--yes"], 4, "7.7.7"),
        // There is nothing to agree to.
        (&["7.7.7"], 4, "no repository has 7.7.7"),
        (&["v1.1.0", "--yes"], 2, "1.1.0"),
    ] {
        let run = world.run(&clone, &[&["rollback"], args].concat());
        run.expect(exit);
        run.says(words);
    }
    assert_eq!(world.tags(), before);

    let run = world.hoist(&clone, &["rollback", "1.1.0", "--yes"]);
    run.says("1.1` stays: no version of its line is before 1.1.0");
    for (tag, shown) in [
        ("1", &old),
        ("latest", &old),
        ("1.1.0", &new),
        ("1.1", &new),
    ] {
        assert_eq!(world.shows(tag), *shown, "`{tag}`");
    }
    world.assert_unlocked();
    // There is nothing more to take back, and the older one moves nothing.
    world
        .hoist(&clone, &["rollback", "1.1.0", "--yes"])
        .says("no moving tag goes back from 1.1.0");
    let back = world.tags();
    world.hoist(&clone, &["rollback", "1.0.0", "--yes"]);
    assert_eq!(world.tags(), back);

    world.change(&clone, "fix: what was wrong");
    world.hoist(&clone, &["release", "--yes"]);
    for tag in ["1.1", "1", "latest"] {
        assert_eq!(world.shows(tag), world.shows("1.1.1"), "`{tag}`");
    }
}

#[test]
fn a_taking_back_that_fails_moves_nothing() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = two(&world);
    let before = world.tags();
    let latest = On::put_manifest().with("/manifests/latest");
    registry.fault(Fault::always(latest, What::Status(403, "DENIED")));
    let run = world.run(&clone, &["rollback", "1.1.0", "--yes", "--json"]);
    run.expect(7);
    assert_eq!(run.outcome()["outcome"], "rolled-back");
    assert_eq!(world.tags(), before);
    world.assert_unlocked();
    registry.heal();
    let run = world.hoist(&clone, &["rollback", "1.1.0", "--yes", "--json"]);
    assert_eq!(run.outcome()["outcome"], "published");
    // `repair` goes by what is published, so it moves forward again.
    world.run(&clone, &["repair"]).expect(9);
    world.hoist(&clone, &["repair", "--yes"]);
    assert_eq!(world.tags(), before);
}

#[test]
fn past_releases_are_listed_with_what_they_are() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = two(&world);
    clone.git(&["tag", "v0.9.0", "HEAD~1"]);
    clone.git(&["tag", "something-else"]);
    let log = world.hoist(&clone, &["log", "--json"]).json();
    let releases = log["releases"].as_array().unwrap();
    let of = |key: &str| -> Vec<&Value> { releases.iter().map(|one| &one[key]).collect() };
    assert_eq!(of("version"), ["1.1.0", "1.0.0", "0.9.0"]);
    assert_eq!(
        releases[0]["commit"],
        clone.git(&["rev-parse", "v1.1.0^{commit}"])
    );
    let image = &releases[0]["images"][0];
    assert_eq!(image["digest"].as_str(), world.shows("1.1.0").as_deref());
    assert_eq!(image["repository"], registry.repository(NAME).to_string());
    assert!(releases[0]["run"].as_str().unwrap().starts_with("process "));
    assert_eq!(releases[2]["images"], Value::Array(Vec::new()));

    let text = world.hoist(&clone, &["log", "-n", "2"]).stdout;
    let lines: Vec<&str> = text.lines().collect();
    let short = &world.shows("1.1.0").unwrap()["sha256:".len()..][..12];
    assert!(
        lines[0].starts_with("1.1.0  20") && lines[0].contains(short),
        "{text}"
    );
    assert_eq!(lines.len(), 2, "{text}");
}
