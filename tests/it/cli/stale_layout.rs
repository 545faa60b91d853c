//! A layout that is not of the commit that is released: refused, unless it is meant.

use hoist::oci::{Digest, MediaType};
use serde_json::{Value, json};
use testkit::sandbox::Clone;

use crate::{
    registry::server::{Delete, Fault, On, TestRegistry, What},
    support::{Run, World, layout::Layout},
};

const NAME: &str = "acme/api";

fn project<'w>(world: &'w World<'_>, registry: &TestRegistry, more: &str) -> Clone<'w> {
    let clone = world.remote.clone("a", &[]);
    clone.write(".gitignore", "/dist\n/release.toml\n");
    policy(&clone, registry, more);
    clone.write("VERSION", "0.1.0\n");
    clone.commit("feat: begin");
    clone.push();
    clone
}

fn policy(clone: &Clone<'_>, registry: &TestRegistry, more: &str) {
    let repository = registry.repository(NAME);
    clone.write(
        "release.toml",
        format!(
            "[image]\nrepository = \"{repository}\"\n[image.build]\nlayout = \"dist/oci\"\n{more}\n"
        ),
    );
}

fn head(clone: &Clone<'_>) -> String {
    clone.git(&["rev-parse", "HEAD"])
}

fn revision(commit: &str) -> Value {
    json!({"org.opencontainers.image.revision": commit})
}

/// An image with these labels, told apart by its content.
fn build(clone: &Clone<'_>, labels: &Value, content: &str) -> Digest {
    let mut layout = Layout::new(&clone.path().join("dist/oci"));
    let image = layout.image("amd64", labels, content.as_bytes());
    layout.finish(&image)
}

/// Refused with exit 4 and this code: no tag moved, and nothing was locked or tagged in git.
#[track_caller]
fn refused(world: &World<'_>, clone: &Clone<'_>, args: &[&str], code: &str) -> Run {
    let (tags, refs) = (world.tags(), world.remote.refs());
    let mut all = vec!["release", "--allow-dirty", "--yes", "--json"];
    all.extend(args);
    let run = world.run(clone, &all);
    run.expect(4);
    let error = &run.outcome()["error"];
    assert_eq!(error["code"], code, "{run}");
    assert_eq!(error["state"], "nothing was published", "{run}");
    assert!(error["hint"].is_string(), "{run}");
    assert_eq!(world.tags(), tags, "{run}");
    assert_eq!(world.remote.refs(), refs, "{run}");
    // Whoever only looks is told the same.
    let of = |verb: &[&str]| {
        let mut all = verb.to_vec();
        all.extend(args);
        world.run(clone, &all)
    };
    let message = error["message"].as_str().unwrap();
    let dry = of(&["release", "--dry-run", "--allow-dirty", "--json"]);
    dry.expect(4);
    assert_eq!(dry.outcome()["error"]["code"], code, "{dry}");
    if !args.contains(&"--allow-same-image") {
        let plan = of(&["plan", "--json"]);
        plan.expect(0);
        let messages = plan.json()["messages"].to_string();
        assert!(messages.contains(message), "{message}: {plan}");
    }
    run
}

/// What is said of an image beside its labels counts as they do: of a layout as of several legs.
#[test]
fn annotations_of_a_single_layout_are_of_this_commit_and_version() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, &registry, "");
    let other = "2".repeat(40);
    let ours = head(&clone);
    let version = |text: &str| json!({"org.opencontainers.image.version": text});
    // Labels and annotations of the manifest, its entry, its index and the entry in `index.json`.
    let build = |said: [Value; 5]| {
        let [labels, of_manifest, of_entry, of_index, listed] = said;
        let mut layout = Layout::new(&clone.path().join("dist/oci"));
        let image = layout.image("amd64", &labels, b"content");
        let file = image["digest"].as_str().unwrap().replace(':', "/");
        let file = clone.path().join("dist/oci/blobs").join(file);
        let text = std::fs::read_to_string(file).unwrap();
        let mut manifest: Value = serde_json::from_str(&text).unwrap();
        manifest["annotations"] = of_manifest;
        let mut image = layout.document(MediaType::OCI_MANIFEST, &manifest);
        image["platform"] = json!({"os": "linux", "architecture": "amd64"});
        image["annotations"] = of_entry;
        let index = json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": [image], "annotations": of_index});
        let mut top = layout.document(MediaType::OCI_INDEX, &index);
        top["annotations"] = listed;
        layout.finish(&top)
    };
    let says = [
        "has the label",
        "of its manifest says",
        "of its entry in an index says",
        "of its index says",
        "of its entry in `index.json` says",
    ];
    let leg = ["build", "--allow-dirty", "--output", "dist/leg"];
    for (place, says) in says.into_iter().enumerate() {
        for (value, code, word) in [
            (revision(&other), "image-of-other-commit", &*other),
            (version("9.9.9"), "image-of-other-version", "9.9.9"),
            (
                version("0.1.0-dev"),
                "image-of-other-version",
                "is a trial build",
            ),
            (
                version("0.1.0-rc.1"),
                "image-of-other-version",
                "`hoist promote 0.1.0-rc.1`",
            ),
        ] {
            let mut said = [const { Value::Null }; 5].map(|_| json!({}));
            said[place] = value;
            build(said);
            let run = if place == 4 || word == "9.9.9" {
                refused(&world, &clone, &[], code)
            } else {
                let run = world.run(&clone, &["release", "--allow-dirty", "--yes"]);
                run.expect(4);
                run
            };
            run.says(says);
            run.says(word);
            world.run(&clone, &leg).expect(4);
        }
    }
    let digest = build([
        version("24.04"),
        revision(&ours),
        version("v0.1.0"),
        version("edge"),
        revision(&ours[..12]),
    ]);
    world.hoist(&clone, &leg);
    world.hoist(&clone, &["release", "--allow-dirty", "--yes"]);
    assert_eq!(registry.tags(NAME)["0.1.0"], digest);
    world.hoist(&clone, &["verify", "--all"]);
}

#[test]
fn the_bytes_of_the_last_release_are_not_published_again() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, &registry, "");
    let digest = build(&clone, &json!({}), "once");
    world.hoist(
        &clone,
        &["release", "--allow-dirty", "--version", "1.0.0", "--yes"],
    );
    world.change(&clone, "feat: more");
    let run = refused(&world, &clone, &[], "same-image");
    run.says("1.0.0");
    run.says(digest.as_str());

    let run = world.hoist(
        &clone,
        &["release", "--allow-dirty", "--yes", "--allow-same-image"],
    );
    run.says("the image of 1.0.0");
    assert_eq!(registry.tags(NAME)["1.1.0"], digest);
    world.change(&clone, "feat: still more");
    refused(&world, &clone, &[], "same-image").says("1.1.0");
    let check = world.run(&clone, &["check"]);
    check.says("the image at `dist/oci` is the one that 1.1.0 published");
    policy(&clone, &registry, "same-image = \"allow\"");
    world.hoist(&clone, &["release", "--allow-dirty", "--yes"]);
    assert_eq!(registry.tags(NAME)["1.2.0"], digest);
}

/// A git tag that another tool made has no receipt.
#[test]
fn without_a_receipt_the_registry_says_what_the_last_release_was() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, &registry, "");
    build(&clone, &json!({}), "once");
    world.hoist(
        &clone,
        &["release", "--allow-dirty", "--version", "1.0.0", "--yes"],
    );
    clone.git(&["fetch", "--quiet", "--tags"]);
    clone.git(&["tag", "--force", "v1.0.0", "v1.0.0^{commit}"]);
    clone.git(&["push", "--quiet", "--force", "origin", "v1.0.0"]);
    world.change(&clone, "feat: more");
    refused(&world, &clone, &[], "same-image");
    build(&clone, &json!({}), "twice");
    world.hoist(&clone, &["release", "--allow-dirty", "--yes"]);
}

#[test]
fn every_platform_has_to_be_of_the_commit() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, &registry, "");
    let old = head(&clone);
    build(&clone, &revision(&old), "once");
    world.hoist(
        &clone,
        &["release", "--allow-dirty", "--version", "1.0.0", "--yes"],
    );
    let new = world.change(&clone, "feat: more");

    // Another image than the last one, and of its commit all the same.
    build(&clone, &revision(&old), "twice");
    let run = refused(&world, &clone, &[], "image-of-other-commit");
    run.says(&old);
    run.says(&new);
    refused(
        &world,
        &clone,
        &["--allow-same-image"],
        "image-of-other-commit",
    );

    let index = |labels: [Value; 2]| {
        let mut layout = Layout::new(&clone.path().join("dist/oci"));
        let children = ["amd64", "arm64"].iter().zip(labels);
        let mut children: Vec<Value> = children
            .map(|(name, labels)| layout.image(name, &labels, name.as_bytes()))
            .collect();
        children.push(layout.attestation(&children[0]));
        let top = layout.index(&children);
        layout.finish(&top)
    };
    index([revision(&new), revision(&old)]);
    refused(&world, &clone, &[], "image-of-other-commit").says("linux/arm64");
    // An image that was made for another version, and that `verify` would call wrong.
    let version = |version: &str| json!({"org.opencontainers.image.version": version});
    index([revision(&new), version("2.0.0")]);
    refused(&world, &clone, &[], "image-of-other-version").says("linux/arm64");
    let digest = index([revision(&new[..12]), version("1.1.0")]);
    world.hoist(&clone, &["release", "--allow-dirty", "--yes"]);
    assert_eq!(registry.tags(NAME)["1.1.0"], digest);
    world.hoist(&clone, &["verify", "--all"]);

    // Published again on purpose, an image still says what it was built from.
    let newest = world.change(&clone, "feat: still more");
    build(&clone, &revision(&newest), "labelled");
    world.hoist(&clone, &["release", "--allow-dirty", "--yes"]);
    world.change(&clone, "fix: the documentation");
    refused(&world, &clone, &[], "same-image");
    world.hoist(
        &clone,
        &["release", "--allow-dirty", "--yes", "--allow-same-image"],
    );
    world.hoist(&clone, &["verify", "--all"]);
}

/// Of an index that was made anew every image has to be: a part of the last release is none.
#[test]
fn an_image_for_one_platform_that_was_not_made_anew_is_refused() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, &registry, "");
    let index = |contents: &[(&str, &str)]| {
        let mut layout = Layout::new(&clone.path().join("dist/oci"));
        let image = |(platform, content): &(&str, &str)| {
            layout.image(platform, &json!({}), content.as_bytes())
        };
        let images: Vec<Value> = contents.iter().map(image).collect();
        let top = layout.index(&images);
        layout.finish(&top)
    };
    let release = ["release", "--allow-dirty", "--yes"];
    index(&[("amd64", "one"), ("arm64", "one")]);
    world.hoist(&clone, &release);
    world.change(&clone, "feat: more");
    for (contents, stale) in [
        (&[("amd64", "one"), ("arm64", "two")][..], "linux/amd64"),
        (&[("amd64", "two"), ("arm64", "one")], "linux/arm64"),
        (&[("amd64", "one")], "its image is one that 0.1.0 published"),
    ] {
        index(contents);
        refused(&world, &clone, &[], "same-image").says(stale);
    }
    let digest = index(&[("amd64", "one"), ("arm64", "two")]);
    let run = world.run(&clone, &[&release[..], &["--allow-same-image"]].concat());
    run.expect(0);
    assert_eq!(registry.tags(NAME)["0.2.0"], digest);
}

/// What a clone without the tags cannot read here, a release fetches or asks the registry.
#[test]
fn a_clone_without_the_tags_is_told_what_a_release_would_do() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, &registry, "");
    build(&clone, &json!({}), "once");
    world.hoist(
        &clone,
        &["release", "--allow-dirty", "--version", "1.0.0", "--yes"],
    );
    world.change(&clone, "feat: more");
    let bare = world.remote.clone("bare", &["--no-tags"]);
    policy(&bare, &registry, "");
    build(&bare, &json!({}), "once");
    let plan = ["plan"];
    let run = world.run(&bare, &plan);
    run.says("would refuse: the image at `dist/oci` is the one that 1.0.0 published");
    build(&bare, &json!({}), "twice");
    let run = world.run(&bare, &plan);
    run.expect(0);
    // The policy, which no commit holds, is all that would stop it.
    assert_eq!(run.stderr.matches("would refuse").count(), 1, "{run}");
    world.hoist(&bare, &["release", "--allow-dirty", "--yes"]);
    assert_eq!(world.shows("latest"), world.shows("1.1.0"));
}

#[test]
fn a_release_that_is_tried_again_is_not_the_last_release() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, &registry, "");
    build(&clone, &json!({}), "once");
    world.hoist(
        &clone,
        &["release", "--allow-dirty", "--version", "1.0.0", "--yes"],
    );
    world.change(&clone, "feat: more");
    let digest = build(&clone, &json!({}), "twice");
    let latest = On::put_manifest().with("/manifests/latest");
    registry.fault(Fault::always(latest, What::Status(403, "DENIED")));
    world
        .run(&clone, &["release", "--allow-dirty", "--yes"])
        .expect(7);
    registry.heal();
    world.hoist(&clone, &["release", "--allow-dirty", "--yes"]);
    assert_eq!(registry.tags(NAME)["latest"], digest);
    // Published already: nothing is refused, and nothing moves.
    let tags = world.tags();
    world.hoist(
        &clone,
        &["release", "--allow-dirty", "--version", "1.1.0", "--yes"],
    );
    assert_eq!(world.tags(), tags);
}

#[test]
fn the_image_of_a_candidate_may_become_the_release_of_its_commit() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, &registry, "");
    let digest = build(&clone, &json!({}), "once");
    world.hoist(
        &clone,
        &[
            "release",
            "--allow-dirty",
            "--version",
            "1.0.0-rc.1",
            "--yes",
        ],
    );
    world.hoist(&clone, &["promote", "--allow-dirty", "1.0.0-rc.1", "--yes"]);
    assert_eq!(registry.tags(NAME)["1.0.0"], digest);
    world.change(&clone, "feat: more");
    refused(&world, &clone, &[], "same-image").says("1.0.0");

    // Released by hand from the candidate's commit.
    let digest = build(&clone, &json!({}), "twice");
    world.hoist(
        &clone,
        &[
            "release",
            "--allow-dirty",
            "--version",
            "1.1.0-rc.1",
            "--yes",
        ],
    );
    world.hoist(
        &clone,
        &["release", "--allow-dirty", "--version", "1.1.0", "--yes"],
    );
    assert_eq!(registry.tags(NAME)["1.1.0"], digest);

    // From a later commit the candidate's image is a stale one.
    world.change(&clone, "feat: still more");
    build(&clone, &json!({}), "thrice");
    world.hoist(
        &clone,
        &[
            "release",
            "--allow-dirty",
            "--version",
            "1.2.0-rc.1",
            "--yes",
        ],
    );
    world.change(&clone, "fix: one more thing");
    refused(&world, &clone, &["--version", "1.2.0"], "same-image").says("1.2.0-rc.1");
}

#[test]
fn an_image_of_the_parent_of_the_release_commit_is_taken() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let files = "[version]\nfiles = [{ path = \"VERSION\" }]";
    let clone = project(&world, &registry, files);
    let old = head(&clone);
    build(&clone, &revision(&old), "once");
    world.hoist(
        &clone,
        &["release", "--allow-dirty", "--version", "1.0.0", "--yes"],
    );
    clone.git(&["pull", "--quiet", "--ff-only", "origin", "main"]);
    assert_ne!(head(&clone), old, "the release made a commit");
    let new = world.change(&clone, "feat: more");
    build(&clone, &revision(&old), "twice");
    refused(&world, &clone, &[], "image-of-other-commit");
    let digest = build(&clone, &revision(&new), "thrice");
    world.hoist(&clone, &["release", "--allow-dirty", "--yes"]);
    assert_eq!(registry.tags(NAME)["1.1.0"], digest);
    world.hoist(&clone, &["verify", "--all"]);

    // The commit is on its branch already: an earlier try, or a merge, has made it.
    clone.git(&["pull", "--quiet", "--ff-only", "origin", "main"]);
    let newest = world.change(&clone, "feat: still more");
    clone.write("VERSION", "1.2.0\n");
    clone.commit("chore(release): 1.2.0");
    clone.push();
    build(&clone, &revision(&new), "again");
    refused(
        &world,
        &clone,
        &["--version", "1.2.0"],
        "image-of-other-commit",
    );
    let digest = build(&clone, &revision(&newest), "at last");
    world.hoist(
        &clone,
        &["release", "--allow-dirty", "--version", "1.2.0", "--yes"],
    );
    assert_eq!(registry.tags(NAME)["1.2.0"], digest);
    // Lost in git, and known again by its label.
    world.remote.git(&["tag", "--delete", "v1.2.0"]);
    clone.git(&["tag", "--delete", "v1.2.0"]);
    build(&clone, &revision(&newest), "not looked at");
    world.hoist(
        &clone,
        &["release", "--allow-dirty", "--version", "1.2.0", "--yes"],
    );
    assert_eq!(registry.tags(NAME)["1.2.0"], digest);
    world.hoist(&clone, &["verify", "--all"]);
}

/// Where the deletion of a tag takes along what it shows, the roll back of a release whose image was published before
/// leaves the tags alone that show it.
#[test]
fn a_roll_back_takes_no_tag_along_that_shows_the_same_image() {
    for delete in [Delete::TagAndImage, Delete::Tag, Delete::Digest(405)] {
        let registry = TestRegistry::that_deletes(delete);
        let world = World::new(&registry, &[NAME]);
        let clone = project(&world, &registry, "");
        build(&clone, &json!({}), "a");
        world.hoist(
            &clone,
            &["release", "--allow-dirty", "--version", "1.0.0", "--yes"],
        );
        clone.write("VERSION", "1.1.0\n");
        clone.commit("feat: more");
        clone.push();
        let before = world.tags();
        registry.fault(Fault::always(
            On::method("PUT").with("/manifests/sha-"),
            What::Status(403, "DENIED"),
        ));
        let run = world.run(
            &clone,
            &["release", "--allow-dirty", "--allow-same-image", "--yes"],
        );
        run.expect(7);
        assert_eq!(world.tags(), before, "{delete:?} {run}");
        world.assert_unlocked();
    }
}
