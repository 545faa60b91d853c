//! Every verb answers for each image, and each image has its own entry, notes and repair.

use serde_json::{Value, json};

use super::services::{
    API, NAMES, WEB, changed, commit, lines, monorepo, policy, registry, released,
};
use crate::{
    publish::scene::foreign,
    support::{Shelf, World},
};

#[test]
fn documents_hold_one_entry_an_image() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let clone = monorepo(&world, &registry, NAMES);
    commit(&clone, "services/web/index.html", "fix: a word");
    for (verb, place, value) in [
        ("next", "/v", json!(1)),
        ("next", "/releases/0/config", json!(API)),
        ("next", "/releases/0/next", Value::Null),
        ("next", "/releases/1/next", json!("0.1.0")),
        ("plan", "/releases/0/version", Value::Null),
        ("plan", "/releases/1/version", json!("0.1.0")),
        ("plan", "/releases/1/git_tag/name", json!("web-v0.1.0")),
        ("status", "/releases/1/unfinished", json!([])),
    ] {
        let run = world.hoist(&clone, &[verb, "--all", "--json"]);
        let found = run.json().pointer(place).cloned();
        assert_eq!(found, Some(value), "{verb} {place}: {run}");
    }

    // One entry of the document is a plan by itself.
    let plan = world.hoist(&clone, &["plan", "--all", "--json"]).json();
    clone.write("../plan.json", plan["releases"][1].to_string());
    world.hoist(
        &clone,
        &[
            "--config",
            WEB,
            "release",
            "--yes",
            "--plan",
            "../plan.json",
        ],
    );

    // What stands in the way of one image is in its own entry.
    clone.write(
        API,
        policy("api", &Shelf::repository(&registry, "acme/api"), "")
            .replace("[image]\nrepository", "[image]\n# repository"),
    );
    let run = world.run(&clone, &["plan", "--all", "--json"]);
    run.expect(2);
    let plan = run.json();
    assert_eq!(plan["releases"][0]["error"]["kind"], "usage", "{run}");
    assert_eq!(plan["releases"][1]["current"], "0.1.0", "{run}");
}

#[test]
fn policies_are_found_in_a_bare_repository_too() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let clone = changed(&world, &registry);
    let bare = world.remote.path();
    let bare = bare.to_str().unwrap();
    let run = world.hoist(&clone, &["-C", bare, "next", "--all"]);
    assert_eq!(run.stdout, format!("{API} 0.1.0\n{WEB} 0.1.0\n"));
}

/// One entry of the document for each image, and the file's name before the text.
#[test]
fn verbs_that_look_answer_for_every_image() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let clone = released(&world, &registry);
    commit(&clone, "libs/log.rs", "fix: a better log");
    for (args, field) in [
        (&["tags", "--all"][..], "tags"),
        (&["verify", "--all-images"], "ok"),
        (&["verify", "--all-images", "--all", "--deep"], "bytes"),
        (&["check", "--all"], "findings"),
        (&["check", "--all", "--commits", "HEAD~2"], "checked"),
        (&["log", "--all"], "releases"),
        (&["inspect", "--all"], "layers"),
        (&["changelog", "--all"], "text"),
    ] {
        let text = world.hoist(&clone, args);
        let run = world.hoist(&clone, &[args, &["--json"]].concat());
        let document = run.json();
        assert_eq!(document["v"], 1, "{run}");
        for (image, config) in [API, WEB].into_iter().enumerate() {
            let entry = &document["releases"][image];
            assert_eq!(entry["config"], config, "{run}");
            assert!(!entry[field].is_null(), "{field}: {run}");
            text.says(config);
        }
    }
    let run = world.hoist(&clone, &["tags", "--all"]);
    assert!(run.stdout.starts_with(&format!("{API} 0.1.1\n")), "{run}");
    let refused = world.run(&clone, &["tags", "--all", "--format", "bake"]);
    refused.expect(2);
}

#[test]
fn the_notes_of_every_image_are_written_beside_its_policy() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let clone = monorepo(&world, &registry, NAMES);
    commit(&clone, "services/web/index.html", "feat(web): a first page");
    world.hoist(&clone, &["changelog", "--all", "--write"]);
    let text = |service: &str| {
        let file = clone
            .path()
            .join(format!("services/{service}/CHANGELOG.md"));
        std::fs::read_to_string(file).unwrap()
    };
    assert!(text("web").contains("a first page"));
    assert!(!text("api").contains("a first page"));
}

/// One image drifted: the lines name their image, the other one is left alone.
#[test]
fn every_image_is_repaired() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let clone = released(&world, &registry);
    let agree = world.hoist(&clone, &["repair", "--all"]);
    agree.says("`services/web/release.toml`: every moving tag shows what it should");
    let right = Shelf::tags(&registry, "acme/web");
    registry.foreign_push("acme/web", "latest", &foreign());

    let run = world.run(&clone, &["repair", "--all", "--json"]);
    run.expect(9);
    let (last, lines) = lines(&run)
        .split_last()
        .map(|(a, b)| (a.clone(), b.to_vec()))
        .unwrap();
    assert!(
        lines
            .iter()
            .all(|line| line["config"] == API || line["config"] == WEB)
    );
    assert_eq!(last["outcome"], "disagree", "{run}");
    assert_eq!(last["releases"][0]["outcome"], "agree", "{run}");
    assert_eq!(last["releases"][1]["exit"], 9, "{run}");
    let drifted = lines.iter().find(|line| line["state"] == "wrong");
    assert_eq!(drifted.unwrap()["config"], WEB, "{run}");

    let run = world.run(&clone, &["repair", "--all"]);
    run.expect(9);
    run.says("`hoist --config services/web/release.toml repair --yes` mends them");
    let run = world.hoist(&clone, &["repair", "--all", "--yes", "--json"]);
    assert_eq!(run.outcome()["outcome"], "published", "{run}");
    assert_eq!(Shelf::tags(&registry, "acme/web"), right);
}

#[test]
fn without_a_policy_of_its_own_a_folder_is_asked_which_image_is_meant() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let clone = changed(&world, &registry);
    for args in [&["next"][..], &["next", "--json"]] {
        let run = world.run(&clone, args);
        run.expect(2);
        run.says("services/api/release.toml");
        run.says("hoist next --all");
        assert!(!run.to_string().contains("0.1.0"), "{run}");
    }
    let all = world.hoist(&clone, &["next", "--all"]);
    all.says("services/web/release.toml 0.1.0");
    let one = world.hoist(&clone, &["--config", API, "next"]);
    assert_eq!(one.stdout, "0.1.0\n");
    let other = world.hoist(&clone, &["--image", "acme/other", "next"]);
    assert_eq!(other.stdout, "0.1.0\n");
}

/// Two images with the same version: one is taken back, and the other is not.
#[test]
fn one_image_is_withdrawn_and_the_other_is_not() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let clone = released(&world, &registry);
    world.hoist(&clone, &["--config", API, "rollback", "0.1.0", "--yes"]);
    assert!(
        world
            .remote
            .refs()
            .contains("refs/hoist/withdrawn/api-v0.1.0")
    );
    let log = world.hoist(&clone, &["log", "--all", "--json"]).json();
    for (entry, withdrawn) in [(0, true), (1, false)] {
        let found = &log["releases"][entry]["releases"][0]["withdrawn"];
        assert_eq!(!found.is_null(), withdrawn, "{log}");
    }
    world
        .hoist(&clone, &["--config", API, "verify"])
        .says("0.1.0 was withdrawn");
    let web = world.hoist(&clone, &["--config", WEB, "verify"]);
    assert!(!web.to_string().contains("withdrawn"), "{web}");
}
