//! Bake files, HCL and JSON: what their targets push.
//!
//! Files are merged in their order, variables come from the environment, targets inherit. A target
//! whose tags or place need a function that is not known here is named, not guessed.

mod compose;
mod definition;
mod functions;
mod inputs;
mod resolve;
mod scope;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::json;

pub(super) use inputs::BakeTarget;

use definition::Definition;
use inputs::BakeInputs;
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

impl BakeFile {
    /// A file that a step of docker/metadata-action writes, with `name=value` lines of labels and annotations.
    pub(super) fn of_metadata(
        references: &[String],
        labels: &[String],
        annotations: &[String],
    ) -> Self {
        let labels: BTreeMap<&str, &str> = labels
            .iter()
            .filter_map(|line| line.split_once('='))
            .collect();
        let mut target = serde_json::Map::new();
        for (name, is_empty, value) in [
            ("tags", references.is_empty(), json!(references)),
            ("labels", labels.is_empty(), json!(labels)),
            ("annotations", annotations.is_empty(), json!(annotations)),
        ] {
            if !is_empty {
                target.insert(name.to_owned(), value);
            }
        }
        let text = json!({"target": {"docker-metadata-action": target}});
        Self {
            path: "docker-metadata-action.json".into(),
            text: text.to_string(),
        }
    }
}

/// More targets than this are not looked at.
const MOST: usize = 64;

/// What the files, targets and overrides give, with variables from the environment. It runs in `folder`.
pub(super) fn evaluate(
    files: &[BakeFile],
    folder: &str,
    targets: &[String],
    overrides: &[String],
    variable: &dyn Fn(&str) -> Option<String>,
) -> Baked {
    let mut baked = Baked::default();
    let mut all = Definition::default();
    for file in files {
        let text = match compose::is_compose(&file.path) {
            true => compose::interpolated(&file.text, variable),
            false => file.text.clone(),
        };
        match Definition::parse(&file.path, &text) {
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
        baked.targets.push(inputs.target(folder, name));
    }
    baked
}
