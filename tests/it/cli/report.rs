//! `--report`: what a run did, whatever came of it, as a page, as Markdown and as a document that its
//! schema describes.

use std::fs;

use serde_json::Value;
use testkit::sandbox::Clone;

use super::schema::closed;
use crate::{
    registry::server::{Delete, Fault, On, Personality, TestRegistry, What},
    support::{Run, World},
};

const NAMES: [&str; 2] = ["acme/api", "acme/web"];

fn registry() -> TestRegistry {
    TestRegistry::start(Personality {
        delete: Delete::Digest(400),
        ..Personality::default()
    })
}

/// Runs a verb with a report, which its schema must describe whole.
#[track_caller]
fn reported(world: &World<'_>, clone: &Clone<'_>, args: &[&str]) -> (Run, Value) {
    let run = world.run(clone, &[args, &["--report", "../run.json"]].concat());
    let text = fs::read_to_string(clone.path().join("../run.json"));
    let text = text.unwrap_or_else(|error| panic!("{error}: {run}"));
    let record: Value = serde_json::from_str(&text).unwrap();
    let schema = include_str!("../../../schema/report.json");
    let valid = closed(serde_json::from_str(schema).unwrap()).check(&record);
    assert!(valid.is_ok(), "{}\n{record:#}", valid.unwrap_err());
    assert_eq!(record["exit"], run.code.unwrap(), "{run}");
    fs::remove_file(clone.path().join("../run.json")).unwrap();
    (run, record)
}

/// What became of each tag of the first repository.
fn standings(record: &Value) -> Vec<(String, String)> {
    let tags = record["tags"].as_array().unwrap().iter();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    tags.filter(|tag| word(&tag["repository"]).ends_with(NAMES[0]))
        .map(|tag| (word(&tag["tag"]), word(&tag["standing"])))
        .collect()
}

#[track_caller]
fn all_stand(record: &Value, standing: &str) {
    let standings = standings(record);
    assert!(!standings.is_empty(), "{record:#}");
    assert!(
        standings.iter().all(|(_, one)| one == standing),
        "{standings:?}"
    );
}

#[test]
fn a_release_is_told_whole() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let clone = world.released();
    let before = world.shows("latest").unwrap();
    let (_, record) = reported(&world, &clone, &["release", "--yes"]);
    let now = world.shows("latest").unwrap();
    assert_eq!(record["outcome"], "published");
    assert_eq!(record["verb"], "release");
    assert_eq!(
        (&record["current"], &record["version"]),
        (&"1.0.0".into(), &"1.1.0".into())
    );
    let tags = record["tags"].as_array().unwrap();
    let latest = tags.iter().find(|tag| tag["tag"] == "latest").unwrap();
    assert_eq!(latest["standing"], "moved");
    assert_eq!(
        (&latest["before"], &latest["now"]),
        (&before.into(), &now.into())
    );
    assert!(!latest["why"].as_str().unwrap().is_empty());
    let exact = tags.iter().find(|tag| tag["tag"] == "1.1.0").unwrap();
    assert_eq!(
        (&exact["standing"], &exact["before"]),
        (&"created".into(), &Value::Null)
    );
    assert_eq!(record["commits"][0]["summary"], "feat: more");
    let images = record["images"].as_array().unwrap();
    assert_eq!(images.len(), 2);
    for image in images {
        let platform = &image["platforms"][0];
        assert!(platform["size"].as_u64().unwrap() > 0, "{image:#}");
        assert!(platform["before"].as_u64().unwrap() > 0, "{image:#}");
    }
    let steps = record["steps"].as_array().unwrap();
    for step in [
        "plan",
        "preflight",
        "build",
        "stage",
        "lock",
        "commit",
        "verify",
        "finish",
    ] {
        let found = steps.iter().find(|one| one["step"] == step);
        let found = found.unwrap_or_else(|| panic!("{step}: {steps:#?}"));
        assert_eq!(found["done"], true, "{step}");
    }
    let ends = steps
        .iter()
        .map(|one| one["start"].as_f64().unwrap() + one["seconds"].as_f64().unwrap());
    assert!(
        ends.fold(0.0, f64::max) <= record["seconds"].as_f64().unwrap() + 0.1,
        "{record:#}"
    );
    assert_eq!(record["error"], Value::Null);
}

#[test]
fn a_release_that_was_put_back_is_told_too() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let clone = world.released();
    let latest = On::put_manifest().with("acme/web/manifests/latest");
    registry.fault(Fault::always(latest, What::Status(403, "DENIED")));
    let (run, record) = reported(&world, &clone, &["release", "--yes"]);
    run.expect(7);
    assert_eq!(record["outcome"], "rolled-back");
    all_stand(&record, "as-before");
    assert!(
        record["error"]["message"]
            .as_str()
            .unwrap()
            .contains("latest"),
        "{record:#}"
    );
    let steps = record["steps"].as_array().unwrap();
    let commit = steps.iter().find(|one| one["step"] == "commit").unwrap();
    assert_eq!(commit["done"], false);
    assert!(steps.iter().any(|one| one["step"] == "roll-back"));
}

#[test]
fn a_run_that_moved_nothing_says_so() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let clone = world.released();
    clone.write("image.sh", "echo no compiler; exit 1\n");
    clone.commit("feat: what cannot be built");
    clone.push();
    let (run, record) = reported(&world, &clone, &["release", "--yes"]);
    run.expect(6);
    assert_eq!(record["outcome"], "failed");
    let standings = standings(&record);
    let untouched = standings.iter().filter(|(_, one)| one == "untouched");
    assert!(untouched.count() >= 5, "{standings:?}");
    let steps = record["steps"].as_array().unwrap();
    let build = steps.iter().find(|one| one["step"] == "build").unwrap();
    assert_eq!(build["done"], false);
    // Before there is a plan, there is only the failure.
    clone.write("release.toml", "[image]\nrepositry = \"acme/api\"\n");
    let (run, record) = reported(&world, &clone, &["release", "--yes"]);
    run.expect(2);
    assert_eq!(
        (&record["outcome"], &record["version"]),
        (&"usage".into(), &Value::Null)
    );
    assert_eq!(record["tags"], Value::Array(Vec::new()));
}

/// Whoever finishes a release has no plan of it. What it is made of comes from git, its sizes from the registry.
#[test]
fn a_finished_release_is_told_with_its_commits_and_sizes() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let clone = world.released();
    let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    let held = "\n[publish]\non-failure = \"hold\"\nverify-timeout = \"2s\"\n";
    clone.write("release.toml", policy + held);
    world.change(&clone, "fix: a second change");
    let latest = On::put_manifest().with("acme/web/manifests/latest");
    registry.fault(Fault::always(latest, What::Status(403, "DENIED")));
    let (run, record) = reported(&world, &clone, &["release", "--yes"]);
    run.expect(8);
    registry.heal();
    let planned = record["commits"].clone();

    let (run, record) = reported(&world, &clone, &["resume", "--yes"]);
    run.expect(0);
    assert_eq!(record["outcome"], "published");
    assert_eq!(record["current"], "1.0.0");
    assert_eq!(record["commits"], planned);
    assert_eq!(record["commits"].as_array().unwrap().len(), 2);
    for image in record["images"].as_array().unwrap() {
        let platform = &image["platforms"][0];
        assert!(platform["before"].as_u64().unwrap() > 0, "{image:#}");
    }
}

#[test]
fn every_verb_that_moves_tags_has_one() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let clone = world.released();
    let (_, record) = reported(&world, &clone, &["resume"]);
    assert_eq!(
        (&record["verb"], &record["outcome"]),
        (&"resume".into(), &"nothing".into())
    );
    let (_, record) = reported(&world, &clone, &["rollback"]);
    assert_eq!(
        (&record["verb"], &record["outcome"]),
        (&"rollback".into(), &"nothing".into())
    );
    world.hoist(&clone, &["release", "--yes"]);
    let (_, record) = reported(&world, &clone, &["release", "--yes"]);
    assert_eq!(record["outcome"], "nothing");

    let (run, record) = reported(&world, &clone, &["rollback", "1.1.0", "--yes"]);
    run.expect(0);
    assert_eq!(
        (&record["verb"], &record["outcome"]),
        (&"take-back".into(), &"published".into())
    );
    let moved = standings(&record);
    assert!(
        moved.contains(&("latest".to_owned(), "moved".to_owned())),
        "{moved:?}"
    );
    let latest = record["tags"]
        .as_array()
        .unwrap()
        .iter()
        .find(|tag| tag["tag"] == "latest");
    assert!(!latest.unwrap()["why"].as_str().unwrap().is_empty());
    world.hoist(&clone, &["rollback", "1.1.0", "--undo"]);

    let (run, record) = reported(&world, &clone, &["repair", "--yes"]);
    run.expect(0);
    assert_eq!(
        (&record["verb"], &record["outcome"]),
        (&"repair".into(), &"published".into())
    );
    let (_, record) = reported(&world, &clone, &["repair", "--yes"]);
    assert_eq!(record["outcome"], "nothing");

    world.change(&clone, "feat: a candidate");
    world.hoist(&clone, &["release", "--pre", "rc", "--yes"]);
    let (run, record) = reported(&world, &clone, &["promote", "1.2.0-rc.1", "--yes"]);
    run.expect(0);
    assert_eq!(
        (&record["verb"], &record["version"]),
        (&"promote".into(), &"1.2.0".into())
    );
    assert!(record["images"][0]["adopted"].is_string(), "{record:#}");
}

#[test]
fn a_page_and_markdown_tell_the_same() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let clone = world.released();
    let folder = clone.path().join("..");
    world.change(&clone, "fix: <script>alert(1)</script> `tick`");
    let run = world.hoist(&clone, &["release", "--yes", "--report", "../run.html"]);
    run.says("the report is in `../run.html`");
    let page = fs::read_to_string(folder.join("run.html")).unwrap();
    for part in [
        "Released 1.1.0",
        "1.0.0 → 1.1.0",
        "latest",
        "moved",
        "to pull",
        "Tagged",
        "default-src 'none'",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("<script"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
    world.change(&clone, "feat: and <b>more</b>");
    world.hoist(&clone, &["release", "--yes", "--report", "../run.md"]);
    let text = fs::read_to_string(folder.join("run.md")).unwrap();
    for part in [
        "# Released 1.2.0",
        "## Tags",
        "| moved |",
        "## Steps",
        "`feat: and <b>more</b>`",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_report_that_cannot_be_written_is_refused_before_anything_is_done() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let clone = world.released();
    let before = world.tags();
    for (args, words) in [
        (
            &["release", "--yes", "--report", "run.txt"][..],
            "in which form",
        ),
        (
            &["release", "--yes", "--report", "no/such/run.html"],
            "its folder is not there",
        ),
        (
            &["release", "--yes", "--all", "--report", "run.html"],
            "cannot be used with",
        ),
        (
            &["release", "--dry-run", "--report", "run.html"],
            "cannot be used with",
        ),
        (&["repair", "--report", "run.html"], "--yes"),
    ] {
        let run = world.run(&clone, args);
        run.expect(2);
        run.says(words);
    }
    assert_eq!(world.tags(), before);
}
