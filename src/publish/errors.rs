//! Errors that several steps share.

use crate::{
    error::{Error, ErrorCode, ErrorKind},
    io::{
        git::remote::{RemoteError, RemoteErrorKind},
        registry::{RegistryError, RegistryErrorKind, credentials::login_advice},
    },
    oci::Repository,
    text::shell_word,
};

/// What helps a release that came second.
pub(super) const FINISHED_FIRST: &str =
    "another release finished first; `hoist plan` shows what is left to do";

/// What helps a release whose branch has advanced.
pub(super) fn pull(remote: &str, branch: &str) -> String {
    let (remote, branch) = (shell_word(remote), shell_word(branch));
    // Without both names git pulls nothing where a commit is checked out by itself.
    format!("`git pull {remote} {branch}`, then the same command again")
}

/// What helps where the server may have refused the release commit.
pub(super) const MAY_PUSH: &str = "the release commit goes to its branch with the lock: let this account push there, or take `version.files` and `notes.changelog` out of release.toml";

/// A failed operation on the git remote before any tag has moved.
pub(crate) fn git_error(what: &str, error: &RemoteError) -> Error {
    // No such remote, or several places that it pushes to: nothing that another try mends.
    let kind = match error.kind {
        RemoteErrorKind::Setup => ErrorKind::Refused,
        // As a lock of that kind on a remote.
        RemoteErrorKind::LockFile => ErrorKind::Busy,
        RemoteErrorKind::Conflict
        | RemoteErrorKind::Refused
        | RemoteErrorKind::Raced
        | RemoteErrorKind::Unreachable
        | RemoteErrorKind::Local => ErrorKind::Failed,
    };
    let code = match error.kind {
        RemoteErrorKind::LockFile => ErrorCode::JournalUnreadable,
        _ => ErrorCode::GitRemote,
    };
    let made = Error::new(kind, what)
        .with_code(code)
        .because(error)
        .state("no tag has moved");
    match &error.hint {
        Some(hint) => made.hint(hint.clone()),
        None => made,
    }
}

/// A failed operation on the git remote for a run that only looks, or takes an unfinished release up: tags
/// may have moved before.
pub(super) fn recovery_error(what: &str, error: &RemoteError) -> Error {
    let made = git_error(what, error).state("nothing was changed by this command");
    let when = match error.kind {
        RemoteErrorKind::Local => "the cause is removed",
        _ => "the remote answers",
    };
    match error.hint {
        Some(_) => made,
        None => made.hint(format!(
            "an unfinished release may be there: run the same command again when {when}"
        )),
    }
}

/// A typo, a missing repository, a missing right: named apart where the registry tells them apart.
pub(crate) fn push_error(repository: &Repository, error: &RegistryError) -> Error {
    push_error_of(&[repository], error)
}

/// Whether two repositories of one registry lack the same login.
pub(crate) fn is_one_login(one: &RegistryError, other: &RegistryError) -> bool {
    use RegistryErrorKind::{Credentials, NoCredentials, Unauthorized};
    matches!(
        (&one.kind, &other.kind),
        (Unauthorized, Unauthorized)
            | (NoCredentials(_), NoCredentials(_))
            | (Credentials(_), Credentials(_))
    )
}

/// As [`push_error`], of repositories of one registry.
///
/// # Panics
/// Without a repository.
pub(crate) fn push_error_of(repositories: &[&Repository], error: &RegistryError) -> Error {
    let registry = repositories[0].registry();
    let names = repositories.iter().map(|one| format!("`{one}`"));
    let repository = names.collect::<Vec<_>>().join(" and ");
    let (what, hint) = match &error.kind {
        RegistryErrorKind::Unauthorized => (
            format!("`{registry}` does not accept the credentials for pushing to {repository}"),
            login_advice(registry),
        ),
        RegistryErrorKind::NoCredentials(advice) => (
            format!(
                "`{registry}` wants a login for pushing to {repository}, and there are no credentials for it"
            ),
            advice.clone(),
        ),
        RegistryErrorKind::Credentials(remedy) => (
            format!("cannot read the credentials for pushing to {repository}"),
            remedy.clone(),
        ),
        RegistryErrorKind::Denied => (
            format!("no right to push to {repository}"),
            format!(
                "check the name, and log in to `{registry}` with an account that may push there"
            ),
        ),
        RegistryErrorKind::NameUnknown => (
            format!("there is no repository {repository}"),
            format!("check the name, or create the repository on `{registry}` first"),
        ),
        RegistryErrorKind::NotFound => (
            format!("`{registry}` takes no image for {repository}"),
            format!(
                "either `{registry}` is not the address of a registry, or it has no such repository: check both names, or create the repository first"
            ),
        ),
        _ => (
            format!("cannot push to {repository}"),
            error
                .remedy()
                .unwrap_or("`hoist check` asks again without a release")
                .to_owned(),
        ),
    };
    let made = match error.kind {
        RegistryErrorKind::Setup => Error::usage(what),
        _ => Error::failed(what),
    };
    made.with_code(error.failure())
        .because(error)
        .state("nothing was built or pushed")
        .hint(hint)
}

/// `what` failed for `error`, before any tag moved: with the code, and what helps.
pub(crate) fn registry_error(what: &str, error: &RegistryError) -> Error {
    let told = match error.kind {
        RegistryErrorKind::Setup => Error::usage(what),
        _ => Error::failed(what),
    };
    let told = told
        .with_code(error.failure())
        .because(error)
        .state("nothing was built or moved");
    if let Some(remedy) = error.remedy() {
        return told.hint(remedy);
    }
    match error.kind {
        RegistryErrorKind::Unauthorized => told.hint(
            "`docker login` to that registry again, or correct the variables or the file that the password comes from",
        ),
        RegistryErrorKind::Denied => {
            told.hint("either the account lacks the right, or the name is wrong: check the token's scope and the repository's name")
        }
        RegistryErrorKind::NameUnknown => {
            told.hint("create the repository on the registry, or check its name in `release.toml`")
        }
        RegistryErrorKind::Unreachable => {
            told.hint("check the registry's address and the network, then run the same command again")
        }
        RegistryErrorKind::TooManyRequests(_) => told.hint("wait a while, then run the same command again"),
        _ => told,
    }
}

/// A journal that cannot be written before anything was changed.
pub(super) fn journal_error(error: &std::io::Error) -> Error {
    Error::failed("cannot write the journal")
        .because(error)
        .state("nothing was changed")
        .hint("make git's directory writable, with room on its disk")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_helps_fits_what_has_failed() {
        for (kind, expected) in [
            (RemoteErrorKind::Local, Some("when the cause is removed")),
            (
                RemoteErrorKind::Unreachable,
                Some("when the remote answers"),
            ),
        ] {
            let error = RemoteError::new(kind, "No space left on device");
            let told = recovery_error("cannot read the lock", &error);
            let hints = told.hints().join("; ");
            assert!(hints.contains(expected.unwrap_or_default()), "{hints}");
            // Before a release nothing is unfinished.
            assert!(git_error("cannot read the lock", &error).hints().is_empty());
            let own = error.hint("make room");
            assert_eq!(recovery_error("x", &own).hints(), ["make room"]);
        }
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let told = journal_error(&full);
        assert_eq!(
            told.hints(),
            ["make git's directory writable, with room on its disk"]
        );
        assert!(
            told.causes().join(";").contains("no storage space"),
            "{told:?}"
        );
    }
}
