//! Every policy of a repository: one file an image, anywhere in the tree.

use crate::{
    error::{Error, Result},
    io::{environment::Environment, git::read::Repository},
    plan::version::next::{Next, Request},
    policy::{self, Policy},
    project::{Location, POLICY_FILE, ProjectFacts},
};

/// A policy and its file.
#[derive(Debug, Clone)]
pub struct NamedPolicy {
    /// The file's path from the top of the tree.
    pub config: String,
    /// What it says.
    pub policy: Policy,
}

/// The policies of one repository.
#[derive(Debug, Clone)]
pub struct Policies {
    /// Each image's, by path.
    pub all: Vec<NamedPolicy>,
    /// Files of the same name that are another tool's.
    pub passed_over: Vec<String>,
}

/// Every file of HEAD's tree that has the policy file's name: the base name of `place.config`, else
/// `release.toml`. HEAD says which files there are; what a file says is read from the working tree,
/// as for one image, and from HEAD where it is not there (a bare repository, a sparse checkout).
///
/// # Errors
/// Usage (exit 2) where there is none, one of them is no policy, or two cannot be told apart
/// ([`policy::apart`]); refused (exit 4) where HEAD cannot be read.
pub fn policies(place: &Location, repository: &Repository) -> Result<Policies> {
    if let Some(image) = place.images.first() {
        return Err(Error::usage(format!(
            "`--image {image}` stands in for one policy's repository"
        ))
        .cause("`--all` takes the repositories of every policy"));
    }
    let name = match &place.config {
        None => POLICY_FILE.to_owned(),
        Some(file) => {
            let name = file.file_name().and_then(|name| name.to_str());
            let no_file = || Error::usage(format!("`{}` names no file", file.display()));
            name.ok_or_else(no_file)?.to_owned()
        }
    };
    let mut found = Policies {
        all: Vec::new(),
        passed_over: Vec::new(),
    };
    for file in repository.tracked(&name)? {
        let text = match repository.directory().map(|top| top.join(&file.path)) {
            Some(path) if path.exists() => std::fs::read_to_string(&path).map_err(|error| {
                Error::usage(format!("cannot read `{}`", file.path)).because(&error)
            })?,
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
        let error = Error::usage(format!("no policy: HEAD has no file `{name}`"))
            .cause("`--all` takes every committed file of that name, in any folder")
            .hint("commit one for each image, e.g. `services/api/release.toml`; `hoist init` writes one");
        let others = found.passed_over.iter();
        return Err(others.fold(error, |error, path| {
            error.cause(format!("`{path}` belongs to cargo-release"))
        }));
    }
    let named: Vec<_> = found
        .all
        .iter()
        .map(|one| (&*one.config, &one.policy))
        .collect();
    policy::conflicts(&named)?;
    Ok(found)
}

/// What was seen of one image, and its next version.
pub struct History {
    /// Policy and facts.
    pub seen: ProjectFacts,
    /// What follows from them.
    pub next: Next,
}

/// The next version of every image of a repository.
pub struct Histories {
    /// Each image's, by the path of its policy.
    pub all: Vec<(String, Result<History>)>,
    /// As [`Policies::passed_over`].
    pub passed_over: Vec<String>,
}

impl History {
    /// Reads and decides for each policy of the repository.
    ///
    /// # Errors
    /// As [`policies`]. What stands in the way of one image is that image's own result.
    pub fn read_all(place: &Location, request: &Request, env: &Environment) -> Result<Histories> {
        let open = || Repository::open(&place.directory);
        let Policies { all, passed_over } = policies(place, &open()?)?;
        let read = |NamedPolicy { config, policy }| {
            let read = || {
                let seen = ProjectFacts::of(open()?, policy, request, env)?;
                let next = seen.next(request)?;
                Ok(Self { seen, next })
            };
            (config, read())
        };
        Ok(Histories {
            all: all.into_iter().map(read).collect(),
            passed_over,
        })
    }
}
