//! `[image.build]` and what else the image is told, in the draft.

use std::collections::BTreeMap;

use crate::{
    init::{
        chosen_tags::{own_texts, templates_only},
        dockerfile,
        draft::Writing,
        notes::{NoteKind, Notes},
        push::{Build, SecretPlace},
        writer::{key, list, named, quote, seen_from},
    },
    policy::{BuildNetwork, Provenance, Sbom},
};

impl Writing<'_> {
    /// A table of texts by name.
    pub(super) fn texts(&mut self, table: &str, what: &str) {
        let Some(build) = &self.choice.build else {
            return;
        };
        let values = if what == "label" {
            build.labels.clone()
        } else {
            build.annotations.clone()
        };
        let values = self.own_texts(&values, what);
        if values.is_empty() {
            return;
        }
        self.draft.line(&format!("\n[{table}]"));
        for (name, value) in &values {
            self.draft
                .line(&format!("{} = {}", quote(name), quote(value)));
        }
    }

    /// The same as one value.
    pub(super) fn text_table(&mut self, values: &BTreeMap<String, String>, what: &str) -> String {
        let values = self.own_texts(values, what).into_iter();
        let pairs: Vec<String> = values
            .map(|(name, value)| format!("{} = {}", quote(&name), quote(&value)))
            .collect();
        match pairs.is_empty() {
            true => "{}".into(),
            false => format!("{{ {} }}", pairs.join(", ")),
        }
    }

    /// Those that hoist does not write itself, as templates.
    fn own_texts(
        &mut self,
        values: &BTreeMap<String, String>,
        what: &str,
    ) -> BTreeMap<String, String> {
        let values = own_texts(values);
        templates_only(&values, what, &mut self.choice.notes)
    }

    /// The build context that a workflow names, or the whole repository.
    pub(super) fn context(&self) -> String {
        let build = self.choice.build.as_ref();
        let of_build = build.map(|build| build.context.clone().unwrap_or_else(|| ".".into()));
        // In a folder of several images it is usually the folder.
        let folder = self.facts.name().map(|_| self.facts.folder.clone());
        of_build.or(folder).unwrap_or_else(|| ".".into())
    }

    pub(super) fn build(&mut self) {
        self.draft.line("[image.build]");
        let chosen = self.dockerfile();
        let context = self.context();
        if let Some(chosen) = &chosen {
            self.draft.line(&format!(
                "dockerfile = {}",
                quote(&seen_from(&context, chosen))
            ));
        }
        if context != "." && self.choice.build.is_none() {
            self.draft.assume(&format!("the builder sees `{context}`"));
        }
        let build = self.choice.build.as_ref();
        if let Some(unknown) = build.and_then(Build::unknown_context) {
            self.draft.assume(&format!(
                "the builder sees the whole repository: nothing here tells what `{unknown}` is"
            ));
        }
        if context != "." {
            self.draft.line(&format!("context = {}", quote(&context)));
        }
        let target = self
            .choice
            .build
            .as_ref()
            .and_then(|build| build.target.clone());
        let text = self
            .facts
            .dockerfiles
            .iter()
            .find(|(path, _)| Some(path) == chosen.as_ref());
        let stages = text
            .map(|(_, text)| dockerfile::stages(text))
            .unwrap_or_default();
        match (&target, stages.last()) {
            (Some(target), _) => self.draft.line(&format!("target = {}", quote(target))),
            (None, Some(Some(last))) if stages.len() > 1 => {
                self.draft
                    .line("# The last stage, which is built without this line too.");
                self.draft.line(&format!("# target = {}", quote(last)));
            }
            _ => {}
        }
        self.inputs();
        self.draft.line("");
    }

    /// The Dockerfile, seen from the top: another tool's, else the likeliest one.
    fn dockerfile(&mut self) -> Option<String> {
        let offered = self.facts.offered_dockerfiles().into_iter();
        let files: Vec<&String> = offered.map(|(path, _)| path).collect();
        if self.choice.ambiguous_build {
            self.draft
                .line("# Which build is released? Nothing here says it:");
            let mut candidates: Vec<String> = match &*self.choice.candidates {
                [] => files.iter().map(|path| named_file(path)).collect(),
                builds => builds.iter().map(candidate).collect(),
            };
            candidates.dedup();
            for line in candidates {
                self.draft.line(&line);
            }
            // No release is made with a file that is not there.
            self.draft.line("dockerfile = \"NAME-ONE-OF-THEM\"");
            self.draft
                .notes
                .push("nothing says which build is released: set `image.build.dockerfile`".into());
            return None;
        }
        if let Some(build) = &self.choice.build
            && !build.dockerfile.is_empty()
        {
            let path = build.dockerfile.clone();
            let mut all = self.facts.dockerfiles.iter();
            if !all.any(|(known, _)| *known == path) && !self.facts.texts.is_empty() {
                self.draft.notes.push(format!(
                    "`{path}` is named by the workflow, and it was not found"
                ));
            }
            return Some(path);
        }
        let Some(first) = files.first() else {
            self.draft.line(
                "# No Dockerfile was found. Name one, or bring an image that another builder made:",
            );
            self.draft.line("# layout = \"dist/oci\"");
            self.draft.line("# command = [\"make\", \"image\"]");
            self.draft.notes.push(
                "no Dockerfile was found: set `image.build.dockerfile` or `image.build.layout`"
                    .into(),
            );
            return None;
        };
        let build = self.choice.build.as_ref();
        let unknown = build.and_then(|build| build.unknown.last());
        if let Some(unknown) = unknown {
            let others = match &files[1..] {
                [] => String::new(),
                others => format!("; others are {}", named(others)),
            };
            self.draft.assume(&format!(
                "`{first}` is what is built: nothing here tells what `{unknown}` is{others}"
            ));
        } else if files.len() > 1 {
            let are = if files.len() == 2 { "is" } else { "are" };
            self.draft.assume(&format!(
                "`{first}` is the one that is released; there {are} {}, too",
                named(&files[1..])
            ));
        }
        if files.len() == 1 && self.choice.tags.is_some() && unknown.is_none() {
            self.draft.assume(&format!(
                "`{first}` is what is built: nothing here tells of a Dockerfile that the tags are made from"
            ));
        }
        Some((*first).clone())
    }

    /// Platforms, arguments, secrets, agents and caches.
    fn inputs(&mut self) {
        let Some(build) = self.choice.build.clone() else {
            return;
        };
        let mut notes = std::mem::take(&mut self.choice.notes);
        let inputs = self.inputs_of(&build, &mut notes);
        self.choice.notes = notes;
        let needs: Vec<&str> = inputs
            .iter()
            .map(|(key, _)| *key)
            .filter(|key| needs_api(key, &build))
            .collect();
        if !needs.is_empty() {
            self.draft.line(&format!(
                "# {} an engine with the containerd image store, or the address of a BuildKit daemon in `builder`: see docs/builders.md.",
                all_need(&needs)
            ));
        }
        for (key, value) in inputs {
            if key == "secrets" {
                self.draft
                    .line("# The environment of a release has to hold the variables.");
            }
            self.draft.line(&format!("{key} = {value}"));
        }
    }

    /// What a build is told, by key, as TOML has it; what it is not told is left out.
    pub(super) fn inputs_of(
        &self,
        build: &Build,
        notes: &mut Notes,
    ) -> Vec<(&'static str, String)> {
        let mut inputs = Vec::new();
        let platforms = platforms(&build.platforms, notes);
        if !platforms.is_empty() {
            inputs.push(("platforms", list(&platforms)));
        }
        let args = templates_only(&build.args, "build argument", notes);
        if !args.is_empty() {
            let pairs: Vec<String> = args
                .iter()
                .map(|(name, value)| format!("{} = {}", key(name), quote(value)))
                .collect();
            inputs.push(("args", format!("{{ {} }}", pairs.join(", "))));
        }
        if !build.secrets.is_empty() {
            let secret = |(id, place): (&String, &SecretPlace)| match place {
                SecretPlace::Env(name) => {
                    format!("{{ id = {}, env = {} }}", quote(id), quote(name))
                }
                SecretPlace::File(path) => {
                    format!("{{ id = {}, file = {} }}", quote(id), quote(path))
                }
            };
            let secrets: Vec<String> = build.secrets.iter().map(secret).collect();
            inputs.push(("secrets", format!("[{}]", secrets.join(", "))));
        }
        if !build.ssh.is_empty() {
            inputs.push(("ssh", list(&build.ssh)));
        }
        if !build.contexts.is_empty() {
            let pairs = build.contexts.iter();
            let pairs: Vec<String> = pairs
                .map(|(name, value)| format!("{} = {}", key(name), quote(value)))
                .collect();
            inputs.push(("contexts", format!("{{ {} }}", pairs.join(", "))));
        }
        if !build.cache_from.is_empty() {
            inputs.push(("cache-from", list(&build.cache_from)));
        }
        if !build.cache_to.is_empty() {
            inputs.push(("cache-to", list(&build.cache_to)));
        }
        inputs.extend(attestations(build));
        if build.submodules {
            inputs.push(("submodules", "true".into()));
        }
        // Asking for newer base images is the default.
        if build.pull == Some(false) {
            inputs.push(("pull", "false".into()));
        }
        if build.no_cache {
            inputs.push(("no-cache", "true".into()));
        }
        match build.network {
            BuildNetwork::Default => {}
            BuildNetwork::None => inputs.push(("network", quote("none"))),
            BuildNetwork::Host => inputs.push(("network", quote("host"))),
        }
        if !build.add_hosts.is_empty() {
            inputs.push(("add-hosts", list(&build.add_hosts)));
        }
        if !build.ulimits.is_empty() {
            inputs.push(("ulimits", list(&build.ulimits)));
        }
        if let Some(size) = &build.shm_size {
            inputs.push(("shm-size", quote(size)));
        }
        if !build.allow.is_empty() {
            inputs.push(("allow", list(&build.allow)));
        }
        inputs
    }
}

/// A Dockerfile that can be named, as a comment.
fn named_file(path: &str) -> String {
    format!("# dockerfile = {}", quote(path))
}

/// A build that can be named, as a comment.
fn candidate(build: &Build) -> String {
    let line = match build.dockerfile.is_empty() {
        true => format!("# {}", build.dockerfile_in_words()),
        false => named_file(&build.dockerfile),
    };
    match &build.target {
        Some(target) => format!("{line} # with target = {}", quote(target)),
        None => line,
    }
}

fn attestations(build: &Build) -> Vec<(&'static str, String)> {
    let provenance = match build.provenance {
        None | Some(Provenance::Off) => None,
        Some(Provenance::On) => Some("true".into()),
        Some(Provenance::Min) => Some(quote("min")),
        Some(Provenance::Max) => Some(quote("max")),
    };
    let sbom = match &build.sbom {
        None | Some(Sbom::Off) => None,
        Some(Sbom::On) => Some("true".into()),
        Some(Sbom::Scanner(image)) => Some(quote(image)),
    };
    let both = [("provenance", provenance), ("sbom", sbom)];
    both.into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .collect()
}

/// Whether BuildKit does it by its own API alone.
fn needs_api(key: &str, build: &Build) -> bool {
    match key {
        "contexts" | "provenance" | "sbom" => true,
        "platforms" => build.platforms.len() > 1,
        "cache-to" => build.cache_to.iter().any(|entry| entry != "type=inline"),
        _ => false,
    }
}

fn all_need(keys: &[&str]) -> String {
    let quoted: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    match &*quoted {
        [one] => format!("{one} needs"),
        [all @ .., last] => format!("{} and {last} need", all.join(", ")),
        [] => String::new(),
    }
}

/// Those that exist, each once.
pub(super) fn platforms(named: &[String], notes: &mut Notes) -> Vec<String> {
    let mut platforms = Vec::new();
    for platform in named {
        if platforms.contains(platform) {
            continue;
        }
        let table = format!("[image.build]\nplatforms = [{}]", quote(platform));
        match crate::policy::Policy::parse(&table, "release.toml") {
            Ok(_) => platforms.push(platform.clone()),
            Err(_) => notes.add(
                NoteKind::NotTaken,
                format!("platform `{platform}`: it is not one that exists"),
            ),
        }
    }
    platforms
}
