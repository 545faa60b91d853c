//! Steps of a shell. Code is not read, but for two idioms: an output that is made of the git ref
//! by plain expansion, and tools that put the tags of a metadata step on images that are there.

use serde_json::Value;

use crate::init::{
    expression,
    notes::NoteKind,
    push::{Push, PushedReference},
    shell_words::{PlainScript, words},
    term::{Object, Term, is_partial},
    workflow::walk::{RunningJob, WorkflowRun},
    yaml,
};

/// Whether the script pushes images.
pub(in crate::init) fn pushes_images(script: &str) -> bool {
    let has = |word: &str| script.contains(word);
    let push = has("--push") || has("push=true") || has("type=registry");
    [
        "docker push",
        "docker image push",
        "imagetools create",
        "docker manifest push",
        "buildah push",
        "podman push",
        "skopeo copy",
        "crane push",
        "crane tag",
        "crane copy",
        "crane cp",
        "regctl image copy",
        "ko build",
        "ko publish",
    ]
    .iter()
    .any(|word| has(word))
        || push && (has("docker buildx") || has("docker build") || has("buildx bake"))
}

impl WorkflowRun<'_> {
    /// Reads a script as far as it is one of the idioms; gives its outputs.
    pub(super) fn shell(&mut self, step: &Value, running: &mut RunningJob<'_>) -> Option<Object> {
        let run = yaml::text(&step["run"]);
        let filled = expression::fill(&run, &running.contexts);
        let script = PlainScript::read(&filled, &|name| self.variable(name, running));
        if let Term::Object(mut env) = running.contexts.get("env") {
            for (name, value) in &script.environment {
                env.set(name, value.clone().map_or(Term::Unknown, Term::Text));
            }
            running.contexts.set("env", env);
        }
        if pushes_images(&run) {
            self.pushed_by_shell(step, &run, &script, running);
        }
        let mut outputs = Object::open();
        for (name, value) in &script.outputs {
            outputs.set(name, value.clone().map_or(Term::Unknown, Term::Text));
        }
        Some(outputs)
    }

    /// A variable of a step's environment.
    fn variable(&self, name: &str, running: &RunningJob<'_>) -> Option<String> {
        let git_ref = self.scenario.git_ref();
        let own = match name {
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
            "GITHUB_REPOSITORY" => self.scenario.repository.map(str::to_owned),
            "GITHUB_REPOSITORY_OWNER" => self
                .scenario
                .repository
                .and_then(|name| name.split('/').next())
                .map(str::to_owned),
            "GITHUB_EVENT_NAME" => Some(self.scenario.event_name().into()),
            _ => None,
        };
        own.or_else(|| match running.contexts.get("env") {
            Term::Object(env) => env.get(name).text().filter(|text| !is_partial(text)),
            _ => None,
        })
    }

    fn pushed_by_shell(
        &mut self,
        step: &Value,
        run: &str,
        script: &PlainScript,
        running: &mut RunningJob<'_>,
    ) {
        let place = self.place(step, running);
        let mut references: Vec<PushedReference> = Vec::new();
        for answer in self.mentioned(step, run, running) {
            let all = self.metadata[answer].references();
            references.extend(all.iter().filter_map(|text| PushedReference::parse(text)));
        }
        let mut unknown = Vec::new();
        for target in targets(&script.commands) {
            match target.as_deref().and_then(PushedReference::parse) {
                Some(reference) => references.push(reference),
                None => unknown.extend(target),
            }
        }
        references.dedup();
        if references.is_empty() {
            self.notes.add(
                NoteKind::NotTaken,
                format!("{place}: found, not read: it pushes images with a script"),
            );
            return;
        }
        self.name_unknown(&place, unknown);
        // An image that a step before has built and not pushed.
        let built = running.loaded.iter().find(|(loaded, _)| {
            loaded
                .iter()
                .any(|one| references.iter().any(|other| one == other))
        });
        let build = built.map(|(_, build)| build.clone());
        self.pushes.push(Push {
            file: running.file.to_owned(),
            place,
            key: running.key(),
            references,
            build,
            by_digest: false,
            digest_repositories: Vec::new(),
            matrix: running.matrix.clone(),
        });
    }

    /// The metadata steps whose tags the script uses.
    fn mentioned(&self, step: &Value, run: &str, running: &RunningJob<'_>) -> Vec<usize> {
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

/// What commands put a name on: `docker push X`, `-t X` of `imagetools create`, `docker manifest
/// create X`. `None` stands for a name that is not known.
fn targets(commands: &[Vec<Option<String>>]) -> Vec<Option<String>> {
    let mut out = Vec::new();
    for command in commands {
        let plain: Vec<&str> = command
            .iter()
            .map(|word| word.as_deref().unwrap_or(""))
            .collect();
        match &*plain {
            ["docker" | "podman" | "buildah", "push", ..] => {
                out.extend(
                    command[2..]
                        .iter()
                        .find(|word| word.as_deref().is_none_or(|w| !w.starts_with('-')))
                        .cloned(),
                );
            }
            ["docker", "buildx", "imagetools", "create", ..] => {
                for pair in command.windows(2) {
                    if matches!(pair[0].as_deref(), Some("-t" | "--tag")) {
                        out.push(pair[1].clone());
                    }
                }
            }
            ["docker", "manifest", "push", ..] => out.extend(command.last().cloned()),
            _ => {}
        }
    }
    // `$(jq …)` is an unknown word; whoever wrote it uses the metadata step's tags.
    out.retain(|word| word.as_deref().is_none_or(|word| !words(word).is_empty()));
    out
}
