//! What `--json` prints is what the schemas say, field for field, on success and on failure.

use serde_json::{Value, json};

use super::multi_image::services::{NAMES, changed, registry};
use crate::{
    docs::schema::Validator,
    registry::server::{Delete, Fault, On, Personality, TestRegistry, What},
    support::{Run, World},
};

/// A schema of the program that allows no field which it does not name.
fn strict(world: &World<'_>, subject: &str) -> Validator {
    let folder = world.remote.clone(&format!("for-{subject}"), &[]);
    let run = world.hoist(&folder, &["schema", subject]);
    let mut schema = run.json();
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
