//! Commands of a script that leave their work to something else: a target of a make file, a script
//! of `package.json`, a task, a file. It is looked up as far as the repository has it, so that a push
//! behind it is named with its place.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::init::{
    shell_commands::{as_written, commands},
    workflow::{
        push_words::pushes_images,
        task_files::{ScriptTask, definition, tasks},
    },
    yaml,
};

/// Definitions that call each other deeper than this are left.
const DEEPEST: usize = 4;

/// A command that leaves its work to something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DelegatedCommand {
    /// The command as it is written.
    pub(super) command: String,
    /// Where its work is written down, in words; `None` where the repository does not have it.
    pub(super) definition: Option<String>,
    pub(super) evidence: DelegatedWork,
}

/// What is known of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum DelegatedWork {
    /// It builds images, and pushes none: another command may.
    Builds,
    /// It is called like a publication.
    MayPush,
    Goreleaser,
    Pushes,
}

/// The commands of a script that push an image by way of something else, or are called like it.
pub(super) fn delegated_pushes(
    script: &str,
    texts: &BTreeMap<String, String>,
) -> Vec<DelegatedCommand> {
    let mut all = delegated(script, texts);
    all.retain(|one| one.evidence != DelegatedWork::Builds);
    all
}

/// As [`delegated_pushes`], with the commands that only build an image.
pub(super) fn delegated(script: &str, texts: &BTreeMap<String, String>) -> Vec<DelegatedCommand> {
    let mut found: Vec<DelegatedCommand> = Vec::new();
    for words in commands_of(script) {
        let command = as_written(&words.join(" "));
        for task in tasks(&words) {
            let looked_up = definition(&task, texts);
            let known = match &looked_up {
                _ if pushes_images(&command) => Some(DelegatedWork::Pushes),
                Some((_, text)) => evidence_in(text, &task, texts, &mut BTreeSet::new(), DEEPEST),
                None => None,
            };
            // A definition that only builds does not publish, whatever it is called.
            let text = looked_up.as_ref().map_or("", |(_, text)| text.as_str());
            let by_name = is_called_like_push(&task.name) && !text.contains("compose");
            let Some(evidence) = known.or(by_name.then_some(DelegatedWork::MayPush)) else {
                continue;
            };
            let one = DelegatedCommand {
                command: command.clone(),
                definition: looked_up.map(|(place, _)| place),
                evidence,
            };
            if !found.contains(&one) {
                found.push(one);
            }
        }
    }
    found
}

/// Whether a step of the job can push an image, itself or by way of something else.
pub(super) fn has_push(job: &Value, texts: &BTreeMap<String, String>) -> bool {
    let text = job.to_string();
    let words = [
        "docker/build-push-action",
        "docker/bake-action",
        "docker/metadata-action",
        "imagetools",
    ];
    let mut steps = job["steps"].as_array().into_iter().flatten();
    words.iter().any(|word| text.contains(word))
        || pushes_images(&text.replace("\\n", "\n"))
        || steps.any(|step| !delegated_pushes(&yaml::text(&step["run"]), texts).is_empty())
}

/// The script without the lines that hold one of the commands.
pub(super) fn without(script: &str, all: &[DelegatedCommand]) -> String {
    let joined = script.replace("\\\n", " ");
    let is_other = |line: &&str| {
        let mut words = commands_of(line).into_iter();
        !words.any(|words| {
            let own = as_written(&words.join(" "));
            all.iter().any(|one| one.command == own)
        })
    };
    let lines: Vec<&str> = joined.lines().filter(is_other).collect();
    lines.join("\n")
}

/// The words of each command.
fn commands_of(script: &str) -> Vec<Vec<String>> {
    let joined = script.replace("\\\n", " ");
    let lines = joined.lines().map(str::trim);
    let all = lines.flat_map(|line| commands(line, true, &|_| None));
    all.map(|command| {
        let mut words = command.words;
        while words.first().is_some_and(|word| {
            matches!(
                &**word,
                "if" | "while" | "until" | "npx" | "bunx" | "time" | "nohup"
            )
        }) {
            words.remove(0);
        }
        words
    })
    .filter(|words| !words.is_empty())
    .collect()
}

/// What the text of a task does, with the tasks that it leaves work to.
fn evidence_in(
    text: &str,
    task: &ScriptTask,
    texts: &BTreeMap<String, String>,
    seen: &mut BTreeSet<String>,
    depth: usize,
) -> Option<DelegatedWork> {
    if pushes_images(text) {
        return Some(DelegatedWork::Pushes);
    }
    let mut found = builds_images(text).then_some(DelegatedWork::Builds);
    for words in commands_of(text) {
        let dry = words
            .iter()
            .any(|word| word == "--snapshot" || word.contains("skip"));
        if words.starts_with(&["goreleaser".to_owned(), "release".to_owned()]) && !dry {
            found = found.max(Some(DelegatedWork::Goreleaser));
        }
        for mut called in tasks(&words) {
            if called.is_of_the_same_file(task) {
                called.place = task.place.clone();
            }
            let is_new = seen.insert(format!("{called:?}"));
            if depth > 0
                && is_new
                && let Some((_, text)) = definition(&called, texts)
            {
                found = found.max(evidence_in(&text, &called, texts, seen, depth - 1));
            }
        }
    }
    found
}

/// Whether the text has a command that builds an image.
fn builds_images(text: &str) -> bool {
    [
        "docker build ",
        "docker image build ",
        "docker buildx build ",
        "podman build ",
        "buildah build ",
        "buildah bud ",
        "nerdctl build ",
    ]
    .iter()
    .any(|words| text.contains(words))
}

/// Whether something is called like the publication of an image.
fn is_called_like_push(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name).to_lowercase();
    let has_part = |all: &[&str]| {
        let mut parts = name.split(['-', '_', ':', '.', '+', '=']);
        parts.any(|part| all.contains(&part))
    };
    let has_word = |all: &[&str]| all.iter().any(|word| name.contains(word));
    let looks = [
        "test", "tests", "lint", "check", "verify", "dry", "notes", "e2e", "help",
    ];
    let prepares = [
        "build",
        "login",
        "clean",
        "pull",
        "scan",
        "down",
        "logs",
        "changelog",
        "fmt",
        "setup",
        "up",
    ];
    let is_push = has_word(&["push", "publish"]);
    let is_near = has_word(&["release", "image", "docker", "container", "jib", "oci"]);
    !has_part(&looks) && (is_push || is_near && !has_part(&prepares))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts() -> BTreeMap<String, String> {
        let files = [
            (
                "Makefile",
                "IMAGE ?= acme/api\nTOOL := docker\n.PHONY: push\npush: image\n\t@$(TOOL) push $(IMAGE)\n\nrelease: push\n\nimage:\n\tdocker build .\n\ndist:\n\tgoreleaser release --clean\n",
            ),
            (
                "package.json",
                r#"{"scripts": {"release": "npm run ship", "ship": "./scripts/ship.sh", "container": "go run ./cmd/image", "docker": "docker build ."}}"#,
            ),
            (
                "scripts/ship.sh",
                "#!/bin/sh\ndocker buildx build --push -t x .\n",
            ),
            (
                "justfile",
                "publish version: image\n    skopeo copy a b\nimage:\n    make\n",
            ),
            (
                "Taskfile.yml",
                "tasks:\n  publish:\n    cmds: [{task: image}, {cmd: crane push a b}]\n  image: docker build .\n",
            ),
            ("docker/Makefile", "all:\n\tpodman push acme/api\n"),
        ];
        files
            .map(|(path, text)| (path.to_owned(), text.to_owned()))
            .into()
    }

    #[test]
    fn a_push_behind_a_command_is_found_with_its_place() {
        let shown = |script: &str| -> Vec<String> {
            let all = delegated(script, &texts());
            let show = |one: DelegatedCommand| {
                format!("{:?} {}", one.evidence, one.definition.unwrap_or_default())
            };
            all.into_iter().map(show).collect()
        };
        for (script, expected) in [
            ("make push", "Pushes target `push` of `Makefile`"),
            (
                "VERSION=1 make -j 4 release",
                "Pushes target `release` of `Makefile`",
            ),
            (
                "make -C docker all",
                "Pushes target `all` of `docker/Makefile`",
            ),
            ("make dist", "Goreleaser target `dist` of `Makefile`"),
            (
                "npm ci && npm run release",
                "Pushes script `release` of `package.json`",
            ),
            (
                "npm run container",
                "MayPush script `container` of `package.json`",
            ),
            ("if ./scripts/ship.sh; then", "Pushes `scripts/ship.sh`"),
            ("bash -e scripts/ship.sh v1", "Pushes `scripts/ship.sh`"),
            (
                "just publish 1.2.3",
                "Pushes recipe `publish` of `justfile`",
            ),
            ("task publish", "Pushes task `publish` of `Taskfile.yml`"),
            ("./scripts/publish.sh $TAG", "MayPush "),
            ("nx release", "MayPush "),
            ("./mvnw compile jib:build -Dimage=acme/api", "Pushes "),
            ("make docker-push-debug", "Pushes "),
            ("make image", "Builds target `image` of `Makefile`"),
            ("npm run docker", "Builds script `docker` of `package.json`"),
        ] {
            assert_eq!(shown(script), [expected], "{script}");
        }
        for script in [
            "make test",
            "npm publish",
            "npm run build:release",
            "./scripts/test-docker.sh",
            "cargo build --release",
            "echo make push",
        ] {
            assert_eq!(shown(script), [""; 0], "{script}");
        }
    }

    #[test]
    fn a_script_without_what_it_leaves_to_others() {
        let script = "docker build .\nmake push\ndocker push $X";
        let rest = without(script, &delegated(script, &texts()));
        assert_eq!(rest, "docker build .\ndocker push $X");
    }
}
