//! A workflow, run in thought: jobs by their needs, each once a combination of its matrix.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::init::{
    expression,
    metadata::MetadataAnswer,
    notes::{NoteKind, Notes},
    push::{Build, Push, PushedReference},
    scenario::{ReleaseEvent, Scenario},
    term::{Object, Term},
    workflow::{builder, delegated::has_push, matrix},
    yaml,
};

/// Workflows that call each other deeper than this are left.
const DEEPEST: usize = 5;

/// One walk through the workflows that an event starts.
pub(super) struct WorkflowRun<'a> {
    pub(super) texts: &'a BTreeMap<String, String>,
    pub(super) scenario: &'a Scenario<'a>,
    pub(super) pushes: Vec<Push>,
    pub(super) notes: Notes,
    pub(super) goreleaser: bool,
    /// Builds of which nothing says whether they are pushed.
    pub(super) unpushed: Vec<Push>,
    /// What steps build for a script that pushes images, and does not say which.
    pub(super) for_scripts: Vec<Build>,
    /// Images that jobs have built and not pushed: a later job may push them, from an artifact.
    pub(super) left_by_jobs: Vec<(Vec<PushedReference>, Build)>,
    /// The tags of metadata steps that no step uses.
    pub(super) unused: Vec<Push>,
    /// What each metadata step gave; outputs name them by their place here.
    pub(super) metadata: Vec<MetadataAnswer>,
    /// The lines of labels and of annotations of the same steps.
    pub(super) metadata_lines: Vec<(Vec<String>, Vec<String>)>,
    /// What rules of metadata steps do not give, by the place of the step.
    pub(super) idle_rules: Vec<(String, String)>,
    /// The rules that give a tag, for any combination of a matrix.
    pub(super) made_by_rules: Vec<(String, String)>,
    /// The folder of scripts in the workflow that is run.
    folder: Option<String>,
    depth: usize,
    /// The jobs that call the workflow that is run; empty in one that an event starts.
    caller: String,
    /// What a person has typed who started the run, as `github.event.inputs` has it.
    typed: Term,
}

/// A job while it runs.
pub(super) struct RunningJob<'a> {
    pub(super) file: &'a str,
    pub(super) job: &'a str,
    /// The jobs that call its workflow.
    pub(super) caller: String,
    /// The whole job as text, to see who uses what.
    pub(super) text: String,
    pub(super) contexts: Object,
    pub(super) matrix: BTreeMap<String, String>,
    /// How many steps have begun.
    pub(super) steps: usize,
    /// The newest metadata step, whose outputs are in the environment too.
    pub(super) last_metadata: Option<usize>,
    /// Images that were built and not pushed.
    pub(super) loaded: Vec<(Vec<PushedReference>, Build)>,
    /// What steps have built and not pushed, without references.
    pub(super) unpushed: Vec<Push>,
    /// The folder of scripts that name none.
    pub(super) folder: String,
    /// The files of submodules are checked out.
    pub(super) submodules: bool,
}

/// How a job ended.
struct Ended {
    outputs: Object,
    skipped: bool,
}

impl<'a> WorkflowRun<'a> {
    pub(super) fn new(texts: &'a BTreeMap<String, String>, scenario: &'a Scenario<'a>) -> Self {
        Self {
            texts,
            scenario,
            pushes: Vec::new(),
            notes: Notes::default(),
            goreleaser: false,
            unpushed: Vec::new(),
            for_scripts: Vec::new(),
            left_by_jobs: Vec::new(),
            unused: Vec::new(),
            metadata: Vec::new(),
            metadata_lines: Vec::new(),
            idle_rules: Vec::new(),
            made_by_rules: Vec::new(),
            folder: None,
            depth: 0,
            caller: String::new(),
            typed: Term::Null,
        }
    }

    /// Runs a workflow that the event starts.
    pub(super) fn start(&mut self, file: &str, workflow: &Value) {
        let inputs = match self.scenario.event {
            ReleaseEvent::Dispatch => self.dispatched(workflow),
            _ => Object::default(),
        };
        if self.scenario.event == ReleaseEvent::Dispatch {
            self.typed = Term::Object(typed(&inputs));
        }
        self.workflow(file, workflow, inputs);
    }

    /// Runs all jobs; gives what the workflow itself gives to a caller.
    fn workflow(&mut self, file: &str, workflow: &Value, inputs: Object) -> Object {
        let mut github = self.scenario.github();
        github.set("workflow", yaml::text(&workflow["name"]));
        if let Term::Object(event) = github.get("event") {
            github.set("event", event.with("inputs", self.typed.clone()));
        }
        let mut base = Object::default()
            .with("github", github)
            .with("inputs", inputs)
            .with("vars", Object::open())
            .with("secrets", Object::open())
            .with("runner", Object::open())
            .with("strategy", Object::open())
            .with("job", Object::open())
            .with("steps", Object::open())
            .with("env", Object::open())
            .with("matrix", Object::default());
        base.set("env", environment(Object::open(), &workflow["env"], &base));
        let Some(jobs) = workflow["jobs"].as_object() else {
            return Object::open();
        };
        let outer = std::mem::replace(&mut self.folder, of_scripts(&workflow["defaults"]));
        let mut ended: BTreeMap<&str, Ended> = BTreeMap::new();
        let mut waiting: Vec<(&String, &Value)> = jobs.iter().collect();
        while !waiting.is_empty() {
            let ready = |job: &Value| {
                needs(job)
                    .iter()
                    .all(|name| ended.contains_key(&**name) || !jobs.contains_key(name))
            };
            // A circle is an error there; here the first job of it goes on.
            let next = waiting.iter().position(|(_, job)| ready(job)).unwrap_or(0);
            let (name, job) = waiting.remove(next);
            let end = self.job(file, name, job, &base, &ended);
            ended.insert(name, end);
        }
        self.folder = outer;
        let mut results = Object::default();
        for (name, end) in ended {
            results.set(name, Object::open().with("outputs", end.outputs));
        }
        base.set("jobs", results);
        let on = workflow.get("on").or_else(|| workflow.get("true"));
        let outputs = on.and_then(|on| on["workflow_call"]["outputs"].as_object());
        let mut given = Object::default();
        for (name, output) in outputs.into_iter().flatten() {
            given.set(
                name,
                expression::output(&yaml::text(&output["value"]), &base),
            );
        }
        given
    }

    fn job(
        &mut self,
        file: &str,
        name: &str,
        job: &Value,
        base: &Object,
        ended: &BTreeMap<&str, Ended>,
    ) -> Ended {
        let mut contexts = base.clone();
        let mut results = Object::default();
        let mut missing = false;
        for needed in needs(job) {
            let Some(end) = ended.get(&*needed) else {
                continue;
            };
            missing |= end.skipped;
            let result = if end.skipped { "skipped" } else { "success" };
            results.set(
                &needed,
                Object::default()
                    .with("outputs", end.outputs.clone())
                    .with("result", result),
            );
        }
        contexts.set("needs", results);
        let condition = yaml::text(&job["if"]);
        let runs_anyway = ["always()", "cancelled()", "failure()"]
            .iter()
            .any(|word| condition.contains(word));
        let truth = expression::condition(&condition, &contexts);
        if truth == Some(false) || (missing && !runs_anyway) {
            if truth == Some(false) && has_push(job, self.texts) {
                self.notes.add(
                    NoteKind::NotInRelease,
                    format!(
                        "job `{name}` of `{file}`: it does not run in a release (`if: {}`)",
                        condition.trim()
                    ),
                );
            }
            return Ended {
                outputs: Object::default(),
                skipped: true,
            };
        }
        if truth.is_none() && (has_push(job, self.texts) || job["uses"].is_string()) {
            self.notes.add(
                NoteKind::Assumed,
                format!(
                    "job `{name}` of `{file}` runs in a release, whatever `{}` is",
                    condition.trim()
                ),
            );
        }
        let mut outputs = Object::default();
        for combination in matrix::combinations(job["strategy"].get("matrix"), &contexts) {
            contexts.set("matrix", combination.clone());
            contexts.set("env", environment(env_of(base), &job["env"], &contexts));
            outputs = match job["uses"].as_str() {
                Some(uses) => self.called(file, name, uses, job, &contexts),
                None => self.steps_of(file, name, job, &contexts, &combination),
            };
        }
        Ended {
            outputs,
            skipped: false,
        }
    }

    fn steps_of(
        &mut self,
        file: &str,
        name: &str,
        job: &Value,
        contexts: &Object,
        combination: &Object,
    ) -> Object {
        let values = combination
            .entries()
            .filter_map(|(name, value)| Some((name.clone(), value.text()?)));
        let mut running = RunningJob {
            file,
            job: name,
            caller: self.caller.clone(),
            text: job.to_string(),
            contexts: contexts.clone().with("steps", Object::open()),
            matrix: values.collect(),
            steps: 0,
            last_metadata: None,
            loaded: Vec::new(),
            unpushed: Vec::new(),
            folder: of_scripts(&job["defaults"])
                .or_else(|| self.folder.clone())
                .unwrap_or_default(),
            submodules: false,
        };
        for step in job["steps"].as_array().into_iter().flatten() {
            self.step(step, &mut running);
        }
        self.left_by_jobs.append(&mut running.loaded);
        let mut outputs = Object::default();
        for (name, value) in job["outputs"].as_object().into_iter().flatten() {
            outputs.set(
                name,
                expression::output(&yaml::text(value), &running.contexts),
            );
        }
        outputs
    }

    /// A job that is another workflow: one of this repository is run too.
    fn called(
        &mut self,
        file: &str,
        name: &str,
        uses: &str,
        job: &Value,
        contexts: &Object,
    ) -> Object {
        if let Some(stands_for) = builder::job_of(uses, &job["with"]) {
            let combination = match contexts.get("matrix") {
                Term::Object(matrix) => matrix,
                _ => Object::default(),
            };
            return self.steps_of(file, name, &stands_for, contexts, &combination);
        }
        let own = self.scenario.repository.map(|own| format!("{own}/"));
        let path = uses.strip_prefix("./").or_else(|| {
            let rest = uses.strip_prefix(&*own?)?;
            rest.split('@').next()
        });
        let text = path.and_then(|path| Some((path, self.texts.get(path)?)));
        let called = text.and_then(|(path, text)| Some((path, yaml::parse(text)?)));
        let Some((path, workflow)) = called.filter(|_| self.depth < DEEPEST) else {
            let mentions = ["docker", "image", "container", "release", "publish"];
            if mentions
                .iter()
                .any(|word| uses.to_lowercase().contains(word))
            {
                self.notes.add_unread(format!(
                    "job `{name}` of `{file}`: found, not read: `{uses}` is not in this repository"
                ));
            }
            return Object::open();
        };
        let on = workflow.get("on").or_else(|| workflow.get("true"));
        let declared = on.and_then(|on| on["workflow_call"]["inputs"].as_object());
        let mut inputs = Object::default();
        for (name, input) in declared.into_iter().flatten() {
            let default = match input.get("default") {
                Some(Value::String(text)) => expression::value(text, contexts),
                Some(default) => Term::from(default),
                None if input["type"] == "boolean" => Term::Bool(false),
                None => Term::Text(String::new()),
            };
            inputs.set(name, default);
        }
        for (name, value) in job["with"].as_object().into_iter().flatten() {
            inputs.set(name, matrix::filled(value, contexts));
        }
        let values = match contexts.get("matrix") {
            Term::Object(matrix) => matrix
                .entries()
                .filter_map(|(name, value)| Some(format!("{name}={}", value.text()?)))
                .collect(),
            _ => Vec::new(),
        };
        let caller = format!("{}{file}#{name}#{}>", self.caller, values.join(","));
        let outer = std::mem::replace(&mut self.caller, caller);
        self.depth += 1;
        let outputs = self.workflow(path, &workflow, inputs);
        self.depth -= 1;
        self.caller = outer;
        outputs
    }
}

/// Inputs as the event has them: each is a text.
fn typed(inputs: &Object) -> Object {
    let mut typed = Object::default();
    for (name, value) in inputs.entries() {
        let value = value.clone();
        typed.set(name, value.text().map_or(value, Term::Text));
    }
    typed
}

/// The folder that scripts run in, of `defaults`.
fn of_scripts(defaults: &Value) -> Option<String> {
    let folder = defaults["run"]["working-directory"].as_str();
    folder.map(str::to_owned)
}

/// The jobs that have to end first.
fn needs(job: &Value) -> Vec<String> {
    yaml::lines(job.get("needs"))
}

/// Adds the variables of one level to those of the level above.
pub(super) fn environment(mut known: Object, level: &Value, contexts: &Object) -> Object {
    for (name, value) in level.as_object().into_iter().flatten() {
        let filled = match value {
            Value::String(text) => Term::Text(expression::fill(text, contexts)),
            other => Term::Text(yaml::text(other)),
        };
        known.set(name, filled);
    }
    known
}

fn env_of(contexts: &Object) -> Object {
    match contexts.get("env") {
        Term::Object(env) => env,
        _ => Object::open(),
    }
}
