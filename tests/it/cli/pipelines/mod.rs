//! The pipelines of `examples/ci`, the action and the component: their shell parts are run, step by
//! step, with a git remote and a registry of the test's own.

mod github;
mod gitlab;
mod install;
mod runner;

use std::{fs, path::Path};

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value, json};
use testkit::sandbox::Clone;

use crate::{
    registry::server::{Auth, PASSWORD, Personality, TestRegistry, USER},
    support::World,
};

/// A file of the repository as it is.
fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The last document of a YAML file.
fn yaml(text: &str) -> Value {
    value(Yaml::load_from_str(text).unwrap().last().unwrap())
}

fn value(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::Integer(value)) => json!(value),
        Yaml::Value(Scalar::String(text)) => json!(text),
        Yaml::Representation(text, ..) => json!(text),
        Yaml::Sequence(items) => items.iter().map(value).collect(),
        Yaml::Mapping(entries) => {
            let entry = |(key, inner): (&Yaml<'_>, &Yaml<'_>)| {
                (key.as_str().unwrap_or_default().to_owned(), value(inner))
            };
            Value::Object(entries.iter().map(entry).collect::<Map<_, _>>())
        }
        _ => Value::Null,
    }
}

/// A scalar as an environment variable has it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A registry that wants the password of [`USER`].
fn registry() -> TestRegistry {
    TestRegistry::start(Personality {
        auth: Auth::Basic,
        ..Personality::default()
    })
}

fn host(registry: &TestRegistry) -> String {
    let repository = registry.repository("acme/api").to_string();
    repository.split_once('/').unwrap().0.to_owned()
}

/// hoist as a person runs it, with the login of the registry.
#[track_caller]
fn by_hand(
    world: &World<'_>,
    clone: &Clone<'_>,
    registry: &TestRegistry,
    args: &[&str],
    code: i32,
) {
    let mut command = world.command(clone, args);
    command
        .env("HOIST_REGISTRY_HOST", host(registry))
        .env("HOIST_REGISTRY_USERNAME", USER)
        .env("HOIST_REGISTRY_PASSWORD", PASSWORD);
    crate::support::Run::of(&mut command).expect(code);
}

/// Version 1.0.0 is out, and a feature is pushed.
fn project<'a>(world: &'a World<'_>, registry: &TestRegistry) -> Clone<'a> {
    let clone = world.project("a");
    by_hand(
        world,
        &clone,
        registry,
        &["release", "--version", "1.0.0", "--yes"],
        0,
    );
    world.change(&clone, "feat: more");
    clone
}

/// What the installed program is: the one under test.
fn program() -> String {
    format!("#!/bin/sh\nexec {} \"$@\"\n", env!("CARGO_BIN_EXE_hoist"))
}
