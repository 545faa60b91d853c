//! A version that is out already, somewhere: finished with the same bytes, or refused.

use hoist::oci::{Digest, Manifest, MediaType};
use serde_json::{Value, json};
use testkit::sandbox::Clone;

use crate::{
    publish::scene::foreign,
    registry::server::{Delete, TestRegistry},
    support::{Run, World, layout::Layout},
};

const NAME: &str = "acme/api";

/// Releases from a layout that is made by hand, to these.
fn point(clone: &Clone<'_>, registries: &[&TestRegistry]) {
    let names: Vec<_> = registries
        .iter()
        .map(|registry| registry.repository(NAME).to_string())
        .collect();
    clone.write(
        "release.toml",
        format!(
            "[image]\nrepositories = {names:?}\n[image.build]\nlayout = \"dist/oci\"\n\
             [git]\nrequire-pushed = false\n"
        ),
    );
}

/// The image of HEAD, told apart by its content.
fn build(clone: &Clone<'_>, content: &str) -> Digest {
    let mut layout = Layout::new(&clone.path().join("dist/oci"));
    let labels = json!({
        "org.opencontainers.image.revision": clone.git(&["rev-parse", "HEAD"]),
    });
    let image = layout.image("amd64", &labels, content.as_bytes());
    layout.finish(&image)
}

fn begun<'w>(world: &'w World<'_>, registries: &[&TestRegistry]) -> Clone<'w> {
    let clone = world.remote.clone("a", &[]);
    clone.write(".gitignore", "/dist\n/release.toml\n");
    point(&clone, registries);
    clone.commit("feat: begin");
    clone.push();
    clone
}

fn shows(registry: &TestRegistry, tag: &str) -> Option<Digest> {
    registry.tags(NAME).get(tag).cloned()
}

#[test]
fn a_version_on_one_registry_is_completed_on_the_other_with_the_same_bytes() {
    let (first, second) = (
        TestRegistry::that_deletes(Delete::Digest(400)),
        TestRegistry::that_deletes(Delete::Digest(400)),
    );
    let world = World::new(&first, &[NAME]);
    let clone = begun(&world, &[&first]);
    let digest = build(&clone, "once");
    world.hoist(
        &clone,
        &["release", "--allow-dirty", "--version", "1.0.0", "--yes"],
    );
    let refs = world.remote.refs();

    // Built again it would be another image.
    build(&clone, "twice");
    point(&clone, &[&second, &first]);
    let plan = world.hoist(&clone, &["plan", "--version", "1.0.0"]);
    plan.says("adopts");
    let args = [
        "release",
        "--allow-dirty",
        "--version",
        "1.0.0",
        "--yes",
        "--json",
    ];
    let outcome = world.hoist(&clone, &args).outcome();
    for tag in ["1.0.0", "1.0", "1", "latest"] {
        assert_eq!(shows(&second, tag), Some(digest.clone()), "`{tag}`");
    }
    assert_eq!(first.tags(NAME), second.tags(NAME));
    assert_eq!(outcome["moved"][0]["sent"], outcome["moved"][1]["fetched"]);
    assert_eq!(outcome["moved"][0]["sent"]["blobs"], 2);
    assert_eq!(world.remote.refs(), refs);
    world.hoist(&clone, &["verify", "1.0.0", "--deep"]);
}

/// The tag of the day is that of the day on which the version was released, whenever it is completed.
#[test]
fn a_version_that_is_completed_later_keeps_the_tag_of_its_own_day() {
    let (first, second) = (
        TestRegistry::that_deletes(Delete::Tag),
        TestRegistry::that_deletes(Delete::Tag),
    );
    let world = World::new(&first, &[NAME]);
    let clone = begun(&world, &[&first]);
    let with_day = |registries: &[&TestRegistry]| {
        point(&clone, registries);
        let policy = std::fs::read_to_string(clone.path().join("release.toml")).unwrap();
        clone.write(
            "release.toml",
            policy + "[tags]\nmoving = [\"latest\", \"{date}\"]\n",
        );
    };
    with_day(&[&first]);
    let digest = build(&clone, "once");
    let args = ["release", "--allow-dirty", "--version", "1.0.0", "--yes"];
    let mut then = world.command(&clone, &args);
    Run::of(then.env("SOURCE_DATE_EPOCH", "1795600000")).expect(0);
    let tags = first.tags(NAME);
    assert_eq!(tags.get("2026-11-25"), Some(&digest));

    with_day(&[&second, &first]);
    world.hoist(&clone, &args);
    assert_eq!(second.tags(NAME), tags);
    assert_eq!(first.tags(NAME), tags);
}

#[test]
fn a_version_that_is_somebody_elses_is_refused() {
    let first = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&first, &[NAME]);
    let clone = begun(&world, &[&first]);
    first.foreign_push(NAME, "1.0.0", &foreign());
    build(&clone, "ours");
    let before = first.tags(NAME);
    let run = world.run(
        &clone,
        &["release", "--allow-dirty", "--version", "1.0.0", "--yes"],
    );
    run.expect(4);
    run.says("1.0.0 is published already, and not from this commit");
    run.says("no revision label");

    // Another commit's image says so itself.
    let elsewhere = world.remote.clone("b", &[]);
    point(&elsewhere, &[&first]);
    elsewhere.commit("feat: of another commit");
    build(&elsewhere, "theirs");
    world.hoist(
        &elsewhere,
        &["release", "--allow-dirty", "--version", "1.1.0", "--yes"],
    );
    let other = elsewhere.git(&["rev-parse", "HEAD"]);
    world.remote.git(&["tag", "--delete", "v1.1.0"]);
    let run = world.run(
        &clone,
        &["release", "--allow-dirty", "--version", "1.1.0", "--yes"],
    );
    run.expect(4);
    run.says(&format!("its label says commit {other}"));
    let mut after = first.tags(NAME);
    after.retain(|tag, _| before.contains_key(tag));
    assert_eq!(after, before);
    world.assert_unlocked();
}

/// Pushes an image past hoist under a tag: one platform, these labels; with `lost`, its config is not what the
/// manifest says.
fn plant(registry: &TestRegistry, tag: &str, architecture: &str, labels: &Value, lost: bool) {
    plant_with(registry, tag, (architecture, labels, &Value::Null), lost);
}

/// The same with annotations of the manifest.
fn plant_with(
    registry: &TestRegistry,
    tag: &str,
    (architecture, labels, annotations): (&str, &Value, &Value),
    lost: bool,
) {
    let folder = tempfile::tempdir().unwrap();
    let mut layout = Layout::new(folder.path());
    layout.annotations = annotations.clone();
    let image = layout.image(architecture, labels, tag.as_bytes());
    let bytes = |digest: &Digest| {
        let file = folder.path().join("blobs/sha256").join(digest.hex());
        std::fs::read(file).unwrap()
    };
    let digest: Digest = image["digest"].as_str().unwrap().parse().unwrap();
    let manifest = Manifest::new(MediaType::OCI_MANIFEST.into(), bytes(&digest));
    let mut state = registry.state();
    if !lost {
        let contents = state.store.create(NAME);
        for (digest, _) in &layout.blobs {
            contents.blobs.insert(digest.clone(), bytes(digest).into());
        }
    }
    state.store.foreign_push(NAME, tag, &manifest);
}

/// However much an image under the version's tag says that it is this commit's: what `verify` would call wrong,
/// and what cannot be read, is not adopted, and nothing moves.
#[test]
fn nothing_is_adopted_that_verify_would_call_wrong() {
    let cases = [
        ("arm64", "1.0.0", false, "platform linux/amd64 is missing"),
        (
            "amd64",
            "0.0.0-dev",
            false,
            "its label says version 0.0.0-dev",
        ),
        (
            "arm64",
            "0.0.0-dev",
            false,
            "platform linux/amd64 is missing; its label says version",
        ),
        ("amd64", "1.0.0", true, "the image cannot be read"),
    ];
    for (architecture, version, lost, words) in cases {
        let first = TestRegistry::that_deletes(Delete::Digest(400));
        let world = World::new(&first, &[NAME]);
        let clone = begun(&world, &[&first]);
        let policy = std::fs::read_to_string(clone.path().join("release.toml")).unwrap();
        let platforms = "platforms = [\"linux/amd64\"]\n[git]";
        clone.write("release.toml", policy.replace("[git]", platforms));
        let labels = json!({
            "org.opencontainers.image.revision": clone.git(&["rev-parse", "HEAD"]),
            "org.opencontainers.image.version": version,
        });
        plant(&first, "1.0.0", architecture, &labels, lost);
        build(&clone, "ours");
        let before = first.tags(NAME);
        for verb in [&["plan"][..], &["release", "--allow-dirty", "--yes"]] {
            let run = world.run(&clone, &[verb, &["--version", "1.0.0"]].concat());
            run.expect(4);
            run.says("1.0.0 is published already");
            run.says(words);
        }
        assert_eq!(first.tags(NAME), before, "{words}");
        world.assert_unlocked();
    }
}

/// The same image as the policy wants it is adopted by its labels alone, and `verify` agrees.
#[test]
fn what_is_adopted_by_its_labels_is_what_verify_calls_right() {
    let first = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&first, &[NAME]);
    let clone = begun(&world, &[&first]);
    let labels = json!({
        "org.opencontainers.image.revision": clone.git(&["rev-parse", "HEAD"]),
        "org.opencontainers.image.version": "1.0.0",
    });
    plant(&first, "1.0.0", "amd64", &labels, false);
    build(&clone, "ours");
    world.hoist(
        &clone,
        &["release", "--allow-dirty", "--version", "1.0.0", "--yes"],
    );
    assert_eq!(shows(&first, "latest"), shows(&first, "1.0.0"));
    world.hoist(&clone, &["verify", "1.0.0"]);
}

/// Annotations of a published image are judged as its labels are.
#[test]
fn verify_tells_of_annotations_that_contradict() {
    let first = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&first, &[NAME]);
    let clone = begun(&world, &[&first]);
    let head = clone.git(&["rev-parse", "HEAD"]);
    clone.git(&["tag", "v1.0.0"]);
    let labels = json!({
        "org.opencontainers.image.revision": head,
        "org.opencontainers.image.version": "1.0.0",
    });
    let other = "2".repeat(40);
    for (key, value, says) in [
        (
            "version",
            "9.9.9",
            "an annotation of its manifest says version 9.9.9".to_owned(),
        ),
        (
            "revision",
            &*other,
            format!("an annotation of its manifest says commit {other}"),
        ),
        ("version", "24.04", String::new()),
        ("revision", &*head, String::new()),
    ] {
        let key = format!("org.opencontainers.image.{key}");
        let annotations = json!({ key: value });
        plant_with(&first, "1.0.0", ("amd64", &labels, &annotations), false);
        let run = world.run(&clone, &["verify", "1.0.0", "--json"]);
        let findings = run.json()["findings"].to_string();
        assert_eq!(findings.contains("annotation"), !says.is_empty(), "{run}");
        assert!(findings.contains(&says), "{run}");
    }
}

/// The message of the git tag quotes commits: no marker in them hides the receipt from a fresh clone.
#[test]
fn a_receipt_is_read_whatever_the_commits_say() {
    let first = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&first, &[NAME]);
    let clone = begun(&world, &[&first]);
    let forged = format!(
        "Hoist-Image: {}@{}",
        first.repository(NAME),
        Digest::of(b"evil")
    );
    for subject in [
        "fix: accept -----BEGIN CERTIFICATE----- blocks",
        "-----BEGIN PGP SIGNATURE-----",
        "fix: -----BEGIN SSH SIGNATURE-----",
        &format!("fix: x\n\nHoist-Run: evil\n{forged}"),
        &forged,
    ] {
        clone.commit(subject);
    }
    clone.push();
    let digest = build(&clone, "once");
    world.hoist(
        &clone,
        &["release", "--allow-dirty", "--version", "1.0.0", "--yes"],
    );
    let fresh = world.remote.clone("b", &[]);
    point(&fresh, &[&first]);
    let log = world.hoist(&fresh, &["log", "--json"]);
    assert!(log.stdout.contains(&digest.to_string()), "{log}");
    build(&fresh, "another");
    let plan = world.hoist(&fresh, &["plan", "--version", "1.0.0"]);
    plan.says("the receipt in the git tag names it");
}

#[test]
fn one_version_as_two_images_is_refused() {
    let (first, second) = (
        TestRegistry::that_deletes(Delete::Digest(400)),
        TestRegistry::that_deletes(Delete::Digest(400)),
    );
    let world = World::new(&first, &[NAME]);
    let clone = begun(&world, &[&first]);
    build(&clone, "once");
    world.hoist(
        &clone,
        &["release", "--allow-dirty", "--version", "1.0.0", "--yes"],
    );
    // hoist itself does not make another one.
    point(&clone, &[&second]);
    build(&clone, "twice");
    let args = ["release", "--allow-dirty", "--version", "1.0.0", "--yes"];
    let run = world.run(&clone, &args);
    run.expect(4);
    run.says("is not the image `main` of 1.0.0, which is published already");
    let labels = json!({
        "org.opencontainers.image.revision": clone.git(&["rev-parse", "HEAD"]),
        "org.opencontainers.image.version": "1.0.0",
    });
    plant(&second, "1.0.0", "amd64", &labels, false);
    let before = (first.tags(NAME), second.tags(NAME));
    for registries in [[&first, &second], [&second, &first]] {
        point(&clone, &registries);
        let run = world.run(&clone, &args);
        run.expect(4);
        run.says("1.0.0 is published as two different images");
    }
    assert_eq!((first.tags(NAME), second.tags(NAME)), before);
    world.run(&clone, &["verify", "1.0.0"]).expect(9);
}

#[test]
fn verify_looks_into_the_images() {
    let first = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&first, &[NAME]);
    let clone = begun(&world, &[&first]);
    build(&clone, "once");
    world.hoist(
        &clone,
        &["release", "--allow-dirty", "--version", "1.0.0", "--yes"],
    );
    world.hoist(&clone, &["verify", "--deep"]);

    // One manifest is one platform; two were asked for.
    let policy = std::fs::read_to_string(clone.path().join("release.toml")).unwrap();
    let platforms = "platforms = [\"linux/amd64\", \"linux/arm64\"]\n[git]";
    clone.write("release.toml", policy.replace("[git]", platforms));
    // The git tag records the image, which had one platform then.
    world.hoist(&clone, &["verify"]);
    let tag = clone.git(&["rev-parse", "v1.0.0"]);
    clone.git(&["tag", "--force", "v1.0.0", "v1.0.0^{}"]);
    let run = world.run(&clone, &["verify"]);
    run.expect(9);
    run.says("platform linux/arm64 is missing");
    clone.git(&["update-ref", "refs/tags/v1.0.0", &tag]);
    clone.write("release.toml", policy);

    // A layer that is not what its digest says; without `--deep` nobody looks.
    let layer = {
        let mut state = first.state();
        let contents = state.store.contents(NAME).unwrap();
        let blobs = contents.blobs.iter_mut();
        let (digest, bytes) = blobs
            .max_by_key(|(_, bytes)| bytes.starts_with(&[0x1f]))
            .unwrap();
        let mut broken = bytes.to_vec();
        *broken.last_mut().unwrap() ^= 1;
        *bytes = broken.into();
        digest.clone()
    };
    world.hoist(&clone, &["verify"]);
    let run = world.run(&clone, &["verify", "--deep", "--json"]);
    run.expect(9);
    let finding = &run.json()["findings"][0];
    assert!(
        finding["problem"].to_string().contains(layer.hex()),
        "{run}"
    );
}

/// With `channel-follows` the line of `rc` holds stable versions, too.
#[test]
fn the_first_candidate_after_a_higher_version_leaves_its_channel_to_that() {
    let first = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&first, &[NAME]);
    let clone = begun(&world, &[&first]);
    let policy = std::fs::read_to_string(clone.path().join("release.toml")).unwrap();
    clone.write(
        "release.toml",
        format!("{policy}[tags]\nchannel-follows = true\n"),
    );
    clone.commit("feat: more");
    let newest = build(&clone, "two");
    world.hoist(
        &clone,
        &["release", "--allow-dirty", "--version", "2.0.0", "--yes"],
    );
    assert_eq!(shows(&first, "rc"), None);

    clone.git(&["checkout", "--quiet", "--detach", "HEAD~1"]);
    let candidate = build(&clone, "candidate");
    let args = [
        "release",
        "--allow-dirty",
        "--version",
        "1.9.0-rc.1",
        "--yes",
    ];
    let plan = world.hoist(&clone, &["plan", "--version", "1.9.0-rc.1"]);
    plan.says("2.0.0 is newer");
    let run = world.hoist(&clone, &args);
    assert_eq!(
        run.stdout,
        format!("{}@{candidate}\n", first.repository(NAME))
    );
    assert_eq!(shows(&first, "1.9.0-rc.1"), Some(candidate));
    assert_eq!(shows(&first, "rc"), Some(newest.clone()));
    for args in [
        &["repair"][..],
        &["verify", "1.9.0-rc.1"],
        &["verify", "2.0.0"],
    ] {
        world.hoist(&clone, args);
    }
    // A higher candidate takes it on.
    clone.git(&["checkout", "--quiet", "main"]);
    clone.commit("feat: later");
    let later = build(&clone, "later");
    world.hoist(
        &clone,
        &[
            "release",
            "--allow-dirty",
            "--version",
            "2.1.0-rc.1",
            "--yes",
        ],
    );
    assert_eq!(shows(&first, "rc"), Some(later));
    world.assert_unlocked();
}
