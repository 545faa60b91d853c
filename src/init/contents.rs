//! Which image each pushed tag shows: builds that are the same are one content, whichever steps
//! push them; an image that goes up without a tag is joined with the step that names it.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use crate::init::{
    generalise::template,
    notes::{NoteKind, Notes},
    push::{Build, Push, PushedReference},
};

/// One image, whatever its platforms, with every reference that shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PushedContent {
    /// Names the content in every release: the step that builds it.
    pub(super) key: String,
    /// The same in words.
    pub(super) place: String,
    pub(super) build: Option<Build>,
    pub(super) references: BTreeSet<PushedReference>,
    /// The references in the order in which they are pushed.
    pub(super) ordered: Vec<PushedReference>,
    /// The files that push it.
    pub(super) files: BTreeSet<String>,
    /// The steps that build it, in words, with the repositories that each pushes to.
    pub(super) steps: Vec<(String, BTreeSet<String>)>,
}

/// Architectures as they stand in tags of single platforms.
const ARCHITECTURES: [&str; 18] = [
    "amd64", "arm64", "arm", "armv7", "armv6", "arm-v7", "arm-v6", "arm32v7", "arm32v6", "arm64v8",
    "386", "i386", "x86_64", "x86-64", "aarch64", "ppc64le", "s390x", "riscv64",
];

/// Orders the pushes of the release of a version by what they show.
pub(super) fn contents(
    pushes: &[Push],
    version: &Version,
    notes: &mut Notes,
) -> Vec<PushedContent> {
    let mut contents: Vec<PushedContent> = Vec::new();
    let (unnamed, named): (Vec<&Push>, Vec<&Push>) = pushes.iter().partition(|push| push.by_digest);
    let (of_platform, named): (Vec<&Push>, Vec<&Push>) =
        named.into_iter().partition(|push| is_of_platform(push));
    for push in named {
        let build = match &push.build {
            Some(build) => Some(build.clone()),
            None => retagged(push, pushes, DEEPEST)
                .or_else(|| joined(push, &unnamed, &of_platform, notes)),
        };
        let key = key(push, version);
        let known = contents
            .iter_mut()
            .find(|content| match (&content.build, &build) {
                (Some(one), Some(other)) => one.is_same_image(other),
                (None, None) => content.key == key,
                _ => false,
            });
        match known {
            Some(content) => content.add(push, build),
            None => contents.push(PushedContent::new(push, key, build)),
        }
    }
    for push in of_platform {
        let tags: Vec<String> = push
            .references
            .iter()
            .map(|reference| template(&reference.tag, version))
            .collect();
        notes.add(
            NoteKind::NotTaken,
            format!(
                "the tags of single platforms of {} ({}): hoist joins platforms without tags of their own",
                push.place,
                tags.join(", ")
            ),
        );
    }
    contents
}

/// What names the step in every release: values of its matrix can hold the version.
fn key(push: &Push, version: &Version) -> String {
    push.key.replace(&version.to_string(), "{version}")
}

impl PushedContent {
    fn new(push: &Push, key: String, build: Option<Build>) -> Self {
        let mut content = Self {
            key,
            place: push.place.clone(),
            build: build.clone(),
            references: BTreeSet::new(),
            ordered: Vec::new(),
            files: BTreeSet::new(),
            steps: Vec::new(),
        };
        content.add(push, build);
        content
    }

    fn add(&mut self, push: &Push, build: Option<Build>) {
        self.files.insert(push.file.clone());
        if push.build.is_some() {
            let repositories = push.references.iter();
            let repositories = repositories.map(|one| one.repository.clone());
            match self
                .steps
                .iter_mut()
                .find(|(place, _)| *place == push.place)
            {
                Some((_, known)) => known.extend(repositories),
                None => self
                    .steps
                    .push((push.place.clone(), repositories.collect())),
            }
        }
        for reference in &push.references {
            if self.references.insert(reference.clone()) {
                self.ordered.push(reference.clone());
            }
        }
        if let (Some(own), Some(build)) = (&mut self.build, build) {
            own.join(&build);
        }
    }

    /// The repositories in the order in which they are pushed to.
    pub(super) fn repositories(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for reference in &self.ordered {
            if !all.contains(&reference.repository) {
                all.push(reference.repository.clone());
            }
        }
        all
    }
}

/// Names of names deeper than this are left.
const DEEPEST: usize = 4;

/// The build of the image that a step puts further tags on, which another step has pushed, or has put
/// tags on in the same way.
fn retagged(push: &Push, pushes: &[Push], depth: usize) -> Option<Build> {
    let is_source = |one: &PushedReference| {
        let mut sources = push.sources.iter();
        sources.any(|source| (&source.repository, &source.tag) == (&one.repository, &one.tag))
    };
    let others = pushes.iter().filter(|other| other.key != push.key);
    let shown = others.filter(|other| other.references.iter().any(is_source));
    let builds: Vec<Build> = shown
        .filter_map(|other| match &other.build {
            Some(build) => Some(build.clone()),
            None if depth == 0 => None,
            None => retagged(other, pushes, depth - 1),
        })
        .collect();
    let (first, rest) = builds.split_first()?;
    let same = rest.iter().all(|build| build.is_same_image(first));
    same.then(|| first.clone())
}

/// The build that a step names which only puts tags on what is there.
fn joined(
    push: &Push,
    unnamed: &[&Push],
    of_platform: &[&Push],
    notes: &mut Notes,
) -> Option<Build> {
    let repositories: BTreeSet<&str> = push
        .references
        .iter()
        .map(|reference| &*reference.repository)
        .collect();
    let goes_there = |candidate: &&&Push| {
        let by_digest = candidate.digest_repositories.iter().any(|name| {
            let name = crate::init::push::repository(name);
            repositories.contains(&*name)
        });
        let by_tag = candidate
            .references
            .iter()
            .any(|one| repositories.contains(&*one.repository));
        // A name that GitHub alone knows can be any.
        by_digest
            || by_tag
            || (candidate.digest_repositories.is_empty() && candidate.references.is_empty())
    };
    let candidates: Vec<&&Push> = unnamed
        .iter()
        .chain(of_platform)
        .filter(goes_there)
        .collect();
    let same_file: Vec<&&Push> = candidates
        .iter()
        .copied()
        .filter(|one| one.file == push.file)
        .collect();
    let candidates = if same_file.is_empty() {
        candidates
    } else {
        same_file
    };
    // Values that both matrices have must agree: they say which image it is.
    let agrees = |candidate: &&&Push| {
        candidate
            .matrix
            .iter()
            .all(|(name, value)| push.matrix.get(name).is_none_or(|own| own == value))
    };
    let candidates: Vec<&Push> = candidates
        .iter()
        .filter(|one| agrees(one))
        .map(|one| **one)
        .collect();
    let builds: Vec<&Build> = candidates
        .iter()
        .filter_map(|one| one.build.as_ref())
        .collect();
    let (first, rest) = builds.split_first()?;
    if !rest.iter().all(|build| same_but_for_platform(first, build)) {
        notes.add(
            NoteKind::NotTaken,
            format!("the image of {}: several builds go up without a tag, and nothing here says which one it names", push.place),
        );
        return None;
    }
    let mut build = (*first).clone();
    for other in rest {
        build.join(other);
    }
    // Arguments that differ are those of a platform.
    let shared = |name: &String, value: &String| {
        rest.iter().all(|other| other.args.get(name) == Some(value))
    };
    let own: BTreeMap<String, String> = build.args.clone();
    for (name, _) in own.iter().filter(|(name, value)| !shared(name, value)) {
        build.args.remove(name);
        build.left_out.push(format!(
            "build argument `{name}`: it differs from platform to platform"
        ));
    }
    let own = build.contexts.clone();
    for (name, value) in own {
        if !rest
            .iter()
            .all(|other| other.contexts.get(&name) == Some(&value))
        {
            build.contexts.remove(&name);
            build.left_out.push(format!(
                "build context `{name}`: it differs from platform to platform"
            ));
        }
    }
    Some(build)
}

fn same_but_for_platform(one: &Build, other: &Build) -> bool {
    one.source() == other.source()
}

/// Whether every tag names the one architecture that is built.
fn is_of_platform(push: &Push) -> bool {
    let single = push
        .build
        .as_ref()
        .is_some_and(|build| build.platforms.len() <= 1);
    single
        && !push.references.is_empty()
        && push
            .references
            .iter()
            .all(|reference| names_architecture(&reference.tag))
}

fn names_architecture(tag: &str) -> bool {
    let tag = tag.to_lowercase();
    ARCHITECTURES.iter().any(|name| {
        [format!("-{name}"), format!("_{name}"), format!(".{name}")]
            .iter()
            .any(|end| tag.ends_with(&**end))
            || tag.starts_with(&format!("{name}-"))
            || tag == *name
            || tag.ends_with(&format!("-linux-{name}"))
    })
}
