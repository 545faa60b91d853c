//! The inputs of docker/build-push-action as a build.

use std::collections::BTreeMap;

use crate::init::{
    fields,
    push::{Build, joined, without_login},
    term::is_partial,
};

/// Inputs that say nothing of the image, or are read elsewhere.
const WITHOUT_MEANING: [&str; 8] = [
    "push",
    "tags",
    "load",
    "builder",
    "github-token",
    "context",
    "file",
    "target",
];

impl Build {
    /// Reads the inputs, already filled in. Their paths are seen from the folder `base`.
    pub(super) fn of_inputs(base: &str, inputs: &BTreeMap<String, String>) -> Self {
        let get = |name: &str| {
            inputs
                .get(name)
                .map(String::as_str)
                .filter(|text| !text.is_empty())
        };
        let mut build = Self::default();
        build.place(base, get("context"), get("file"));
        match get("target") {
            Some(target) if is_partial(target) => {
                build.left(&format!("`target: {target}`"), UNKNOWN)
            }
            target => build.target = target.map(str::to_owned),
        }
        for (name, value) in inputs {
            let value = value.trim();
            if WITHOUT_MEANING.contains(&&**name) || value.is_empty() {
                continue;
            }
            match &**name {
                "platforms" => build.platforms(value),
                "build-args" => build.args(value),
                "labels" => build.pairs(value, "label", |build| &mut build.labels),
                "annotations" => build.annotations(value),
                "secrets" | "secret-envs" | "secret-files" => build.secrets(name, value),
                "ssh" => build.agents(value),
                "cache-from" | "cache-to" => build.caches(name, value),
                "build-contexts" => build.contexts(base, value),
                "provenance" => build.provenance(value),
                "sbom" => build.sbom(value),
                "attests" => build.attestations(value),
                "pull" | "no-cache" => build.switch(name, value),
                "network" => build.network(value),
                "add-hosts" => build.hosts(value),
                "ulimit" | "ulimits" => build.limits(value),
                "shm-size" => build.shared_memory(value),
                "outputs" => build.outputs(value),
                // Which leave a build asks for depends on the network.
                "allow" => {}
                _ => build.other(name, value),
            }
        }
        if let Some(value) = get("allow") {
            build.leave(value);
        }
        build.secrets_seen_from(base);
        build
    }

    /// Context and Dockerfile: without `file` it is the Dockerfile in the context.
    fn place(&mut self, base: &str, context: Option<&str>, file: Option<&str>) {
        let context = context.map(str::trim).unwrap_or(".");
        // The action's own default is the repository as GitHub has it; `{{defaultContext}}:dir` is
        // a folder of it.
        let of_git = context.strip_prefix("{{defaultContext}}");
        let base = if of_git.is_some() { "." } else { base };
        let context = of_git.map_or(context, |rest| rest.trim_start_matches(':'));
        let context = if context.is_empty() { "." } else { context };
        let foreign = context.contains("://") || context.starts_with("git@");
        let is_known = foreign || !is_partial(context);
        if !is_known {
            self.unknown.push(format!("context: {context}"));
        }
        if is_partial(context) || foreign {
            self.left(
                &format!("`context: {}`", without_login(context)),
                if foreign {
                    "it is not in this repository"
                } else {
                    UNKNOWN
                },
            );
        } else {
            match joined(base, context).filter(|_| !context.starts_with('/')) {
                Some(path) => self.context = Some(path),
                None => self.left(
                    &format!("`context: {context}`"),
                    "it is not in this repository",
                ),
            }
        }
        let found = match file {
            Some(file) if is_partial(file) => {
                self.left(&format!("`file: {file}`"), UNKNOWN);
                None
            }
            // In a folder of the repository as GitHub has it, the Dockerfile is seen from there.
            Some(file) if of_git.is_some() => joined(context, file),
            Some(file) => joined(base, file),
            None if !is_known => None,
            None => joined(self.context.as_deref().unwrap_or("."), "Dockerfile"),
        };
        match (found, file) {
            (Some(path), _) => self.dockerfile = path,
            (None, Some(file)) => self.unknown.push(format!("file: {file}")),
            (None, None) => {}
        }
    }

    fn platforms(&mut self, value: &str) {
        for platform in value.split([',', '\n']).map(str::trim) {
            if platform.is_empty() {
                continue;
            }
            if is_partial(platform) {
                self.left(&format!("`platforms: {platform}`"), UNKNOWN);
            } else if !self.platforms.iter().any(|known| known == platform) {
                self.platforms.push(platform.to_owned());
            }
        }
    }

    fn args(&mut self, value: &str) {
        for line in fields::records(value) {
            match line.split_once('=') {
                Some((name, value)) if is_partial(value) => {
                    self.left(
                        &format!("build argument `{}`", name.trim()),
                        &unknown(value),
                    );
                }
                Some((name, value)) => {
                    self.args.insert(name.trim().into(), value.trim().into());
                }
                None => self.left(
                    &format!("build argument `{line}`"),
                    "its value comes from the environment of the build",
                ),
            }
        }
    }

    fn pairs(
        &mut self,
        value: &str,
        what: &str,
        place: fn(&mut Self) -> &mut BTreeMap<String, String>,
    ) {
        for line in fields::records(value) {
            match line.split_once('=') {
                Some((name, value)) if is_partial(value) || value.contains("{{") => {
                    self.left(&format!("{what} `{}`", name.trim()), &unknown(value));
                }
                Some((name, value)) => {
                    place(self).insert(name.trim().into(), value.trim().into());
                }
                None => self.left(&format!("{what} `{line}`"), "it has no value"),
            }
        }
    }

    fn annotations(&mut self, value: &str) {
        // `index:`, `manifest[linux/amd64]:` say where an annotation goes.
        let plain: Vec<String> = fields::lines(value)
            .iter()
            .map(|line| {
                let key = line.split('=').next().unwrap_or_default();
                match key.split_once(':') {
                    Some((level, _))
                        if level.starts_with("index") || level.starts_with("manifest") =>
                    {
                        line[level.len() + 1..].to_owned()
                    }
                    _ => line.clone(),
                }
            })
            .collect();
        self.pairs(&plain.join("\n"), "annotation", |build| {
            &mut build.annotations
        });
    }

    /// An input that has no key.
    pub(super) fn other(&mut self, name: &str, value: &str) {
        let first = value.lines().next().unwrap_or_default();
        let more = if value.lines().count() > 1 {
            " …"
        } else {
            ""
        };
        self.left(&format!("`{name}: {first}{more}`"), "it has no key here");
    }

    pub(super) fn left(&mut self, what: &str, why: &str) {
        self.left_out.push(format!("{what}: {why}"));
    }
}

pub(super) const UNKNOWN: &str = "GitHub alone knows its value";

pub(super) fn unknown(value: &str) -> String {
    format!("GitHub alone knows `{}`", value.trim())
}

/// A value without the double quotes around it.
pub(super) fn unquoted(value: &str) -> &str {
    let value = value.trim();
    let inner = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(value)
}
