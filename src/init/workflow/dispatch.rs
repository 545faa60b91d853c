//! Workflows that a person starts: what their inputs are in a release.

use serde_json::Value;

use crate::init::{
    notes::NoteKind,
    term::{Object, Term},
    workflow::walk::WorkflowRun,
};

impl WorkflowRun<'_> {
    /// The inputs of a run that was started by hand. One that is called a version is the version.
    pub(super) fn dispatched(&mut self, workflow: &Value) -> Object {
        let on = workflow.get("on").or_else(|| workflow.get("true"));
        let declared = on.and_then(|on| on["workflow_dispatch"]["inputs"].as_object());
        let mut inputs = Object::default();
        for (name, input) in declared.into_iter().flatten() {
            let value = match input.get("default") {
                _ if names_version(name) => {
                    self.notes.add(
                        NoteKind::Assumed,
                        format!(
                            "the input `{name}` of the workflow is the version that is released"
                        ),
                    );
                    let tag = name.to_lowercase().contains("tag");
                    Term::Text(if tag {
                        self.scenario.tag()
                    } else {
                        self.scenario.version.to_string()
                    })
                }
                _ if matches!(&**name, "push" | "publish") => {
                    self.notes.add(
                        NoteKind::Assumed,
                        format!("the input `{name}` of the workflow is true in a release"),
                    );
                    Term::Text("true".into())
                }
                Some(default) => Term::from(default),
                None => Term::Unknown,
            };
            inputs.set(name, value);
        }
        inputs
    }
}

/// Whether an input of this name is the version.
pub(in crate::init) fn names_version(name: &str) -> bool {
    let name = name.to_lowercase();
    [
        "version",
        "tag",
        "release_version",
        "release-version",
        "tag_name",
        "image_tag",
        "image-tag",
        "image_version",
        "image-version",
        "docker_tag",
        "release_tag",
        "release-tag",
        "new_version",
        "git_tag",
    ]
    .contains(&&*name)
}
