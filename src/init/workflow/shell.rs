//! Steps of a shell. Code is not read, but for two idioms: an output that is made of the git ref
//! by plain expansion, and commands that build images or put names on them.

use serde_json::Value;

use crate::init::{
    expression,
    notes::NoteKind,
    scenario::Scenario,
    shell_words::{PlainScript, VERSION_OF_FILE, has_version_of_file},
    term::{Object, Term, is_partial},
    workflow::{
        delegated::{DelegatedCommand, DelegatedWork, delegated, without},
        push_words::pushes_images,
        walk::{RunningJob, WorkflowRun},
    },
    yaml,
};

/// The text of a script.
pub(super) struct ScriptText {
    pub(super) whole: String,
    /// Without the commands that leave their work to something else.
    pub(super) rest: String,
    /// It pushes images, itself or by way of something else.
    pub(super) pushes: bool,
}

impl WorkflowRun<'_> {
    /// Reads a script as far as it is one of the idioms; gives its outputs.
    pub(super) fn shell(&mut self, step: &Value, running: &mut RunningJob<'_>) -> Option<Object> {
        let run = yaml::text(&step["run"]);
        let filled = expression::fill(&run, &running.contexts);
        let script = PlainScript::read(&filled, &|name| variable(self.scenario, name, running));
        if let Term::Object(mut env) = running.contexts.get("env") {
            for (name, value) in &script.environment {
                env.set(name, value.clone().map_or(Term::Unknown, Term::Text));
            }
            running.contexts.set("env", env);
        }
        self.version_of_file(step, &filled, &script, running);
        let delegated = delegated(&run, self.texts);
        let place = self.place(step, running);
        self.name_delegated(&delegated, &place, running);
        let text = ScriptText {
            rest: without(&run, &delegated),
            pushes: pushes_images(&run)
                || delegated
                    .iter()
                    .any(|one| one.evidence == DelegatedWork::Pushes),
            whole: run,
        };
        self.shell_images(step, &text, &script, running);
        let mut outputs = Object::open();
        for (name, value) in &script.outputs {
            outputs.set(name, value.clone().map_or(Term::Unknown, Term::Text));
        }
        Some(outputs)
    }

    /// Names the commands that leave a push to something else.
    fn name_delegated(&mut self, all: &[DelegatedCommand], place: &str, running: &RunningJob<'_>) {
        if all.iter().any(|one| one.evidence == DelegatedWork::Pushes) {
            self.name_unpushed(running);
        }
        for one in all {
            let command = &one.command;
            let (runs, which) = match &one.definition {
                Some(definition) => (format!(" runs {definition}"), ", which"),
                None => (String::new(), ""),
            };
            match one.evidence {
                DelegatedWork::Pushes => self.notes.add_unread(format!(
                    "{place}: found, not read: `{command}`{runs}{which} pushes images"
                )),
                DelegatedWork::Builds => self.notes.add(
                    NoteKind::NotTaken,
                    format!("{place}: found, not read: `{command}`{runs}{which} builds images"),
                ),
                DelegatedWork::MayPush => self.notes.add(
                    NoteKind::NotTaken,
                    format!("{place}: found, not read: `{command}`{runs}{which} may push images"),
                ),
                DelegatedWork::Goreleaser => {
                    self.goreleaser = true;
                    let text = format!("{place}: `{command}`{runs}{which} runs goreleaser");
                    self.notes.add(NoteKind::Assumed, text);
                }
            }
        }
    }

    /// Names what steps of the job have built and not pushed, where a script pushes it.
    pub(super) fn name_unpushed(&mut self, running: &RunningJob<'_>) {
        for push in &running.unpushed {
            let Some(build) = &push.build else { continue };
            let target = build.target.as_ref();
            let target = target.map_or(String::new(), |target| format!(", stage `{target}`"));
            self.notes.add(
                NoteKind::NotTaken,
                format!(
                    "{} builds {}{target}, and a script pushes images: nothing here tells its tags",
                    push.place,
                    build.dockerfile_in_words()
                ),
            );
        }
    }

    /// Says that the version which the script reads from a file is the one that is released, where anything
    /// in the job uses it.
    fn version_of_file(
        &mut self,
        step: &Value,
        filled: &str,
        script: &PlainScript,
        running: &RunningJob<'_>,
    ) {
        let mut names = script.environment.keys().chain(script.outputs.keys());
        let is_used = |name: &String| {
            let uses = [format!("env.{name}"), format!("outputs.{name}")];
            uses.iter().any(|one| running.text.contains(one))
        };
        if has_version_of_file(filled) && names.any(is_used) {
            let place = self.place(step, running);
            self.notes.add(
                NoteKind::Assumed,
                format!("the version that {place} reads from a file is the one that is released"),
            );
        }
    }

    /// The metadata steps whose tags the script uses.
    pub(super) fn mentioned(
        &self,
        step: &Value,
        run: &str,
        running: &RunningJob<'_>,
    ) -> Vec<usize> {
        let text = format!("{run} {}", step["env"]);
        let mut found = Vec::new();
        if ["DOCKER_METADATA_OUTPUT_JSON", "DOCKER_METADATA_OUTPUT_TAGS"]
            .iter()
            .any(|name| text.contains(name))
        {
            found.extend(running.last_metadata);
        }
        let Term::Object(steps) = running.contexts.get("steps") else {
            return found;
        };
        for (id, result) in steps.entries() {
            let uses = [".json", ".tags", ".tag-names"]
                .iter()
                .any(|output| text.contains(&format!("steps.{id}.outputs{output}")));
            let token = result
                .member(&"outputs".into())
                .member(&"bake-file".into())
                .text();
            let place = token.and_then(|token| {
                token
                    .strip_prefix("metadata-step-")?
                    .strip_suffix(".json")?
                    .parse()
                    .ok()
            });
            if let Some(place) = place.filter(|place| uses && !found.contains(place)) {
                found.push(place);
            }
        }
        found
    }
}

/// A variable of a step's environment.
pub(super) fn variable(
    scenario: &Scenario<'_>,
    name: &str,
    running: &RunningJob<'_>,
) -> Option<String> {
    let git_ref = scenario.git_ref();
    let own = match name {
        VERSION_OF_FILE => Some(scenario.version.to_string()),
        "GITHUB_REF" => Some(git_ref),
        "GITHUB_REF_NAME" => git_ref.splitn(3, '/').nth(2).map(str::to_owned),
        "GITHUB_REF_TYPE" => Some(
            if git_ref.starts_with("refs/tags/") {
                "tag"
            } else {
                "branch"
            }
            .into(),
        ),
        "GITHUB_SHA" => Some("{sha:full}".into()),
        "GITHUB_REPOSITORY" => scenario.repository.map(str::to_owned),
        "GITHUB_REPOSITORY_OWNER" => scenario
            .repository
            .and_then(|name| name.split('/').next())
            .map(str::to_owned),
        "GITHUB_EVENT_NAME" => Some(scenario.event_name().into()),
        _ => None,
    };
    own.or_else(|| match running.contexts.get("env") {
        Term::Object(env) => env.get(name).text().filter(|text| !is_partial(text)),
        _ => None,
    })
}
