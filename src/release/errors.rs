//! Errors that several verbs share: which registry or tag, which right is missing, what helps.

use crate::{
    error::{Error, ErrorCode, ErrorKind},
    io::git::remote::RemoteError,
    oci::Digest,
    plan::PlannedMove,
};

pub(super) use crate::publish::registry_error as registry;

/// A fixed tag shows another image than the release's.
pub(super) fn fixed(planned: &PlannedMove, shown: &Digest) -> Error {
    let name = planned.repository.tag(&planned.tag);
    Error::refused(format!("`{name}` is a fixed tag, and it shows another image")).with_code(ErrorCode::TagTaken)
        .cause(format!("it shows {shown}"))
        .state("nothing was moved")
        .hint("a fixed tag never moves: delete it on the registry, or take its template out of `tags.fixed`")
}

/// Tags are to move that their registry says it will not let move.
pub(super) fn immutable(tags: &[&PlannedMove]) -> Error {
    let names: Vec<String> = tags
        .iter()
        .map(|tag| format!("`{}`", tag.repository.tag(&tag.tag)))
        .collect();
    Error::refused(format!(
        "the registry does not let {} move: immutable tags",
        names.join(", ")
    ))
    .with_code(ErrorCode::TagImmutable)
    .state("nothing was built or moved")
    .hint("take them out of the registry's rules about immutable tags, or out of `tags.moving`")
}

/// The git tag's object could not be made or signed.
pub(super) fn git_tag(name: &str, error: &RemoteError) -> Error {
    let told = Error::failed(format!("cannot make the git tag `{name}`"))
        .with_code(ErrorCode::GitRemote)
        .because(error)
        .state("no tag has moved");
    match &error.hint {
        Some(hint) => told.hint(hint.clone()),
        None => told,
    }
}

/// The first signal came before the transaction began.
pub(super) fn interrupted() -> Error {
    Error::new(ErrorKind::Interrupted, "interrupted")
        .state("no tag has moved")
        .hint("the same command starts again")
}

#[cfg(test)]
mod tests {
    use crate::{
        error::ErrorKind,
        io::registry::{RegistryError, RegistryErrorKind},
        oci::Repository,
        publish::push_error,
        release::errors::registry,
    };

    fn error(kind: RegistryErrorKind) -> RegistryError {
        RegistryError {
            kind,
            request: "GET https://registry.example.org/v2/".into(),
            status: None,
            codes: Vec::new(),
            detail: None,
        }
    }

    #[test]
    fn a_setting_that_cannot_be_used_is_a_mistake_of_whoever_set_it() {
        let repository: Repository = "registry.example.org/acme/api".parse().expect("a name");
        for (kind, expected) in [
            (RegistryErrorKind::Setup, ErrorKind::Usage),
            (RegistryErrorKind::ProxyRefused, ErrorKind::Failed),
            (RegistryErrorKind::ProxyUnreachable, ErrorKind::Failed),
            (RegistryErrorKind::Unclear, ErrorKind::Failed),
            (RegistryErrorKind::NoChallenge, ErrorKind::Failed),
            (RegistryErrorKind::TooLarge, ErrorKind::Failed),
        ] {
            let error = error(kind);
            let remedy = error.remedy().expect("each of these has one");
            for told in [
                registry("cannot read it", &error),
                push_error(&repository, &error),
            ] {
                assert_eq!(told.kind(), expected, "{error}");
                let hints = told.hints();
                let helps = hints.iter().any(|hint| hint == remedy);
                // Whoever has no way to log in is told so by the cause.
                assert!(
                    helps || error.kind == RegistryErrorKind::NoChallenge,
                    "{hints:?}"
                );
            }
        }
    }
}
