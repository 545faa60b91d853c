//! As much of a runner of GitHub as the examples need: steps with `run`, `env` and `if`, this
//! repository's own action, and the few expressions that they use.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;
use serde_json::Value;
use testkit::sandbox::Clone;

use super::{host, install::Page, plain, program, text, yaml};
use crate::{
    registry::server::{PASSWORD, TestRegistry, USER},
    support::Run,
};

/// A workflow, which has no rights by default and cancels nothing.
#[track_caller]
pub fn workflow(path: &str) -> Value {
    parsed(path, &text(path))
}

/// The same of one that stands in a document.
#[track_caller]
pub fn parsed(path: &str, workflow: &str) -> Value {
    let workflow = yaml(workflow);
    assert_eq!(workflow["permissions"], serde_json::json!({}), "{path}");
    assert_eq!(
        workflow["concurrency"]["cancel-in-progress"], false,
        "{path}"
    );
    workflow
}

/// One run of a job.
pub struct Runner<'a> {
    clone: &'a Clone<'a>,
    registry: &'a TestRegistry,
    page: Page,
    temp: PathBuf,
    /// Where the jobs of one run leave files for each other.
    artifacts: PathBuf,
    /// Variables of the service.
    pub environment: Vec<(&'static str, String)>,
    /// What an expression stands for: `inputs.candidate`, `steps.hoist.outputs.version`.
    pub values: BTreeMap<String, String>,
    path: Vec<String>,
    count: usize,
    /// What the steps printed.
    pub log: String,
}

impl<'a> Runner<'a> {
    pub fn new(clone: &'a Clone<'a>, registry: &'a TestRegistry) -> Self {
        let page = Page::new(&["0.1.0"], &program());
        let temp = clone.path().with_extension("temp");
        fs::create_dir_all(&temp).unwrap();
        let values = [
            ("github.actor", USER),
            ("github.token", PASSWORD),
            ("runner.temp", temp.to_str().unwrap()),
            ("runner.os", "Linux"),
            ("runner.arch", "X64"),
        ];
        Self {
            clone,
            registry,
            page,
            values: values.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            artifacts: temp.join("artifacts"),
            temp,
            environment: Vec::new(),
            path: Vec::new(),
            count: 0,
            log: String::new(),
        }
    }

    /// The machine of another job of the same run: a clone of its own, and what the jobs before it left.
    pub fn another(&self, clone: &'a Clone<'a>) -> Self {
        let mut other = Self::new(clone, self.registry);
        other.artifacts.clone_from(&self.artifacts);
        other.environment.clone_from(&self.environment);
        let passed = self
            .values
            .iter()
            .filter(|(name, _)| name.starts_with("needs."));
        let passed: Vec<_> = passed.map(|(k, v)| (k.clone(), v.clone())).collect();
        other.values.extend(passed);
        other
    }

    /// Runs the only job of a workflow.
    #[track_caller]
    pub fn workflow(&mut self, path: &str) {
        self.workflow_of(path, &workflow(path));
    }

    /// Runs the only job of a workflow that was read.
    #[track_caller]
    pub fn workflow_of(&mut self, path: &str, workflow: &Value) {
        let jobs = workflow["jobs"].as_object().unwrap();
        assert_eq!(jobs.len(), 1, "{path}");
        for job in jobs.values() {
            self.steps(&job["steps"]);
        }
    }

    /// Runs one job of a workflow, with this entry of its matrix; whether its condition lets it run.
    #[track_caller]
    pub fn job(&mut self, path: &str, name: &str, matrix: &Value) -> bool {
        let job = workflow(path)["jobs"][name].take();
        for (key, value) in matrix.as_object().into_iter().flatten() {
            self.values.insert(format!("matrix.{key}"), plain(value));
        }
        let condition = job["if"].as_str();
        if !condition.is_none_or(|condition| self.holds(condition)) {
            return false;
        }
        self.steps(&job["steps"]);
        for (output, value) in job["outputs"].as_object().into_iter().flatten() {
            let value = self.filled(&plain(value));
            self.values
                .insert(format!("needs.{name}.outputs.{output}"), value);
        }
        true
    }

    #[track_caller]
    fn steps(&mut self, steps: &Value) {
        for step in steps.as_array().unwrap() {
            if !step["if"]
                .as_str()
                .is_none_or(|condition| self.holds(condition))
            {
                continue;
            }
            let uses = step["uses"].as_str().unwrap_or_default();
            match uses.split('@').next().unwrap_or_default() {
                "" => self.run(step),
                "actions/checkout" => self.checkout(&step["with"]),
                "actions/cache" => {}
                "actions/upload-artifact" => self.upload(&step["with"]),
                "actions/download-artifact" => self.download(&step["with"]),
                "hoist-rs/hoist" => self.action(step),
                other => panic!("{other}"),
            }
        }
    }

    /// The clone is there; it has to be what the step asks for.
    #[track_caller]
    fn checkout(&self, with: &Value) {
        let is_shallow = self.clone.git(&["rev-parse", "--is-shallow-repository"]) == "true";
        assert_eq!(with["fetch-depth"] == 0, !is_shallow);
        assert_eq!(with["persist-credentials"], !is_shallow);
    }

    #[track_caller]
    fn upload(&self, with: &Value) {
        let folder = self.artifacts.join(self.filled(&plain(&with["name"])));
        let file = PathBuf::from(self.filled(&plain(&with["path"])));
        fs::create_dir_all(&folder).unwrap();
        fs::copy(&file, folder.join(file.file_name().unwrap())).unwrap();
    }

    /// One artifact by its name, or the files of all.
    #[track_caller]
    fn download(&self, with: &Value) {
        let to = PathBuf::from(self.filled(&plain(&with["path"])));
        fs::create_dir_all(&to).unwrap();
        let name = with["name"].as_str();
        assert_eq!(with["merge-multiple"] == true, name.is_none());
        for folder in fs::read_dir(&self.artifacts).unwrap() {
            let folder = folder.unwrap();
            if name.is_some_and(|name| folder.file_name() != name) {
                continue;
            }
            for file in fs::read_dir(folder.path()).unwrap() {
                let file = file.unwrap();
                fs::copy(file.path(), to.join(file.file_name())).unwrap();
            }
        }
    }

    /// This repository's own action.
    #[track_caller]
    fn action(&mut self, step: &Value) {
        let action = yaml(&text("action.yml"));
        for (name, input) in action["inputs"].as_object().unwrap() {
            let value = match (&step["with"][name], &**name) {
                (Value::Null, "base-url") => self.page.url(),
                (Value::Null, _) => plain(&input["default"]),
                (given, _) => self.filled(&plain(given)),
            };
            self.values.insert(format!("inputs.{name}"), value);
        }
        let outer = step["env"].as_object();
        let outer: Vec<_> = outer.into_iter().flatten().collect();
        let before = self.environment.len();
        for (name, value) in outer {
            let value = self.variable(&plain(value));
            self.environment.push((String::leak(name.clone()), value));
        }
        self.steps(&action["runs"]["steps"]);
        self.environment.truncate(before);
        if let Some(id) = step["id"].as_str() {
            for (name, output) in action["outputs"].as_object().unwrap() {
                let value = self.filled(output["value"].as_str().unwrap());
                self.values
                    .insert(format!("steps.{id}.outputs.{name}"), value);
            }
        }
    }

    #[track_caller]
    fn run(&mut self, step: &Value) {
        self.count += 1;
        let file = |name: &str| self.temp.join(format!("{name}-{}", self.count));
        let (output, path, summary) = (file("output"), file("path"), file("summary"));
        let script = step["run"].as_str().unwrap();
        assert!(
            !script.contains("${{"),
            "an expression becomes part of a script: {script}"
        );
        let shell = step["shell"].as_str().unwrap_or("bash");
        let mut command = self.clone.command(shell);
        let paths: Vec<_> = self.path.iter().chain([&self.page.path]).cloned().collect();
        command
            .args(["-e", "-c", script])
            .env("PATH", paths.join(":"))
            .env("GITHUB_ACTIONS", "true")
            .env("RUNNER_TEMP", &self.temp)
            .env("GITHUB_ACTION_PATH", env!("CARGO_MANIFEST_DIR"))
            .env("GITHUB_OUTPUT", &output)
            .env("GITHUB_PATH", &path)
            .env("GITHUB_STEP_SUMMARY", &summary)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        for (name, value) in step["env"].as_object().into_iter().flatten() {
            command.env(name, self.variable(&plain(value)));
        }
        let run = Run::of(&mut command);
        run.expect(0);
        self.log += &format!("{run}\n");
        if let Ok(added) = fs::read_to_string(path) {
            self.path.extend(added.lines().map(str::to_owned));
        }
        if let Some(id) = step["id"].as_str() {
            self.outputs(id, &output);
        }
    }

    fn outputs(&mut self, id: &str, file: &Path) {
        let text = fs::read_to_string(file).unwrap_or_default();
        let block = Regex::new(r"(?ms)^([a-z-]+)(?:=(.*?)$|<<(\S+)\n(.*?)\nend_\w+$)").unwrap();
        for output in block.captures_iter(&text) {
            let value = output.get(2).or(output.get(4)).unwrap().as_str();
            self.values.insert(
                format!("steps.{id}.outputs.{}", &output[1]),
                value.to_owned(),
            );
        }
    }

    /// A variable's value; the registry of the test stands for that of the example.
    fn variable(&self, value: &str) -> String {
        self.filled(value).replace("ghcr.io", &host(self.registry))
    }

    fn filled(&self, text: &str) -> String {
        let expression = Regex::new(r"\$\{\{ (\S+) \}\}").unwrap();
        let value = |found: &regex::Captures<'_>| self.value(&found[1]);
        expression.replace_all(text, value).into_owned()
    }

    fn value(&self, name: &str) -> String {
        match self.values.get(name) {
            Some(value) => value.clone(),
            // An output that was not written is empty.
            None if name.starts_with("steps.") => String::new(),
            None => panic!("`{name}` is not known here"),
        }
    }

    fn holds(&self, condition: &str) -> bool {
        let parts: Vec<_> = condition.split(' ').collect();
        match parts[..] {
            [name, "==", wanted] => self.value(name) == wanted.trim_matches('\''),
            [name, "!=", wanted] => self.value(name) != wanted.trim_matches('\''),
            _ => panic!("{condition}"),
        }
    }
}
