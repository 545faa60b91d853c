//! Commands of a script that build images and push them, one after another.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::init::{
    build_flags::BuildFlags,
    expression,
    notes::NoteKind,
    push::{Build, Push, PushedReference, joined, repository},
    scenario::Scenario,
    shell_commands::{PlainCommand, as_written, unknown},
    shell_words::PlainScript,
    term::{Term, is_partial},
    workflow::{
        image_commands::{ImageCommand, bake_inputs, image_command},
        publishing::references,
        push_words::pushes_images,
        shell::{ScriptText, variable},
        shell_pushes::ShellPushes,
        walk::{RunningJob, WorkflowRun},
    },
    yaml,
};

/// Files that `docker compose` reads where none is named.
const COMPOSE_FILES: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
];

/// Further names for an image.
struct FurtherNames<'a> {
    sources: &'a [&'a str],
    names: &'a [String],
    /// Whether the script makes them whenever it runs.
    sure: bool,
}

impl WorkflowRun<'_> {
    /// Reads what a script builds and pushes.
    pub(super) fn shell_images(
        &mut self,
        step: &Value,
        text: &ScriptText,
        script: &PlainScript,
        running: &mut RunningJob<'_>,
    ) {
        let place = self.place(step, running);
        let mut pushes = ShellPushes::default();
        for answer in self.mentioned(step, &text.whole, running) {
            if !text.pushes {
                break;
            }
            for text in self.metadata[answer].references() {
                if let Some(reference) = PushedReference::parse(&text) {
                    pushes.add(self.shown_by(&reference, running), reference, &[]);
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
                ImageCommand::Bake(words) => {
                    let inputs = bake_inputs(words, folder.as_deref());
                    let all = self.shell_bake(&inputs, command, script, &place, running);
                    pushes.unread.extend(all);
                }
                ImageCommand::Compose(mut inputs) => {
                    let folder = folder.as_deref().unwrap_or(".");
                    inputs.insert("workdir".to_owned(), folder.to_owned());
                    let all = self.shell_bake(&inputs, command, script, &place, running);
                    pushes.unread.extend(all);
                }
                ImageCommand::Goreleaser if !command.sure => {
                    pushes.unread.push(written(command));
                }
                ImageCommand::Build(words) => {
                    let flags = BuildFlags::read(words);
                    let build = self.shell_build(&flags, folder.as_deref(), &place);
                    built(&mut pushes, &flags, build, command.sure, running);
                }
                found => self.shell_command(&found, command.sure, &mut pushes, running),
            }
        }
        let is_read = self.pushes.len() > before || !pushes.groups.is_empty();
        self.name_unread(&place, &text.rest, is_read, &pushes, running);
        if text.pushes && pushes.groups.iter().all(|group| group.build.is_none()) {
            let of_job = running.unpushed.iter();
            let mut builds: Vec<Build> = of_job.filter_map(|push| push.build.clone()).collect();
            if builds.is_empty() {
                let left = self.left_by_jobs.iter();
                builds.extend(left.map(|(_, build)| build.clone()));
            }
            self.for_scripts.extend(builds);
        }
        let several = pushes.groups.len() > 1;
        for (at, group) in pushes.groups.into_iter().enumerate() {
            let key = match several {
                true => format!("{}#{at}", running.key()),
                false => running.key(),
            };
            self.pushes.push(Push {
                file: running.file.to_owned(),
                place: place.clone(),
                key,
                references: group.references,
                build: group.build,
                by_digest: false,
                digest_repositories: Vec::new(),
                sources: group.sources,
                matrix: running.matrix.clone(),
            });
        }
    }

    /// One command that names or pushes an image.
    fn shell_command(
        &mut self,
        command: &ImageCommand<'_>,
        sure: bool,
        pushes: &mut ShellPushes,
        running: &mut RunningJob<'_>,
    ) {
        let mut copy = |sources: &[&str], names: &[String]| {
            let further = FurtherNames {
                sources,
                names,
                sure,
            };
            self.take(pushes, running, &further);
        };
        match command {
            ImageCommand::Goreleaser => self.goreleaser |= sure,
            ImageCommand::Tag(from, to) if sure => {
                let from = PushedReference::with_tag(from);
                let build = from.and_then(|from| self.shown_by(&from, running));
                let to = PushedReference::with_tag(to);
                if let (Some(build), Some(to)) = (build, to) {
                    running.loaded.push((vec![to], build));
                }
            }
            ImageCommand::Push(from, names) => copy(&[*from], names),
            ImageCommand::PushAll(name) => {
                let own = repository(name);
                for (names, build) in running.loaded.clone() {
                    for reference in names.into_iter().filter(|one| one.repository == own) {
                        match sure {
                            true => pushes.add(Some(build.clone()), reference, &[]),
                            false => pushes.perhaps.push(format!("{name}:{}", reference.tag)),
                        }
                    }
                }
            }
            ImageCommand::Retag(from, tags) => {
                let known = PushedReference::with_tag(from);
                let name = known.map_or((*from).to_owned(), |from| from.repository);
                let names = tags.iter().map(|tag| format!("{name}:{tag}"));
                copy(&[*from], &names.collect::<Vec<_>>());
            }
            ImageCommand::Name(names, sources) => {
                let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
                copy(sources, &names);
            }
            ImageCommand::Tag(..)
            | ImageCommand::Build(_)
            | ImageCommand::Bake(_)
            | ImageCommand::Compose(_) => {}
        }
    }

    /// What a command pushes that has the inputs of docker/bake-action; gives the command where it
    /// pushes and could not be read.
    fn shell_bake(
        &mut self,
        inputs: &BTreeMap<String, String>,
        command: &PlainCommand,
        script: &PlainScript,
        place: &str,
        running: &RunningJob<'_>,
    ) -> Option<String> {
        let before = self.pushes.len();
        if command.sure {
            let scenario = self.scenario;
            let variable = |name: &str| variable_of(scenario, name, command, script, running);
            let mut inputs = inputs.clone();
            if inputs.get("files").is_some_and(String::is_empty) {
                let named = variable("COMPOSE_FILE").map(|files| files.replace(':', "\n"));
                let files = named.unwrap_or_else(|| COMPOSE_FILES.join("\n"));
                inputs.insert("files".to_owned(), files);
            }
            let key = format!("{}#bake", running.key());
            self.baked(&inputs, place, &key, &variable, running);
        }
        let is_push = inputs.get("push").is_some_and(|push| push == "true");
        (is_push && self.pushes.len() == before).then(|| written(command))
    }

    /// Names what a script pushes, and nothing here reads.
    fn name_unread(
        &mut self,
        place: &str,
        run: &str,
        is_read: bool,
        pushes: &ShellPushes,
        running: &RunningJob<'_>,
    ) {
        for command in &pushes.unread {
            self.notes.add_unread(format!(
                "{place}: found, not read: `{command}` pushes images"
            ));
        }
        self.name_unknown(place, pushes.unknown.clone());
        let is_named =
            pushes.perhaps.is_empty() && !(pushes.unread.is_empty() && pushes.unknown.is_empty());
        if pushes_images(run) && !is_read && !is_named {
            self.notes.add_unread(format!(
                "{place}: found, not read: it pushes images with a script"
            ));
            self.name_unpushed(running);
            return;
        }
        for text in &pushes.perhaps {
            self.notes.add(
                NoteKind::NotTaken,
                format!(
                    "tag `{}` of {place}: a condition of the script decides whether it is pushed",
                    self.general(&as_written(text))
                ),
            );
        }
    }

    /// Adds names for what is called `sources`.
    fn take(&self, pushes: &mut ShellPushes, running: &RunningJob<'_>, further: &FurtherNames<'_>) {
        // Several are the platforms of one image.
        let sources: Vec<PushedReference> = match further.sources {
            [one] => PushedReference::with_tag(one).into_iter().collect(),
            _ => Vec::new(),
        };
        let mut known = sources.iter();
        let build = known.find_map(|source| self.shown_by(source, running));
        for name in further.names {
            match PushedReference::with_tag(name) {
                Some(reference) if further.sure => {
                    let own = || self.shown_by(&reference, running);
                    let build = build.clone().or_else(own);
                    pushes.add(build, reference, &sources);
                }
                None if further.sure => pushes.unknown.push(name.clone()),
                _ => pushes.perhaps.push(name.clone()),
            }
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

    /// What a command of the shell builds.
    fn shell_build(&self, flags: &BuildFlags, folder: Option<&str>, place: &str) -> Build {
        let mut build = flags.build(folder.unwrap_or("."), place);
        if folder.is_none() {
            build.left_out.push(format!(
                "the folder that {place} builds in: nothing here tells which it is"
            ));
        }
        for line in build.left_out.iter_mut().chain(&mut build.unknown) {
            *line = as_written(line);
        }
        build
    }

    /// The build that made the image with this name, in this job or before it.
    fn shown_by(&self, name: &PushedReference, running: &RunningJob<'_>) -> Option<Build> {
        let newest = |all: &[(Vec<PushedReference>, Build)]| {
            let mut named = all.iter().rev().filter(|(names, _)| names.contains(name));
            named.next().map(|(_, build)| build.clone())
        };
        let pushed = || {
            let mut pushes = self.pushes.iter().rev();
            pushes
                .find(|push| push.references.contains(name))?
                .build
                .clone()
        };
        newest(&running.loaded)
            .or_else(pushed)
            .or_else(|| newest(&self.left_by_jobs))
    }
}

/// A command for messages.
fn written(command: &PlainCommand) -> String {
    as_written(&command.words.join(" "))
}

/// A variable that a command sees. One that is set, and whose value nothing here knows, is an
/// expression.
fn variable_of(
    scenario: &Scenario<'_>,
    name: &str,
    command: &PlainCommand,
    script: &PlainScript,
    running: &RunningJob<'_>,
) -> Option<String> {
    let mut before = command.environment.iter().rev();
    if let Some((_, value)) = before.find(|(known, _)| known == name) {
        return Some(value.clone());
    }
    if let Some(value) = script.variables.get(name) {
        let unknown = || unknown(&format!("${name}"));
        return Some(value.clone().unwrap_or_else(unknown));
    }
    variable(scenario, name, running).or_else(|| match running.contexts.get("env") {
        Term::Object(env) => env.get(name).text(),
        _ => None,
    })
}

/// Takes what a command builds: it pushes the image itself, or leaves it on the machine.
fn built(
    pushes: &mut ShellPushes,
    flags: &BuildFlags,
    build: Build,
    sure: bool,
    running: &mut RunningJob<'_>,
) {
    let tags = flags.inputs.get("tags").map_or("", String::as_str);
    let (known, unknown) = references(tags);
    match (is_pushed(&flags.inputs), sure) {
        (true, true) => {
            for reference in known {
                pushes.add(Some(build.clone()), reference, &[]);
            }
            pushes.unknown.extend(unknown);
        }
        (true, false) => pushes.perhaps.extend(tags.lines().map(str::to_owned)),
        (false, true) => running.loaded.push((known, build)),
        (false, false) => {}
    }
}

fn is_pushed(inputs: &BTreeMap<String, String>) -> bool {
    let get = |name: &str| inputs.get(name).map_or("", String::as_str);
    let outputs = get("outputs");
    get("push") == "true" || outputs.contains("type=registry") || outputs.contains("push=true")
}
