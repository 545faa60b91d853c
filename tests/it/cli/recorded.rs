//! A version that is completed with images that others make: what its git tag records is taken, and the image of
//! another release is not.

use hoist::oci::Digest;
use serde_json::json;
use testkit::sandbox::Clone;

use crate::{
    registry::server::{Delete, TestRegistry},
    support::{World, layout::Layout},
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
