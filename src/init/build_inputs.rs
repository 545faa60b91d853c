//! The inputs of docker/build-push-action as a build.

use std::collections::BTreeMap;

use crate::init::{
    fields,
    push::{Build, SecretPlace, joined, plain_path},
    term::is_partial,
};

/// Inputs that say nothing of the image, or are read elsewhere.
const WITHOUT_MEANING: [&str; 9] = [
    "push",
    "tags",
    "outputs",
    "load",
    "builder",
    "github-token",
    "context",
    "file",
    "target",
];

impl Build {
    /// Reads the inputs, already filled in.
    pub(super) fn of_inputs(inputs: &BTreeMap<String, String>) -> Self {
        let get = |name: &str| {
            inputs
                .get(name)
                .map(String::as_str)
                .filter(|text| !text.is_empty())
        };
        let mut build = Self::default();
        build.place(get("context"), get("file"));
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
                "ssh" => build.ssh.extend(fields::lines(value)),
                "cache-from" => build.caches(value),
                _ => build.other(name, value),
            }
        }
        build
    }

    /// Context and Dockerfile: without `file` it is the Dockerfile in the context.
    fn place(&mut self, context: Option<&str>, file: Option<&str>) {
        let context = context.map(str::trim).unwrap_or(".");
        // The action's own default is the repository as GitHub has it; `{{defaultContext}}:dir` is
        // a folder of it.
        let of_git = context.strip_prefix("{{defaultContext}}");
        let context = of_git.map_or(context, |rest| rest.trim_start_matches(':'));
        let context = if context.is_empty() { "." } else { context };
        let foreign = context.contains("://") || context.starts_with("git@");
        if is_partial(context) || foreign {
            self.left(
                &format!("`context: {context}`"),
                if foreign {
                    "it is not in this repository"
                } else {
                    UNKNOWN
                },
            );
        } else {
            match joined(".", context).filter(|_| !context.starts_with('/')) {
                Some(path) => self.context = Some(path),
                None => self.left(
                    &format!("`context: {context}`"),
                    "it is not in this repository",
                ),
            }
        }
        match file {
            Some(file) if is_partial(file) => self.left(&format!("`file: {file}`"), UNKNOWN),
            // In a folder of the repository as GitHub has it, the Dockerfile is seen from there.
            Some(file) if of_git.is_some() => {
                self.dockerfile = joined(context, file).unwrap_or_default();
            }
            Some(file) => self.dockerfile = joined(".", file).unwrap_or_default(),
            None => {
                let context = self.context.as_deref().unwrap_or(".");
                self.dockerfile = joined(context, "Dockerfile").unwrap_or_default();
            }
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
        for line in fields::lines(value) {
            match line.split_once('=') {
                Some((name, value)) if is_partial(value) => {
                    self.left(
                        &format!("build argument `{}`", name.trim()),
                        &unknown(value),
                    );
                }
                Some((name, value)) => {
                    self.args.insert(name.trim().into(), unquoted(value).into());
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
        for line in fields::lines(value) {
            match line.split_once('=') {
                Some((name, value)) if is_partial(value) || value.contains("{{") => {
                    self.left(&format!("{what} `{}`", name.trim()), &unknown(value));
                }
                Some((name, value)) => {
                    place(self).insert(name.trim().into(), unquoted(value).into());
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

    fn secrets(&mut self, kind: &str, value: &str) {
        for line in fields::lines(value) {
            let Some((id, value)) = line.split_once('=') else {
                self.left(&format!("`{kind}` line"), "it has no name");
                continue;
            };
            let (id, value) = (id.trim(), unquoted(value));
            let secret = value
                .strip_prefix("${{")
                .and_then(|rest| rest.strip_suffix("}}"))
                .and_then(|inner| inner.trim().strip_prefix("secrets."));
            let place = match (kind, secret) {
                ("secret-files", _) if !is_partial(value) && !value.starts_with('/') => {
                    Some(SecretPlace::File(plain_path(value)))
                }
                ("secret-envs", _) if !is_partial(value) => Some(SecretPlace::Env(value.into())),
                ("secrets", Some(name))
                    if name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') =>
                {
                    Some(SecretPlace::Env(name.into()))
                }
                _ => None,
            };
            match place {
                Some(place) => {
                    self.secrets.insert(id.to_owned(), place);
                }
                // The value itself is not shown: it can be one.
                None => self.left(&format!("secret `{id}`"), "GitHub alone knows its value"),
            }
        }
    }

    /// A secret as the command line has it: `id=npm,env=NPM_TOKEN`, `id=npm,src=file`.
    pub(super) fn secret(&mut self, record: &str) {
        let pairs = fields::pairs(record);
        let get = |key: &str| {
            pairs
                .iter()
                .find(|(name, _)| name.as_deref() == Some(key))
                .map(|(_, value)| value.clone())
        };
        let place = match (get("env"), get("src").or_else(|| get("source"))) {
            (Some(name), _) if !is_partial(&name) => Some(SecretPlace::Env(name)),
            (None, Some(path)) if !is_partial(&path) && !path.starts_with('/') => {
                Some(SecretPlace::File(plain_path(&path)))
            }
            (None, None) => get("id").map(SecretPlace::Env),
            _ => None,
        };
        match (get("id"), place) {
            (Some(id), Some(place)) => {
                self.secrets.insert(id, place);
            }
            _ => self.left("a secret of the build", "it is not read"),
        }
    }

    fn caches(&mut self, value: &str) {
        for line in fields::lines(value) {
            let is_registry = fields::pairs(&line)
                .iter()
                .any(|(key, value)| key.as_deref() == Some("type") && value == "registry");
            let plain = !line.contains('=');
            if is_partial(&line) {
                self.left("`cache-from`", &unknown(&line));
            } else if is_registry || plain {
                self.cache_from.push(line);
            } else {
                let why = match is_local(&line) {
                    true => LOCAL_CACHE,
                    false => "where BuildKit builds, `image.build.cache-from` takes it",
                };
                self.left(&format!("`cache-from: {line}`"), why);
            }
        }
    }

    fn other(&mut self, name: &str, value: &str) {
        let usual = match name {
            "pull" => value == "true",
            "provenance" | "sbom" | "no-cache" | "cache-to-inline" => value == "false",
            _ => false,
        };
        if usual {
            return;
        }
        let first = value.lines().next().unwrap_or_default();
        let more = if value.lines().count() > 1 {
            " …"
        } else {
            ""
        };
        let why = match name {
            "provenance" => "where BuildKit builds, `image.build.provenance` makes it",
            "sbom" => "where BuildKit builds, `image.build.sbom` makes it",
            "cache-to" if is_local(value) => LOCAL_CACHE,
            "cache-to" => "where BuildKit builds, `image.build.cache-to` takes it",
            "build-contexts" => "where BuildKit builds, `image.build.contexts` takes them",
            "no-cache" => "`image.build.no-cache` does this",
            "network" => "`image.build.network` does this",
            "add-hosts" => "`image.build.add-hosts` does this",
            "pull" => "a release asks for newer base images unless `image.build.pull = false`",
            _ => "it has no key here",
        };
        self.left(&format!("`{name}: {first}{more}`"), why);
    }

    fn left(&mut self, what: &str, why: &str) {
        self.left_out.push(format!("{what}: {why}"));
    }
}

const LOCAL_CACHE: &str = "hoist uses no cache that lies on the machine that builds";

fn is_local(cache: &str) -> bool {
    cache.contains("type=local")
}

const UNKNOWN: &str = "GitHub alone knows its value";

fn unknown(value: &str) -> String {
    format!("GitHub alone knows `{}`", value.trim())
}

/// A value without the double quotes around it.
fn unquoted(value: &str) -> &str {
    let value = value.trim();
    let inner = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(value)
}
