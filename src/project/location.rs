//! Where a project is, and which policy file is meant.

use std::path::{Path, PathBuf};

use crate::{
    error::{Error, Result},
    io::git::read::GitRepository,
    oci,
    policy::Policy,
};

/// The policy file's name, at the top of the working tree.
pub const POLICY_FILE: &str = "release.toml";

/// The changelog's name.
pub const CHANGELOG: &str = "CHANGELOG.md";

/// Where to look for a repository and its policy, and what replaces parts of the policy.
#[derive(Debug, Clone)]
pub struct Location {
    /// The directory to start in (`-C`). The repository is the one that contains it.
    pub directory: PathBuf,
    /// The policy file (`--config`), relative to `directory`. Unset: `release.toml` at the top of
    /// the working tree.
    pub config: Option<PathBuf>,
    /// Repositories that replace those of the policy file (`--image`). Empty: those of the file.
    pub images: Vec<oci::Repository>,
}

impl Default for Location {
    /// The current directory and its own policy.
    fn default() -> Self {
        Self {
            directory: ".".into(),
            config: None,
            images: Vec::new(),
        }
    }
}

/// The policy of one image: `--config`, else `release.toml` at the top of the working tree, else
/// nothing but defaults (then `--image` has to say where a release goes).
///
/// # Errors
/// Usage (exit 2): the named file cannot be read, or it is not a valid policy.
pub(super) fn load(location: &Location, repository: &GitRepository) -> Result<Policy> {
    let mut policy = match &location.config {
        Some(file) => parse(&location.directory.join(file))?,
        None => match repository.directory().map(|top| top.join(POLICY_FILE)) {
            Some(file) if file.exists() => parse(&file)?,
            _ => Policy::default(),
        },
    };
    if !location.images.is_empty() {
        policy.image.repository = None;
        policy.image.repositories.clone_from(&location.images);
    }
    Ok(policy)
}

/// The changelog's path inside the repository: beside the policy file, else at the top.
pub(super) fn changelog(location: &Location, repository: &GitRepository) -> String {
    let path = match location.config.is_some() {
        true => policy_path(location, repository).map(|path| path.with_file_name(CHANGELOG)),
        false => None,
    };
    let path = path.unwrap_or_else(|| CHANGELOG.into());
    path.to_string_lossy().into_owned()
}

/// The policy file's path inside the repository; `None`: it lies elsewhere.
pub(super) fn policy_path(location: &Location, repository: &GitRepository) -> Option<PathBuf> {
    let Some(config) = &location.config else {
        return Some(POLICY_FILE.into());
    };
    let top = repository.directory()?.canonicalize().ok()?;
    let file = location.directory.join(config);
    let directory = file.parent()?.canonicalize().ok()?;
    Some(directory.strip_prefix(top).ok()?.join(file.file_name()?))
}

fn parse(file: &Path) -> Result<Policy> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Error::usage(format!("cannot read `{name}`")).because(&error))?;
    let short = file
        .file_name()
        .map_or(name, |n| n.to_string_lossy().into());
    Policy::parse(&text, &short)
}
