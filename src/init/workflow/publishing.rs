//! Steps that build and push: docker/build-push-action and docker/bake-action.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::init::{
    bake::{self, BakeFile},
    fields,
    generalise::template,
    notes::NoteKind,
    push::{Build, Push, PushedReference},
    shell_commands::as_written,
    term::{Term, is_partial},
    workflow::{
        shell::variable,
        step::inputs,
        walk::{RunningJob, WorkflowRun},
    },
};

/// Files that bake reads where none is named, in its order.
const BAKE_FILES: [&str; 6] = [
    "docker-bake.json",
    "docker-bake.hcl",
    "docker-bake.override.json",
    "docker-bake.override.hcl",
    "compose.yaml",
    "docker-compose.yml",
];

impl WorkflowRun<'_> {
    pub(super) fn build_push(&mut self, step: &Value, running: &mut RunningJob<'_>) {
        let inputs = inputs(&step["with"], running);
        let get = |name: &str| inputs.get(name).map_or("", String::as_str);
        let outputs = Outputs::read(get("outputs"));
        let place = self.place(step, running);
        let pushes = get("push").trim();
        let mut build = Build::of_inputs(".", &inputs);
        build.submodules = running.submodules;
        self.attests_unasked(step, &inputs, &mut build, running);
        let mut push = Push {
            file: running.file.to_owned(),
            place: place.clone(),
            key: running.key(),
            references: Vec::new(),
            build: Some(build),
            by_digest: outputs.by_digest,
            digest_repositories: outputs.names.clone(),
            sources: Vec::new(),
            matrix: running.matrix.clone(),
        };
        let mut unknown = Vec::new();
        if outputs.by_digest {
            let names = fields::list(get("tags"))
                .into_iter()
                .filter(|name| !is_partial(name));
            push.digest_repositories.extend(names);
        } else if get("tags").trim().is_empty() {
            push.references = self.nearby_tags(&place, running);
        } else {
            (push.references, unknown) = references(get("tags"));
        }
        let says_nothing = ["push", "load", "outputs"]
            .iter()
            .all(|name| get(name).is_empty());
        if pushes == "true" || is_partial(pushes) || outputs.push || says_nothing {
            self.name_unknown(&place, unknown);
        }
        if is_partial(pushes) {
            self.notes.add(
                NoteKind::Assumed,
                format!("{place} pushes in a release, whatever `{pushes}` is"),
            );
        } else if pushes != "true" && !outputs.push {
            if says_nothing {
                self.unpushed.push(push.clone());
            }
            // The shell may push it afterwards.
            running.unpushed.push(Push {
                references: Vec::new(),
                ..push.clone()
            });
            running
                .loaded
                .extend(push.build.map(|build| (push.references, build)));
            return;
        }
        self.pushes.push(push);
    }

    /// The tags of the metadata step before a build that names none: it can hardly mean others.
    fn nearby_tags(&mut self, place: &str, running: &RunningJob<'_>) -> Vec<PushedReference> {
        let Some(answer) = running
            .last_metadata
            .map(|last| self.metadata[last].references())
        else {
            return Vec::new();
        };
        self.notes.add(
            NoteKind::Assumed,
            format!("{place} has the tags of the metadata step before it: it names none"),
        );
        answer
            .iter()
            .filter_map(|text| PushedReference::parse(text))
            .collect()
    }

    pub(super) fn name_unknown(&mut self, place: &str, unknown: Vec<String>) {
        for text in unknown {
            let written = as_written(&text);
            let who = match written == text {
                true => "GitHub alone knows it",
                false => "nothing here tells it",
            };
            let text = self.general(&written);
            self.notes
                .add_unread(format!("tag `{text}` of {place}: {who}"));
        }
    }

    /// A text with placeholders in the place of the version.
    pub(super) fn general(&self, text: &str) -> String {
        template(text, self.scenario.version)
    }

    /// Names the attestation that the actions attach unasked, since their fourth version.
    fn attests_unasked(
        &self,
        step: &Value,
        inputs: &BTreeMap<String, String>,
        build: &mut Build,
        running: &RunningJob<'_>,
    ) {
        let (action, version) = match step["uses"].as_str().and_then(|uses| uses.split_once('@')) {
            Some((action, version)) => (action, version),
            None => return,
        };
        let before = version.strip_prefix('v').is_some_and(|version| {
            let major = version.split('.').next().unwrap_or_default();
            major.parse::<u32>().is_ok_and(|major| major < 4)
        });
        let off = match running.contexts.get("env") {
            Term::Object(env) => env.get("BUILDX_NO_DEFAULT_ATTESTATIONS").text(),
            _ => None,
        };
        let off = off.is_some_and(|value| matches!(&*value, "1" | "true"));
        let asked = ["provenance", "attests"].iter().any(|name| {
            inputs
                .get(*name)
                .is_some_and(|value| !value.trim().is_empty())
        });
        if !before && !off && !asked && build.provenance.is_none() {
            build.left_out.push(format!(
                "the provenance that `{action}` attaches unasked: `image.build.provenance = true` attaches one, where BuildKit builds by its own API"
            ));
        }
    }

    pub(super) fn bake(&mut self, step: &Value, running: &mut RunningJob<'_>) {
        let inputs = inputs(&step["with"], running);
        let place = self.place(step, running);
        let push = inputs.get("push").map_or("", |push| push.trim());
        if is_partial(push) {
            self.notes.add(
                NoteKind::Assumed,
                format!("{place} pushes in a release, whatever `{push}` is"),
            );
        }
        let env = match running.contexts.get("env") {
            Term::Object(env) => env,
            _ => return,
        };
        let scenario = self.scenario;
        let running = &*running;
        let variable = |name: &str| {
            let value = env.get(name).text();
            let own = value.filter(|text| !text.is_empty() || env.get(name) != Term::Unknown);
            // The runner's own variables are in the environment too.
            own.or_else(|| variable(scenario, name, running))
        };
        let before = self.pushes.len();
        self.baked(&inputs, &place, &running.key(), &variable, running);
        for at in before..self.pushes.len() {
            if let Some(mut build) = self.pushes[at].build.take() {
                self.attests_unasked(step, &inputs, &mut build, running);
                self.pushes[at].build = Some(build);
            }
        }
    }

    /// What bake pushes with these inputs, which are those of docker/bake-action.
    pub(super) fn baked(
        &mut self,
        inputs: &BTreeMap<String, String>,
        place: &str,
        key: &str,
        variable: &dyn Fn(&str) -> Option<String>,
        running: &RunningJob<'_>,
    ) {
        let get = |name: &str| inputs.get(name).map_or("", String::as_str);
        let overrides = fields::lines(get("set"));
        let sets_push = overrides.iter().any(|line| {
            line.contains("output")
                && (line.contains("push=true") || line.contains("type=registry"))
        });
        let pushes = get("push").trim() == "true" || is_partial(get("push")) || sets_push;
        let files = self.bake_files(get("files"), get("workdir"));
        let baked = bake::evaluate(
            &files,
            get("workdir"),
            &fields::list(get("targets")),
            &overrides,
            variable,
        );
        let mut of_all = inputs.clone();
        of_all.retain(|name, _| OF_ALL_TARGETS.contains(&&**name));
        let of_all = Build::of_inputs(".", &of_all);
        for why in baked.left_out {
            self.notes.add_unread(format!("{place}: {why}"));
        }
        for target in baked.targets {
            let (known, unknown) = references(&target.tags.join("\n"));
            // Of a target whose tags are not known the build is, at least.
            let is_named = !known.is_empty() || !unknown.is_empty() || target.has_unread_tags;
            if !is_named || !(pushes || target.pushes) {
                continue;
            }
            self.name_unknown(place, unknown);
            let mut build = target.build;
            build.submodules = running.submodules;
            build.put_over(&of_all);
            self.pushes.push(Push {
                file: running.file.to_owned(),
                place: format!("target `{}` of {place}", target.name),
                key: format!("{key}#{}", target.name),
                references: known,
                build: Some(build),
                by_digest: false,
                digest_repositories: Vec::new(),
                sources: Vec::new(),
                matrix: running.matrix.clone(),
            });
        }
    }

    fn bake_files(&mut self, files: &str, folder: &str) -> Vec<BakeFile> {
        let folder = folder.trim_start_matches("./").trim_end_matches('/');
        let within = |name: &str| match folder {
            "" | "." => name.to_owned(),
            folder => format!("{folder}/{name}"),
        };
        let mut named = fields::list(files);
        if named.is_empty() {
            named = BAKE_FILES.map(str::to_owned).to_vec();
        }
        let mut read = Vec::new();
        for name in named {
            let name = name.trim_start_matches("cwd://").trim_start_matches("./");
            if let Some(file) = self.metadata_file(name) {
                read.push(file);
            } else if let Some(text) = self.texts.get(&within(name)) {
                read.push(BakeFile {
                    path: within(name),
                    text: text.clone(),
                });
            }
        }
        read
    }
}

impl WorkflowRun<'_> {
    /// What a metadata step wrote: one kind, or tags and labels.
    fn metadata_file(&self, name: &str) -> Option<BakeFile> {
        let name = name.strip_prefix("metadata-step-")?.strip_suffix(".json")?;
        let (step, kind) = match name.split_once('-') {
            Some((step, kind)) => (step, Some(kind)),
            None => (name, None),
        };
        let step: usize = step.parse().ok()?;
        let references = self.metadata.get(step)?.references();
        let (labels, annotations) = self.metadata_lines.get(step)?;
        Some(match kind {
            None => BakeFile::of_metadata(&references, labels, &[]),
            Some("tags") => BakeFile::of_metadata(&references, &[], &[]),
            Some("labels") => BakeFile::of_metadata(&[], labels, &[]),
            Some(_) => BakeFile::of_metadata(&[], &[], annotations),
        })
    }
}

/// Inputs of docker/bake-action that hold for all targets.
const OF_ALL_TARGETS: [&str; 5] = ["provenance", "sbom", "no-cache", "pull", "allow"];

/// What `outputs:` says.
#[derive(Debug, Default)]
struct Outputs {
    push: bool,
    by_digest: bool,
    names: Vec<String>,
}

impl Outputs {
    fn read(text: &str) -> Self {
        let mut outputs = Self::default();
        for line in fields::lines(text) {
            let pairs = fields::pairs(&line);
            let has = |key: &str, wanted: &str| {
                pairs
                    .iter()
                    .any(|(name, value)| name.as_deref() == Some(key) && value == wanted)
            };
            outputs.by_digest |= has("push-by-digest", "true");
            outputs.push |= has("type", "registry") || has("push", "true");
            for (name, value) in &pairs {
                if name.as_deref() == Some("name") {
                    let names = value
                        .split(',')
                        .map(str::trim)
                        .filter(|name| !is_partial(name));
                    outputs.names.extend(names.map(str::to_owned));
                }
            }
        }
        outputs
    }
}

/// The references of a list, and what is none. A name without a tag means `latest`.
pub(super) fn references(text: &str) -> (Vec<PushedReference>, Vec<String>) {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for item in fields::list(text) {
        let whole = match item.rsplit('/').next() {
            Some(last) if !last.contains(':') && !is_partial(&item) => format!("{item}:latest"),
            _ => item.clone(),
        };
        match PushedReference::parse(&whole) {
            Some(reference) if !known.contains(&reference) => known.push(reference),
            Some(_) => {}
            None => unknown.push(item),
        }
    }
    (known, unknown)
}
