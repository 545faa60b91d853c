//! `--trace`: what a release did when, for a viewer.

use std::fs;

use serde_json::Value;

use crate::{
    registry::server::{Auth, PASSWORD, Personality, TestRegistry, Tokens, USER},
    support::{Run, World},
};

#[test]
fn a_release_is_traced_without_its_secrets() {
    let registry = TestRegistry::start(Personality {
        auth: Auth::Bearer(Tokens::default()),
        ..Personality::default()
    });
    let world = World::new(&registry, &["acme/api"]);
    let clone = world.project("a");
    let file = world.remote.home().join("trace.json");
    let mut command = world.command(&clone, &["release", "--version", "1.0.0", "--yes"]);
    command
        .arg("--trace")
        .arg(&file)
        .env("HOIST_REGISTRY_USERNAME", USER)
        .env("HOIST_REGISTRY_PASSWORD", PASSWORD);
    Run::of(&mut command).expect(0);

    let text = fs::read_to_string(&file).unwrap();
    for secret in [PASSWORD, "Bearer", "Basic"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let events: Vec<Value> = serde_json::from_str(&text).unwrap();
    let count = |name: &str, phase: &str| {
        let same = |event: &&Value| event["name"] == name && event["ph"] == phase;
        events.iter().filter(same).count()
    };
    for name in ["step", "request", "git"] {
        assert!(count(name, "b") > 2, "{name}: {text}");
        assert_eq!(count(name, "b"), count(name, "e"), "{name}");
    }
    let put = |event: &&Value| {
        let path = event["args"]["path"].as_str().unwrap_or_default();
        path.ends_with("/manifests/1.0.0") && event["args"]["method"] == "PUT"
    };
    assert!(events.iter().any(|event| put(&event)), "{text}");
    assert!(text.contains("\"verb\":\"push\""), "{text}");

    let folder = world.remote.home().join("none/trace.json");
    let run = Run::of(world.command(&clone, &["next"]).arg("--trace").arg(folder));
    run.expect(2);
    run.says("cannot write the trace to");
    run.says("state: nothing was done");
}
