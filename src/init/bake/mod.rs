//! Bake files, HCL and JSON: what their targets push.
//!
//! Files are merged in their order, variables come from the environment, targets inherit. A target
//! whose tags or place need a function that is not known here is named, not guessed.

mod definition;
mod functions;
mod scope;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use hcl::Value;
use serde_json::json;

use crate::init::push::Build;
use definition::Definition;
use scope::BakeScope;

/// A bake file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BakeFile {
    pub(super) path: String,
    pub(super) text: String,
}

/// What is baked.
#[derive(Debug, Clone, Default)]
pub(super) struct Baked {
    pub(super) targets: Vec<BakeTarget>,
    pub(super) left_out: Vec<String>,
}

/// A target that is built.
#[derive(Debug, Clone)]
pub(super) struct BakeTarget {
    pub(super) name: String,
    pub(super) tags: Vec<String>,
    pub(super) build: Build,
    /// What `output` says of pushing.
    pub(super) pushes: bool,
}

impl BakeFile {
    /// The file that a step of docker/metadata-action writes.
    pub(super) fn of_metadata(references: &[String]) -> Self {
        let text = json!({"target": {"docker-metadata-action": {"tags": references}}});
        Self {
            path: "docker-metadata-action.json".into(),
            text: text.to_string(),
        }
    }
}

/// More targets than this are not looked at.
const MOST: usize = 64;

/// What the files, targets and overrides give, with variables from the environment.
pub(super) fn evaluate(
    files: &[BakeFile],
    targets: &[String],
    overrides: &[String],
    variable: &dyn Fn(&str) -> Option<String>,
) -> Baked {
    let mut baked = Baked::default();
    let mut all = Definition::default();
    for file in files {
        match Definition::parse(&file.path, &file.text) {
            Ok(definition) => all.merge(definition),
            Err(why) => baked.left_out.push(format!("`{}`: {why}", file.path)),
        }
    }
    let scope = BakeScope::new(&all, variable);
    all.expand_matrices(&scope, MOST);
    let wanted = match targets {
        [] => vec!["default".to_owned()],
        targets => targets.to_vec(),
    };
    let mut names = Vec::new();
    for name in &wanted {
        all.resolve(name, &scope, &mut names, 0);
    }
    if names.is_empty() && !all.targets.is_empty() {
        baked.left_out.push(format!(
            "bake targets {}: they are not found",
            wanted.join(", ")
        ));
    }
    for name in names.into_iter().take(MOST) {
        let mut inputs = BakeInputs::default();
        all.inherit(&name, &scope, &mut inputs, &mut baked.left_out, 0);
        inputs.change(&name, overrides);
        baked.targets.push(inputs.target(name));
    }
    baked
}

/// The attributes of a target, as values.
#[derive(Debug, Clone, Default)]
struct BakeInputs {
    values: BTreeMap<String, Value>,
    /// Attributes that could not be evaluated.
    unread: Vec<String>,
}

impl BakeInputs {
    /// Sets an attribute over what was inherited: maps are merged, all else is replaced.
    fn set(&mut self, name: &str, value: Value) {
        match (self.values.get_mut(name), value) {
            (Some(Value::Object(known)), Value::Object(own)) => known.extend(own),
            (_, value) => {
                self.values.insert(name.to_owned(), value);
            }
        }
    }

    /// Applies `target.key=value` lines whose pattern fits; the first line of a key replaces, the
    /// following ones add.
    fn change(&mut self, target: &str, overrides: &[String]) {
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

    fn target(mut self, name: String) -> BakeTarget {
        let mut inputs: BTreeMap<String, String> = BTreeMap::new();
        let context = self.text("context").unwrap_or_else(|| ".".into());
        // Here the Dockerfile is seen from the context.
        if let Some(file) = self.text("dockerfile") {
            let folder = context.trim_end_matches('/');
            inputs.insert("file".into(), format!("{folder}/{file}"));
        }
        inputs.insert("context".into(), context);
        let target = self.text("target");
        inputs.extend(target.map(|target| ("target".to_owned(), target)));
        for (ours, theirs) in [
            ("platforms", "platforms"),
            ("ssh", "ssh"),
            ("cache-from", "cache-from"),
            ("cache-to", "cache-to"),
            ("annotations", "annotations"),
        ] {
            inputs.insert(ours.into(), self.lines(theirs).join("\n"));
        }
        for (ours, theirs) in [
            ("build-args", "args"),
            ("labels", "labels"),
            ("build-contexts", "contexts"),
        ] {
            inputs.insert(ours.into(), self.pairs(theirs).join("\n"));
        }
        for (theirs, ours) in [
            ("no-cache", "no-cache"),
            ("pull", "pull"),
            ("network", "network"),
            ("shm-size", "shm-size"),
            ("attest", "attests"),
            ("entitlements", "allow"),
        ] {
            inputs.insert(ours.into(), self.lines(theirs).join("\n"));
        }
        if self.values.contains_key("dockerfile-inline") {
            inputs.insert("dockerfile-inline".into(), "…".into());
        }
        let mut build = Build::of_inputs(&inputs);
        for secret in self.lines("secret") {
            build.secret(&secret);
        }
        for attribute in std::mem::take(&mut self.unread) {
            build.left_out.push(format!(
                "`{attribute}` of bake target `{name}`: found, not read"
            ));
        }
        let outputs = self.lines("output");
        BakeTarget {
            tags: self.lines("tags"),
            pushes: outputs
                .iter()
                .any(|line| line.contains("type=registry") || line.contains("push=true")),
            build,
            name,
        }
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
