//! A version that is completed with images that others make: what its git tag records is taken, and the image of
//! another release is not.

use hoist::oci::{Digest, Manifest, MediaType};
use serde_json::json;
use testkit::sandbox::Clone;

use crate::{
    registry::server::{Delete, TestRegistry},
    support::{Run, World, layout::Layout},
};

const NAME: &str = "acme/api";
const POLICY: &str = "[image]\nrepository = \"NAME\"\n[image.build]\nlayout = \"dist/main\"\n";
const ALPINE: &str = "[variants.alpine]\nlayout = \"dist/alpine\"\n";

/// Layouts of both images, told apart by their content; the digest of the variant.
fn build(clone: &Clone<'_>, content: &str) -> Digest {
    let made = ["main", "alpine"].map(|image| {
        let mut layout = Layout::new(&clone.path().join("dist").join(image));
        let content = format!("{image} {content}");
        let top = layout.image("amd64", &json!({}), content.as_bytes());
        layout.finish(&top)
    });
    let [_, alpine] = made;
    alpine
}

fn release(world: &World<'_>, clone: &Clone<'_>, version: &str) {
    world.hoist(clone, &["release", "--yes", "--version", version]);
    clone.git(&["fetch", "--quiet", "--tags"]);
}

/// What the hint of `verify` says for a policy that changed since.
fn at_tag(clone: &Clone<'_>, version: &str) {
    clone.git(&["checkout", "--quiet", &format!("v{version}")]);
    clone.git(&["checkout", "--quiet", "main", "--", "release.toml"]);
}

const COMPLETE: [&str; 5] = ["release", "--yes", "--allow-dirty", "--version", "0.1.0"];

#[test]
fn a_variant_of_another_suffix_is_the_one_that_the_git_tag_records() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = world.with_policy(&format!("{POLICY}{ALPINE}"));
    let first = build(&clone, "once");
    release(&world, &clone, "0.1.0");
    let suffixed = format!("{POLICY}{ALPINE}suffix = \"-alp\"\n");
    world.commit_policy(&clone, &suffixed);
    let second = build(&clone, "twice");
    release(&world, &clone, "0.2.0");
    world.change(&clone, "feat: more");
    build(&clone, "thrice");
    release(&world, &clone, "0.2.1");
    let latest = registry.tags(NAME)["latest-alp"].clone();

    // Whatever lies in the layouts now: that of the release between, the last one, or none.
    at_tag(&clone, "0.1.0");
    for content in ["twice", "thrice"] {
        build(&clone, content);
        let plan = world
            .hoist(&clone, &["plan", "--json", "--version", "0.1.0"])
            .json();
        let images = plan["images"].as_array().unwrap();
        for image in images {
            assert!(image["source"].to_string().contains("adopt"), "{plan}");
        }
    }
    std::fs::remove_dir_all(clone.path().join("dist")).unwrap();
    world.hoist(&clone, &COMPLETE);
    let tags = registry.tags(NAME);
    assert_eq!(tags["0.1.0-alp"], first);
    assert_eq!(tags["0.1-alp"], first);
    assert_eq!(tags["0.2.0-alp"], second);
    assert_eq!(tags["latest-alp"], latest);
    clone.git(&["checkout", "--quiet", "--force", "main"]);
    world.hoist(&clone, &["verify", "0.1.0"]);
}

#[test]
fn no_release_gets_the_image_of_any_other() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = world.with_policy(POLICY);
    build(&clone, "once");
    release(&world, &clone, "0.1.0");
    // The variant is younger than 0.1.0, so nothing records its image of that version.
    world.commit_policy(&clone, &format!("{POLICY}{ALPINE}"));
    for version in ["0.2.0", "0.3.0", "0.3.1"] {
        build(&clone, version);
        world.change(&clone, "feat: more");
        release(&world, &clone, version);
    }
    let before = world.tags();
    at_tag(&clone, "0.1.0");
    for version in ["0.2.0", "0.3.0", "0.3.1"] {
        build(&clone, version);
        let run = world.run(&clone, &COMPLETE);
        run.expect(4);
        run.says(&format!(
            "the image at `dist/alpine` is the one that {version} published"
        ));
        assert_eq!(world.tags(), before, "{run}");
    }
    // An image of its own, and a release that goes on: an old one's bytes are no new version's.
    let own = build(&clone, "once");
    world.hoist(&clone, &COMPLETE);
    assert_eq!(registry.tags(NAME)["0.1.0-alpine"], own);
    clone.git(&["checkout", "--quiet", "--force", "main"]);
    world.change(&clone, "feat: still more");
    build(&clone, "0.2.0");
    let run = world.run(&clone, &["release", "--yes"]);
    run.expect(4);
    run.says("is the one that 0.2.0 published");
}

/// Everything that the registry has of the images, and their tags.
fn sweep(registry: &TestRegistry, names: &[&str]) {
    for name in names {
        let digests: Vec<Digest> = registry.tags(name).into_values().collect();
        let mut state = registry.state();
        let contents = state.store.contents(name).unwrap();
        for digest in &digests {
            contents.remove_digest(digest);
        }
    }
}

/// A released version gets no other image in silence, whoever makes it: only the bytes that its git tag records.
#[test]
fn a_released_image_that_is_nowhere_is_not_made_anew() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = world.with_policy(&format!("{POLICY}{ALPINE}"));
    let alpine = build(&clone, "once");
    release(&world, &clone, "0.1.0");
    let before = registry.tags(NAME);
    let main = before["0.1.0"].clone();
    // The variant is there, and the main image is nowhere.
    {
        let mut state = registry.state();
        let contents = state.store.contents(NAME).unwrap();
        contents.remove_digest(&main);
    }
    build(&clone, "twice");
    let repository = registry.repository(NAME).to_string();
    let refused = |run: &Run| {
        run.says("which is published already");
        run.says(&format!("the git tag records {main}"));
        run.says(&format!("asked, and without it: `{repository}`"));
        run.says("hoist release --version 0.1.0 --from PATH");
        run.says("hoist release --version 0.1.1");
    };
    let left = registry.tags(NAME);
    let same = ["release", "--version", "0.1.0"];
    for args in [
        &[&same[..], &["--yes"]].concat(),
        &[&same[..], &["--dry-run"]].concat(),
        &[&same[..], &["--yes", "--from", "main=dist/main"]].concat(),
    ] {
        let run = world.run(&clone, args);
        run.expect(4);
        refused(&run);
        assert_eq!(registry.tags(NAME), left, "{run}");
    }
    let plan = world.hoist(&clone, &["plan", "--version", "0.1.0"]);
    plan.says(&format!("only {main} is released again"));
    plan.says("`hoist release` would refuse: ");
    for args in [&["verify"][..], &["plan"]] {
        let run = world.run(&clone, args);
        run.says("`hoist release --version 0.1.0` would refuse to complete it");
        assert!(!run.stderr.contains("completes"), "{run}");
    }
    // A program that would make it: refused before it is run.
    let policy = std::fs::read_to_string(clone.path().join("release.toml")).unwrap();
    let made = policy.replace(
        "layout = \"dist/main\"",
        "command = [\"touch\", \"ran\"]\nlayout = \"dist/main\"",
    );
    clone.write("release.toml", &made);
    for args in [&["plan", "--version", "0.1.0"][..], &COMPLETE] {
        let run = world.run(&clone, args);
        run.expect(4);
        run.says("0.1.0 is published already, and no repository has its image `main` any more");
        run.says(&format!("the git tag records {main}"));
    }
    assert!(!clone.path().join("ran").exists());
    clone.write("release.toml", policy);
    // The same bytes again are the way on.
    build(&clone, "once");
    world.hoist(&clone, &[&same[..], &["--yes"]].concat());
    assert_eq!(registry.tags(NAME), before);
    // By `--from`, too; then for every image.
    sweep(&registry, &[NAME]);
    let from = [
        "--from",
        "main=dist/main",
        "--from",
        "main/alpine=dist/alpine",
    ];
    world.hoist(&clone, &[&same[..], &["--yes"], &from].concat());
    assert_eq!(registry.tags(NAME)["0.1.0-alpine"], alpine);
    assert_eq!(registry.tags(NAME), before);
}

/// The image lies in a repository that is out of the policy: that is told, and another digest is not published.
#[test]
fn a_released_image_of_a_repository_that_went_is_told() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME, "acme/new"]);
    let clone = world.with_policy(POLICY);
    build(&clone, "once");
    release(&world, &clone, "0.1.0");
    let (old, new) = (
        registry.repository(NAME).to_string(),
        registry.repository("acme/new").to_string(),
    );
    let policy = |names: &[&String]| {
        let text =
            format!("[image]\nrepositories = {names:?}\n[image.build]\nlayout = \"dist/main\"\n");
        clone.write("release.toml", text);
    };
    policy(&[&new]);
    build(&clone, "twice");
    let run = world.run(&clone, &COMPLETE);
    run.expect(4);
    run.says(&format!("asked, and without it: `{new}`"));
    run.says("the policy does not name it any more: `");
    run.says(&format!("where `{old}` still has it: name that repository"));
    assert!(registry.tags("acme/new").is_empty());
    // That hint leads on.
    policy(&[&new, &old]);
    world.hoist(&clone, &COMPLETE);
    assert_eq!(registry.tags("acme/new"), registry.tags(NAME));
}

/// One that was put there under the version's tag by somebody else, with the right labels, is not what the git tag
/// records either.
#[test]
fn a_recorded_image_is_not_taken_from_a_tag_that_shows_another() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME, "acme/new"]);
    let clone = world.with_policy(POLICY);
    build(&clone, "once");
    release(&world, &clone, "0.1.0");
    let manifest = |content: &str| {
        let mut layout = Layout::new(&clone.path().join("dist/main"));
        let labels = json!({
            "org.opencontainers.image.revision": clone.git(&["rev-parse", "v0.1.0"]),
        });
        let top = layout.image("amd64", &labels, content.as_bytes());
        layout.finish(&top)
    };
    let other = manifest("other");
    let new = registry.repository("acme/new").to_string();
    clone.write(
        "release.toml",
        format!("[image]\nrepository = \"{new}\"\n[image.build]\nlayout = \"dist/main\"\n"),
    );
    let folder = clone.path().join("dist/main/blobs/sha256");
    let bytes = |digest: &Digest| std::fs::read(folder.join(digest.hex())).unwrap();
    {
        let mut state = registry.state();
        let contents = state.store.create("acme/new");
        for entry in std::fs::read_dir(&folder).unwrap() {
            let content = std::fs::read(entry.unwrap().path()).unwrap();
            contents.blobs.insert(Digest::of(&content), content.into());
        }
        let top = Manifest::new(MediaType::OCI_MANIFEST.into(), bytes(&other));
        state.store.foreign_push("acme/new", "0.1.0", &top);
    }
    let run = world.run(&clone, &COMPLETE);
    run.expect(4);
    run.says("0.1.0 is published already, and not from this commit");
    run.says("the receipt in the git tag names sha256:");
    assert_eq!(registry.tags("acme/new").len(), 1);
}

/// A variant that is younger than the version is no part of it: that is said, and no command that would have to build it.
#[test]
fn a_variant_that_came_later_is_no_part_of_the_version() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = world.with_policy(POLICY);
    build(&clone, "once");
    release(&world, &clone, "0.1.0");
    let later = format!("{POLICY}{ALPINE}");
    let later = later.replace("NAME", &registry.repository(NAME).to_string());
    clone.write("release.toml", later);
    std::fs::remove_dir_all(clone.path().join("dist")).unwrap();
    // Not committed yet, committed, and behind the next commits.
    for step in 0..3 {
        if step == 1 {
            clone.commit("chore: a variant");
            clone.push();
        }
        if step == 2 {
            world.change(&clone, "chore: more");
        }
        for args in [&["verify"][..], &["verify", "0.1.0"], &["verify", "--all"]] {
            let run = world.hoist(&clone, args);
            run.says("(main/alpine) is not judged: that image is no part of 0.1.0, as its git tag records");
            assert!(!run.stderr.contains("hoist release"), "{run}");
            assert!(!run.stdout.contains("missing"), "{run}");
        }
        let plan = world.run(&clone, &["plan"]);
        assert!(!plan.stderr.contains("completes it"), "{plan}");
        if step == 0 {
            plan.says("the image `main/alpine` is no part of 0.1.0, as its git tag records; the next release has it");
        }
    }
    // The next one has it.
    build(&clone, "twice");
    world.change(&clone, "feat: more");
    release(&world, &clone, "0.2.0");
    let run = world.hoist(&clone, &["verify", "0.2.0"]);
    assert!(!run.stderr.contains("no part of"), "{run}");
}
