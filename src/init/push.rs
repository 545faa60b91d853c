//! What another tool pushes in a release: references, and the build that they show.

use std::collections::BTreeMap;

use crate::{init::metadata::PERHAPS, oci::Repository};

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

/// What a builder is told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Build {
    /// The context, seen from the top of the repository; `None`: the whole repository.
    pub(super) context: Option<String>,
    /// The Dockerfile, seen from the top of the repository.
    pub(super) dockerfile: String,
    pub(super) target: Option<String>,
    pub(super) platforms: Vec<String>,
    pub(super) args: BTreeMap<String, String>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    /// Id, and the variable or file that holds it.
    pub(super) secrets: BTreeMap<String, SecretPlace>,
    pub(super) ssh: Vec<String>,
    pub(super) cache_from: Vec<String>,
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
        self.source() == other.source() && self.args == other.args
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
