//! What a refusal says is to be done.

use serde_json::{Value, json};

use crate::{
    build::join::{
        LegPolicy,
        index::join,
        tests::{COMMIT, OTHER, PARENT, TREE, described, expected, made},
    },
    oci::Digest,
};

/// The hint names what git and hoist take: a commit and never a tree, and a build that makes a leg.
#[test]
fn each_hint_has_a_command_that_makes_the_leg_agree() {
    let hints = |field: &str, value: Value, parent: Option<&str>| {
        let leg = described("dist/arm64", "linux/arm64/v8").claims(field, value);
        let mut wanted = expected(&[]);
        wanted.parent = parent.map(|parent| parent.parse().expect("a commit"));
        let error = join(&[leg.leg()], Some(&wanted)).expect_err("it differs");
        error.hints().join("\n")
    };
    let checkout = format!("`git checkout {COMMIT}`");
    let versioned = "`hoist build --version 1.3.0 --platform linux/arm64/v8 --output DIR`";
    for (field, value, command) in [
        ("commit", json!(OTHER), versioned),
        ("version", json!("1.2.9"), versioned),
        ("tree", json!(OTHER), versioned),
        ("policy", json!(Digest::of(b"other")), versioned),
    ] {
        let told = hints(field, value.clone(), None);
        for words in [&checkout, command, "--plan plan.json"] {
            assert!(told.contains(words), "{field}: {words}: {told}");
        }
        assert!(!told.contains(TREE), "{field}: {told}");
        // No branch has a release commit yet: the plan makes it from the one below.
        let told = hints(field, value, Some(PARENT));
        let planned = "`hoist build --plan plan.json --platform linux/arm64/v8 --output DIR`";
        for words in [&format!("`git checkout {PARENT}`"), planned] {
            assert!(told.contains(words), "{field}: {words}: {told}");
        }
    }
    // What the leg says of its platform is not repeated where it could be something else.
    let odd = described("dist/arm64", "linux/arm64")
        .claims("commit", json!(OTHER))
        .claims("platforms", json!(["linux/arm64; rm x"]));
    let error = join(&[odd.leg()], Some(&expected(&[]))).expect_err("it differs");
    let told = error.hints().join("");
    assert!(
        !told.contains("--platform") && !told.contains("rm x"),
        "{error:#}"
    );
}

/// A leg of one of several images, of a branch with an odd name, under a policy that is committed or is not.
#[test]
fn a_command_has_what_makes_its_leg_agree() {
    let leg = described("dist/arm64", "linux/arm64")
        .claims("policy", json!(Digest::of(b"other")))
        .claims("staged", json!(["docker.io/acme/api"]));
    let mut wanted = expected(&[]);
    wanted.is_one_of_several = true;
    wanted.branch = Some("it's".to_owned());
    let file = "release.toml".to_owned();
    let staged = r"--image-name main --platform linux/arm64 --stage > leg.json`";
    let agreeing = r"`hoist plan --version 1.3.0 --branch 'it'\''s' --json > plan.json`";
    for (policy, words) in [
        (
            LegPolicy::Committed { file: file.clone() },
            [
                "`git stash push -u -- release.toml && git checkout 3f2a91c",
                r"`hoist build --version 1.3.0 --branch 'it'\''s' --image-name",
            ],
        ),
        (
            LegPolicy::Uncommitted {
                file,
                in_head: true,
            },
            [
                "`git stash push -- release.toml`",
                " --allow-dirty --image-name",
            ],
        ),
    ] {
        wanted.policy_file = Some(policy);
        let error = join(&[leg.leg()], Some(&wanted)).expect_err("it differs");
        let told = error.hints().join("\n");
        for words in words.into_iter().chain([staged, agreeing]) {
            assert!(told.contains(words), "{words}: {told}");
        }
    }
}

/// What buildah and podman inherit from a base image has a flag that leaves it out.
#[test]
fn an_annotation_of_the_base_image_has_a_way_out() {
    let mut leg = made("dist/arm64", "linux/arm64");
    leg.annotations = json!({"org.opencontainers.image.revision": OTHER});
    let error = join(&[leg.leg()], Some(&expected(&[]))).expect_err("it differs");
    let told = error.hints().join("\n");
    for words in [
        "--annotation org.opencontainers.image.revision=$(git rev-parse HEAD)",
        "--unsetannotation org.opencontainers.image.revision",
        "--inherit-annotations=false",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let leg = made("dist/arm64", "linux/arm64").label("version", json!("9.9.9"));
    let error = join(&[leg.leg()], Some(&expected(&[]))).expect_err("it differs");
    let label = "--label org.opencontainers.image.version=1.3.0";
    assert!(error.hints().join("\n").contains(label), "{error:#}");
}
