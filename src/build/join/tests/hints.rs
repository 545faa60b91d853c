//! What a refusal says is to be done.

use serde_json::{Value, json};

use crate::{
    build::join::{
        index::join,
        tests::{COMMIT, OTHER, PARENT, TREE, described, expected},
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
    let build = "`hoist build --platform linux/arm64/v8 --output DIR`";
    let versioned = "`hoist build --version 1.3.0 --platform linux/arm64/v8 --output DIR`";
    for (field, value, command) in [
        ("commit", json!(OTHER), build),
        ("version", json!("1.2.9"), versioned),
        ("tree", json!(OTHER), build),
        ("policy", json!(Digest::of(b"other")), build),
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
    assert!(
        error.hints().join("").contains("--platform PLATFORM"),
        "{error:#}"
    );
}
