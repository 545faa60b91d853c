//! A released version is judged, mended, completed and taken back by its receipt, whichever image has its repositories
//! today.

use testkit::sandbox::Clone;

use crate::{
    cli::images::{ImagePlaces, policy, project},
    publish::scene::foreign,
    registry::server::{Delete, TestRegistry},
    support::{Run, Shelf, World},
};

const NAMES: [&str; 3] = ["acme/api", "acme/mirror", "acme/worker"];

const BEFORE: ImagePlaces<'static> = &[("main", &[NAMES[0], NAMES[1]]), ("worker", &[NAMES[2]])];
/// The second repository has changed hands.
const GIVEN: ImagePlaces<'static> = &[("main", &[NAMES[0]]), ("worker", &[NAMES[2], NAMES[1]])];
/// Writes a policy.
type Change<'a> = &'a dyn Fn(&TestRegistry) -> String;
/// All repositories have.
const SWAPPED: ImagePlaces<'static> = &[("main", &[NAMES[2]]), ("worker", &[NAMES[0], NAMES[1]])];

/// 1.0.0 by the policy of `BEFORE`, and another policy after it.
fn released<'w>(
    world: &'w World<'_>,
    registry: &TestRegistry,
    after: ImagePlaces<'_>,
) -> Clone<'w> {
    let clone = project(world, registry, BEFORE, "");
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    with_policy(&clone, &policy(registry, after));
    clone
}

fn with_policy(clone: &Clone<'_>, text: &str) {
    clone.write("release.toml", text);
    clone.commit("feat: another policy");
    clone.push();
}

/// What a tag of a repository shows.
fn shows(registry: &TestRegistry, name: &str, tag: &str) -> Option<String> {
    let mut tags = Shelf::tags(registry, name).into_iter();
    tags.find(|(known, _)| known == tag)
        .map(|(_, digest)| digest)
}

fn remove(registry: &TestRegistry, name: &str, tag: &str) {
    let mut state = registry.state();
    assert!(state.store.contents(name).unwrap().remove_tag(tag));
}

/// Runs a command from a message, and goes back to the branch.
fn follow(clone: &Clone<'_>, command: &str) {
    let binary = env!("CARGO_BIN_EXE_hoist");
    let command = format!(
        "{} --yes",
        command.replace("hoist ", &format!("'{binary}' "))
    );
    Run::of(clone.command("sh").args(["-c", &command])).expect(0);
    clone.git(&["checkout", "--quiet", "--force", "main"]);
}

#[test]
fn a_repository_that_was_given_away_keeps_the_image_of_the_release() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &NAMES);
    let clone = released(&world, &registry, GIVEN);
    let tags = world.tags();
    let run = world.hoist(&clone, &["verify", "1.0.0"]);
    assert!(!run.to_string().contains("judged"), "{run}");
    assert!(!run.to_string().contains("should be"), "{run}");

    let completed = "git checkout v1.0.0 && hoist release --version 1.0.0";
    for tag in ["1.0.0", "1.0.0-alpine"] {
        remove(&registry, NAMES[1], tag);
    }
    let run = world.run(&clone, &["verify", "1.0.0"]);
    run.expect(9);
    run.says("would refuse to complete it, because 1.0.0 cannot be completed by this policy");
    run.says(completed);
    let lost = world.tags();
    clone.git(&["checkout", "--quiet", "v1.0.0"]);
    clone.git(&["checkout", "--quiet", "main", "--", "release.toml"]);
    let args = ["release", "--version", "1.0.0", "--allow-dirty", "--yes"];
    let run = world.run(&clone, &args);
    run.expect(4);
    run.says(&format!(
        "`{}` has the image `main` of 1.0.0, as its git tag records, and the policy gives it to `worker`",
        registry.repository(NAMES[1])
    ));
    clone.git(&["checkout", "--quiet", "--force", "main"]);
    assert_eq!(world.tags(), lost);
    follow(&clone, completed);
    assert_eq!(world.tags(), tags);

    registry.foreign_push(NAMES[1], "1.0.0", &foreign());
    let run = world.run(&clone, &["verify", "1.0.0"]);
    run.expect(9);
    run.says(&format!(
        "Delete it on the registry, and `{completed}` puts"
    ));
}

#[test]
fn repair_leaves_a_line_of_a_repository_that_was_given_away() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &NAMES);
    let clone = released(&world, &registry, GIVEN);
    world.hoist(&clone, &["release", "--yes"]);
    world.hoist(&clone, &["repair"]);
    let run = world.hoist(&clone, &["rollback", "1.1.0", "--yes"]);
    run.says("1.0.0 has the image `main` there");
    let tags = world.tags();
    for tag in ["latest", "latest-alpine"] {
        let of_release = tag.replace("latest", "1.0.0");
        assert_eq!(
            shows(&registry, NAMES[1], tag),
            shows(&registry, NAMES[1], &of_release)
        );
    }
    world.hoist(&clone, &["repair"]);
    for args in [&["verify", "1.0.0"], &["verify", "1.1.0"]] {
        world.hoist(&clone, args);
    }
    remove(&registry, NAMES[1], "1.0");
    world.hoist(&clone, &["repair", "--yes"]);
    assert_eq!(world.tags(), tags);
}

#[test]
fn a_release_after_a_swap_is_mended_and_taken_back() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &NAMES);
    let clone = released(&world, &registry, SWAPPED);
    world.hoist(&clone, &["release", "--yes"]);
    world.hoist(&clone, &["verify", "--all"]);
    let tags = world.tags();
    remove(&registry, NAMES[0], "latest");
    let run = world.run(&clone, &["repair"]);
    run.expect(9);
    world.hoist(&clone, &["repair", "--yes"]);
    assert_eq!(world.tags(), tags);
    world.hoist(&clone, &["rollback", "1.1.0", "--yes"]);
    for name in NAMES {
        for (tag, of) in [("latest", "1.0.0"), ("latest-alpine", "1.0.0-alpine")] {
            let shown = shows(&registry, name, tag);
            assert_eq!(shown, shows(&registry, name, of), "{name}:{tag}");
        }
    }
    world.hoist(&clone, &["repair"]);
    world.hoist(&clone, &["verify", "--all"]);
}

/// Where the image of the version before is gone, the tag stays, and the others go back.
#[test]
fn a_tag_without_an_image_to_go_to_stays() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &NAMES);
    let clone = released(&world, &registry, SWAPPED);
    world.hoist(&clone, &["release", "--yes"]);
    {
        let mut state = registry.state();
        let tags = state.store.tags(NAMES[1]);
        let contents = state.store.contents(NAMES[1]).unwrap();
        assert!(contents.remove_digest(&tags["1.0.0"]));
        state.store.foreign_push(NAMES[1], "1.0.0", &foreign());
    }
    let before = shows(&registry, NAMES[1], "latest");
    let run = world.hoist(&clone, &["rollback", "1.1.0", "--yes"]);
    run.says("is not in this repository");
    assert_eq!(shows(&registry, NAMES[1], "latest"), before);
    for (name, tag, of) in [
        (NAMES[0], "latest", "1.0.0"),
        (NAMES[2], "latest", "1.0.0"),
        (NAMES[1], "latest-alpine", "1.0.0-alpine"),
    ] {
        assert_eq!(shows(&registry, name, tag), shows(&registry, name, of));
    }
    let run = world.hoist(&clone, &["repair"]);
    run.says("is not in this repository");
}

/// What the policy has lost since is named, with a command that takes it back.
#[test]
fn what_the_policy_has_lost_is_named_when_a_version_is_taken_back() {
    let full = |registry: &TestRegistry| policy(registry, BEFORE);
    let without_variant = |registry: &TestRegistry| {
        let text = full(registry);
        let at = text.find("[variants.alpine]").unwrap();
        text[..at].to_owned()
    };
    let other_suffix = |registry: &TestRegistry| full(registry) + "suffix = \"-alp\"\n";
    let without_image = |registry: &TestRegistry| policy(registry, &BEFORE[..1]);
    let without_repository =
        |registry: &TestRegistry| policy(registry, &[("main", &NAMES[..1]), BEFORE[1]]);
    let cases: [(&str, Change<'_>, &str, &str); 4] = [
        ("a variant", &without_variant, NAMES[0], "latest-alpine"),
        ("a suffix", &other_suffix, NAMES[2], "latest-alpine"),
        ("an image", &without_image, NAMES[2], "latest"),
        ("a repository", &without_repository, NAMES[1], "latest"),
    ];
    for (what, change, name, tag) in cases {
        let registry = TestRegistry::that_deletes(Delete::Tag);
        let world = World::new(&registry, &NAMES);
        let clone = project(&world, &registry, BEFORE, "");
        world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
        world.change(&clone, "feat: more");
        world.hoist(&clone, &["release", "--yes"]);
        with_policy(&clone, &change(&registry));
        let way = "git checkout v1.1.0 && hoist rollback 1.1.0";
        let place = registry.repository(name).to_string();
        for args in [&["rollback", "1.1.0", "--yes"][..], &["verify", "1.1.0"]] {
            let run = world.hoist(&clone, args);
            run.says(way);
            assert!(run.to_string().contains(&place), "{what}: {run}");
        }
        let of = tag.replace("latest", "1.1.0");
        assert_eq!(
            shows(&registry, name, tag),
            shows(&registry, name, &of),
            "{what}"
        );
        follow(&clone, way);
        let of = tag.replace("latest", "1.0.0");
        assert_eq!(
            shows(&registry, name, tag),
            shows(&registry, name, &of),
            "{what}"
        );
        let run = world.hoist(&clone, &["verify", "1.1.0"]);
        assert!(
            !run.to_string().contains("does not move it any more"),
            "{what}: {run}"
        );
    }
}
