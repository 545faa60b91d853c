//! One step of a job: what it gives to later steps, and what it pushes.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::init::{
    expression, fields,
    metadata::MetadataStep,
    notes::NoteKind,
    push::{Push, PushedReference},
    term::{Object, Term},
    workflow::{
        delegated::{DelegatedWork, delegated_pushes},
        push_words::{is_publishing, pushes_images},
        release_actions,
        walk::{RunningJob, WorkflowRun, environment},
    },
    yaml,
};

/// What later steps can see of the tags of a metadata step.
const TAG_OUTPUTS: [&str; 6] = [
    ".tags",
    ".json",
    ".tag-names",
    ".version",
    ".bake-file",
    "['tags']",
];

impl WorkflowRun<'_> {
    pub(super) fn step(&mut self, step: &Value, running: &mut RunningJob<'_>) {
        running.steps += 1;
        let action = step["uses"]
            .as_str()
            .map(|uses| uses.split('@').next().unwrap_or(uses));
        let outer = running.contexts.get("env");
        let env = match &outer {
            Term::Object(env) => env.clone(),
            _ => Object::open(),
        };
        let env = environment(env, &step["env"], &running.contexts);
        running.contexts.set("env", env);
        let condition = yaml::text(&step["if"]);
        let truth = expression::condition(&condition, &running.contexts);
        if truth == Some(false) {
            self.skipped(step, action, &condition, running);
        } else {
            self.made_by_rules.push((running.step_key(), String::new()));
            let outputs = self.perform(step, action, running);
            if let Some(outputs) = outputs {
                give(step, outputs, running);
            }
            if truth.is_none() && self.can_push(step, action) {
                self.notes.add(
                    NoteKind::Assumed,
                    format!(
                        "{} runs in a release, whatever `{}` is",
                        self.place(step, running),
                        condition.trim()
                    ),
                );
            }
        }
        // What a step adds to the environment of the following ones is set by itself.
        if let (Term::Object(mut after), Term::Object(now)) = (outer, running.contexts.get("env")) {
            for (name, value) in now.entries().filter(|(name, _)| {
                !step["env"]
                    .as_object()
                    .is_some_and(|own| own.contains_key(name))
            }) {
                after.set(name, value.clone());
            }
            running.contexts.set("env", after);
        }
    }

    fn skipped(
        &mut self,
        step: &Value,
        action: Option<&str>,
        condition: &str,
        running: &mut RunningJob<'_>,
    ) {
        if self.can_push(step, action) {
            let text = format!(
                "{}: it does not run in a release (`if: {}`)",
                self.place(step, running),
                condition.trim()
            );
            self.idle_rules.push((running.step_key(), text));
        }
        let outputs = Object::default();
        give(step, outputs, running);
    }

    /// Runs the step; gives its outputs where they are known.
    fn perform(
        &mut self,
        step: &Value,
        action: Option<&str>,
        running: &mut RunningJob<'_>,
    ) -> Option<Object> {
        let Some(action) = action else {
            return self.shell(step, running);
        };
        match action {
            "docker/metadata-action" | "crazy-max/ghaction-docker-meta" => {
                return Some(self.metadata_step(step, running));
            }
            "actions/checkout" => {
                let inputs = inputs(&step["with"], running);
                let get = |name: &str| inputs.get(name).map_or("", |value| value.trim());
                let own = get("repository").is_empty() && matches!(get("path"), "" | ".");
                running.submodules |= own && matches!(get("submodules"), "true" | "recursive");
                return None;
            }
            "docker/build-push-action" => self.build_push(step, running),
            "docker/bake-action" => self.bake(step, running),
            "goreleaser/goreleaser-action" => {
                let arguments = inputs(&step["with"], running)
                    .remove("args")
                    .unwrap_or_default();
                let dry = [
                    "--snapshot",
                    "--skip=publish",
                    "--skip-publish",
                    "check",
                    "build",
                ];
                self.goreleaser |= !dry
                    .iter()
                    .any(|word| arguments.split([' ', '\n']).any(|arg| arg == *word));
            }
            _ if action.starts_with("./") => return self.composite(action, step, running),
            _ => {
                if is_publishing(step, Some(action)) {
                    self.notes.add_unread(format!(
                        "{}: found, not read: `{action}`",
                        self.place(step, running)
                    ));
                } else {
                    self.name_commands(step, action, running);
                }
                let known = release_actions::outputs(action, self.scenario);
                return known.or_else(|| release_actions::of_the_ref(action, self.scenario));
            }
        }
        None
    }

    fn metadata_step(&mut self, step: &Value, running: &mut RunningJob<'_>) -> Object {
        let inputs = inputs(&step["with"], running);
        let lines = |name: &str| fields::lines(inputs.get(name).map_or("", String::as_str));
        let read = MetadataStep {
            images: lines("images"),
            tags: lines("tags"),
            flavor: lines("flavor"),
            labels: lines("labels"),
            annotations: lines("annotations"),
        };
        let answer = read.answer(self.scenario);
        if uses_tags(step, running) {
            let place = running.step_key();
            let left = answer.left_out.iter();
            self.idle_rules
                .extend(left.map(|text| (place.clone(), text.clone())));
            let made = answer.made.iter();
            self.made_by_rules
                .extend(made.map(|rule| (place.clone(), rule.clone())));
        } else if !running.mentions(step, &[".labels", ".annotations"]) {
            self.unused.push(Push {
                file: running.file.to_owned(),
                place: self.place(step, running),
                key: running.key(),
                references: answer
                    .references()
                    .iter()
                    .filter_map(|text| PushedReference::parse(text))
                    .collect(),
                build: None,
                by_digest: false,
                digest_repositories: Vec::new(),
                sources: Vec::new(),
                matrix: running.matrix.clone(),
            });
        }
        self.name_unused_texts(step, &read, running);
        let mut outputs = answer.outputs(&read.labels, &read.annotations);
        let place = self.metadata.len();
        outputs.set("bake-file", format!("metadata-step-{place}.json"));
        for kind in ["tags", "labels", "annotations"] {
            let name = format!("bake-file-{kind}");
            outputs.set(&name, format!("metadata-step-{place}-{kind}.json"));
        }
        if let Term::Object(mut env) = running.contexts.get("env") {
            for name in ["version", "tags", "json"] {
                env.set(
                    &format!("DOCKER_METADATA_OUTPUT_{}", name.to_uppercase()),
                    outputs.get(name),
                );
            }
            running.contexts.set("env", env);
        }
        self.metadata.push(answer);
        self.metadata_lines.push((read.labels, read.annotations));
        running.last_metadata = Some(place);
        outputs
    }

    /// Whether the step can push an image, itself or by way of something else.
    fn can_push(&self, step: &Value, action: Option<&str>) -> bool {
        let by_others = || !delegated_pushes(&yaml::text(&step["run"]), self.texts).is_empty();
        is_publishing(step, action) || action.is_none() && by_others()
    }

    /// Names the commands that a step gives to an action to run them, where they push images.
    fn name_commands(&mut self, step: &Value, action: &str, running: &RunningJob<'_>) {
        let texts: Vec<&str> = step["with"]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(_, value)| value.as_str())
            .collect();
        for text in texts {
            let mut behind = delegated_pushes(text, self.texts).into_iter();
            if pushes_images(text) || behind.any(|one| one.evidence == DelegatedWork::Pushes) {
                let place = self.place(step, running);
                self.notes.add_unread(format!(
                    "{place}: found, not read: `{action}` runs commands that push images"
                ));
                return;
            }
        }
    }

    /// A composite action of this repository.
    fn composite(
        &mut self,
        action: &str,
        step: &Value,
        running: &mut RunningJob<'_>,
    ) -> Option<Object> {
        let folder = action.trim_start_matches("./").trim_end_matches('/');
        let text = ["action.yml", "action.yaml"]
            .iter()
            .find_map(|name| self.texts.get(&format!("{folder}/{name}")));
        let Some(read) = text.and_then(|text| yaml::parse(text)) else {
            if is_publishing(step, Some(action)) {
                self.notes.add_unread(format!(
                    "{}: found, not read: `{action}`",
                    self.place(step, running)
                ));
            }
            return None;
        };
        let mut given = Object::default();
        for (name, input) in read["inputs"].as_object().into_iter().flatten() {
            given.set(
                name,
                input
                    .get("default")
                    .map_or(Term::Text(String::new()), Term::from),
            );
        }
        for (name, value) in step["with"].as_object().into_iter().flatten() {
            given.set(
                name,
                expression::output(&yaml::text(value), &running.contexts),
            );
        }
        let mut inner = RunningJob {
            file: running.file,
            job: running.job,
            caller: running.caller.clone(),
            text: read.to_string(),
            contexts: running
                .contexts
                .clone()
                .with("inputs", given)
                .with("steps", Object::open()),
            matrix: running.matrix.clone(),
            steps: running.steps * 100,
            last_metadata: None,
            loaded: Vec::new(),
            unpushed: Vec::new(),
            folder: String::new(),
            submodules: running.submodules,
        };
        for step in read["runs"]["steps"].as_array().into_iter().flatten() {
            self.step(step, &mut inner);
        }
        let mut outputs = Object::default();
        for (name, output) in read["outputs"].as_object().into_iter().flatten() {
            outputs.set(
                name,
                expression::output(&yaml::text(&output["value"]), &inner.contexts),
            );
        }
        Some(outputs)
    }

    /// Where a step stands, in words.
    pub(super) fn place(&self, step: &Value, running: &RunningJob<'_>) -> String {
        let name = [&step["name"], &step["id"]]
            .into_iter()
            .find_map(|value| value.as_str());
        let action = step["uses"]
            .as_str()
            .map_or("a shell", |uses| uses.split('@').next().unwrap_or(uses));
        let name = match name {
            Some(name) => format!("step `{name}`"),
            None => format!("step {} ({action})", running.steps),
        };
        let short = |text: &&String| text.len() < 24 && !text.contains('\n');
        let values: Vec<&str> = running
            .matrix
            .values()
            .filter(short)
            .take(3)
            .map(String::as_str)
            .collect();
        let values = if values.is_empty() {
            String::new()
        } else {
            format!(" ({})", values.join(", "))
        };
        format!(
            "{name} in job `{}`{values} of `{}`",
            running.job, running.file
        )
    }
}

/// The inputs of a step, filled in.
pub(super) fn inputs(with: &Value, running: &RunningJob<'_>) -> BTreeMap<String, String> {
    let entries = with.as_object().into_iter().flatten();
    entries
        .map(|(name, value)| {
            let text = match value {
                Value::Array(_) => yaml::lines(Some(value)).join("\n"),
                value => yaml::text(value),
            };
            (
                name.to_lowercase(),
                expression::fill(&text, &running.contexts),
            )
        })
        .collect()
}

fn give(step: &Value, outputs: Object, running: &mut RunningJob<'_>) {
    let Some(id) = step["id"].as_str() else {
        return;
    };
    if let Term::Object(mut steps) = running.contexts.get("steps") {
        let result = Object::open()
            .with("outputs", outputs)
            .with("outcome", "success")
            .with("conclusion", "success");
        steps.set(id, result);
        running.contexts.set("steps", steps);
    }
}

/// Whether anything in the job uses the tags of a metadata step.
fn uses_tags(step: &Value, running: &RunningJob<'_>) -> bool {
    running.text.contains("DOCKER_METADATA_OUTPUT_") || running.mentions(step, &TAG_OUTPUTS)
}

impl RunningJob<'_> {
    /// Tells a step from all others.
    pub(super) fn key(&self) -> String {
        format!("{}{}#{:?}", self.caller, self.step_key(), self.matrix)
    }

    /// The step, whatever its values of the matrix and whoever calls its workflow.
    fn step_key(&self) -> String {
        format!("{}#{}#{}", self.file, self.job, self.steps)
    }

    /// Whether anything in the job names one of the outputs of the step.
    pub(super) fn mentions(&self, step: &Value, outputs: &[&str]) -> bool {
        step["id"].as_str().is_some_and(|id| {
            outputs
                .iter()
                .any(|output| self.text.contains(&format!("steps.{id}.outputs{output}")))
                || self.text.contains(&format!("steps['{id}']"))
        })
    }
}
