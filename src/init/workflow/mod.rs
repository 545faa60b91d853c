//! What the workflows of a repository push in a release.
//!
//! A workflow is a graph and is read as one: it is run in thought. Jobs follow their `needs`, a
//! job runs once a combination of its matrix, conditions are evaluated, and what a step gives is
//! what later steps see. So a build gets exactly the tags that it would get.

mod builder;
mod delegated;
mod dispatch;
mod idle;
mod image_commands;
mod matrix;
mod publishing;
mod push_words;
mod release_actions;
mod shell;
mod shell_images;
mod shell_pushes;
mod step;
mod task_files;
mod trigger;
mod walk;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::init::{
    notes::{NoteKind, Notes},
    push::{Build, Push},
    scenario::{ReleaseEvent, Scenario},
    shell_words::has_version_of_file,
    yaml,
};
use delegated::{DelegatedCommand, DelegatedWork, delegated_pushes};
pub(super) use dispatch::names_version;
use push_words::is_publishing;
pub(super) use push_words::pushes_images;
use trigger::Triggers;
use walk::WorkflowRun;

/// Where GitHub keeps its workflows.
pub(super) const WORKFLOWS: &str = ".github/workflows";

/// Text files by their paths.
pub(super) type FileTexts = BTreeMap<String, String>;

/// The workflows of a repository.
#[derive(Debug, Clone)]
pub(super) struct Workflows<'a> {
    texts: &'a FileTexts,
    parsed: Vec<(&'a str, Value, Triggers)>,
    /// Files that are not valid YAML.
    broken: Vec<&'a str>,
}

/// What happens in a release.
#[derive(Debug, Clone, Default)]
pub(super) struct Happening {
    pub(super) pushes: Vec<Push>,
    pub(super) notes: Notes,
    /// Files with steps that push images, whether in a release or not.
    pub(super) files: Vec<String>,
    /// Files that a release starts.
    pub(super) started: Vec<String>,
    /// goreleaser runs.
    pub(super) goreleaser: bool,
    /// What steps build for a script that pushes images, and does not say which.
    pub(super) for_scripts: Vec<Build>,
    unpushed: Vec<Push>,
    unused: Vec<Push>,
}

impl<'a> Workflows<'a> {
    pub(super) fn read(texts: &'a FileTexts) -> Self {
        let mut workflows = Self {
            texts,
            parsed: Vec::new(),
            broken: Vec::new(),
        };
        for (path, text) in texts.iter().filter(|(path, _)| is_workflow(path)) {
            match yaml::parse(text).filter(|value| value["jobs"].is_object()) {
                Some(value) => {
                    // YAML 1.1 reads `on` as true.
                    let on = value.get("on").or_else(|| value.get("true"));
                    let triggers = Triggers::of(on.unwrap_or(&Value::Null));
                    workflows.parsed.push((path, value, triggers));
                }
                None => workflows.broken.push(path),
            }
        }
        workflows
    }

    /// What stands before the version in the git tags that start a workflow with a build.
    pub(super) fn tag_prefixes(&self) -> Vec<String> {
        let workflows = self.parsed.iter();
        let building =
            workflows.filter(|(_, value, _)| publishes(value) || !self.delegated(value).is_empty());
        let mut prefixes: Vec<String> = building
            .filter_map(|(.., triggers)| triggers.tag_prefix())
            .collect();
        prefixes.dedup();
        prefixes
    }

    pub(super) fn default_branch(&self) -> Option<&str> {
        self.parsed
            .iter()
            .find_map(|(.., triggers)| triggers.default_branch())
    }

    /// Everything that happens when the scenario's version is released, by whichever event.
    pub(super) fn release(&self, scenario: &Scenario<'_>) -> Happening {
        let mut all = Happening::default();
        for path in &self.broken {
            all.notes.add(
                NoteKind::NotTaken,
                format!("`{path}`: it is not a workflow that can be read"),
            );
        }
        for (path, value, triggers) in &self.parsed {
            let left = self.delegated(value);
            if !publishes(value) && !calls(value) && left.is_empty() {
                continue;
            }
            if publishes(value) {
                all.files.push((*path).to_owned());
            }
            let events = self.events(value, triggers, scenario);
            for event in &events {
                let scenario = Scenario {
                    event: *event,
                    ..scenario.clone()
                };
                let mut walk = WorkflowRun::new(self.texts, &scenario);
                walk.start(path, value);
                all.take(walk);
            }
            if !events.is_empty() {
                all.started.push((*path).to_owned());
                let pinned = triggers.pinned(scenario.prefix);
                if events.contains(&ReleaseEvent::TagPush) && !pinned.is_empty() {
                    all.notes
                        .add(NoteKind::NotTaken, some_numbers(path, &pinned));
                }
            } else if (publishes(value) || self.leads_to_publishing(value))
                && !triggers.names.iter().any(|name| name == "workflow_call")
            {
                all.notes.add(
                    NoteKind::NotInRelease,
                    not_started(path, triggers, scenario),
                );
            } else if let Some(one) = left.first()
                && !triggers.are_of_review()
            {
                all.notes
                    .add(NoteKind::NotInRelease, left_behind(path, triggers, one));
            }
        }
        all.settle();
        all
    }

    /// The commands of a workflow that leave a push to something else.
    fn delegated(&self, workflow: &Value) -> Vec<DelegatedCommand> {
        let jobs = workflow["jobs"].as_object().into_iter().flatten();
        let steps = jobs.filter_map(|(_, job)| job["steps"].as_array());
        let scripts = steps.flatten().filter_map(|step| step["run"].as_str());
        scripts
            .flat_map(|run| delegated_pushes(run, self.texts))
            .collect()
    }

    /// Whether a job of the workflow is another one of the repository that pushes images.
    fn leads_to_publishing(&self, workflow: &Value) -> bool {
        let text = workflow["jobs"].to_string();
        let mut others = self.parsed.iter();
        others.any(|(path, value, _)| text.contains(path) && publishes(value))
    }

    /// What every workflow does when the event of the scenario starts it, whether it would or not.
    pub(super) fn any(&self, scenario: &Scenario<'_>) -> Happening {
        let mut all = Happening::default();
        for (path, value, triggers) in &self.parsed {
            if publishes(value) && triggers.start(scenario) {
                let mut walk = WorkflowRun::new(self.texts, scenario);
                walk.start(path, value);
                all.take(walk);
            }
        }
        all.settle();
        all
    }

    /// The events of a release that start the workflow.
    fn events(
        &self,
        value: &Value,
        triggers: &Triggers,
        scenario: &Scenario<'_>,
    ) -> Vec<ReleaseEvent> {
        let starts = |event: &ReleaseEvent| {
            triggers.start(&Scenario {
                event: *event,
                ..scenario.clone()
            })
        };
        let both: Vec<ReleaseEvent> = [ReleaseEvent::TagPush, ReleaseEvent::Release]
            .into_iter()
            .filter(starts)
            .collect();
        if !both.is_empty() {
            return both;
        }
        if triggers.tag_prefix().is_some() || triggers.has_release() {
            return Vec::new();
        }
        let text = value.to_string();
        let makes_release = release_actions::makes_release(&text);
        let by_hand = |event: &ReleaseEvent| match event {
            ReleaseEvent::BranchPush => makes_release,
            _ => makes_release || dispatch_names_version(value) || has_version_of_file(&text),
        };
        let events = [ReleaseEvent::BranchPush, ReleaseEvent::Dispatch].into_iter();
        events.filter(starts).filter(by_hand).take(1).collect()
    }
}

impl Happening {
    fn take(&mut self, mut walk: WorkflowRun<'_>) {
        walk.name_idle_rules();
        for push in walk.pushes {
            if !self.pushes.contains(&push) {
                self.pushes.push(push);
            }
        }
        self.notes.extend(walk.notes);
        self.goreleaser |= walk.goreleaser;
        self.for_scripts.extend(walk.for_scripts);
        self.unpushed.extend(walk.unpushed);
        self.unused.extend(walk.unused);
    }

    /// Where nothing is pushed for sure, what comes nearest to it is taken, and said.
    fn settle(&mut self) {
        let pushes = |pushes: &[Push]| pushes.iter().any(|push| !push.references.is_empty());
        if pushes(&self.pushes) || self.goreleaser {
            for push in &self.unused {
                self.notes.add(
                    NoteKind::NotTaken,
                    format!("the tags of {}: no step uses them", push.place),
                );
            }
        } else if pushes(&self.unpushed) {
            for push in &self.unpushed {
                self.notes.add(
                    NoteKind::Assumed,
                    format!("{} pushes its image, though nothing says so", push.place),
                );
            }
            self.pushes.append(&mut self.unpushed);
        } else if pushes(&self.unused) {
            for push in &self.unused {
                self.notes.add(
                    NoteKind::Assumed,
                    format!(
                        "the tags of {} are those of the image, though no step uses them",
                        push.place
                    ),
                );
            }
            self.pushes.append(&mut self.unused);
        }
    }
}

/// A workflow of GitHub Actions.
pub(super) fn is_workflow(path: &str) -> bool {
    let name = path
        .strip_prefix(WORKFLOWS)
        .and_then(|rest| rest.strip_prefix('/'));
    name.is_some_and(|name| {
        !name.contains('/') && (name.ends_with(".yml") || name.ends_with(".yaml"))
    })
}

/// Whether a step of the workflow can push an image.
fn publishes(workflow: &Value) -> bool {
    let text = workflow["jobs"].to_string();
    [
        "docker/build-push-action",
        "docker/bake-action",
        "docker/metadata-action",
        "docker/github-builder/",
        "goreleaser-action",
        "imagetools create",
        "docker push",
        "docker buildx build",
        "docker buildx bake",
        "goreleaser release",
    ]
    .iter()
    .any(|words| text.contains(words))
        || pushes_images(&text.replace("\\n", "\n"))
        || workflow["jobs"].as_object().is_some_and(|jobs| {
            let steps = jobs.values().filter_map(|job| job["steps"].as_array());
            steps.flatten().any(|step| {
                let action = step["uses"]
                    .as_str()
                    .and_then(|uses| uses.split('@').next());
                action.is_some() && is_publishing(step, action)
            })
        })
}

/// Whether a job is another workflow of the repository, or a step an action of it.
fn calls(workflow: &Value) -> bool {
    let text = workflow["jobs"].to_string();
    text.contains(WORKFLOWS) || text.contains("\"uses\":\"./")
}

/// A workflow that is started by hand and asks for the version.
fn dispatch_names_version(workflow: &Value) -> bool {
    let on = workflow.get("on").or_else(|| workflow.get("true"));
    let inputs = on.and_then(|on| on["workflow_dispatch"]["inputs"].as_object());
    inputs.is_some_and(|inputs| inputs.keys().any(|name| names_version(name)))
}

fn some_numbers(path: &str, filters: &[&str]) -> String {
    format!(
        "`{path}`: the tags `{}` alone start it; the policy releases every version",
        filters.join("`, `")
    )
}

fn left_behind(path: &str, triggers: &Triggers, command: &DelegatedCommand) -> String {
    let may = match command.evidence {
        DelegatedWork::Builds => "builds images",
        DelegatedWork::MayPush => "may push images",
        DelegatedWork::Goreleaser | DelegatedWork::Pushes => "pushes images",
    };
    format!(
        "`{path}`: a release does not start it ({}), and `{}` in it {may}",
        triggers.shown(),
        command.command
    )
}

fn not_started(path: &str, triggers: &Triggers, scenario: &Scenario<'_>) -> String {
    match triggers.tag_prefix() {
        Some(prefix) if prefix != scenario.prefix => format!(
            "`{path}`: it is started by git tags `{prefix}…`, not by `{}…`",
            scenario.prefix
        ),
        _ => format!(
            "`{path}`: a release does not start it ({}), so its tags are not those of a version",
            triggers.shown()
        ),
    }
}
