//! Every policy of a repository: one file for each image, anywhere in the tree.

use crate::{
    error::{Error, ErrorCode, Result},
    io::git::read::GitRepository,
    policy::{self, Policy},
    project::location::{Location, POLICY_FILE, policy_text},
};

/// A policy and the file that it was read from.
#[derive(Debug, Clone)]
pub(super) struct NamedPolicy {
    /// The file's path from the top of the tree.
    pub(super) config: String,
    pub(super) policy: Policy,
}

/// The policies of one repository.
#[derive(Debug, Clone)]
pub(super) struct Policies {
    /// The policy of each image, sorted by path.
    pub(super) all: Vec<NamedPolicy>,
    /// Files of the same name that belong to another tool.
    pub(super) passed_over: Vec<String>,
}

/// Every file of HEAD's tree that has the policy file's name: the base name of `location.config`,
/// else `release.toml`. HEAD says which files there are. What a file says is read from the working
/// tree, as for one image, and from HEAD where the file is not there (a bare repository, a sparse
/// checkout).
///
/// # Errors
/// Usage (exit 2) where there is none, one of them is not a valid policy, or two of them could
/// write the same tags ([`policy::conflicts`]); refused (exit 4) where HEAD cannot be read.
pub(super) fn policies(location: &Location, repository: &GitRepository) -> Result<Policies> {
    let name = name(location)?;
    let mut found = Policies {
        all: Vec::new(),
        passed_over: Vec::new(),
    };
    for file in repository.tracked(&name)? {
        let text = match repository.directory().map(|top| top.join(&file.path)) {
            Some(path) if path.exists() => policy_text(&path, &file.path)?,
            Some(_) | None => file.text,
        };
        match Policy::parse(&text, &file.path) {
            Ok(policy) => found.all.push(NamedPolicy {
                config: file.path,
                policy,
            }),
            Err(_) if policy::is_cargo_release(&text) => found.passed_over.push(file.path),
            Err(error) => return Err(error.state("nothing was built or moved")),
        }
    }
    if found.all.is_empty() {
        return Err(none(&name, &found.passed_over));
    }
    let named: Vec<_> = found
        .all
        .iter()
        .map(|one| (&*one.config, &one.policy))
        .collect();
    policy::conflicts(&named)?;
    Ok(found)
}

/// The file name to look for.
fn name(location: &Location) -> Result<String> {
    if let Some(image) = location.images.first() {
        return Err(Error::usage(format!(
            "`--image {image}` replaces the repository of one policy"
        ))
        .cause("`--all` takes the repositories of every policy"));
    }
    let Some(file) = &location.config else {
        return Ok(POLICY_FILE.to_owned());
    };
    let name = file.file_name().and_then(|name| name.to_str());
    let no_file = || Error::usage(format!("`{}` does not name a file", file.display()));
    Ok(name.ok_or_else(no_file)?.to_owned())
}

fn none(name: &str, passed_over: &[String]) -> Error {
    let error = Error::usage(format!("no policy: HEAD has no file `{name}`"))
        .with_code(ErrorCode::InvalidPolicy)
        .cause("`--all` takes every committed file of that name, in any folder")
        .hint(
            "commit one for each image, e.g. `services/api/release.toml`; `hoist init` writes one",
        );
    passed_over.iter().fold(error, |error, path| {
        error.cause(format!("`{path}` belongs to cargo-release"))
    })
}
