//! Several images of one version: `[images.NAME]` and their variants, from a program of the project, over a
//! registry of the test's own.

use std::fs;

use hoist::oci::Tag;
use serde_json::Value;
use testkit::sandbox::Clone;

use crate::{
    cli::refusal::die_between_two_tags,
    registry::server::{Fault, On, Personality, Stale, TestRegistry, What},
    support::{Run, Shelf, World},
};

/// The repositories of the two images: the main one has two.
pub(crate) const NAMES: [&str; 3] = ["acme/api", "acme/copy", "acme/worker"];
/// Tags of one image in one repository: version, commit, line, latest, day.
const EACH: usize = 5;

/// Makes the layouts of one image and of its variant.
const IMAGES: &str = r#"#!/bin/sh
set -eu
echo "$HOIST_IMAGE_NAME" >>runs
for variant in '' -alpine; do
    out=dist/$HOIST_IMAGE_NAME$variant
    rm -rf "$out" dist/tmp
    mkdir -p "$out/blobs/sha256" dist/tmp
    echo "$HOIST_IMAGE_NAME$variant of $HOIST_COMMIT" >dist/tmp/layer
    store() {
        digest=$(sha256sum "$1" | cut -d ' ' -f 1)
        size=$(wc -c <"$1" | tr -d ' ')
        cp "$1" "$out/blobs/sha256/$digest"
    }
    store dist/tmp/layer
    layer='{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:'$digest'","size":'$size'}'
    labels='{"org.opencontainers.image.revision":"'$HOIST_COMMIT'","org.opencontainers.image.version":"'$HOIST_VERSION'"}'
    printf '{"architecture":"amd64","os":"linux","config":{"Labels":%s},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$labels" "$digest" >dist/tmp/config
    store dist/tmp/config
    config='{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:'$digest'","size":'$size'}'
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":%s,"layers":[%s]}' "$config" "$layer" >dist/tmp/manifest
    store dist/tmp/manifest
    printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s}]}' "$digest" "$size" >"$out/index.json"
    printf '{"imageLayoutVersion":"1.0.0"}' >"$out/oci-layout"
done
"#;

/// Images by name, the main one first, each with the names of its repositories.
pub(crate) type ImagePlaces<'a> = &'a [(&'a str, &'a [&'a str])];

pub(crate) const TWO: ImagePlaces<'static> =
    &[("main", &[NAMES[0], NAMES[1]]), ("worker", &[NAMES[2]])];

/// A policy of these images, each of them with a variant.
pub(crate) fn policy(shelf: &dyn Shelf, images: ImagePlaces<'_>) -> String {
    let mut text = String::new();
    for (name, places) in images {
        let places: Vec<_> = places.iter().map(|place| shelf.repository(place)).collect();
        text.push_str(&match *name {
            "main" => format!(
                "[image]\nrepositories = {places:?}\n\n[image.build]\ncommand = [\"sh\", \"images.sh\"]\n\
                 layout = \"dist/main\"\nplatforms = [\"linux/amd64\"]\n\n"
            ),
            name => format!(
                "[images.{name}]\nrepositories = {places:?}\nlayout = \"dist/{name}\"\ntitle = \"the {name}\"\n\n"
            ),
        });
    }
    let names: Vec<_> = images.iter().map(|(name, _)| name).collect();
    let layouts = names
        .iter()
        .map(|name| format!("{name} = \"dist/{name}-alpine\""));
    let layouts: Vec<_> = layouts.collect();
    let layouts = layouts.join(", ");
    format!("{text}[variants.alpine]\nimages = {names:?}\nlayout = {{ {layouts} }}\n")
}

/// A clone with these images, and a feature to release.
pub(crate) fn project<'a>(
    world: &'a World<'_>,
    shelf: &dyn Shelf,
    images: ImagePlaces<'_>,
    more: &str,
) -> Clone<'a> {
    let clone = world.remote.clone("a", &[]);
    clone.write("images.sh", IMAGES);
    clone.write(".gitignore", "/dist\n/runs\n/legs\n");
    clone.write("release.toml", format!("{}{more}", policy(shelf, images)));
    clone.commit("feat: begin");
    clone.push();
    clone
}

fn registry() -> TestRegistry {
    TestRegistry::start(Personality::default())
}

/// What a tag of a repository shows.
fn shows(registry: &TestRegistry, name: &str, tag: &str) -> String {
    let found = Shelf::tags(registry, name)
        .into_iter()
        .find(|(known, _)| known == tag);
    found.unwrap_or_else(|| panic!("{name} has no {tag}")).1
}

/// Somebody puts what one tag shows under another.
fn copy_tag(registry: &TestRegistry, name: &str, from: &str, to: &str) {
    let mut state = registry.state();
    let contents = state.store.contents(name).unwrap();
    let from = from.parse::<Tag>().unwrap().into();
    let manifest = contents.find(&from, Stale::Never).unwrap();
    contents.put(Some(to), manifest);
}

/// All tags of a repository, by what they show.
fn images(registry: &TestRegistry, name: &str) -> Vec<(String, usize)> {
    let mut found: Vec<(String, usize)> = Vec::new();
    for (_, digest) in Shelf::tags(registry, name) {
        match found.iter_mut().find(|(known, _)| *known == digest) {
            Some((_, count)) => *count += 1,
            None => found.push((digest, 1)),
        }
    }
    found
}

#[test]
fn two_images_with_a_variant_are_one_release() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let clone = project(&world, &registry, TWO, "");
    let plan = world.hoist(&clone, &["plan"]);
    plan.says("image main: ");
    plan.says("image worker: ");
    let plan = world.hoist(&clone, &["plan", "--json"]).json();
    let named = |value: &Value| {
        let variant = value["variant"].as_str().unwrap_or("-").to_owned();
        (value["image"].as_str().unwrap().to_owned(), variant)
    };
    let planned: Vec<_> = plan["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(named)
        .collect();
    let all = [
        ("main", "-"),
        ("main", "alpine"),
        ("worker", "-"),
        ("worker", "alpine"),
    ]
    .map(|(image, variant)| (image.to_owned(), variant.to_owned()));
    assert_eq!(planned, all);
    assert_eq!(
        plan["images"][2]["labels"]["org.opencontainers.image.title"],
        "the worker"
    );
    assert_eq!(
        plan["images"][2]["repositories"][0],
        registry.repository(NAMES[2]).to_string()
    );
    assert_eq!(plan["tags"].as_array().unwrap().len(), 2 * 3 * EACH);

    let run = world.hoist(&clone, &["release", "--yes", "--json"]);
    let outcome = run.outcome();
    let released: Vec<_> = outcome["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(named)
        .collect();
    assert_eq!(released.len(), 6, "{run}");
    assert!(all.iter().all(|image| released.contains(image)), "{run}");
    assert!(
        run.stdout
            .contains(r#""image":"worker","variant":"alpine""#),
        "{run}"
    );
    // The program has run once for each image, and its variant came with it.
    let runs = fs::read_to_string(clone.path().join("runs")).unwrap();
    assert_eq!(runs, "main\nworker\n");
    let (api, worker) = (images(&registry, NAMES[0]), images(&registry, NAMES[2]));
    assert_eq!(images(&registry, NAMES[1]), api);
    for found in [&api, &worker] {
        let counts: Vec<_> = found.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [EACH, EACH], "{found:?}");
    }
    assert!(api.iter().all(|image| !worker.contains(image)));
    world.assert_unlocked();

    // The receipt in the git tag, and what reads it.
    let message = world.remote.git(&["cat-file", "tag", "v0.1.0"]);
    let digest = shows(&registry, NAMES[2], "0.1.0-alpine");
    let place = registry.repository(NAMES[2]);
    let line = format!("\nHoist-Image: {place}@{digest} image=worker variant=alpine");
    assert!(message.contains(&line), "{message}");
    let log = world.hoist(&clone, &["log", "--json"]).json();
    let logged: Vec<_> = log["releases"][0]["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(named)
        .collect();
    assert!(all.iter().all(|image| logged.contains(image)), "{log}");
    world.hoist(&clone, &["log"]).says("worker/alpine");
    let verified = world.hoist(&clone, &["verify", "--deep", "--json"]);
    verified.says(r#""image":"worker""#);
    // Its layers are not archives, so which one is looked at is all that can be told.
    for (name, tag) in [("worker", "0.1.0"), ("worker/alpine", "0.1.0-alpine")] {
        registry.forget();
        world.run(&clone, &["inspect", name]).expect(6);
        let asked = On::any().with(format!("{}/manifests/{tag}", NAMES[2]));
        assert!(registry.count(&asked) > 0, "{name}");
    }
    world
        .hoist(&clone, &["release", "--yes"])
        .says("nothing to release");
}

/// Tags of one version in two repositories are two tags, and their forms for other builders name the image.
#[test]
fn the_tags_of_several_images_are_told_apart() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let clone = project(&world, &registry, TWO, "");
    let lines = world.hoist(&clone, &["tags"]);
    assert_eq!(lines.stdout.lines().count(), 2 * EACH, "{lines}");
    let refs = world.hoist(&clone, &["tags", "--format", "refs"]);
    assert_eq!(refs.stdout.lines().count(), 2 * 3 * EACH, "{refs}");
    let bake = world.hoist(&clone, &["tags", "--format", "bake"]).json();
    let target = &bake["target"]["docker-metadata-action-worker-alpine"];
    assert_eq!(target["tags"].as_array().unwrap().len(), EACH, "{bake}");
    assert_eq!(
        target["labels"]["org.opencontainers.image.title"],
        "the worker"
    );
    let github = world.hoist(&clone, &["tags", "--format", "github"]);
    github.says("tags-worker-alpine<<");
    let tags = world.hoist(&clone, &["tags", "--json"]).json();
    let of_worker = tags["tags"].as_array().unwrap().iter();
    let of_worker = of_worker.filter(|tag| tag["image"] == "worker");
    for tag in of_worker.clone() {
        let places = tag["repositories"].as_array().unwrap();
        assert_eq!(places.len(), 1, "{tag}");
    }
    assert_eq!(of_worker.count(), 2 * EACH);
    world.run(&clone, &["--image", "acme/x", "plan"]).expect(2);
}

#[test]
fn what_one_repository_refuses_puts_all_images_back() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let clone = project(&world, &registry, TWO, "");
    world.hoist(&clone, &["release", "--yes"]);
    let before = world.tags();
    world.change(&clone, "feat: more");
    let put = On::put_tag().with("/acme/worker/manifests/latest-alpine");
    registry.fault(Fault::always(put, What::Status(403, "DENIED")));
    let run = world.run(&clone, &["release", "--yes"]);
    run.expect(7);
    assert_eq!(world.tags(), before);
    world.assert_unlocked();
    registry.heal();
    world.hoist(&clone, &["release", "--yes"]);
    assert_eq!(
        world.changed(&before).len(),
        2 * 3 * EACH,
        "{:?}",
        world.changed(&before)
    );
}

/// The lines of an image are those of its own repositories.
#[test]
fn an_image_holds_back_its_own_tags_alone() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let clone = project(&world, &registry, TWO, "");
    world.hoist(&clone, &["release", "--yes"]);
    copy_tag(&registry, NAMES[2], "0.1.0", "2.0.0");
    world.change(&clone, "feat: more");
    let run = world.hoist(&clone, &["release", "--yes"]);
    let old = shows(&registry, NAMES[2], "0.1.0");
    assert_eq!(shows(&registry, NAMES[2], "latest"), old, "{run}");
    assert_eq!(
        shows(&registry, NAMES[2], "0.2"),
        shows(&registry, NAMES[2], "0.2.0")
    );
    for (name, tag) in [
        (NAMES[0], "latest"),
        (NAMES[1], "latest"),
        (NAMES[0], "latest-alpine"),
    ] {
        let version = tag.replace("latest", "0.2.0");
        assert_eq!(
            shows(&registry, name, tag),
            shows(&registry, name, &version),
            "{run}"
        );
    }
    // What is wrong in one image's repository is mended there, and named.
    copy_tag(&registry, NAMES[2], "0.1.0", "0.2");
    let found = world.run(&clone, &["repair", "--json"]);
    found.expect(9);
    found.says(r#""image":"worker""#);
    world.hoist(&clone, &["repair", "--yes"]);
    assert_eq!(
        shows(&registry, NAMES[2], "0.2"),
        shows(&registry, NAMES[2], "0.2.0")
    );
    // Taken back as a whole: what each image had before.
    let before = shows(&registry, NAMES[0], "0.1.0");
    world.hoist(&clone, &["rollback", "0.2.0", "--yes"]);
    assert_eq!(shows(&registry, NAMES[0], "latest"), before);
    assert_eq!(shows(&registry, NAMES[2], "latest"), old);
}

#[test]
fn a_promotion_takes_all_images_along() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let clone = project(&world, &registry, TWO, "");
    world.hoist(&clone, &["release", "--pre", "rc", "--yes"]);
    world.hoist(&clone, &["promote", "0.1.0-rc.1", "--yes"]);
    for (name, tag) in [
        (NAMES[0], "latest"),
        (NAMES[2], "latest"),
        (NAMES[2], "latest-alpine"),
    ] {
        let candidate = tag.replace("latest", "0.1.0-rc.1");
        assert_eq!(
            shows(&registry, name, tag),
            shows(&registry, name, &candidate)
        );
    }
    world.hoist(&clone, &["verify"]);
    // Different images under one name in the repositories of different images are no contradiction.
    world.change(&clone, "fix: a patch");
    world.hoist(&clone, &["release", "--yes"]);
    world.hoist(&clone, &["verify", "0.1.0"]);
    world.hoist(&clone, &["rollback", "0.1.1", "--yes"]);
    world.hoist(&clone, &["verify"]);
    // An image that lacks its candidate stops the promotion of all.
    world.change(&clone, "feat: more");
    world.hoist(&clone, &["release", "--pre", "rc", "--yes"]);
    {
        let mut state = registry.state();
        let contents = state.store.contents(NAMES[2]).unwrap();
        assert!(contents.remove_tag("0.2.0-rc.1-alpine"));
    }
    let run = world.run(&clone, &["promote", "0.2.0-rc.1", "--yes"]);
    run.expect(4);
    run.says("no image of image `worker/alpine`");
}

/// A release that died between two images: another clone knows which images are meant, and ends it.
#[test]
fn another_clone_ends_a_release_of_several_images() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let more = "\n[publish]\nverify-timeout = \"1s\"\n";
    let clone = project(&world, &registry, TWO, more);
    world.hoist(&clone, &["release", "--yes"]);
    for (round, verb) in ["resume", "rollback"].into_iter().enumerate() {
        world.change(&clone, &format!("feat: number {round}"));
        let before = world.tags();
        let command = world.command(&clone, &["release", "--yes", "--json"]);
        crate::real::kill::kill_at(command, crate::real::kill::Moment::Tags(14));
        let other = world.remote.clone(&format!("other-{round}"), &[]);
        let status = world.run(&other, &["status", "--json"]);
        status.expect(5);
        let images = status.json()["unfinished"][0]["images"].clone();
        let named = images.as_array().unwrap().iter();
        assert_eq!(
            named.filter(|image| image["image"] == "worker").count(),
            2,
            "{status}"
        );
        world.hoist(&other, &[verb, "--take-over", "--yes"]);
        world.assert_unlocked();
        let changed = world.changed(&before).len();
        assert_eq!(changed, if verb == "resume" { 2 * 3 * EACH } else { 0 });
    }
}

/// The policy has lost an image since: what is left of the release is named, and the whole lock is deleted.
#[test]
fn a_release_of_an_image_that_the_policy_lost_is_given_up_as_a_whole() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let clone = project(&world, &registry, TWO, "");
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    world.change(&clone, "feat: more");
    die_between_two_tags(&world, &registry, &clone);
    let other = world.remote.clone("other", &[]);
    other.write("release.toml", policy(&registry, &TWO[..1]));
    let lost = format!("the tags in {}", registry.repository(NAMES[2]));
    let status = world.run(&other, &["status"]);
    status.expect(5);
    status.says(&lost);
    let status = world.run(&other, &["status", "--json"]);
    assert!(status.stdout.contains("\"not_asked\""), "{status}");
    let run = world.hoist(&other, &["unlock", "--discard", "--yes"]);
    let refs = world.remote.refs();
    assert!(!refs.contains("refs/hoist/publish"), "{refs}{run}");
}

fn built(run: &Run) -> Vec<String> {
    let images = run.json()["images"].as_array().unwrap().clone();
    let name = |image: &Value| match image["variant"].as_str() {
        Some(variant) => format!("{}/{variant}", image["image"].as_str().unwrap()),
        None => image["image"].as_str().unwrap().to_owned(),
    };
    images.iter().map(name).collect()
}

#[test]
fn each_image_can_be_built_by_a_job_of_its_own() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let clone = project(&world, &registry, TWO, "");
    let all = world.hoist(&clone, &["build", "--json"]);
    assert_eq!(
        built(&all),
        ["main", "main/alpine", "worker", "worker/alpine"]
    );
    let one = world.hoist(
        &clone,
        &["build", "--image-name", "worker/alpine", "--json"],
    );
    assert_eq!(built(&one), ["worker/alpine"]);
    let other = world.run(&clone, &["build", "--image-name", "wroker"]);
    other.expect(2);
    other.says("`main`, `main/alpine`, `worker`, `worker/alpine`");
    let leg = |name: &str, file: &str| {
        world.hoist(&clone, &["build", "--image-name", name, "--output", file])
    };
    leg("main", "legs/main.tar");
    let lacking = world.run(&clone, &["release", "--yes", "--from", "legs/*.tar"]);
    lacking.expect(4);
    lacking.says("`worker`");
    assert!(Shelf::tags(&registry, NAMES[0]).is_empty());
    leg("worker", "legs/worker.tar");
    // A leg says which image it is of, and the command line cannot say otherwise.
    let odd = world.run(
        &clone,
        &["release", "--yes", "--from", "main=legs/worker.tar"],
    );
    odd.expect(4);
    odd.says("worker");
    world.hoist(&clone, &["release", "--yes", "--from", "legs/*.tar"]);
    let counts = |name: &str| images(&registry, name).len();
    assert_eq!(NAMES.map(counts), [2, 2, 2]);
    assert_ne!(
        shows(&registry, NAMES[0], "latest"),
        shows(&registry, NAMES[2], "latest")
    );

    // Staged: each image in its own repositories and nowhere else. Layouts without a description need a name.
    world.change(&clone, "feat: more");
    let staged = world.hoist(&clone, &["build", "--image-name", "worker", "--stage"]);
    let legs: Vec<Value> = staged
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(legs.len(), 2, "{staged}");
    for leg in &legs {
        assert_eq!(leg["image"], "worker");
        assert_eq!(
            leg["staged"],
            serde_json::json!([registry.repository(NAMES[2]).to_string()])
        );
    }
    clone.write("legs/worker.json", &staged.stdout);
    let unnamed = [
        "release",
        "--yes",
        "--from",
        "legs/worker.json",
        "dist/main",
        "dist/main-alpine",
    ];
    world.run(&clone, &unnamed).expect(2);
    let named = [
        "release",
        "--yes",
        "--from",
        "legs/worker.json",
        "main=dist/main",
        "main/alpine=dist/main-alpine",
    ];
    world.hoist(&clone, &["build", "--image-name", "main"]);
    // `dist/main` is labelled as a trial, so it is made again as the release is to have it.
    world.run(&clone, &named).expect(4);
    world.hoist(
        &clone,
        &[
            "build",
            "--image-name",
            "main",
            "--output",
            "legs/again.tar",
        ],
    );
    world.hoist(&clone, &named);
    assert_eq!(shows(&registry, NAMES[2], "0.2.0"), legs[0]["digest"]);
}

/// Of an archive with the legs of several images, each image takes its own; a name on the command line picks one.
#[test]
fn an_archive_of_several_images_is_taken_image_by_image() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let clone = project(&world, &registry, TWO, "");
    let main = ["build", "--image-name", "main", "--output", "legs/main.tar"];
    world.hoist(&clone, &main);
    for all in ["legs/all.tar", "legs/all"] {
        world.hoist(&clone, &["build", "--output", all]);
        let dry = |from: &[&str]| {
            let from = from.iter().map(|name| match *name {
                "" => all.to_owned(),
                name => format!("{name}={all}"),
            });
            let from: Vec<String> = from.collect();
            let from = from.iter().flat_map(|from| ["--from", from]);
            let args: Vec<&str> = ["release", "--dry-run"].into_iter().chain(from).collect();
            world.run(&clone, &args)
        };
        dry(&[""]).expect(0);
        dry(&["main", "main/alpine", "worker", "worker/alpine"]).expect(0);
        let run = dry(&["main", "worker"]);
        run.expect(4);
        run.says("no leg is of the image `main/alpine`");
    }
    for more in [&[][..], &["--from", "legs/all"]] {
        let from = ["release", "--yes", "--from", "worker=legs/main.tar"];
        let run = world.run(&clone, &[&from[..], more].concat());
        run.expect(4);
        run.says("the leg `legs/main.tar` is of another image");
        run.says("expected `worker`, and it says `main`");
        run.says(
            "leave the name out, for each leg says which image it is of: `--from legs/main.tar`",
        );
    }
    assert!(Shelf::tags(&registry, NAMES[0]).is_empty());
    world.hoist(&clone, &["release", "--yes", "--from", "legs/all.tar"]);
    assert_eq!(NAMES.map(|name| images(&registry, name).len()), [2, 2, 2]);
}
