//! What was found, read and put in order: what the draft is made from.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use semver::Version;

use crate::{
    init::{
        bake::{self, BakeFile},
        dockerfile,
        found::{Found, TOOL_FILES},
        found_pipelines, goreleaser,
        notes::{NoteKind, Notes},
        push::{Push, PushedReference},
        scenario::{ReleaseEvent, Scenario},
        tagged::{git_prefix, github, labels, prefix_before_zeros},
        tools::{Hints, semantic_release_pushes},
        workflow::{self, FileTexts, Happening, Workflows, names_version},
        yaml,
    },
    oci::Repository,
    plan::history::change::{self, MessageKind},
    policy::WebAddress,
};

/// More Dockerfiles than this are examples or tests.
const MOST_DOCKERFILES: usize = 40;

/// What makes release pages in workflows.
const PAGE_MAKERS: [&str; 5] = [
    "softprops/action-gh-release",
    "ncipollo/release-action",
    "actions/create-release",
    "gh release create",
    "release-cli",
];

/// What the found files say.
#[derive(Debug, Default)]
pub(super) struct DraftFacts {
    /// Name and URL of the git remote.
    pub(super) remote: Option<(String, String)>,
    /// Names of all git tags.
    pub(super) git_tags: Vec<String>,
    /// Path and text of each Dockerfile, the likeliest first.
    pub(super) dockerfiles: Vec<(String, String)>,
    /// Every file by its path.
    pub(super) texts: FileTexts,
    /// What other release tools were told.
    pub(super) hints: Hints,
    /// `owner/name` on GitHub.
    pub(super) github: Option<String>,
    /// What stands before the version in git tags.
    pub(super) prefix: String,
    /// The highest version that is tagged.
    pub(super) highest: Option<Version>,
    pub(super) default_branch: String,
    /// Labels of pre-releases, the one most in use first.
    pub(super) labels: Vec<String>,
    /// Repositories that were named on the command line, or by the person at the terminal.
    pub(super) images: Vec<String>,
    /// The folder of the image in a repository of several; empty for the top.
    pub(super) folder: String,
    /// The version that a manifest has, with the manifest's path.
    pub(super) manifest: Option<(String, Version)>,
    /// How many of the newest commits have no conventional header, and of how many.
    pub(super) unconventional: (usize, usize),
}

impl DraftFacts {
    /// What makes a release page on a forge that hoist knows, where a workflow does.
    pub(super) fn page_maker(&self) -> Option<&'static str> {
        let (_, url) = self.remote.as_ref()?;
        let address = WebAddress::of(url)?;
        if !address.has_word("github") && !address.has_word("gitlab") {
            return None;
        }
        let is_workflow =
            |path: &str| path.starts_with(".github/workflows/") || path.ends_with(".gitlab-ci.yml");
        let texts = self.texts.iter().filter(|(path, _)| is_workflow(path));
        let mut makers = PAGE_MAKERS.into_iter();
        makers.find(|maker| texts.clone().any(|(_, text)| text.contains(maker)))
    }

    /// Reads what was found.
    pub(super) fn of(found: &Found) -> Self {
        let mut facts = Self {
            remote: found.remote.clone(),
            git_tags: found.git_tags.clone(),
            dockerfiles: dockerfiles(found),
            images: found.images.clone(),
            ..Self::default()
        };
        for file in &found.files {
            facts.texts.insert(file.path.clone(), file.text.clone());
        }
        for name in TOOL_FILES {
            if let Some(text) = facts.texts.get(name) {
                facts.hints.read(name, text);
            }
        }
        for file in &found.files {
            let service = found_pipelines::service(&file.path);
            if service.is_some() || found_pipelines::is_runner(&file.path) {
                let hints = &mut facts.hints;
                hints.other_pipeline(&file.path, service, &file.text);
            }
            facts.hints.other_tool(&file.path, &file.text);
        }
        facts.github = facts.remote.as_ref().and_then(|(_, url)| github(url));
        facts.folder.clone_from(&found.folder);
        facts.manifest = manifest(&facts);
        let plain = |message: &&String| is_unconventional(message);
        facts.unconventional = (
            found.messages.iter().filter(plain).count(),
            found.messages.len(),
        );
        let own: Vec<String> = match facts.name() {
            Some(name) => facts
                .git_tags
                .iter()
                .filter(|tag| tag.contains(name))
                .cloned()
                .collect(),
            None => facts.git_tags.clone(),
        };
        let tagged = git_prefix(&own);
        let workflows = Workflows::read(&facts.texts);
        let hinted = facts
            .hints
            .tag
            .as_deref()
            .and_then(|tag| tag.split('{').next());
        let mut started = workflows.tag_prefixes();
        if let Some(name) = facts.name() {
            started.retain(|prefix| prefix.contains(name));
            started.push(format!("{name}-v"));
        }
        let started = started.into_iter().next();
        let branch = workflows.default_branch().unwrap_or("main").to_owned();
        facts.prefix = match &tagged {
            Some((prefix, _)) => prefix.clone(),
            None => prefix_before_zeros(&own)
                .or(started)
                .or_else(|| hinted.map(str::to_owned))
                .unwrap_or_else(|| "v".into()),
        };
        facts.highest = tagged.map(|(_, version)| version);
        facts.default_branch = branch;
        facts.labels = labels(&facts.git_tags, &facts.texts);
        facts
    }

    /// What the image's folder is called, in a repository of several.
    pub(super) fn name(&self) -> Option<&str> {
        self.folder
            .rsplit('/')
            .next()
            .filter(|name| !name.is_empty())
    }

    /// What is pushed when the version is released, by whichever tool.
    pub(super) fn pushes(&self, version: &Version) -> (Vec<Push>, Notes) {
        let scenario = self.scenario(version, ReleaseEvent::TagPush);
        let released = self.released(version);
        let (mut pushes, mut notes) = (released.pushes, released.notes);
        let none = pushes.iter().all(|push| push.references.is_empty());
        let config = goreleaser::FILES
            .iter()
            .find_map(|file| Some((*file, self.texts.get(*file)?)));
        if let Some((file, text)) =
            config.filter(|_| released.goreleaser || none && self.is_by_hand(version))
        {
            pushes.extend(goreleaser::pushes(file, text, &scenario, &mut notes));
        }
        for name in TOOL_FILES {
            if let Some(text) = self.texts.get(name) {
                pushes.extend(semantic_release_pushes(name, text, &scenario, &mut notes));
            }
        }
        let none = pushes.iter().all(|push| push.references.is_empty());
        if none && self.is_by_hand(version) {
            pushes.extend(self.baked(&scenario, &mut notes));
        }
        if self.hints.unread_pushes {
            notes.set_unread();
        }
        (pushes, notes)
    }

    /// Whether somebody has to release the version by hand: no workflow releases it, nor the stable
    /// version of its numbers.
    fn is_by_hand(&self, version: &Version) -> bool {
        let stable = Version::new(version.major, version.minor, version.patch);
        let happening = self.released(&stable);
        let pushes = &happening.pushes;
        !happening.goreleaser && pushes.iter().all(|push| push.references.is_empty())
    }

    /// What workflows do in the release of the version.
    pub(super) fn released(&self, version: &Version) -> Happening {
        Workflows::read(&self.texts).release(&self.scenario(version, ReleaseEvent::TagPush))
    }

    /// What a bake file pushes that somebody runs by hand: a variable that is called a version is one.
    fn baked(&self, scenario: &Scenario<'_>, notes: &mut Notes) -> Vec<Push> {
        let files: Vec<BakeFile> = ["docker-bake.json", "docker-bake.hcl"]
            .iter()
            .filter_map(|path| {
                Some(BakeFile {
                    path: (*path).to_owned(),
                    text: self.texts.get(*path)?.clone(),
                })
            })
            .collect();
        if files.is_empty() {
            return Vec::new();
        }
        let used = RefCell::new(BTreeSet::new());
        let variable = |name: &str| {
            if names_version(name) {
                used.borrow_mut().insert(name.to_owned());
            }
            names_version(name).then(|| match name.to_lowercase().contains("tag") {
                true => scenario.tag(),
                false => scenario.version.to_string(),
            })
        };
        let baked = bake::evaluate(&files, ".", &[], &[], &variable);
        let mut workflows = self.texts.iter();
        if workflows.any(|(path, text)| workflow::is_workflow(path) && text.contains("bake")) {
            return Vec::new();
        }
        for why in baked.left_out {
            notes.add_unread(why);
        }
        let mut pushes = Vec::new();
        for target in baked.targets {
            let references: Vec<PushedReference> = target
                .tags
                .iter()
                .filter_map(|tag| PushedReference::parse(tag))
                .collect();
            if references.is_empty() {
                continue;
            }
            let used = used.borrow();
            let variables: Vec<String> = used.iter().map(|name| format!("`{name}`")).collect();
            let with = match variables.is_empty() {
                true => String::new(),
                false => format!(", with the version in {}", variables.join(", ")),
            };
            notes.add(
                NoteKind::Assumed,
                format!("bake target `{}` is pushed in a release{with}", target.name),
            );
            pushes.push(Push {
                file: files[0].path.clone(),
                place: format!("bake target `{}`", target.name),
                key: format!("bake#{}", target.name),
                references,
                build: Some(target.build),
                by_digest: false,
                digest_repositories: Vec::new(),
                sources: Vec::new(),
                matrix: BTreeMap::new(),
            });
        }
        pushes
    }

    /// The repository that a compose file names for an image that it builds.
    pub(super) fn composed(&self) -> Option<(String, String)> {
        let files = [
            "compose.yaml",
            "compose.yml",
            "docker-compose.yml",
            "docker-compose.yaml",
        ];
        let (file, text) = files
            .iter()
            .find_map(|file| Some((*file, self.texts.get(*file)?)))?;
        let read = yaml::parse(text)?;
        let services = read["services"].as_object()?.values();
        let mut names: Vec<String> = services
            .filter(|service| service.get("build").is_some())
            .filter_map(|service| {
                let image = service["image"].as_str()?;
                let image = if image.rsplit('/').next()?.contains(':') {
                    image.to_owned()
                } else {
                    format!("{image}:latest")
                };
                // A bare name is one of this machine's.
                image
                    .contains('/')
                    .then(|| PushedReference::parse(&image).map(|one| one.repository))?
            })
            .collect();
        names.dedup();
        match &*names {
            [one] if one.parse::<Repository>().is_ok() => Some((one.clone(), file.to_owned())),
            _ => None,
        }
    }

    /// What happens on a push to the default branch, which releases nothing.
    pub(super) fn on_branch(&self, version: &Version) -> Happening {
        Workflows::read(&self.texts).any(&self.scenario(version, ReleaseEvent::BranchPush))
    }

    fn scenario<'a>(&'a self, version: &'a Version, event: ReleaseEvent) -> Scenario<'a> {
        Scenario {
            version,
            prefix: &self.prefix,
            event,
            repository: self.github.as_deref(),
            default_branch: &self.default_branch,
        }
    }
}

/// The version of a manifest beside the policy.
fn manifest(facts: &DraftFacts) -> Option<(String, Version)> {
    let within = |name: &str| {
        if facts.folder.is_empty() {
            name.to_owned()
        } else {
            format!("{}/{name}", facts.folder)
        }
    };
    ["Cargo.toml", "package.json", "pyproject.toml", "Chart.yaml"]
        .iter()
        .find_map(|name| {
            let path = within(name);
            let text = facts.texts.get(&path)?;
            let version = match *name {
                "package.json" => serde_json::from_str::<serde_json::Value>(text).ok()?["version"]
                    .as_str()?
                    .to_owned(),
                "Chart.yaml" => yaml::text(&yaml::parse(text)?["version"]),
                _ => {
                    let table: toml::Table = text.parse().ok()?;
                    let package = |table: &toml::Table| {
                        table
                            .get("package")
                            .or_else(|| table.get("project"))
                            .cloned()
                    };
                    let own = package(&table)
                        .and_then(|own| own.get("version")?.as_str().map(str::to_owned));
                    let shared = || {
                        table
                            .get("workspace")?
                            .get("package")?
                            .get("version")?
                            .as_str()
                            .map(str::to_owned)
                    };
                    own.or_else(shared)?
                }
            };
            // What everybody's template begins with says nothing.
            let version = Version::parse(&version)
                .ok()
                .filter(|version| *version > Version::new(0, 0, 1))?;
            Some((path, version))
        })
}

/// Whether a message has no conventional header, and is not git's own.
fn is_unconventional(message: &str) -> bool {
    change::parse(message, false, &[]).kind == MessageKind::Unconventional
}

/// The Dockerfiles: those at the top first, plain names before others.
fn dockerfiles(found: &Found) -> Vec<(String, String)> {
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let mut all: Vec<_> = found
        .files
        .iter()
        .filter(|file| dockerfile::is_dockerfile(&name(&file.path)))
        .map(|file| (file.path.clone(), file.text.clone()))
        .collect();
    let inside =
        |path: &str| found.folder.is_empty() || path.starts_with(&format!("{}/", found.folder));
    all.retain(|(path, _)| inside(path));
    all.sort_by_key(|(path, _)| {
        let depth = path.matches('/').count();
        (depth, dockerfile::flavour(path).is_some(), path.clone())
    });
    all.truncate(MOST_DOCKERFILES);
    all
}
