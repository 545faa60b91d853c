//! Where a project is, and which policy file is meant.

use std::path::{Path, PathBuf};

use crate::{
    error::{Error, Result},
    io::git::read::GitRepository,
    oci,
    policy::{self, Policy},
    regular_file,
    text::shell_word,
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
    /// The policy file (`--config`), relative to `directory`. Unset: the nearest `release.toml`, from
    /// `directory` upwards to the top of the working tree.
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

/// The same location with the policy file named that it means: without `--config` the nearest
/// `release.toml`, from `directory` upwards to the top of the working tree. Files of that name which
/// belong to cargo-release are passed by, where there is another one.
pub(super) fn nearest(location: &Location, repository: &GitRepository) -> Location {
    let mut found = location.clone();
    if location.config.is_none() {
        found.config = nearest_file(&location.directory, repository);
    }
    found
}

/// `None` where it is the one at the top, or there is none: both are what is looked for anyway.
fn nearest_file(directory: &Path, repository: &GitRepository) -> Option<PathBuf> {
    let top = repository.directory()?.canonicalize().ok()?;
    let from = directory.canonicalize().ok()?;
    let folders = from.ancestors().take_while(|folder| **folder != *top);
    // One that cannot be read is ours: to pass it over in silence would take another policy.
    let is_ours = |file: &PathBuf| {
        let text = regular_file::read_text(file);
        !text.is_ok_and(|text| policy::is_cargo_release(&text))
    };
    let candidates = folders.map(|folder| folder.join(POLICY_FILE));
    from.starts_with(&top)
        .then(|| candidates.filter(|file| file.exists()).find(is_ours))
        .flatten()
}

/// The policy of one image, and the file that it was read from: `--config`, else `release.toml` at
/// the top of the working tree, else nothing but defaults (then `--image` has to say where a release
/// goes).
///
/// # Errors
/// Usage (exit 2): the named file cannot be read, or it is not a valid policy.
pub(super) fn load(
    location: &Location,
    repository: &GitRepository,
) -> Result<(Policy, Option<PathBuf>)> {
    let top = || repository.directory().map(|top| top.join(POLICY_FILE));
    let file = match &location.config {
        Some(file) => Some(location.directory.join(file)),
        None => top().filter(|file| file.exists()),
    };
    let mut policy = match &file {
        Some(file) => {
            let inside = policy_path(location, repository);
            parse(file, inside.as_deref().unwrap_or(file))?
        }
        None => Policy::default(),
    };
    if !location.images.is_empty() && !policy.images.is_empty() {
        return Err(several_images(&policy));
    }
    stand_in(&mut policy, &location.images);
    Ok((policy, file))
}

/// `--image` says where one image goes.
fn several_images(policy: &Policy) -> Error {
    let names: Vec<String> = policy.image_names().map(|one| one.to_string()).collect();
    Error::usage("`--image` is for a policy of one image")
        .cause(format!("this one has `{}`", names.join("`, `")))
        .state("nothing was built or moved")
        .hint("`--config FILE` names another policy, with other repositories")
}

/// Repositories that were named (`--image`) stand in for those of the policy.
pub(super) fn stand_in(policy: &mut Policy, images: &[oci::Repository]) {
    if !images.is_empty() {
        policy.image.repository = None;
        images.clone_into(&mut policy.image.repositories);
    }
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

fn parse(file: &Path, name: &Path) -> Result<Policy> {
    let text =
        policy_text(file, &file.display().to_string()).map_err(|error| match file.exists() {
            true => error,
            false => error.hint(format!(
                "`hoist --config {} init` writes it",
                shell_word(&name.to_string_lossy())
            )),
        })?;
    Policy::parse(&text, &name.to_string_lossy())
}

/// What a policy file says.
pub(super) fn policy_text(file: &Path, shown: &str) -> Result<String> {
    let bytes = regular_file::read_found(file)
        .map_err(|error| Error::usage(format!("cannot read `{shown}`")).because(&error))?;
    String::from_utf8(bytes).map_err(|_| {
        Error::usage(format!("`{shown}` is not text in UTF-8"))
            .state("nothing was built or moved")
            .hint("save the file again, in UTF-8")
    })
}
