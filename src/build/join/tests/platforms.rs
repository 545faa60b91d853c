//! Every platform of the policy once: what is missing, and what is there twice.

use crate::build::join::{
    content::LegContent,
    index::join,
    tests::{expected, joined, made},
};

#[test]
fn a_platform_that_nobody_made_is_named_with_those_that_are_there() {
    let legs = [
        made("dist/amd64", "linux/amd64").leg(),
        made("dist/s390x", "linux/s390x").leg(),
    ];
    let wanted = expected(&["linux/amd64", "linux/arm64", "linux/s390x"]);
    let error = join(&legs, Some(&wanted)).expect_err("arm64 is missing");
    let text = format!("{error:#}");
    for word in [
        "no leg is for linux/arm64",
        "`dist/amd64` is for linux/amd64",
        "`dist/s390x`",
    ] {
        assert!(text.contains(word), "{text}");
    }
    assert!(error.hints().concat().contains("--platform linux/arm64"));
}

#[test]
fn where_several_images_are_released_the_one_that_lacks_a_platform_is_named() {
    let mut wanted = expected(&["linux/amd64", "linux/arm64"]);
    wanted.is_one_of_several = true;
    let legs = [made("dist/amd64", "linux/amd64").leg()];
    let error = join(&legs, Some(&wanted)).expect_err("arm64 is missing");
    let text = format!("{error:#}");
    assert!(
        text.contains("no leg of the image `main` is for linux/arm64"),
        "{text}"
    );
    let hint =
        "`hoist build --version 1.3.0 --image-name main --platform linux/arm64 --output DIR`";
    assert!(error.hints().concat().contains(hint), "{error:#}");
}

/// `arm64` of the policy is one image, though a machine could tell v8 from v9.
#[test]
fn a_platform_of_the_policy_is_one_image() {
    let leg = |file, platform| made(file, platform).leg();
    let legs = [
        leg("amd64", "linux/amd64"),
        leg("v8", "linux/arm64/v8"),
        leg("v9", "linux/arm64/v9"),
    ];
    let refused = |legs: &[LegContent], wanted: &[&str], words: &[&str]| {
        let error = join(legs, Some(&expected(wanted))).expect_err("one of two");
        let text = format!("{error:#}");
        assert_eq!(error.exit_code(), 4, "{text}");
        for word in words {
            assert!(text.contains(word), "{word}: {text}");
        }
    };
    refused(
        &legs,
        &["linux/amd64", "linux/arm64"],
        &[
            "two images are for linux/arm64",
            "`v8` (for linux/arm64/v8)",
            "`v9` (for linux/arm64/v9)",
        ],
    );
    let all = ["linux/amd64", "linux/arm64", "linux/arm64/v9"];
    joined(&legs, &all);
    joined(&legs, &[]);
    // The one for v9 is not the one for every arm64 where the policy names both.
    let without = [legs[0].clone(), legs[2].clone()];
    refused(&without, &all, &["no leg is for linux/arm64"]);
    joined(&without, &all[..2]);
}
