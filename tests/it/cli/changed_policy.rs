//! Policies that changed between two releases: a variant that went or got another suffix, repositories that changed
//! places. What is published by the old policy is read by the new one.

use testkit::sandbox::Clone;

use crate::{
    cli::images::{ImagePlaces, project},
    registry::server::{Delete, TestRegistry},
    support::{Run, World},
};

const NAMES: [&str; 2] = ["acme/api", "acme/worker"];

const TWO: ImagePlaces<'static> = &[("main", &[NAMES[0]]), ("worker", &[NAMES[1]])];

/// Two images with a variant, and 1.0.0 of them.
fn released<'w>(world: &'w World<'_>, registry: &TestRegistry) -> Clone<'w> {
    let clone = project(world, registry, TWO, "");
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    clone
}

/// Commits the policy with a change made to it.
fn with_policy(clone: &Clone<'_>, change: impl Fn(String) -> String) {
    let policy = std::fs::read_to_string(clone.path().join("release.toml")).unwrap();
    let changed = change(policy.clone());
    assert_ne!(changed, policy);
    clone.write("release.toml", changed);
    clone.commit("feat: another policy");
    clone.push();
}

fn without_variant(policy: String) -> String {
    let at = policy.find("[variants.alpine]").expect("it has a variant");
    policy[..at].to_owned()
}

#[test]
fn the_tags_of_a_variant_that_went_are_no_prereleases() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &NAMES);
    let clone = released(&world, &registry);
    with_policy(&clone, without_variant);
    for args in [&["verify", "--all"][..], &["verify", "1.0.0"], &["repair"]] {
        let run = world.hoist(&clone, args);
        assert!(!run.stdout.contains("1.0.0-alpine"), "{run}");
    }
    let run = world.hoist(&clone, &["verify", "--all"]);
    run.says(&format!(
        "`{}` has `1.0.0-alpine`: a version with a suffix that no image of the policy has",
        registry.repository(NAMES[0])
    ));
    let json = world.hoist(&clone, &["verify", "--all", "--json"]).json();
    assert_eq!(json["versions"], serde_json::json!(["1.0.0"]), "{json}");
    world.hoist(&clone, &["release", "--yes"]);
    world.hoist(&clone, &["verify", "--all"]);
}

#[test]
fn a_release_is_judged_by_the_suffix_that_its_variant_had() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &NAMES);
    let clone = released(&world, &registry);
    with_policy(&clone, |policy| policy + "suffix = \"-alpine3.22\"\n");
    for args in [&["verify"][..], &["verify", "--all"]] {
        let run = world.hoist(&clone, args);
        run.says("(main/alpine) is not judged: its tags had another suffix by the policy");
        assert!(!run.stdout.contains("missing"), "{run}");
    }
    world.hoist(&clone, &["repair"]);
    way_on(&world, &clone);
    let run = world.hoist(&clone, &["verify", "1.0.0"]);
    assert!(run.stdout.contains(":1.0.0-alpine3.22"), "{run}");
    assert!(!run.stderr.contains("not judged"), "{run}");
    world.hoist(&clone, &["release", "--yes"]);
    world.hoist(&clone, &["verify", "--all"]);
}

/// Runs the command that `verify` names.
fn way_on(world: &World<'_>, clone: &Clone<'_>) {
    let verified = world.hoist(clone, &["verify", "1.0.0"]);
    let mut lines = verified.stderr.lines();
    let way = lines.find(|line| line.contains("publishes 1.0.0 there now"));
    let way = way.expect("a way on").split('`').nth(1).unwrap();
    let binary = env!("CARGO_BIN_EXE_hoist");
    let way = way.replace("hoist release", &format!("'{binary}' release --yes"));
    Run::of(clone.command("sh").args(["-c", &way])).expect(0);
    clone.git(&["checkout", "--quiet", "--force", "main"]);
}

#[test]
fn repositories_that_change_places_are_named() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &NAMES);
    let clone = released(&world, &registry);
    let [api, worker] = NAMES.map(|name| registry.repository(name).to_string());
    with_policy(&clone, |policy| {
        let policy = policy.replace(&api, "BETWEEN").replace(&worker, &api);
        policy.replace("BETWEEN", &worker)
    });
    for args in [&["plan"][..], &["check"], &["release", "--yes"]] {
        let run = world.hoist(&clone, args);
        run.says(&format!(
            "`{api}` has the image `main` of 1.0.0, and gets the image `worker` now"
        ));
        run.says(&format!(
            "`{worker}` has the image `worker` of 1.0.0, and gets the image `main` now"
        ));
    }
    let plan = world.run(&clone, &["plan"]);
    assert!(!plan.stderr.contains("gets the image"), "{plan}");
}

/// 1.1.0 alone is in the second repository. Taken back, it stays there under the moving tags, since no other version
/// can take its place.
#[test]
fn a_version_that_one_repository_came_with_is_taken_back() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAMES[0], "acme/mirror"]);
    let clone = world.project("a");
    let new = registry.repository("acme/mirror").to_string();
    let both = std::fs::read_to_string(clone.path().join("release.toml")).unwrap();
    with_policy(&clone, |policy| policy.replace(&format!(", \"{new}\""), ""));
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    with_policy(&clone, |_| both.clone());
    world.hoist(&clone, &["release", "--version", "1.1.0", "--yes"]);
    world.hoist(&clone, &["rollback", "1.1.0", "--yes"]);
    for args in [
        &["verify", "1.1.0"][..],
        &["verify", "1.0.0"],
        &["verify", "--all"],
        &["repair"],
    ] {
        let run = world.hoist(&clone, args);
        assert!(!run.stdout.contains("differs"), "{run}");
    }
    let run = world.hoist(&clone, &["verify", "1.1.0"]);
    run.says("1.1.0 is withdrawn, and no other version here has this tag");
}
