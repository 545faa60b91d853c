//! Seeded mistakes of what is said about an image, one place each.

use serde_json::{Value, json};

use crate::build::join::tests::{COMMIT, Made, Mistake, OTHER, joined, made};

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
            listed_annotations: right,
            ..leg
        }
    };
    joined(&[good(), arm().leg()], &[]);
    let places: [(&'static str, PlaceOf); 6] = [
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
