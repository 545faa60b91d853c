//! goreleaser: the images that its configuration pushes.
//!
//! `dockers` with `docker_manifests`, `dockers_v2` and `kos` are data; their templates are those of
//! Go, of which names, conditions and a few functions are known.

use std::collections::BTreeMap;

use semver::Version;
use serde_json::Value;

use crate::init::{
    build_flags::BuildFlags,
    generalise::template,
    go_template::{Fields, render},
    notes::{NoteKind, Notes},
    push::{Build, Push, PushedReference, plain_path},
    scenario::Scenario,
    yaml,
};
use crate::policy::Sbom;

/// Its files, in the order in which it looks for them.
pub(super) const FILES: [&str; 8] = [
    ".config/goreleaser.yml",
    ".config/goreleaser.yaml",
    ".goreleaser.yml",
    ".goreleaser.yaml",
    "goreleaser.yml",
    "goreleaser.yaml",
    ".goreleaser.json",
    "goreleaser.json",
];

/// What goreleaser pushes in a release.
pub(super) fn pushes(
    file: &str,
    text: &str,
    scenario: &Scenario<'_>,
    notes: &mut Notes,
) -> Vec<Push> {
    let Some(config) = yaml::parse(text) else {
        notes.add(
            NoteKind::NotTaken,
            format!("`{file}`: it is not a file that can be read"),
        );
        return Vec::new();
    };
    let mut reading = GoreleaserFile {
        file,
        fields: fields(&config, scenario),
        stable: scenario.version.pre.is_empty(),
        version: scenario.version.clone(),
        notes,
        pushes: Vec::new(),
    };
    reading.classic(&config);
    for (at, one) in list(&config["dockers_v2"]).iter().enumerate() {
        reading.second(at, one);
    }
    for (at, one) in list(&config["kos"]).iter().enumerate() {
        reading.ko(at, one);
    }
    reading.pushes
}

fn fields(config: &Value, scenario: &Scenario<'_>) -> Fields {
    let version = scenario.version;
    let name = config["project_name"].as_str().map(str::to_owned);
    let name = name.or_else(|| Some(scenario.repository?.split('/').nth(1)?.to_owned()));
    let mut fields = Fields::default();
    let mut put = |name: &str, value: String| fields.set(name, value);
    put("Version", version.to_string());
    put(
        "RawVersion",
        format!("{}.{}.{}", version.major, version.minor, version.patch),
    );
    put("Tag", scenario.tag());
    put("Major", version.major.to_string());
    put("Minor", version.minor.to_string());
    put("Patch", version.patch.to_string());
    put("Prerelease", version.pre.to_string());
    put("Commit", "{sha:full}".into());
    put("FullCommit", "{sha:full}".into());
    put("ShortCommit", "{sha}".into());
    put("Branch", scenario.default_branch.to_owned());
    put("IsSnapshot", String::new());
    put("IsNightly", String::new());
    put("Arch", String::new());
    if let Some(name) = name {
        put("ProjectName", name);
    }
    if let Some(repository) = scenario.repository {
        put("GitURL", format!("https://github.com/{repository}"));
        put("Env.GITHUB_REPOSITORY", repository.to_owned());
        put(
            "Env.GITHUB_REPOSITORY_OWNER",
            repository.split('/').next().unwrap_or_default().to_owned(),
        );
    }
    for line in yaml::lines(config.get("env")) {
        if let Some((name, value)) = line.split_once('=')
            && !value.contains("{{")
        {
            fields.set(&format!("Env.{}", name.trim()), value.trim().to_owned());
        }
    }
    fields
}

struct GoreleaserFile<'a> {
    file: &'a str,
    fields: Fields,
    stable: bool,
    version: Version,
    notes: &'a mut Notes,
    pushes: Vec<Push>,
}

/// An image of one platform.
struct Classic {
    tags: Vec<String>,
    build: Build,
    skipped: bool,
}

impl GoreleaserFile<'_> {
    /// `dockers`, joined by `docker_manifests`.
    fn classic(&mut self, config: &Value) {
        let mut images = Vec::new();
        for one in list(&config["dockers"]) {
            let build = self.classic_build(one);
            images.push(Classic {
                tags: self.rendered(&one["image_templates"]),
                build,
                skipped: self.is_skipped(&one["skip_push"]),
            });
        }
        let manifests = list(&config["docker_manifests"]);
        let mut joined = vec![false; images.len()];
        for (at, manifest) in manifests.iter().enumerate() {
            let members = self.rendered(&manifest["image_templates"]);
            let name = self.rendered(&manifest["name_template"]);
            let mut build: Option<Build> = None;
            for (place, image) in images.iter().enumerate() {
                if !image.tags.iter().any(|tag| members.contains(tag)) {
                    continue;
                }
                joined[place] = true;
                match &mut build {
                    None => build = Some(image.build.clone()),
                    Some(known) => known.platforms.extend(image.build.platforms.clone()),
                }
            }
            if !self.is_skipped(&manifest["skip_push"]) {
                self.push(&format!("docker_manifests[{at}]"), &name, build);
            }
        }
        for (at, image) in images.into_iter().enumerate() {
            if joined[at] && !image.skipped {
                self.of_platform(at, &image.tags);
            } else if !image.skipped {
                self.push(&format!("dockers[{at}]"), &image.tags, Some(image.build));
            }
        }
    }

    /// Names the tags of an image that manifests join.
    fn of_platform(&mut self, at: usize, tags: &[String]) {
        let references = tags.iter().filter_map(|tag| PushedReference::parse(tag));
        let tags: Vec<String> = references
            .map(|reference| template(&reference.tag, &self.version))
            .collect();
        if !tags.is_empty() {
            self.notes.add(
                NoteKind::NotTaken,
                format!(
                    "the tags of single platforms of `dockers[{at}]` of `{}` ({}): hoist joins platforms without tags of their own",
                    self.file,
                    tags.join(", ")
                ),
            );
        }
    }

    fn classic_build(&mut self, one: &Value) -> Build {
        let arch = one["goarch"].as_str().unwrap_or("amd64");
        let variant = one
            .get("goarm")
            .map(yaml::text)
            .filter(|text| arch == "arm" && !text.is_empty());
        let os = one["goos"].as_str().unwrap_or("linux");
        let mut build = self.with_programs(one["dockerfile"].as_str());
        build.platforms = vec![match variant {
            Some(variant) => format!("{os}/{arch}/v{variant}"),
            None => format!("{os}/{arch}"),
        }];
        let flags = self.rendered(&one["build_flag_templates"]);
        self.flags(&mut build, flags);
        build
    }

    /// Adds flags for docker. The platform and the names of the image are said elsewhere.
    fn flags(&mut self, build: &mut Build, flags: Vec<String>) {
        let words: Vec<String> = flags
            .iter()
            .flat_map(|flag| match flag.split_once(' ') {
                Some((name, value)) if name.starts_with("--") && !name.contains('=') => {
                    vec![name.to_owned(), value.trim().to_owned()]
                }
                _ => vec![flag.clone()],
            })
            .collect();
        let mut flags = BuildFlags::read(&words);
        for elsewhere in [
            "platforms",
            "tags",
            "context",
            "file",
            "push",
            "load",
            "outputs",
        ] {
            flags.inputs.remove(elsewhere);
        }
        let place = format!("`{}`", self.file);
        build.tell(flags.build(".", &place));
    }

    /// A build into whose context goreleaser puts what it has compiled.
    fn with_programs(&mut self, dockerfile: Option<&str>) -> Build {
        let mut build = Build {
            dockerfile: plain_path(dockerfile.unwrap_or("Dockerfile")),
            context: Some(".".into()),
            ..Build::default()
        };
        build.left_out.push(format!(
            "the programs that goreleaser puts beside `{}`: hoist builds the committed files, so the Dockerfile has to compile them, or `image.build.command` makes the image",
            build.dockerfile
        ));
        build
    }

    fn second(&mut self, at: usize, one: &Value) {
        let images = self.rendered(&one["images"]);
        let tags = match one.get("tags") {
            Some(tags) => self.rendered(tags),
            None => Vec::new(),
        };
        if truthy(&one["disable"]) || self.is_skipped(&one["skip_push"]) {
            return;
        }
        let mut build = self.with_programs(one["dockerfile"].as_str());
        build.platforms = match yaml::lines(one.get("platforms")) {
            platforms if platforms.is_empty() => vec!["linux/amd64".into(), "linux/arm64".into()],
            platforms => platforms,
        };
        for (table, name) in [("labels", 0), ("annotations", 1), ("build_args", 2)] {
            for (key, value) in one[table].as_object().into_iter().flatten() {
                let value = self.rendered(value).pop();
                let place = match name {
                    0 => &mut build.labels,
                    1 => &mut build.annotations,
                    _ => &mut build.args,
                };
                if let Some(value) = value {
                    place.insert(key.clone(), value);
                }
            }
        }
        let flags = self.rendered(&one["flags"]);
        self.flags(&mut build, flags);
        match one.get("sbom") {
            Some(asked) if truthy(asked) => build.sbom = build.sbom.or(Some(Sbom::On)),
            Some(_) => {}
            None if build.sbom.is_some() => {}
            None => build.left_out.push("the software bill of materials that goreleaser attaches unasked: `image.build.sbom = true` attaches one, where BuildKit builds by its own API".into()),
        }
        let each = images
            .iter()
            .flat_map(|image| tags.iter().map(move |tag| format!("{image}:{tag}")));
        let references: Vec<String> = each.collect();
        self.push(&format!("dockers_v2[{at}]"), &references, Some(build));
    }

    fn ko(&mut self, at: usize, one: &Value) {
        let mut repositories = self.rendered(&one["repositories"]);
        repositories.extend(self.rendered(&one["repository"]));
        let mut tags = self.rendered(&one["tags"]);
        if tags.is_empty() {
            tags.push("latest".into());
        }
        let place = format!("kos[{at}]");
        let platforms = match &*yaml::lines(one.get("platforms")) {
            [] => String::new(),
            platforms => format!(" for {}", platforms.join(", ")),
        };
        // Without `bare` the name of the program is added.
        let bare = truthy(&one["bare"]) || truthy(&one["base_import_paths"]);
        if !truthy(&one["bare"]) {
            let kind = if bare {
                "the import path"
            } else {
                "a hash of the import path"
            };
            self.notes.add(
                NoteKind::Assumed,
                format!("{place} of `{}` pushes to the repositories that it names, to which ko adds {kind}", self.file),
            );
        }
        self.notes.add(
            NoteKind::NotTaken,
            format!(
                "the build of {place} of `{}`{platforms}: ko needs no Dockerfile; `image.build.command` with `image.build.layout` takes what it makes",
                self.file
            ),
        );
        let each = repositories
            .iter()
            .flat_map(|image| tags.iter().map(move |tag| format!("{image}:{tag}")));
        let references: Vec<String> = each.collect();
        self.push(&place, &references, None);
    }

    /// The texts of a list, each rendered; empty ones are left out, as goreleaser does.
    fn rendered(&mut self, value: &Value) -> Vec<String> {
        let mut out = Vec::new();
        for template in yaml::lines(Some(value)) {
            match render(&template, &self.fields) {
                Ok(text) if !text.trim().is_empty() => out.push(text.trim().to_owned()),
                Ok(_) => {}
                Err(why) => self.notes.add(
                    NoteKind::NotTaken,
                    format!("`{template}` of `{}`: {why}", self.file),
                ),
            }
        }
        out
    }

    fn is_skipped(&mut self, value: &Value) -> bool {
        match value.as_str() {
            Some("auto") => !self.stable,
            Some(text) if text.contains("{{") => {
                render(text, &self.fields).is_ok_and(|text| text.trim() == "true")
            }
            _ => truthy(value),
        }
    }

    fn push(&mut self, place: &str, references: &[String], build: Option<Build>) {
        let references: Vec<PushedReference> = references
            .iter()
            .filter_map(|text| {
                let whole = if text.rsplit('/').next()?.contains(':') {
                    text.clone()
                } else {
                    format!("{text}:latest")
                };
                PushedReference::parse(&whole)
            })
            .collect();
        if references.is_empty() {
            return;
        }
        self.pushes.push(Push {
            file: self.file.to_owned(),
            place: format!("`{place}` of `{}`", self.file),
            key: format!("{}#{place}", self.file),
            references,
            build,
            by_digest: false,
            digest_repositories: Vec::new(),
            sources: Vec::new(),
            matrix: BTreeMap::new(),
        });
    }
}

fn list(value: &Value) -> Vec<&Value> {
    value.as_array().into_iter().flatten().collect()
}

fn truthy(value: &Value) -> bool {
    value == &Value::Bool(true) || value.as_str() == Some("true")
}
