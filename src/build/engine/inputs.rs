//! What a build needs besides a builder: the context, named contexts, secrets. Everything that can fail before
//! the builder is asked for anything.

use std::collections::BTreeMap;

use crate::{
    build::{
        context::{BuildContext, ContextFiles, ContextRequest},
        dockerfile::check_target,
        errors::task_result,
        request::BuildRequest,
        secrets::BuildSecrets,
    },
    error::{Error, Result},
    event::Events,
    io::{environment::Environment, layout::Store},
    policy::SourceFiles,
    text::sanitize_line,
};

/// What the names of further contexts begin with, where a session serves them.
pub(crate) const NAMED: &str = "named-";

/// All inputs of one build.
pub(crate) struct BuildInputs {
    pub(crate) secrets: BuildSecrets,
    pub(crate) context: BuildContext,
    /// Named contexts that are directories of the repository, by the names that the session has for them.
    pub(crate) named: BTreeMap<String, BuildContext>,
    /// The named contexts that the builder fetches by itself.
    fetched: BTreeMap<String, String>,
}

/// Where a named context comes from.
#[derive(Debug, PartialEq, Eq)]
enum NamedSource<'a> {
    /// The builder fetches it: an image, a git repository, an archive.
    Fetched(&'a str),
    /// A directory of the repository.
    Directory(&'a str),
}

impl BuildInputs {
    /// Finds them. `store` is hoist's own place, which no context has in it.
    ///
    /// # Errors
    /// One of them is not there or cannot be used.
    pub(crate) async fn find(
        request: &BuildRequest,
        environment: &Environment,
        store: Option<&Store>,
        events: &Events,
    ) -> Result<Self> {
        let policy = &request.policy;
        let context = open(request, None, store, events).await?;
        check_target(
            &context.dockerfile(),
            policy.dockerfile.as_str(),
            policy.target.as_deref(),
        )?;
        let mut named = BTreeMap::new();
        let mut fetched = BTreeMap::new();
        for (name, value) in &policy.contexts {
            match named_source(name, value)? {
                NamedSource::Fetched(from) => {
                    fetched.insert(name.clone(), from.to_owned());
                }
                NamedSource::Directory(path) => {
                    let opened = open(request, Some(path), store, events).await;
                    let opened = opened.map_err(|error| {
                        error.cause(format!(
                            "it is the named context `{}`",
                            sanitize_line(name, 100)
                        ))
                    })?;
                    named.insert(format!("{NAMED}{name}"), opened);
                }
            }
        }
        Ok(Self {
            secrets: BuildSecrets::find(request, environment)?,
            context,
            named,
            fetched,
        })
    }

    /// What BuildKit's frontend is told of each named context.
    pub(crate) fn context_options(&self) -> BTreeMap<String, String> {
        let named = self.named.keys().filter_map(|known| {
            let name = known.strip_prefix(NAMED)?;
            Some((name.to_owned(), format!("local:{known}")))
        });
        self.fetched.clone().into_iter().chain(named).collect()
    }
}

fn named_source<'a>(name: &str, value: &'a str) -> Result<NamedSource<'a>> {
    let refuse = |why: &str| {
        Error::refused(format!(
            "`image.build.contexts` has `{} = \"{}\"`, which cannot be used",
            sanitize_line(name, 100),
            sanitize_line(value, 200)
        ))
        .cause(why.to_owned())
    };
    if value.starts_with("git@") {
        return Ok(NamedSource::Fetched(value));
    }
    match value.split_once("://") {
        None if value.starts_with("target:") => {
            Err(refuse("a target of a bake file is known to bake alone"))
        }
        None => Ok(NamedSource::Directory(value)),
        Some(("docker-image" | "https" | "http" | "git" | "ssh", _)) => {
            Ok(NamedSource::Fetched(value))
        }
        Some(("oci-layout", _)) => Err(refuse(
            "an image in a layout needs a store of content, which hoist does not offer to the builder",
        )
        .hint("push the image to a registry and name it: `docker-image://HOST/REPOSITORY:TAG`")),
        Some(_) => Err(refuse(
            "a named context is a directory of the repository, `docker-image://IMAGE`, or the address of a git repository or an archive",
        )),
    }
}

/// Opens the context of a build; with `directory`, that directory of the repository instead.
async fn open(
    request: &BuildRequest,
    directory: Option<&str>,
    store: Option<&Store>,
    events: &Events,
) -> Result<BuildContext> {
    let wanted = ContextRequest {
        repository: request.repository.clone(),
        files: match request.policy.files {
            SourceFiles::Commit => ContextFiles::Commit {
                id: request.commit,
                submodules: request.policy.submodules,
            },
            SourceFiles::Worktree => ContextFiles::Worktree,
        },
        context: directory.map_or_else(|| request.policy.context.to_string(), str::to_owned),
        dockerfile: match directory {
            None => Some(request.policy.dockerfile.to_string()),
            Some(_) => None,
        },
        time: request.time,
        leave_out: store.map(|store| store.root().to_owned()),
    };
    let events = events.clone();
    task_result(tokio::task::spawn_blocking(move || BuildContext::open(&wanted, &events)).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_context_is_fetched_or_served() {
        for (value, source) in [
            (
                "docker-image://acme/base:1",
                NamedSource::Fetched("docker-image://acme/base:1"),
            ),
            (
                "https://example.org/acme/x.git#main",
                NamedSource::Fetched("https://example.org/acme/x.git#main"),
            ),
            (
                "git@example.org:acme/x.git",
                NamedSource::Fetched("git@example.org:acme/x.git"),
            ),
            ("shared", NamedSource::Directory("shared")),
            (".", NamedSource::Directory(".")),
        ] {
            assert_eq!(named_source("n", value).expect(value), source);
        }
        for (value, why) in [
            ("oci-layout://x", "a store of content"),
            ("target:base", "known to bake alone"),
            ("ftp://x", "is a directory of the repository"),
        ] {
            let error = format!("{:#}", named_source("n", value).expect_err(value));
            assert!(
                error.contains(why) && error.contains("image.build.contexts"),
                "{error}"
            );
        }
    }
}
