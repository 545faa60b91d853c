//! Descriptions of legs as text.

use serde_json::json;

use crate::build::join::{
    Leg, LegBase,
    tests::{COMMIT, claims, made},
};

#[test]
fn what_is_not_a_description_says_so() {
    let good = claims(
        &made("a", "linux/amd64").leg().manifest,
        &made("a", "linux/amd64").config,
        &json!({"base": [{"name": "debian:12"}]}),
    );
    let base = LegBase {
        name: "debian:12".to_owned(),
        digest: None,
    };
    assert_eq!(good.base, [base]);
    let text = serde_json::to_string(&good).expect("plain data");
    assert_eq!(Leg::parse(&text, "x").expect("what was written"), good);
    assert_eq!(
        Leg::parse_all(&format!("{text}\n{text}\n"), "x")
            .expect("two lines")
            .len(),
        2
    );
    let pretty = serde_json::to_string_pretty(&good).expect("plain data");
    assert_eq!(Leg::parse_all(&pretty, "x").expect("one leg").len(), 1);
    for (text, says) in [
        ("", "it is empty"),
        ("[]", "\"type\":\"leg\""),
        ("{}", "\"type\":\"leg\""),
        ("{\"type\":\"outcome\"}", "its type is `outcome`"),
        ("{\"v\":2,\"type\":\"leg\"}", "formats up to 1"),
        ("{\"v\":1,\"type\":\"leg\"}", "missing field"),
        ("{\"schemaVersion\":2,\"manifests\":[]}", "\"type\":\"leg\""),
        ("nonsense", "expected"),
        (&text.replace("sha256:", "sha256:zz"), "digest"),
        (&text.replace("1.3.0", "1.3"), "version"),
        (&text.replace(COMMIT, "HEAD"), "commit"),
    ] {
        let error = Leg::parse_all(text, "legs/x.json").expect_err(text);
        let told = format!("{error:#}");
        assert!(
            told.contains("legs/x.json") && told.contains(says),
            "{told}"
        );
        assert_eq!(error.exit_code(), 4);
    }
}
