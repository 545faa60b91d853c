//! `docs/policy.md`, the reference of `release.toml`, made from its schema.
//! `HOIST_UPDATE=1 cargo test --lib schema` writes it.

use std::{fmt::Write as _, fs, path::Path};

use serde_json::Value;

const HEAD: &str = "\
# The policy, key by key

What `release.toml` says, with each key's default. Every key may be left out but the repository; a key that is not in this list
is an error that names the nearest one. `hoist schema` prints the same as a JSON Schema for editors, and
[`release.toml.example`](https://github.com/hoist-rs/hoist/blob/main/release.toml.example) is the file with every key in it.

<!-- Made by a test from the types and from release.toml.example: see CONTRIBUTING.md. -->
";

#[test]
fn the_reference_is_made_from_the_schema() {
    let schema = super::policy::schema();
    let mut text = HEAD.to_owned();
    table(&mut text, "", &schema);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/policy.md");
    if std::env::var_os("HOIST_UPDATE").is_some() {
        fs::write(&path, text).expect("the folder is there");
        return;
    }
    let there = fs::read_to_string(&path).expect("the page is there");
    assert!(
        there == text,
        "docs/policy.md is out of date: HOIST_UPDATE=1 cargo test --lib schema"
    );
}

/// A table of the policy, then the tables in it.
fn table(text: &mut String, name: &str, schema: &Value) {
    let properties = schema["properties"].as_object().expect("a table");
    let (tables, keys): (Vec<_>, Vec<_>) = properties
        .iter()
        .partition(|(_, rule)| inner(rule).is_some());
    if !keys.is_empty() {
        write!(text, "\n## `[{name}]`\n\n").expect("memory");
        if let Some(words) = schema["description"].as_str() {
            write!(text, "{}\n\n", words.replace('|', "\\|")).expect("memory");
        }
        text.push_str("| key | value | default | |\n|---|---|---|---|\n");
        for (key, rule) in keys {
            row(text, key, rule);
        }
    }
    for (key, rule) in tables {
        let (below, schema) = inner(rule).expect("a table");
        let name = [name, key, below]
            .into_iter()
            .filter(|part| !part.is_empty());
        table(text, &name.collect::<Vec<_>>().join("."), schema);
    }
}

/// The keys of a table: its own, or those of each table that a person names in it.
fn inner(rule: &Value) -> Option<(&'static str, &Value)> {
    if rule["properties"].is_object() {
        return Some(("", rule));
    }
    let each = &rule["additionalProperties"];
    each["properties"].is_object().then_some(("NAME", each))
}

fn row(text: &mut String, key: &str, rule: &Value) {
    let words = rule["description"].as_str().unwrap_or_default();
    let default = match &rule["default"] {
        Value::Null => String::new(),
        value => format!("`{value}`"),
    };
    let cells = [format!("`{key}`"), kind(rule), default, words.to_owned()];
    let cells = cells.map(|cell| cell.replace('|', "\\|"));
    writeln!(text, "| {} |", cells.join(" | ")).expect("memory");
}

/// What a value is, in words.
fn kind(rule: &Value) -> String {
    let mut names = ["oneOf", "anyOf", "enum"].iter();
    // A table whose keys go together in one of several ways is a table.
    let choices = names
        .find_map(|name| rule[*name].as_array())
        .filter(|_| rule["type"] != "object");
    if let Some(choices) = choices {
        let one = |choice: &Value| match (&choice["const"], choice) {
            (Value::String(word), _) | (_, Value::String(word)) => format!("`\"{word}\"`"),
            _ => kind(choice),
        };
        let mut kinds: Vec<_> = choices.iter().map(one).collect();
        kinds.dedup();
        return kinds.join(" or ");
    }
    match rule["type"].as_str() {
        Some("boolean") => "`true` or `false`".to_owned(),
        Some("integer") => "number".to_owned(),
        Some("array") => format!("list of {}", several(&rule["items"])),
        Some("object") => "table".to_owned(),
        Some(name) => name.to_owned(),
        None => "value".to_owned(),
    }
}

fn several(item: &Value) -> String {
    match &*kind(item) {
        name @ ("string" | "number" | "table") => format!("{name}s"),
        other => other.to_owned(),
    }
}
