//! What another tool pushes in a release: references, and the build that they show.

use std::collections::BTreeMap;

use crate::{
    init::metadata::PERHAPS,
    oci::Repository,
    policy::{BuildNetwork, Provenance, Sbom},
};

/// One step that pushes an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Push {
    /// The file, and where in it.
    pub(super) file: String,
    pub(super) place: String,
    /// Tells the step, with its values of the matrix, from all others.
    pub(super) key: String,
    pub(super) references: Vec<PushedReference>,
    /// What is built; `None` where nothing here tells.
    pub(super) build: Option<Build>,
    /// The image goes up without a tag, and another step gives it its names.
    pub(super) by_digest: bool,
    /// Repositories that an image without a tag goes to.
    pub(super) digest_repositories: Vec<String>,
    /// Images in a registry that the references are further names of, where nothing in the same
    /// workflow tells the build.
    pub(super) sources: Vec<PushedReference>,
    /// The values of the matrix that this step runs with.
    pub(super) matrix: BTreeMap<String, String>,
}

/// A tag in a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PushedReference {
    pub(super) repository: String,
    pub(super) tag: String,
    /// Nobody here knows whether the tag is made.
    pub(super) perhaps: bool,
}

impl PushedReference {
    /// Reads `host/name:tag`. `None` where it is not a reference with a tag that is known; of the
    /// repository a part may be unknown.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let perhaps = text.ends_with(PERHAPS);
        let text = text.trim_end_matches(PERHAPS);
        let name = text.split('@').next()?;
        // A colon before the last slash belongs to a port; `{sha:full}` holds one, too.
        let end = name.rfind("}}").map_or(0, |at| at + 2);
        let start = name.rfind('/').map_or(0, |at| at + 1);
        let start = if name[start..].contains(':') {
            start.max(end.min(name.len()))
        } else {
            start
        };
        let colon = start + name[start..].find(':')?;
        let (repository, tag) = (&name[..colon], &name[colon + 1..]);
        let known = !tag.contains("${{")
            && !tag.contains("}}")
            && !repository.is_empty()
            && !tag.is_empty();
        known.then(|| Self {
            repository: self::repository(repository),
            tag: tag.to_owned(),
            perhaps,
        })
    }
}

impl PushedReference {
    /// The same for a name that may be without a tag, which means `latest`.
    pub(super) fn with_tag(text: &str) -> Option<Self> {
        match text.rsplit('/').next() {
            Some(last) if !last.contains(':') && !text.contains("${{") => {
                Self::parse(&format!("{text}:latest"))
            }
            _ => Self::parse(text),
        }
    }
}

/// What a builder is told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Build {
    /// The context, seen from the top of the repository; `None`: the whole repository.
    pub(super) context: Option<String>,
    /// The Dockerfile, seen from the top of the repository.
    pub(super) dockerfile: String,
    pub(super) target: Option<String>,
    /// What says where context and Dockerfile are, and is not known here: `file: ${{ vars.FILE }}`.
    /// An unknown Dockerfile is empty.
    pub(super) unknown: Vec<String>,
    pub(super) platforms: Vec<String>,
    pub(super) args: BTreeMap<String, String>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    /// Id, and the variable or file that holds it.
    pub(super) secrets: BTreeMap<String, SecretPlace>,
    pub(super) ssh: Vec<String>,
    /// Named contexts: directories seen from the top of the repository, images and addresses.
    pub(super) contexts: BTreeMap<String, String>,
    pub(super) cache_from: Vec<String>,
    pub(super) cache_to: Vec<String>,
    /// `None`: the builder is told nothing of it, as with the two keys that follow.
    pub(super) provenance: Option<Provenance>,
    pub(super) sbom: Option<Sbom>,
    pub(super) pull: Option<bool>,
    pub(super) no_cache: bool,
    pub(super) network: BuildNetwork,
    pub(super) add_hosts: Vec<String>,
    pub(super) ulimits: Vec<String>,
    pub(super) shm_size: Option<String>,
    pub(super) allow: Vec<String>,
    /// The files of submodules are there when it is built.
    pub(super) submodules: bool,
    /// What has no counterpart, with the reason.
    pub(super) left_out: Vec<String>,
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SecretPlace {
    Env(String),
    File(String),
}

impl Build {
    /// Whether both make the same image, whatever the platforms.
    pub(super) fn is_same_image(&self, other: &Self) -> bool {
        self.source() == other.source()
            && self.unknown == other.unknown
            && self.args == other.args
            && self.contexts == other.contexts
    }

    /// The Dockerfile in words.
    pub(super) fn dockerfile_in_words(&self) -> String {
        match (&*self.dockerfile, self.unknown.last()) {
            ("", None) => "an unknown Dockerfile".into(),
            ("", Some(unknown)) => format!("the unknown Dockerfile of `{unknown}`"),
            (path, _) => format!("`{path}`"),
        }
    }

    /// What says where the context is, where that is not known.
    pub(super) fn unknown_context(&self) -> Option<&str> {
        let mut all = self.unknown.iter();
        let of_context = all.find(|unknown| unknown.starts_with("context:"));
        of_context.map(String::as_str)
    }

    /// Puts what is told for all builds in the place of what this one is told.
    pub(super) fn put_over(&mut self, all: &Self) {
        self.provenance = all.provenance.or(self.provenance);
        self.sbom = all.sbom.clone().or(self.sbom.take());
        self.pull = all.pull.or(self.pull);
        self.no_cache |= all.no_cache;
        add(&mut self.allow, &all.allow);
        add(&mut self.left_out, &all.left_out);
    }

    /// Adds what another build of the same image is told: it is for other platforms, or goes elsewhere.
    pub(super) fn join(&mut self, other: &Self) {
        add(&mut self.platforms, &other.platforms);
        add(&mut self.left_out, &other.left_out);
        add(&mut self.cache_from, &other.cache_from);
        add(&mut self.cache_to, &other.cache_to);
        add(&mut self.ssh, &other.ssh);
        add(&mut self.add_hosts, &other.add_hosts);
        add(&mut self.ulimits, &other.ulimits);
        add(&mut self.allow, &other.allow);
        self.shm_size = self.shm_size.take().or_else(|| other.shm_size.clone());
        self.labels.extend(other.labels.clone());
        self.secrets.extend(other.secrets.clone());
        self.provenance = self.provenance.or(other.provenance);
        self.sbom = self.sbom.clone().or_else(|| other.sbom.clone());
        self.submodules |= other.submodules;
    }

    /// Adds what a builder is told by flags: what is built is said elsewhere.
    pub(super) fn tell(&mut self, flags: Self) {
        self.join(&flags);
        self.target = flags.target.or(self.target.take());
        self.args.extend(flags.args);
        self.annotations.extend(flags.annotations);
        self.contexts.extend(flags.contexts);
        self.pull = flags.pull.or(self.pull);
        self.no_cache |= flags.no_cache;
        self.network = flags.network;
    }

    /// Files of secrets that are named from the folder `base`, seen from the top.
    pub(super) fn secrets_seen_from(&mut self, base: &str) {
        for (id, place) in std::mem::take(&mut self.secrets) {
            let place = match place {
                SecretPlace::File(path) => joined(base, &path).map(SecretPlace::File),
                place => Some(place),
            };
            match place {
                Some(place) => drop(self.secrets.insert(id, place)),
                None => self
                    .left_out
                    .push(format!("secret `{id}`: its file is not in this repository")),
            }
        }
    }

    /// Context, Dockerfile and stage.
    pub(super) fn source(&self) -> (&str, &str, Option<&str>) {
        (
            self.context.as_deref().unwrap_or("."),
            &self.dockerfile,
            self.target.as_deref(),
        )
    }
}

fn add<T: Clone + PartialEq>(all: &mut Vec<T>, more: &[T]) {
    for one in more {
        if !all.contains(one) {
            all.push(one.clone());
        }
    }
}

/// Whether a named context is a directory of the repository, and no image or address.
pub(super) fn is_directory(context: &str) -> bool {
    !context.contains("://") && !context.starts_with("git@")
}

/// The user and the password of an address.
fn login(address: &str) -> Option<&str> {
    let (scheme, rest) = address.split_once("://")?;
    let authority = rest.split('/').next().unwrap_or(rest);
    // With ssh it is a name alone.
    let (login, _) = authority.rsplit_once('@')?;
    (scheme.starts_with("http") || login.contains(':')).then_some(login)
}

/// Whether an address holds what nobody but its owner should read.
pub(super) fn has_login(address: &str) -> bool {
    login(address).is_some()
}

/// The address for messages.
pub(super) fn without_login(address: &str) -> String {
    match login(address) {
        Some(login) => address.replacen(&format!("{login}@"), "", 1),
        None => address.to_owned(),
    }
}

/// The full name of a repository, with its host.
pub(super) fn repository(name: &str) -> String {
    if name.contains("${{") {
        return name.to_owned();
    }
    let name = name.to_lowercase();
    name.parse::<Repository>()
        .map_or(name, |full| full.to_string())
}

/// A path without `./` and doubled slashes; the top itself is `.`.
pub(super) fn plain_path(path: &str) -> String {
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    match &*parts {
        [] => ".".into(),
        parts => parts.join("/"),
    }
}

/// `path` seen from the folder `base`, with both from the top of the repository; `None` where it
/// leads out of the repository.
pub(super) fn joined(base: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(plain_path(&parts.join("/")))
}
