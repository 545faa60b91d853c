//! The inputs of one bake target, and the target that they make.

use std::collections::BTreeMap;

use hcl::Value;

use crate::init::{bake::functions, fields, push::Build};

/// Attributes that are read by themselves, or say nothing of the image.
const ELSEWHERE: [&str; 21] = [
    "context",
    "dockerfile",
    "dockerfile-inline",
    "target",
    "platforms",
    "ssh",
    "secret",
    "cache-from",
    "cache-to",
    "annotations",
    "args",
    "labels",
    "contexts",
    "extra-hosts",
    "tags",
    "output",
    "inherits",
    "matrix",
    "name",
    "description",
    "call",
];

/// A target that is built.
#[derive(Debug, Clone)]
pub(in crate::init) struct BakeTarget {
    pub(in crate::init) name: String,
    pub(in crate::init) tags: Vec<String>,
    pub(in crate::init) build: Build,
    /// Some of its tags could not be evaluated.
    pub(in crate::init) has_unread_tags: bool,
    /// What `output` says of pushing.
    pub(in crate::init) pushes: bool,
}

/// The attributes of a target, as values.
#[derive(Debug, Clone, Default)]
pub(super) struct BakeInputs {
    values: BTreeMap<String, Value>,
    /// Attributes that could not be evaluated.
    pub(super) unread: Vec<String>,
    pub(super) has_unread_tags: bool,
}

impl BakeInputs {
    /// Sets an attribute over what was inherited: maps are merged, all else is replaced.
    pub(super) fn set(&mut self, name: &str, value: Value) {
        match (self.values.get_mut(name), value) {
            (Some(Value::Object(known)), Value::Object(own)) => known.extend(own),
            (_, value) => {
                self.values.insert(name.to_owned(), value);
            }
        }
    }

    /// Applies `target.key=value` lines whose pattern fits; the first line of a key replaces, the
    /// following ones add.
    pub(super) fn change(&mut self, target: &str, overrides: &[String]) {
        let mut replaced: Vec<String> = Vec::new();
        for line in overrides {
            let Some((place, value)) = line.split_once('=') else {
                continue;
            };
            let Some((pattern, key)) = place.split_once('.') else {
                continue;
            };
            let fits = match pattern.split_once('*') {
                Some((before, after)) => target.starts_with(before) && target.ends_with(after),
                None => pattern == target,
            };
            if !fits {
                continue;
            }
            let (key, adds) = match key.strip_suffix('+') {
                Some(key) => (key, true),
                None => (key, false),
            };
            if let Some((table, name)) = key.split_once('.') {
                self.set(
                    table,
                    Value::Object(
                        [(name.to_owned(), Value::from(value))]
                            .into_iter()
                            .collect(),
                    ),
                );
                continue;
            }
            let key = if key == "platform" { "platforms" } else { key };
            match key {
                "tags" | "platforms" | "cache-from" | "cache-to" | "secret" | "ssh" | "output" => {
                    let items = value.split(if matches!(key, "tags" | "platforms") {
                        [',', '\n']
                    } else {
                        ['\n', '\n']
                    });
                    let mut items: Vec<Value> =
                        items.map(|item| Value::from(item.trim())).collect();
                    if (adds || replaced.iter().any(|known| known == key))
                        && let Some(Value::Array(known)) = self.values.get(key)
                    {
                        items.splice(0..0, known.clone());
                    }
                    self.values.insert(key.to_owned(), Value::Array(items));
                }
                _ => {
                    self.values.insert(key.to_owned(), Value::from(value));
                }
            }
            replaced.push(key.to_owned());
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        self.values.get(name).and_then(functions::text)
    }

    /// The items of a list as lines.
    fn lines(&self, name: &str) -> Vec<String> {
        match self.values.get(name) {
            Some(Value::Array(items)) => items.iter().filter_map(item).collect(),
            Some(other) => item(other).into_iter().collect(),
            None => Vec::new(),
        }
    }

    /// The members of a map as `key=value` lines.
    fn pairs(&self, name: &str) -> Vec<String> {
        match self.values.get(name) {
            Some(Value::Object(members)) => {
                let members = members.iter().filter(|(_, value)| !value.is_null());
                members
                    .filter_map(|(key, value)| Some(format!("{key}={}", functions::text(value)?)))
                    .collect()
            }
            _ => self.lines(name),
        }
    }

    pub(super) fn target(mut self, folder: &str, name: String) -> BakeTarget {
        let mut inputs: BTreeMap<String, String> = BTreeMap::new();
        let context = self.text("context").unwrap_or_else(|| ".".into());
        // Here the Dockerfile is seen from the context.
        if let Some(file) = self.text("dockerfile") {
            let inside = context.trim_end_matches('/');
            inputs.insert("file".into(), format!("{inside}/{file}"));
        }
        inputs.insert("context".into(), context);
        let target = self.text("target");
        inputs.extend(target.map(|target| ("target".to_owned(), target)));
        for (ours, theirs) in [
            ("platforms", "platforms"),
            ("cache-from", "cache-from"),
            ("cache-to", "cache-to"),
            ("annotations", "annotations"),
            ("outputs", "output"),
        ] {
            inputs.insert(ours.into(), self.lines(theirs).join("\n"));
        }
        for (ours, theirs) in [
            ("build-args", "args"),
            ("labels", "labels"),
            ("build-contexts", "contexts"),
            ("add-hosts", "extra-hosts"),
        ] {
            inputs.insert(ours.into(), self.pairs(theirs).join("\n"));
        }
        let agents: Vec<String> = self.lines("ssh").iter().map(|line| agent(line)).collect();
        inputs.insert("ssh".into(), agents.join("\n"));
        // What is not listed here goes by its own name, so that it is taken or named.
        for theirs in self
            .values
            .keys()
            .filter(|name| !ELSEWHERE.contains(&&***name))
        {
            let ours = match &**theirs {
                "attest" => "attests",
                "entitlements" => "allow",
                other => other,
            };
            inputs.insert(ours.into(), self.lines(theirs).join("\n"));
        }
        if self.values.contains_key("dockerfile-inline") {
            inputs.insert("dockerfile-inline".into(), "…".into());
        }
        let mut build = Build::of_inputs(folder, &inputs);
        for secret in self.lines("secret") {
            build.secret(&secret);
        }
        build.secrets_seen_from(folder);
        for attribute in std::mem::take(&mut self.unread) {
            build.left_out.push(format!(
                "`{attribute}` of bake target `{name}`: found, not read"
            ));
        }
        let outputs = self.lines("output");
        BakeTarget {
            tags: self.lines("tags"),
            has_unread_tags: self.has_unread_tags,
            pushes: outputs
                .iter()
                .any(|line| line.contains("type=registry") || line.contains("push=true")),
            build,
            name,
        }
    }
}

/// An SSH agent as the action's input has it.
fn agent(line: &str) -> String {
    let pairs = fields::pairs(line);
    let get = |wanted: &str| {
        let found = pairs.iter().find(|(key, _)| key.as_deref() == Some(wanted));
        found.map(|(_, value)| value.clone())
    };
    match (get("id"), get("paths")) {
        (Some(id), Some(paths)) => format!("{id}={paths}"),
        (Some(id), None) => id,
        (None, _) => line.to_owned(),
    }
}

/// An item of a list: a text, or a table as a CSV record.
fn item(value: &Value) -> Option<String> {
    match value {
        Value::Object(members) => {
            let fields: Option<Vec<String>> = members
                .iter()
                .map(|(key, value)| Some(format!("{key}={}", functions::text(value)?)))
                .collect();
            Some(fields?.join(","))
        }
        other => functions::text(other).filter(|text| !text.is_empty()),
    }
}
