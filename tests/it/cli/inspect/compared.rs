//! What an image is compared with: a release of the same image, for the same platform.

use std::fs;

use serde_json::json;
use testkit::sandbox::Clone;

use crate::{
    registry::server::{Personality, TestRegistry},
    support::{
        World,
        layout::{Layout, noise},
    },
};

const NAME: &str = "acme/api";
const POLICY: &str = "[image]\nrepository = \"NAME\"\n[image.build]\nlayout = \"dist/main\"\n\
    [image.budget]\ngrowth = \"10%\"\n[variants.alpine]\nlayout = \"dist/alpine\"\n";

fn write(clone: &Clone<'_>, place: &str, platforms: &[(&str, Option<&str>)], size: usize) {
    let mut layout = Layout::new(&clone.path().join(place));
    let images: Vec<_> = platforms
        .iter()
        .map(|(architecture, variant)| {
            let content = noise(architecture, size);
            let mut image = layout.image(architecture, &json!({}), &content);
            if let Some(variant) = variant {
                image["platform"]["variant"] = json!(variant);
            }
            image
        })
        .collect();
    let top = match &images[..] {
        [one] => one.clone(),
        all => layout.index(all),
    };
    layout.finish(&top);
}

const AMD64: &[(&str, Option<&str>)] = &[("amd64", None)];

#[test]
fn a_variant_is_compared_with_itself() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let repository = registry.repository(NAME).to_string();
    let clone = world.remote.clone("a", &[]);
    clone.write(".gitignore", "/dist\n");
    clone.write("release.toml", POLICY.replace("NAME", &repository));
    clone.commit("feat: begin");
    clone.push();
    for (main, alpine) in [(80_000, 20_000), (80_500, 20_100), (160_000, 40_000)] {
        write(&clone, "dist/main", AMD64, main);
        write(&clone, "dist/alpine", AMD64, alpine);
        world.hoist(&clone, &["release", "--yes", "--over-budget"]);
        world.change(&clone, "feat: more");
    }
    let since = |what: &str| {
        let run = world.hoist(&clone, &["inspect", what, "--json"]);
        let report = run.json();
        let changes = &report["changes"];
        let size = changes["size"].as_i64().unwrap() / 1_000;
        let since = changes["since"].as_str().unwrap().to_owned();
        (report["name"].clone(), since, size)
    };
    let of = |tag: &str| format!("{repository}:{tag}");
    assert_eq!(since("0.2.0"), (json!("main"), of("0.1.0"), 0));
    let alpine = json!("main/alpine");
    let tag = of("0.2.0-alpine");
    assert_eq!(since(&tag), (alpine.clone(), of("0.1.0-alpine"), 0));
    for what in ["alpine", "main/alpine"] {
        let found = since(what);
        assert_eq!(found, (alpine.clone(), of("0.2.0-alpine"), 20), "{what}");
    }

    // The budget is judged by the same image.
    world.hoist(&clone, &["inspect", &tag, "--budget"]);
    let run = world.run(&clone, &["inspect", "alpine", "--budget"]);
    run.expect(4);
    run.says(&format!("more than {repository}:0.2.0-alpine has"));
    let run = world.run(&clone, &["inspect", "--budget"]);
    run.says("for the others: `hoist inspect main/alpine --budget`");

    // The page and the words name it.
    let page = ["inspect", "alpine", "--html", "page.html"];
    let run = world.hoist(&clone, &page);
    run.says(&format!("`main/alpine` {repository}:0.3.0-alpine"));
    let page = fs::read_to_string(clone.path().join("page.html")).unwrap();
    assert!(page.contains("image main&#x2f;alpine of the policy"));
    for (version, size) in [("0.1.0", "21."), ("0.2.0", "21."), ("0.3.0-alpine", "42.")] {
        let bar = page.lines().find(|line| {
            line.contains("class=\"name\"") && line.contains(version) && line.contains(size)
        });
        assert!(bar.is_some(), "{version}: {page}");
    }

    // Where a release was taken back, the one before it counts.
    world.hoist(&clone, &["rollback", "0.2.0", "--why", "broken", "--yes"]);
    assert_eq!(since("alpine").1, of("0.1.0-alpine"));
}

/// A layout on disk, whichever platform its first image is for.
#[test]
fn a_platform_is_compared_with_itself() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = world.remote.clone("a", &[]);
    let v8: &[(&str, Option<&str>)] = &[("amd64", None), ("arm64", Some("v8"))];
    write(&clone, "old", v8, 50_000);
    write(&clone, "new", &[("arm64", None)], 50_000);
    let changes = |since: &str| {
        let run = world.hoist(&clone, &["inspect", "./new", "--since", since, "--json"]);
        run.json()["changes"].clone()
    };
    let same = changes("./old");
    assert_eq!(same["size"], json!(0), "{same}");
    assert_eq!(
        same["files"],
        json!({"added": 0, "removed": 0, "changed": 0})
    );

    write(&clone, "amd64", AMD64, 50_000);
    let run = world.run(&clone, &["inspect", "./new", "--since", "./amd64"]);
    run.expect(4);
    run.says("`./amd64` has no image for linux/arm64, as `./new` has");
    run.says("it has one for linux/amd64");

    // A release is compared in the same way, and where nothing was asked for it is told.
    let repository = registry.repository(NAME).to_string();
    clone.write(".gitignore", "/dist\n/old\n/new\n/amd64\n");
    let policy = POLICY.split("[variants").next().unwrap();
    clone.write("release.toml", policy.replace("NAME", &repository));
    clone.commit("feat: begin");
    clone.push();
    write(&clone, "dist/main", v8, 50_000);
    world.hoist(&clone, &["release", "--yes"]);
    let same = changes("0.1.0");
    assert_eq!(same["size"], json!(0), "{same}");
    write(&clone, "new", &[("s390x", None)], 50_000);
    let run = world.hoist(&clone, &["inspect", "./new", "--budget"]);
    run.says("nothing is compared: ");
    run.says("has no image for linux/s390x");
}

/// `arm64` and `arm64/v8` are one platform, two builds of Windows are two.
#[test]
fn growth_is_measured_by_the_platform_that_engines_take() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let repository = registry.repository(NAME).to_string();
    let clone = world.remote.clone("a", &[]);
    let policy = POLICY.split("[variants").next().unwrap();
    clone.write(".gitignore", "/dist\n");
    clone.write("release.toml", policy.replace("NAME", &repository));
    clone.commit("feat: begin");
    clone.push();
    write(
        &clone,
        "dist/main",
        &[("amd64", None), ("arm64", None)],
        20_000,
    );
    world.hoist(&clone, &["release", "--yes"]);
    world.change(&clone, "feat: more");
    let v8: &[(&str, Option<&str>)] = &[("amd64", None), ("arm64", Some("v8"))];
    write(&clone, "dist/main", v8, 60_000);
    for verb in [&["release", "--yes"][..], &["build"]] {
        let run = world.run(&clone, verb);
        run.expect(4);
        run.says("0.2.0");
        run.says("linux/arm64");
        assert!(!run.stderr.contains("was not judged"), "{run}");
    }
}

/// A moving tag of a variant, and a suffix in a repository that no policy has.
#[test]
fn a_suffix_says_which_image_it_is() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let repository = registry.repository(NAME).to_string();
    let clone = world.remote.clone("a", &[]);
    clone.write(".gitignore", "/dist\n");
    clone.write("release.toml", POLICY.replace("NAME", &repository));
    clone.commit("feat: begin");
    clone.push();
    for (main, alpine) in [(90_000, 20_000), (91_000, 21_000)] {
        write(&clone, "dist/main", AMD64, main);
        write(&clone, "dist/alpine", AMD64, alpine);
        world.hoist(&clone, &["release", "--yes", "--over-budget"]);
        world.change(&clone, "feat: more");
    }
    let report = |what: &[&str]| {
        let all = [&["inspect"][..], what, &["--json"]].concat();
        world.hoist(&clone, &all).json()
    };
    for tag in ["latest-alpine", "0.2-alpine", "0.2.0-alpine"] {
        let found = report(&[&format!("{repository}:{tag}")]);
        assert_eq!(found["name"], json!("main/alpine"), "{tag}");
    }
    let since = report(&["alpine", "--since", "0.1.0"]);
    assert_eq!(
        since["changes"]["since"],
        json!(format!("{repository}:0.1.0-alpine"))
    );
    let run = world.hoist(
        &clone,
        &["inspect", &format!("{repository}:latest"), "--budget"],
    );
    run.says("`image.budget.growth` was not judged: there is no release to compare it with");

    // The same tags, for whoever has another policy.
    let other = world.remote.clone("b", &[]);
    other.write(
        "release.toml",
        "[image]\nrepository = \"docker.io/acme/other\"\n",
    );
    let foreign = format!("{repository}:0.2.0-alpine");
    let run = world.hoist(&other, &["inspect", &foreign, "--json"]);
    let found = run.json();
    assert_eq!(found["name"], json!(null));
    assert_eq!(
        found["changes"]["since"],
        json!(format!("{repository}:0.1.0-alpine"))
    );
}
