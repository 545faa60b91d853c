//! Which release an image is compared with: `build`, `release` and `inspect` agree, and each list is read once.

use serde_json::json;
use testkit::sandbox::Clone;

use crate::{
    registry::server::{On, Personality, TestRegistry},
    support::{
        World,
        layout::{Layout, noise},
    },
};

const NAME: &str = "acme/api";
const WORKER: &str = "acme/worker";
const POLICY: &str = "[image]\nrepository = \"NAME\"\n[image.build]\nlayout = \"dist/main\"\n\
    [image.budget]\ngrowth = \"10%\"\n";
const ALPINE: &str = "[variants.alpine]\nlayout = \"dist/alpine\"\n";

fn write(clone: &Clone<'_>, place: &str, size: usize) {
    let mut layout = Layout::new(&clone.path().join(place));
    let top = layout.image("amd64", &json!({}), &noise(place, size));
    layout.finish(&top);
}

/// All verbs that judge growth say the same release.
#[track_caller]
fn compared(world: &World<'_>, clone: &Clone<'_>, version: &str) {
    for args in [
        &["build"][..],
        &["release", "--yes"],
        &["release", "--dry-run"],
        &["inspect", "dist/main", "--budget"],
    ] {
        let run = world.run(clone, args);
        run.expect(4);
        run.says(&format!("{version} has"));
    }
}

#[test]
fn a_prerelease_between_does_not_hide_the_growth_since_the_last_stable_release() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = world.with_policy(POLICY);
    write(&clone, "dist/main", 20_000);
    world.hoist(&clone, &["release", "--yes"]);
    clone.git(&["branch", "--quiet", "0.1.x"]);
    world.change(&clone, "feat: more");
    write(&clone, "dist/main", 60_000);
    let pre = ["release", "--pre", "rc", "--yes", "--over-budget"];
    world.hoist(&clone, &pre);
    world.change(&clone, "feat: even more");
    write(&clone, "dist/main", 61_000);
    compared(&world, &clone, "0.1.0");
    let again = ["release", "--pre", "rc", "--yes"];
    let run = world.run(&clone, &again);
    run.expect(4);
    run.says("more than 0.1.0 has");
    world.hoist(&clone, &["release", "--yes", "--over-budget"]);
    for version in ["0.2.0", "0.2.0-rc.1"] {
        let run = world.run(&clone, &["inspect", version, "--budget"]);
        run.expect(4);
        run.says(&format!(
            "more than {}:0.1.0 has",
            registry.repository(NAME)
        ));
    }

    // On an older line the release of that line counts, not the highest of all.
    clone.git(&["switch", "--quiet", "0.1.x"]);
    clone.write("greet.sh", "echo mended\n");
    clone.commit("fix: a mistake");
    clone.git(&["push", "--quiet", "--set-upstream", "origin", "0.1.x"]);
    write(&clone, "dist/main", 30_000);
    compared(&world, &clone, "0.1.0");
}

/// A clone that was made before a release was taken back has not heard of that.
#[test]
fn the_remote_is_asked_which_releases_were_taken_back() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = world.with_policy(POLICY);
    write(&clone, "dist/main", 20_000);
    world.hoist(&clone, &["release", "--yes"]);
    world.change(&clone, "feat: more");
    write(&clone, "dist/main", 200_000);
    world.hoist(&clone, &["release", "--yes", "--over-budget"]);
    let other = world.remote.clone("b", &[]);
    world.hoist(&clone, &["rollback", "0.2.0", "--why", "too big", "--yes"]);
    world.change(&clone, "feat: even more");
    other.git(&["pull", "--quiet"]);
    write(&other, "dist/main", 199_000);
    let kept = || other.git(&["for-each-ref", "refs/hoist"]);
    for args in [&["inspect", "dist/main", "--budget"][..], &["build"]] {
        for name in kept().lines().filter_map(|line| line.split('\t').nth(1)) {
            other.git(&["update-ref", "-d", name]);
        }
        assert_eq!(kept(), "");
        let run = world.run(&other, args);
        run.expect(4);
        run.says("0.1.0 has");
        assert!(!kept().is_empty(), "{run}");
    }
    let run = world.hoist(&other, &["inspect", "--json"]);
    let last = format!("{}:0.1.0", registry.repository(NAME));
    assert_eq!(run.json()["image"], json!(last), "{run}");
}

#[test]
fn a_list_of_tags_is_read_once() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = world.with_policy(POLICY);
    for size in [20_000, 20_100] {
        write(&clone, "dist/main", size);
        world.hoist(&clone, &["release", "--yes"]);
        world.change(&clone, "feat: more");
    }
    for what in [&[][..], &["0.2.0"], &["dist/main", "--budget"]] {
        registry.forget();
        let all = [&["inspect", "--html", "page.html"][..], what].concat();
        world.hoist(&clone, &all);
        let lists = On::method("GET").with("/tags/list");
        assert_eq!(registry.count(&lists), 1, "{what:?}");
    }
}

#[test]
fn a_variant_with_another_suffix_is_found_by_what_its_git_tag_records() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let repository = registry.repository(NAME).to_string();
    let clone = world.with_policy(&format!("{POLICY}{ALPINE}"));
    write(&clone, "dist/main", 20_000);
    write(&clone, "dist/alpine", 10_000);
    world.hoist(&clone, &["release", "--yes"]);
    let digest = registry.tags(NAME)["0.1.0-alpine"].to_string();
    let other = format!("{POLICY}{ALPINE}suffix = \"-alpine3.22\"\n");
    world.commit_policy(&clone, &other);
    write(&clone, "dist/main", 20_100);
    write(&clone, "dist/alpine", 30_000);
    let image = format!("{repository}@{digest}");
    for what in [&["alpine"][..], &["main/alpine"]] {
        let run = world.hoist(&clone, &[&["inspect", "--json"][..], what].concat());
        assert_eq!(run.json()["image"], json!(image), "{run}");
        assert_eq!(run.json()["name"], json!("main/alpine"), "{run}");
        assert!(!run.stderr.contains("not compared"), "{run}");
    }
    let run = world.hoist(&clone, &["inspect", "alpine"]);
    run.says("no tag with the suffix of today names it");
    let run = world.hoist(&clone, &["inspect", "alpine", "--since", "0.1.0", "--json"]);
    assert_eq!(run.json()["changes"]["since"], json!(image), "{run}");
    for args in [
        &["build"][..],
        &["release", "--yes"],
        &["inspect", "dist/alpine", "--budget"],
    ] {
        let run = world.run(&clone, args);
        run.expect(4);
        run.says("more than ");
    }
    world.hoist(&clone, &["release", "--yes", "--over-budget"]);
    let run = world.hoist(&clone, &["inspect", "alpine", "--json"]);
    assert_eq!(run.json()["changes"]["since"], json!(image), "{run}");

    // A tag with the former suffix is of no image, and is not taken for a pre-release of the main one.
    let former = format!("{repository}:0.1.0-alpine");
    for what in [&*former, "0.1.0-alpine"] {
        let run = world.hoist(&clone, &["inspect", what, "--json"]);
        assert_eq!(run.json()["image"], json!(former), "{run}");
        assert_eq!(run.json()["name"], json!(null), "{run}");
        run.says("nothing is compared: no image of the policy has the tags of");
    }

    // Where no git tag records it, what may be the image is named.
    for version in ["v0.1.0", "v0.2.0"] {
        let commit = clone.git(&["rev-parse", &format!("{version}^{{commit}}")]);
        clone.git(&["tag", "--force", version, commit.trim()]);
        clone.git(&["push", "--quiet", "--force", "origin", version]);
    }
    world.commit_policy(&clone, &other.replace("3.22", "3.23"));
    let run = world.run(&clone, &["inspect", "alpine"]);
    run.expect(4);
    run.says("has no release of variant `alpine` yet");
    run.says("`0.1.0-alpine`");
    let run = world.hoist(&clone, &["inspect", "dist/alpine", "--budget"]);
    run.says("`main/alpine` is not compared, since no release of it was found");
}

#[test]
fn a_version_with_a_suffix_is_that_of_the_variant() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let repository = registry.repository(NAME).to_string();
    let clone = world.with_policy(&format!("{POLICY}{ALPINE}"));
    for more in [0, 100] {
        write(&clone, "dist/main", 20_000 + more);
        write(&clone, "dist/alpine", 10_000 + more);
        world.hoist(&clone, &["release", "--yes"]);
        world.change(&clone, "feat: more");
    }
    for (what, name, tag, since) in [
        (
            "0.2.0-alpine",
            "main/alpine",
            "0.2.0-alpine",
            "0.1.0-alpine",
        ),
        (
            "v0.2.0-alpine",
            "main/alpine",
            "0.2.0-alpine",
            "0.1.0-alpine",
        ),
        ("v0.2.0", "main", "0.2.0", "0.1.0"),
    ] {
        let run = world.hoist(&clone, &["inspect", what, "--json"]);
        let found = run.json();
        assert_eq!(found["name"], json!(name), "{run}");
        assert_eq!(
            found["image"],
            json!(format!("{repository}:{tag}")),
            "{run}"
        );
        let before = json!(format!("{repository}:{since}"));
        assert_eq!(found["changes"]["since"], before, "{run}");
    }
    let run = world.run(&clone, &["inspect", "0.2.0-slim"]);
    run.expect(4);
    run.says("no repository has 0.2.0-slim");
}

#[test]
fn all_images_and_variants_are_shown() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME, WORKER]);
    let worker = "[images.worker]\nrepository = \"WORKER\"\nlayout = \"dist/worker\"\n";
    let all = format!("{POLICY}{worker}{ALPINE}");
    let clone = world.with_policy(&all);
    for place in ["dist/main", "dist/alpine", "dist/worker", "dist/slim"] {
        write(&clone, place, 10_000);
    }
    world.hoist(&clone, &["release", "--yes"]);
    let slim = format!("{all}[variants.slim]\nlayout = \"dist/slim\"\n");
    world.commit_policy(&clone, &slim);
    let run = world.hoist(&clone, &["inspect", "--all", "--budget", "--json"]);
    let document = run.json();
    let entries = document["releases"].as_array().unwrap();
    let names: Vec<_> = entries.iter().map(|entry| &entry["name"]).collect();
    assert_eq!(names, ["main", "main/alpine", "worker"], "{run}");
    assert!(
        entries
            .iter()
            .all(|entry| entry["config"] == "release.toml")
    );
    run.says("`main/slim` is not shown: ");
    assert!(!run.stderr.contains("alone was judged"), "{run}");
    let run = world.hoist(&clone, &["inspect", "--all"]);
    run.says(&format!("`worker` {}:0.1.0", registry.repository(WORKER)));
}

/// What lies on disk is judged by all rules that need no registry.
#[test]
fn a_layout_is_judged_where_no_registry_answers() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = world.with_policy(&format!("{POLICY}max = \"1kB\"\n"));
    write(&clone, "dist/main", 20_000);
    let text = std::fs::read_to_string(clone.path().join("release.toml")).unwrap();
    let nowhere = text.replace(
        &registry.repository(NAME).to_string(),
        "127.0.0.1:1/acme/api",
    );
    clone.write("release.toml", nowhere);
    let run = world.run(&clone, &["inspect", "dist/main", "--budget"]);
    run.expect(4);
    run.says("nothing is compared: cannot list the tags of 127.0.0.1:1/acme/api");
    run.says("`image.budget.growth` was not judged");
    run.says("to pull, and `image.budget.max` is 1.0 kB");
    // Whoever names what to compare with wants that.
    let since = ["inspect", "dist/main", "--budget", "--since", "0.1.0"];
    world.run(&clone, &since).expect(6);
}
