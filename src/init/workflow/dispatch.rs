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
    let plain: String = name
        .chars()
        .filter(|c| !matches!(c, '-' | '_' | '.' | ' '))
        .map(|c| c.to_ascii_lowercase())
        .collect();
    // What it is the version of, where that is not a tool or a base image.
    let of = [
        "",
        "release",
        "image",
        "docker",
        "container",
        "app",
        "package",
        "project",
        "new",
        "next",
        "target",
        "publish",
        "git",
        "build",
        "semver",
        "imagetag",
        "dockertag",
        "releasetag",
    ];
    let what = [
        "version",
        "versiontag",
        "versionnumber",
        "tag",
        "tagname",
        "tagversion",
    ];
    let is_of = |rest: &str| of.contains(&rest);
    plain == "semver"
        || what
            .iter()
            .any(|what| plain.strip_suffix(what).is_some_and(is_of))
}

#[cfg(test)]
mod tests {
    use super::names_version;

    #[test]
    fn the_version_of_the_image_and_not_that_of_a_tool() {
        for name in [
            "version",
            "VERSION",
            "releaseVersion",
            "release-version",
            "image_tag",
            "image_tag_version",
            "new_version",
            "git_tag",
            "tag_name",
            "versionTag",
            "semver",
        ] {
            assert!(names_version(name), "{name}");
        }
        for name in [
            "python_version",
            "node-version",
            "go_version",
            "alpine_tag",
            "base_tag",
            "previous_version",
            "versioned",
            "stage",
        ] {
            assert!(!names_version(name), "{name}");
        }
    }
}
