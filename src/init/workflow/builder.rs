//! Docker's own reusable workflow, docker/github-builder: its inputs are those of a metadata step and of a
//! build step, so it is run as these two.

use serde_json::{Map, Value, json};

/// The workflow, whatever its version.
const BUILD: &str = "docker/github-builder/.github/workflows/build.yml";

/// Inputs of the build step that have the same name.
const SAME: [&str; 9] = [
    "annotations",
    "build-args",
    "context",
    "file",
    "labels",
    "platforms",
    "sbom",
    "shm-size",
    "target",
];

/// The job that a call of the workflow stands for; `None`: it is another workflow, or nothing is pushed as an
/// image.
pub(super) fn job_of(uses: &str, with: &Value) -> Option<Value> {
    let path = uses.split('@').next().unwrap_or(uses);
    if path != BUILD || with["output"] != "image" {
        return None;
    }
    let inputs = |names: &[(&str, &str)]| -> Map<String, Value> {
        let given = names.iter().filter_map(|(here, there)| {
            let value = with.get(*there)?;
            Some(((*here).to_owned(), value.clone()))
        });
        given.collect()
    };
    let meta = inputs(&[
        ("images", "meta-images"),
        ("tags", "meta-tags"),
        ("flavor", "meta-flavor"),
        ("labels", "meta-labels"),
        ("annotations", "meta-annotations"),
    ]);
    let mut build = inputs(&SAME.map(|name| (name, name)));
    build.extend(inputs(&[("push", "push"), ("ulimit", "ulimit")]));
    build.entry("context").or_insert_with(|| json!("."));
    build.entry("push").or_insert_with(|| json!(false));
    build.insert("tags".to_owned(), json!("${{ steps.meta.outputs.tags }}"));
    if with["set-meta-labels"] == true && !build.contains_key("labels") {
        let labels = json!("${{ steps.meta.outputs.labels }}");
        build.insert("labels".to_owned(), labels);
    }
    Some(json!({ "steps": [
        { "id": "meta", "uses": "docker/metadata-action@v5", "with": meta },
        { "id": "build", "uses": "docker/build-push-action@v6", "with": build },
    ] }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inputs_become_those_of_two_steps() {
        let with = json!({ "output": "image", "push": true, "meta-images": "a/b", "target": "x" });
        let job = job_of(&format!("{BUILD}@v1"), &with).expect("it is the workflow");
        assert_eq!(job["steps"][0]["with"], json!({ "images": "a/b" }));
        assert_eq!(job["steps"][1]["with"]["target"], "x");
        assert_eq!(job["steps"][1]["with"]["push"], true);
        assert!(job_of(BUILD, &json!({ "output": "local" })).is_none());
        assert!(job_of("docker/github-builder/.github/workflows/bake.yml@v1", &with).is_none());
    }
}
