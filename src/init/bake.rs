//! Bake files: what targets push.

use serde_json::json;

use crate::init::push::Build;

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

/// What the files, targets and overrides give, with variables from the environment.
pub(super) fn evaluate(
    files: &[BakeFile],
    _targets: &[String],
    _overrides: &[String],
    _variable: &dyn Fn(&str) -> Option<String>,
) -> Baked {
    let names: Vec<_> = files
        .iter()
        .map(|file| format!("`{}`", file.path))
        .collect();
    Baked {
        targets: Vec::new(),
        left_out: vec![format!("found, not read: {}", names.join(", "))],
    }
}
