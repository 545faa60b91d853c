//! Seeded mistakes of what is said about an image, one place each.

use serde_json::{Value, json};

use crate::build::join::{
    Expected, join,
    tests::{COMMIT, Made, Mistake, OTHER, described, expected, joined, made},
};

/// Builders put the suffix of a variant behind the version.
#[test]
fn a_version_may_have_the_suffix_of_its_own_variant() {
    let cases = [
        ("-alpine", "1.3.0-alpine", ""),
        ("-alpine", "v1.3.0-alpine", ""),
        ("-alpine", "1.3.0", ""),
        ("-alpine", "1.3.0-slim", "another version"),
        ("-alpine", "1.2.0-alpine", "another version"),
        ("-alpine", "1.3.0-dev", "is a trial build"),
        ("", "1.3.0-alpine", "another version"),
    ];
    for (suffix, label, refused) in cases {
        let leg = made("dist/amd64", "linux/amd64").label("version", json!(label));
        let expected = Expected {
            suffix: suffix.to_owned(),
            ..expected(&[])
        };
        let told = join(&[leg.leg()], Some(&expected)).err();
        let told = told.map_or_else(String::new, |error| format!("{error:#}"));
        assert!(told.contains(refused), "{suffix} {label}: {told}");
        assert_eq!(
            told.is_empty(),
            refused.is_empty(),
            "{suffix} {label}: {told}"
        );
    }
}

/// Of files that no commit holds is what says so, unless the last job takes it as it is.
#[test]
fn a_leg_of_uncommitted_files_is_taken_where_the_release_is_told_to() {
    let leg = described("dist/amd64", "linux/amd64").claims("dirty", json!(true));
    let legs = [leg.leg()];
    let error = join(&legs, Some(&expected(&[]))).expect_err("it is dirty");
    let told = format!("{error:#}");
    assert!(
        told.contains("`dist/amd64` was built from uncommitted files"),
        "{told}"
    );
    let hints = error.hints();
    assert!(
        hints.iter().any(|hint| hint.contains("--allow-dirty")),
        "{told}"
    );
    let accepts = Expected {
        accepts_dirty: true,
        ..expected(&[])
    };
    join(&legs, Some(&accepts)).expect("it is taken as it is");
}

/// One of the places that say something about an image.
type PlaceOf = fn(&mut Made) -> &mut Value;

/// What each place says that can name a commit and a version, but for one, which says another.
pub(super) fn mistakes_of_statements() -> Vec<Mistake> {
    let good = || made("dist/amd64", "linux/amd64").leg();
    let arm = || {
        let leg = made("dist/arm64", "linux/arm64").nested(2);
        let right = json!({
            "org.opencontainers.image.revision": COMMIT,
            "org.opencontainers.image.version": "1.3.0",
        });
        Made {
            annotations: right.clone(),
            entry_annotations: right.clone(),
            index_annotations: right.clone(),
            outer_annotations: right.clone(),
            listed_annotations: right.clone(),
            layout_annotations: right,
            ..leg
        }
    };
    joined(&[good(), arm().leg()], &[]);
    let places: [(&'static str, PlaceOf); 7] = [
        ("its label `", |leg| &mut leg.config["config"]["Labels"]),
        ("` of its manifest", |leg| &mut leg.annotations),
        ("` of its entry in an index", |leg| {
            &mut leg.entry_annotations
        }),
        ("` of its index", |leg| &mut leg.index_annotations),
        ("` of its entry in an index", |leg| {
            &mut leg.outer_annotations
        }),
        ("` of its entry in `index.json`", |leg| {
            &mut leg.listed_annotations
        }),
        ("` of `index.json` itself", |leg| {
            &mut leg.layout_annotations
        }),
    ];
    let wrong: [(&str, &str, &'static str); 3] = [
        ("revision", OTHER, "another revision"),
        ("version", "9.9.9", "another version"),
        ("version", "1.3.0-dev", "is a trial build"),
    ];
    let mut all: Vec<Mistake> = Vec::new();
    for (says, place) in places {
        for (key, value, refused) in wrong {
            let mut leg = arm();
            place(&mut leg)[format!("org.opencontainers.image.{key}")] = json!(value);
            let words: &'static [&'static str] = Box::leak(Box::new([refused, says]));
            all.push((says, words, vec![good(), leg.leg()]));
        }
    }
    all
}
