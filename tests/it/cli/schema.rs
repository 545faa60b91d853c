//! What `--json` prints is what the schemas say, field for field, on success and on failure.

use serde_json::{Value, json};

use super::{
    locks::dead,
    multi_image::services::{NAMES, changed, registry, released},
};
use crate::{
    docs::schema::Validator,
    registry::server::{Delete, Fault, On, Personality, TestRegistry, What},
    support::{Run, World},
};

/// A schema of the program that allows no field which it does not name.
fn strict(world: &World<'_>, subject: &str) -> Validator {
    let folder = world.remote.clone(&format!("for-{subject}"), &[]);
    let run = world.hoist(&folder, &["schema", subject]);
    closed(run.json())
}

/// A schema that allows no field which it does not name.
pub(super) fn closed(mut schema: Value) -> Validator {
    close(&mut schema);
    Validator::new(schema)
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(close);
            if object.contains_key("properties") && !object.contains_key("additionalProperties") {
                object.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        Value::Array(values) => values.iter_mut().for_each(close),
        _ => {}
    }
}

/// Every line of a run is one of the schema's, and the last one is the outcome.
#[track_caller]
fn lines(run: &Run, schema: &Validator, word: &str) {
    for line in run.stdout.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {run}"));
        let valid = schema.check(&line);
        assert!(valid.is_ok(), "{}\n{line:#}", valid.unwrap_err());
    }
    assert_eq!(run.outcome()["outcome"], word, "{run}");
}

#[track_caller]
fn plan(run: &Run, schema: &Validator) {
    let valid = schema.check(&run.json());
    assert!(valid.is_ok(), "{}\n{run}", valid.unwrap_err());
}

#[test]
fn one_image() {
    let registry = TestRegistry::start(Personality {
        delete: Delete::Digest(400),
        ..Personality::default()
    });
    let world = World::new(&registry, &["acme/api", "acme/web"]);
    let (of_plan, of_lines) = (strict(&world, "plan"), strict(&world, "lines"));
    let clone = world.project("a");
    let run = |args: &[&str]| world.run(&clone, &[args, &["--json"]].concat());

    lines(&run(&["resume"]), &of_lines, "nothing");
    lines(
        &run(&["release", "--version", "1.0.0", "--yes"]),
        &of_lines,
        "published",
    );
    plan(&run(&["plan"]), &of_plan);
    lines(&run(&["release", "--yes"]), &of_lines, "nothing");
    lines(
        &run(&["release", "--yes", "--require-release"]),
        &of_lines,
        "nothing-to-release",
    );

    world.change(&clone, "feat: more");
    plan(&run(&["plan"]), &of_plan);
    plan(&run(&["release", "--dry-run"]), &of_plan);
    let latest = On::put_manifest().with("acme/web/manifests/latest");
    registry.fault(Fault::always(latest, What::Status(403, "DENIED")));
    lines(&run(&["release", "--yes"]), &of_lines, "rolled-back");
    registry.heal();
    lines(&run(&["release", "--yes"]), &of_lines, "published");
    lines(&run(&["repair"]), &of_lines, "agree");
    lines(
        &run(&["rollback", "1.1.0", "--yes"]),
        &of_lines,
        "published",
    );
    lines(&run(&["repair"]), &of_lines, "agree");
    world.hoist(&clone, &["rollback", "1.1.0", "--undo"]);
    lines(&run(&["repair"]), &of_lines, "disagree");
    lines(&run(&["repair", "--yes"]), &of_lines, "published");
    lines(
        &run(&["promote", "1.1.0-rc.1", "--yes"]),
        &of_lines,
        "refused",
    );

    world.change(&clone, "feat: a candidate");
    plan(&run(&["plan", "--pre", "rc"]), &of_plan);
    lines(
        &run(&["release", "--pre", "rc", "--yes"]),
        &of_lines,
        "published",
    );
    plan(&run(&["promote", "1.2.0-rc.1", "--dry-run"]), &of_plan);
    lines(
        &run(&["promote", "1.2.0-rc.1", "--yes"]),
        &of_lines,
        "published",
    );

    clone.write("release.toml", "[image]\nrepositry = \"acme/api\"\n");
    lines(&run(&["release", "--yes"]), &of_lines, "usage");
}

#[test]
fn several_images() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let (of_plan, of_lines) = (strict(&world, "plan"), strict(&world, "lines"));
    let clone = changed(&world, &registry);
    let run = |args: &[&str]| world.run(&clone, &[args, &["--all", "--json"]].concat());

    plan(&run(&["plan"]), &of_plan);
    lines(&run(&["release", "--yes"]), &of_lines, "published");
    plan(&run(&["plan"]), &of_plan);
    lines(&run(&["release", "--yes"]), &of_lines, "nothing");
    lines(&run(&["repair"]), &of_lines, "agree");
}

/// A verb's document is what its schema says, whatever the exit code; there is an error in it where one is
/// expected.
#[track_caller]
fn document(run: &Run, schema: &Validator, code: i32) -> Value {
    run.expect(code);
    let document = run.json();
    let valid = schema.check(&document);
    assert!(valid.is_ok(), "{}\n{run}", valid.unwrap_err());
    assert_eq!(document["v"], 1, "{run}");
    document
}

/// The verbs that print one document.
const DOCUMENTS: [&str; 11] = [
    "next",
    "tags",
    "changelog",
    "check",
    "verify",
    "status",
    "log",
    "inspect",
    "init",
    "build",
    "unlock",
];

#[test]
fn every_document_of_one_image() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &["acme/api", "acme/web"]);
    let clone = world.released();
    clone.write("message", "feat(:oops\n");
    clone.write(".git/info/exclude", "/message\n");
    let schemas = DOCUMENTS.map(|subject| (subject, strict(&world, subject)));
    let run = |verb: &str, args: &[&str]| world.run(&clone, &[&[verb], args, &["--json"]].concat());
    let look = |verb: &str, args: &[&str], code: i32| {
        let (_, schema) = schemas
            .iter()
            .find(|(subject, _)| *subject == verb)
            .unwrap();
        document(&run(verb, args), schema, code)
    };
    assert_eq!(look("next", &[], 0)["next"], "1.1.0");
    assert_eq!(
        look("next", &["--explain"], 0)["commits"][0]["summary"],
        "feat: more"
    );
    assert_eq!(look("tags", &[], 0)["version"], "1.1.0");
    assert!(look("tags", &["--explain"], 0)["templates"].is_array());
    assert_eq!(look("tags", &["1.0.0", "--offline"], 0)["version"], "1.0.0");
    assert_eq!(
        look("changelog", &[], 0)["features"][0]["description"],
        "more"
    );
    look("changelog", &["1.0.0"], 0);
    assert_eq!(look("check", &[], 0)["findings"][0]["ok"], true);
    assert_eq!(
        look("check", &["--commits", "HEAD~1..HEAD"], 0)["checked"],
        1
    );
    let found = look("check", &["--commit-msg", "message"], 4);
    assert_eq!(found["findings"][0]["subject"], "message");
    assert_eq!(look("verify", &[], 0)["ok"], true);
    assert!(look("verify", &["--all", "--deep"], 0)["bytes"].as_u64() > Some(0));
    assert_eq!(look("status", &[], 0)["unfinished"], json!([]));
    assert_eq!(look("log", &[], 0)["releases"][0]["version"], "1.0.0");
    assert!(look("inspect", &[], 0)["layers"].is_array());
    assert_eq!(look("build", &[], 0)["images"][0]["image"], "main");
    assert!(look("init", &["--check"], 0)["releases"].is_array());
    assert_eq!(look("unlock", &["--yes"], 0)["deleted"], false);

    // There is something to say of a second release, and then nothing to release.
    world.hoist(&clone, &["release", "--yes"]);
    assert!(look("inspect", &["1.1.0"], 0)["changes"].is_object());
    assert_eq!(look("next", &[], 0)["next"], Value::Null);
    assert!(look("tags", &[], 0)["why"].is_string());
    world.hoist(
        &clone,
        &["rollback", "1.1.0", "--yes", "--why", "it was bad"],
    );
    assert_eq!(
        look("verify", &["1.1.0"], 0)["withdrawn"][0]["why"],
        "it was bad"
    );
    assert_eq!(
        look("log", &["1.1.0"], 0)["releases"][0]["withdrawn"]["why"],
        "it was bad"
    );

    // What is wrong is in the document, too, and a failure takes its place.
    look("init", &[], 4);
    look("verify", &["9.9.9"], 4);
    look("changelog", &["9.9.9"], 4);
    clone.write("greet.sh", "echo what no commit holds\n");
    let checked = look("check", &[], 4);
    let findings = checked["findings"].as_array().unwrap();
    assert!(
        findings
            .iter()
            .any(|one| one["ok"] == false && one["error"]["code"] == "dirty-tree")
    );
    clone.write("release.toml", "[image]\nrepositry = \"acme/api\"\n");
    for verb in DOCUMENTS.into_iter().filter(|verb| *verb != "init") {
        let args: &[&str] = if verb == "unlock" { &["--yes"] } else { &[] };
        let failed = look(verb, args, 2);
        assert_eq!(failed["error"]["code"], "invalid-policy", "{verb}");
    }

    let fresh = world.remote.clone("fresh", &[]);
    fresh.git(&["rm", "--quiet", "release.toml"]);
    fresh.commit("chore: no policy");
    let run = world.run(&fresh, &["init", "--image", "acme/api", "--json"]);
    let (_, schema) = schemas
        .iter()
        .find(|(subject, _)| *subject == "init")
        .unwrap();
    assert!(document(&run, schema, 0)["notes"].is_array());
}

#[test]
fn every_document_of_several_images() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let clone = released(&world, &registry);
    let run = |args: &[&str]| world.run(&clone, &[args, &["--json"]].concat());
    let all = [
        "next",
        "tags",
        "changelog",
        "check",
        "status",
        "log",
        "inspect",
    ];
    for verb in all {
        let schema = strict(&world, verb);
        let several = document(&run(&[verb, "--all"]), &schema, 0);
        assert_eq!(several["releases"].as_array().unwrap().len(), 2, "{verb}");
        assert!(several["releases"][0]["config"].is_string(), "{verb}");
    }
    let schema = strict(&world, "verify");
    document(&run(&["verify", "--all-images"]), &schema, 0);
    // The failure of one image is an entry beside the others.
    let manifests = On::method("GET").with("acme/web/manifests/");
    registry.fault(Fault::always(manifests, What::Status(403, "DENIED")));
    let schema =
        closed(serde_json::from_str(include_str!("../../../schema/inspect.json")).unwrap());
    let several = document(&run(&["inspect", "--all"]), &schema, 6);
    assert_eq!(
        several["releases"][1]["error"]["kind"], "failed",
        "{several:#}"
    );
}

#[test]
fn documents_of_an_unfinished_release() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &["acme/api"]);
    let clone = dead(&world, &registry);
    let (status, unlock) = (strict(&world, "status"), strict(&world, "unlock"));
    let found = document(&world.run(&clone, &["status", "--json"]), &status, 5);
    assert_eq!(found["unfinished"][0]["here"], true);
    let other = world.remote.clone("other", &[]);
    let refused = world.run(&other, &["unlock", "--yes", "--json"]);
    let refused = document(&refused, &unlock, 5);
    assert_eq!(refused["error"]["kind"], "busy");
    let run = world.run(&other, &["unlock", "--discard", "--yes", "--json"]);
    let given_up = document(&run, &unlock, 0);
    assert_eq!(given_up["locks"][0]["release"]["version"], "1.1.0");
    assert!(!given_up["tags"].as_array().unwrap().is_empty());
}
