//! The schema of `release.toml`: rules from the types, words and defaults from
//! `release.toml.example`.

use serde_json::{Map, Value, json};

use super::parts::{document, each, of};
use crate::policy::{Policy, SCHEMA_URL};

const EXAMPLE: &str = include_str!("../../../release.toml.example");

pub(super) fn schema() -> Value {
    let mut schema = of::<Policy>(false);
    each(&mut schema, &mut |object| {
        object.remove("default");
        without_null(object);
    });
    describe(&mut schema);
    let mut schema = document(
        "release.toml",
        "The policy of hoist, which releases container images.",
        schema,
    );
    schema["$id"] = json!(SCHEMA_URL);
    schema
}

/// TOML has no null: a key without a value is left out.
fn without_null(object: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [one] = &**types {
            let one = one.clone();
            object.insert("type".to_owned(), one);
        }
    }
    if let Some(Value::Array(any)) = object.get_mut("anyOf") {
        any.retain(|one| one["type"] != "null");
        if let [Value::Object(one)] = &**any {
            let one = one.clone();
            object.remove("anyOf");
            for (key, value) in one {
                object.entry(key).or_insert(value);
            }
        }
    }
}

/// Puts the comment above each key of the example into the schema, and its value as the default.
fn describe(schema: &mut Value) {
    let defaults: toml::Table = EXAMPLE.parse().expect("the example is TOML");
    let mut table = Vec::new();
    let mut prose: Vec<&str> = Vec::new();
    for line in EXAMPLE.lines() {
        let (text, commented) = match line.strip_prefix("# ") {
            Some(rest) => (rest, true),
            None => (line, false),
        };
        if let Some(name) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
            table = path(name);
            prose.clear();
        } else if let Some(key) = key_of(text) {
            let path: Vec<&str> = table.iter().copied().chain([key]).collect();
            if !prose.is_empty() {
                // An example of the key belongs to its comment.
                if prose.last().is_some_and(|last| last.ends_with(':')) {
                    prose.push(text);
                }
                let place = place(schema, &path);
                place["description"] = json!(prose.join(" "));
                if let Some(value) = default(&defaults, &path) {
                    place["default"] = value;
                }
            }
            prose.clear();
        } else if commented {
            prose.push(text);
        } else {
            prose.clear();
        }
    }
}

fn path(name: &str) -> Vec<&str> {
    // One of a list of tables.
    if let Some(name) = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
    {
        return vec![name, "[]"];
    }
    match name.split_once('.') {
        // The example names one of many.
        Some((table @ ("images" | "variants" | "registry"), _)) => vec![table, "*"],
        _ => name.split('.').collect(),
    }
}

/// `key = value`, and not prose that has such a thing in it.
fn key_of(line: &str) -> Option<&str> {
    let (key, _) = line.split_once(" = ")?;
    let is_key = key.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    (is_key && line.parse::<toml::Table>().is_ok()).then_some(key)
}

fn place<'a>(schema: &'a mut Value, path: &[&str]) -> &'a mut Value {
    let mut place = schema;
    for part in path {
        place = match *part {
            "*" => &mut place["additionalProperties"],
            "[]" => &mut place["items"],
            part => &mut place["properties"][part],
        };
        assert!(
            place.is_object(),
            "the example has {path:?}, the types do not"
        );
    }
    place
}

fn default(defaults: &toml::Table, path: &[&str]) -> Option<Value> {
    let (key, tables) = path.split_last()?;
    let mut table = defaults;
    for name in tables {
        table = table.get(*name)?.as_table()?;
    }
    serde_json::to_value(table.get(*key)?).ok()
}

#[test]
fn every_key_has_words_and_its_default() {
    let mut count = 0;
    let schema = schema();
    let tables = [
        "/properties/image",
        "/properties/image/properties/build",
        "/properties/version",
        "/properties/branches",
        "/properties/tags",
        "/properties/images/additionalProperties",
        "/properties/variants/additionalProperties",
        "/properties/publish",
        "/properties/hooks",
        "/properties/attach/items",
        "/properties/sign",
        "/properties/announce/items",
        "/properties/forge",
        "/properties/git",
        "/properties/notes",
        "/properties/registry/additionalProperties",
    ];
    for table in tables {
        let keys = schema.pointer(table).map(|table| &table["properties"]);
        let keys = keys.and_then(Value::as_object).expect("a table");
        for (key, rule) in keys {
            count += 1;
            assert!(rule["description"].is_string(), "{table} {key}");
        }
    }
    assert!(count > 60, "{count}");
    let tags = &schema["properties"]["tags"]["properties"];
    assert_eq!(tags["fixed"]["default"][0], "{version}");
    let timeout = &schema["properties"]["publish"]["properties"]["deadline"];
    assert_eq!(timeout["default"], "10m");
}
