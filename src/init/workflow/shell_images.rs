//! Commands of a script that build images and push them, one after another.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::init::{
    build_flags::BuildFlags,
    expression,
    notes::NoteKind,
    push::{Build, Push, PushedReference, joined, repository},
    shell_commands::as_written,
    shell_words::PlainScript,
    term::is_partial,
    workflow::{
        publishing::references,
        shell::{pushes_images, variable},
        walk::{RunningJob, WorkflowRun},
    },
    yaml,
};

/// What a command does with images.
#[derive(Debug, PartialEq, Eq)]
enum ImageCommand<'a> {
    Build(&'a [String]),
    Bake(&'a [String]),
    /// Another name for an image of the machine.
    Tag(&'a str, &'a str),
    /// The image with the first name is pushed under the second.
    Push(&'a str, &'a str),
    /// All images of the machine that have a name in this repository.
    PushAll(&'a str),
    /// A further tag of an image in a registry.
    Retag(&'a str, &'a str),
    /// Names for what is in a registry.
    Name(Vec<&'a str>),
    Goreleaser,
}

/// What a script pushes.
#[derive(Default)]
struct ShellPushes {
    /// References by the build that they show, where that is known.
    groups: Vec<(Option<Build>, Vec<PushedReference>)>,
    unknown: Vec<String>,
    /// References that a condition of the script decides on.
    perhaps: Vec<String>,
}

impl ShellPushes {
    fn add(&mut self, build: Option<Build>, reference: PushedReference) {
        if self
            .groups
            .iter()
            .any(|(known, all)| *known == build && all.contains(&reference))
        {
            return;
        }
        match self.groups.iter_mut().find(|(known, _)| *known == build) {
            Some((_, all)) => all.push(reference),
            None => self.groups.push((build, vec![reference])),
        }
    }
}

impl WorkflowRun<'_> {
    /// Reads what a script builds and pushes.
    pub(super) fn shell_images(
        &mut self,
        step: &Value,
        run: &str,
        script: &PlainScript,
        running: &mut RunningJob<'_>,
    ) {
        let place = self.place(step, running);
        let mut pushes = ShellPushes::default();
        for answer in self.mentioned(step, run, running) {
            if !pushes_images(run) {
                break;
            }
            for text in self.metadata[answer].references() {
                if let Some(reference) = PushedReference::parse(&text) {
                    pushes.add(self.shown_by(&reference, running), reference);
                }
            }
        }
        let before = self.pushes.len();
        let mut folder = self.folder(step, running);
        for command in &script.commands {
            if let ["cd", to] = &*command.words.iter().map(String::as_str).collect::<Vec<_>>() {
                let inside = !to.starts_with(['/', '~']) && !is_partial(to) && command.sure;
                folder = folder
                    .filter(|_| inside)
                    .and_then(|folder| joined(&folder, to));
                continue;
            }
            let Some(found) = image_command(&command.words) else {
                continue;
            };
            match found {
                ImageCommand::Goreleaser => self.goreleaser |= command.sure,
                ImageCommand::Bake(words) => {
                    let scenario = self.scenario;
                    let variable = |name: &str| match script.variables.get(name) {
                        Some(value) => value.clone(),
                        None => variable(scenario, name, running),
                    };
                    let inputs = bake_inputs(words, folder.as_deref());
                    if command.sure {
                        let key = format!("{}#bake", running.key());
                        self.baked(&inputs, &place, &key, &variable, running);
                    }
                }
                ImageCommand::Build(words) => {
                    let flags = BuildFlags::read(words);
                    let build = self.shell_build(&flags, folder.as_deref(), &place);
                    let tags = flags.inputs.get("tags").map_or("", String::as_str);
                    let (known, unknown) = references(tags);
                    if !is_pushed(&flags.inputs) {
                        running
                            .loaded
                            .extend(command.sure.then_some((known, build)));
                    } else if command.sure {
                        for reference in known {
                            pushes.add(Some(build.clone()), reference);
                        }
                        pushes.unknown.extend(unknown);
                    } else {
                        pushes.perhaps.extend(tags.lines().map(str::to_owned));
                    }
                }
                ImageCommand::Tag(from, to) if command.sure => {
                    let build = PushedReference::with_tag(from)
                        .and_then(|from| self.shown_by(&from, running));
                    let to = PushedReference::with_tag(to);
                    if let (Some(build), Some(to)) = (build, to) {
                        running.loaded.push((vec![to], build));
                    }
                }
                ImageCommand::Tag(..) => {}
                ImageCommand::Push(from, to) => {
                    let build = PushedReference::with_tag(from)
                        .and_then(|from| self.shown_by(&from, running));
                    take(&mut pushes, build, &[to], command.sure);
                }
                ImageCommand::PushAll(name) => {
                    let own = repository(name);
                    let loaded: Vec<_> = running.loaded.clone();
                    for (names, build) in loaded {
                        for reference in names.into_iter().filter(|one| one.repository == own) {
                            match command.sure {
                                true => pushes.add(Some(build.clone()), reference),
                                false => pushes.perhaps.push(format!("{name}:{}", reference.tag)),
                            }
                        }
                    }
                }
                ImageCommand::Retag(from, tag) => {
                    let build = PushedReference::with_tag(from)
                        .and_then(|from| self.shown_by(&from, running));
                    let to = match PushedReference::with_tag(from) {
                        Some(from) => format!("{}:{tag}", from.repository),
                        None => format!("{from}:{tag}"),
                    };
                    take(&mut pushes, build, &[&to], command.sure);
                }
                ImageCommand::Name(names) => {
                    for name in names {
                        let build = PushedReference::with_tag(name)
                            .and_then(|name| self.shown_by(&name, running));
                        take(&mut pushes, build, &[name], command.sure);
                    }
                }
            }
        }
        if pushes.groups.is_empty() {
            if pushes_images(run) && self.pushes.len() == before {
                self.notes.add_unread(format!(
                    "{place}: found, not read: it pushes images with a script"
                ));
            }
            return;
        }
        self.name_unknown(&place, pushes.unknown);
        for text in pushes.perhaps {
            self.notes.add(
                NoteKind::NotTaken,
                format!(
                    "tag `{}` of {place}: a condition of the script decides whether it is pushed",
                    self.general(&as_written(&text))
                ),
            );
        }
        let several = pushes.groups.len() > 1;
        for (at, (build, references)) in pushes.groups.into_iter().enumerate() {
            let key = match several {
                true => format!("{}#{at}", running.key()),
                false => running.key(),
            };
            self.pushes.push(Push {
                file: running.file.to_owned(),
                place: place.clone(),
                key,
                references,
                build,
                by_digest: false,
                digest_repositories: Vec::new(),
                matrix: running.matrix.clone(),
            });
        }
    }

    /// The folder that the script begins in, seen from the top; `None` where it is not known.
    fn folder(&self, step: &Value, running: &RunningJob<'_>) -> Option<String> {
        let own = yaml::text(&step["working-directory"]);
        let text = match own.is_empty() {
            true => running.folder.clone(),
            false => own,
        };
        let text = expression::fill(&text, &running.contexts);
        (!is_partial(&text) && !text.starts_with('/'))
            .then(|| joined(".", &text))
            .flatten()
    }

    fn shell_build(&self, flags: &BuildFlags, folder: Option<&str>, place: &str) -> Build {
        let mut build = flags.build(folder.unwrap_or("."), place);
        if folder.is_none() {
            build.left_out.push(format!(
                "the folder that {place} builds in: nothing here tells which it is"
            ));
        }
        for line in &mut build.left_out {
            *line = as_written(line);
        }
        build
    }

    /// The build that made the image with this name, in this job or before it.
    fn shown_by(&self, name: &PushedReference, running: &RunningJob<'_>) -> Option<Build> {
        let loaded = running.loaded.iter().rev();
        let loaded = loaded
            .filter(|(names, _)| names.contains(name))
            .map(|(_, build)| build.clone())
            .next();
        let pushed = || {
            let mut pushes = self.pushes.iter().rev();
            pushes
                .find(|push| push.references.contains(name))?
                .build
                .clone()
        };
        loaded.or_else(pushed)
    }
}

fn take(pushes: &mut ShellPushes, build: Option<Build>, names: &[&str], sure: bool) {
    for name in names {
        match PushedReference::with_tag(name) {
            Some(reference) if sure => pushes.add(build.clone(), reference),
            Some(_) => pushes.perhaps.push((*name).to_owned()),
            None if sure => pushes.unknown.push((*name).to_owned()),
            None => pushes.perhaps.push((*name).to_owned()),
        }
    }
}

fn is_pushed(inputs: &BTreeMap<String, String>) -> bool {
    let get = |name: &str| inputs.get(name).map_or("", String::as_str);
    let outputs = get("outputs");
    get("push") == "true" || outputs.contains("type=registry") || outputs.contains("push=true")
}

/// What a command does with images; `None` where it does nothing that is known.
fn image_command(words: &[String]) -> Option<ImageCommand<'_>> {
    let plain: Vec<&str> = words.iter().map(String::as_str).collect();
    // A word that stands for nothing is a switch or a redirection of the shell.
    let operands = |from: usize| -> Vec<&str> {
        let rest = plain.iter().skip(from).copied();
        rest.filter(|word| !word.starts_with('-') && !word.contains('>'))
            .collect()
    };
    Some(match &*plain {
        ["docker" | "podman" | "nerdctl", "build", ..] => ImageCommand::Build(&words[2..]),
        ["docker", "image" | "buildx" | "builder", "build" | "b", ..] => {
            ImageCommand::Build(&words[3..])
        }
        ["buildah", "build" | "bud", ..] => ImageCommand::Build(&words[2..]),
        ["docker", "buildx", "bake", ..] => ImageCommand::Bake(&words[3..]),
        ["docker" | "podman" | "nerdctl" | "buildah", "tag", ..] => {
            two(&operands(2), ImageCommand::Tag)?
        }
        ["docker", "image", "tag", ..] => two(&operands(3), ImageCommand::Tag)?,
        ["docker" | "nerdctl" | "podman", "push", rest @ ..]
            if rest.iter().any(|word| matches!(*word, "-a" | "--all-tags")) =>
        {
            ImageCommand::PushAll(operands(2).first()?)
        }
        ["docker" | "nerdctl", "push", ..] => one(&operands(2))?,
        ["docker", "image", "push", ..] => one(&operands(3))?,
        ["podman" | "buildah", "push", ..] | ["buildah" | "podman", "manifest", "push", ..] => {
            let operands = operands(if plain[1] == "manifest" { 3 } else { 2 });
            two(&operands, ImageCommand::Push).or_else(|| one(&operands))?
        }
        ["docker", "manifest", "push", ..] => one(&operands(3))?,
        ["docker", "buildx", "imagetools", "create", rest @ ..] => {
            let mut names = Vec::new();
            for (at, word) in rest.iter().enumerate() {
                match *word {
                    "-t" | "--tag" => names.extend(rest.get(at + 1).copied()),
                    word => names.extend(word.strip_prefix("--tag=").or(word.strip_prefix("-t="))),
                }
            }
            // `$(jq …)` is a word that is not known; whoever wrote it uses the metadata step's tags.
            ImageCommand::Name(names)
        }
        ["skopeo", "copy", ..] => two(&operands(2), ImageCommand::Push)?,
        ["crane", "copy" | "cp", ..] => two(&operands(2), ImageCommand::Push)?,
        ["crane", "tag", ..] => two(&operands(2), ImageCommand::Retag)?,
        ["regctl", "image", "copy" | "cp", ..] => two(&operands(3), ImageCommand::Push)?,
        ["goreleaser", "release", rest @ ..] => {
            let dry = |word: &&str| {
                *word == "--snapshot"
                    || word.contains("skip-publish")
                    || word.contains("skip=publish")
            };
            if rest.iter().any(dry) {
                return None;
            }
            ImageCommand::Goreleaser
        }
        _ => return None,
    })
}

fn one<'a>(operands: &[&'a str]) -> Option<ImageCommand<'a>> {
    let [name, ..] = operands else { return None };
    let name = name.trim_start_matches("docker://");
    Some(ImageCommand::Push(name, name))
}

fn two<'a>(
    operands: &[&'a str],
    command: fn(&'a str, &'a str) -> ImageCommand<'a>,
) -> Option<ImageCommand<'a>> {
    let [from, to, ..] = operands else {
        return None;
    };
    let plain = |name: &'a str| name.trim_start_matches("docker://");
    Some(command(plain(from), plain(to)))
}

/// `docker buildx bake` as the inputs of docker/bake-action.
fn bake_inputs(words: &[String], folder: Option<&str>) -> BTreeMap<String, String> {
    let mut inputs: BTreeMap<String, String> = BTreeMap::new();
    let mut give = |name: &str, value: &str| {
        let known = inputs.entry(name.to_owned()).or_default();
        if !known.is_empty() {
            known.push('\n');
        }
        known.push_str(value);
    };
    give("workdir", folder.unwrap_or("."));
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        let (name, attached) = match word.split_once('=') {
            Some((name, value)) if word.starts_with('-') => (name, Some(value)),
            _ => (word, None),
        };
        match name {
            "-f" | "--file" => give(
                "files",
                attached.or_else(|| words.next()).unwrap_or_default(),
            ),
            "--set" => give("set", attached.or_else(|| words.next()).unwrap_or_default()),
            "--push" => give("push", attached.unwrap_or("true")),
            "--progress" | "--builder" | "--metadata-file" | "--provenance" | "--sbom"
            | "--allow"
                if attached.is_none() =>
            {
                words.next();
            }
            name if name.starts_with('-') => {}
            target if !target.contains('>') => give("targets", target),
            _ => {}
        }
    }
    inputs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_commands_do_with_images() {
        let read = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            image_command(&words).map(|command| format!("{command:?}"))
        };
        for (line, expected) in [
            (
                "docker push -q acme/api:1",
                "Push(\"acme/api:1\", \"acme/api:1\")",
            ),
            (
                "podman push api docker://acme/api:1",
                "Push(\"api\", \"acme/api:1\")",
            ),
            (
                "docker manifest push --purge acme/api:1",
                "Push(\"acme/api:1\", \"acme/api:1\")",
            ),
            ("docker tag api acme/api:1", "Tag(\"api\", \"acme/api:1\")"),
            ("docker image tag a b", "Tag(\"a\", \"b\")"),
            (
                "skopeo copy --all docker://a:1 docker://b:1",
                "Push(\"a:1\", \"b:1\")",
            ),
            (
                "docker buildx imagetools create -t a:1 --tag=a:2 a@sha256:0",
                "Name([\"a:1\", \"a:2\"])",
            ),
            ("docker buildx build .", "Build([\".\"])"),
            ("docker build . >log", "Build([\".\", \">log\"])"),
            ("docker push -a acme/api", "PushAll(\"acme/api\")"),
            ("crane tag a:1 stable", "Retag(\"a:1\", \"stable\")"),
            ("goreleaser release --clean", "Goreleaser"),
        ] {
            assert_eq!(read(line).as_deref(), Some(expected), "{line}");
        }
        for line in [
            "docker login",
            "goreleaser release --snapshot",
            "docker tag a",
            "echo docker push x",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    #[test]
    fn bake_on_the_command_line() {
        let words = [
            "-f",
            "a.hcl",
            "--file=b.json",
            "--set",
            "*.output=type=registry",
            "--push",
            "api",
        ]
        .map(str::to_owned);
        let inputs = bake_inputs(&words, Some("app"));
        let all: Vec<(&str, &str)> = inputs
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        assert_eq!(
            all,
            [
                ("files", "a.hcl\nb.json"),
                ("push", "true"),
                ("set", "*.output=type=registry"),
                ("targets", "api"),
                ("workdir", "app"),
            ]
        );
    }
}
