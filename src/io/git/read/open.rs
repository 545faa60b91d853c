//! Opens a repository and reads HEAD. Each refusal says what the user can do.

use std::path::Path;

use git2::{ErrorCode, Oid, RepositoryOpenFlags};

use crate::{
    error::{Error, Result},
    io::git::read::{GitRepository, problem},
    text::shell_word,
};

impl GitRepository {
    /// Opens the repository that `directory` is in.
    ///
    /// Turns off two things that cost much and give nothing when history is read once: libgit2's
    /// object cache, and its check of each object's hash (git has checked what it fetched). Both
    /// are settings of the whole process.
    ///
    /// # Errors
    /// Refused (exit 4): no repository, one of another owner, or a format that libgit2 cannot
    /// read (SHA-256 ids, reftable).
    pub fn open(directory: &Path) -> Result<Self> {
        git2::opts::enable_caching(false);
        git2::opts::strict_hash_verification(false);
        let none: [&Path; 0] = [];
        git2::Repository::open_ext(directory, RepositoryOpenFlags::empty(), none)
            .map(|git| Self { git })
            .map_err(|error| refusal(directory, &error))
    }

    pub(crate) fn head_oid(&self) -> Result<Oid> {
        let head = self.git.head().map_err(|error| match error.code() {
            ErrorCode::UnbornBranch | ErrorCode::NotFound => Error::refused("no commits yet")
                .with_code(crate::error::ErrorCode::NoCommits)
                .state("nothing was changed")
                .hint("commit something first: a release is cut from a commit"),
            _ => problem("cannot read HEAD", &error),
        })?;
        head.peel_to_commit()
            .map(|commit| commit.id())
            .map_err(|error| problem("HEAD is not a commit that can be read", &error))
    }
}

fn refusal(directory: &Path, error: &git2::Error) -> Error {
    let place = directory.display();
    let text = error.message();
    if error.code() == ErrorCode::Owner {
        // libgit2 names the repository's top; `directory` may lie below it.
        let path = match text.split('\'').nth(1) {
            Some(top) => top.into(),
            None => std::path::absolute(directory).unwrap_or_else(|_| directory.into()),
        };
        return Error::refused(format!(
            "the repository at `{place}` belongs to another user"
        ))
        .with_code(crate::error::ErrorCode::NotAGitRepository)
        .cause(text.trim().to_owned())
        .hint(format!(
            "git config --global --add safe.directory {}",
            shell_word(&path.display().to_string())
        ));
    }
    if text.contains("refstorage") {
        return Error::refused(format!(
            "the repository at `{place}` keeps its refs in a reftable, which hoist cannot read yet"
        ))
        .with_code(crate::error::ErrorCode::NotAGitRepository)
        .hint("git refs migrate --ref-format=files");
    }
    if text.contains("sha256") {
        return Error::refused(format!(
            "the repository at `{place}` has SHA-256 ids, which hoist cannot read yet"
        ))
        .with_code(crate::error::ErrorCode::NotAGitRepository)
        .hint("release from a clone with SHA-1 ids");
    }
    if error.code() == ErrorCode::NotFound {
        if !directory.exists() {
            return Error::refused(format!("`{place}` does not exist"))
                .with_code(crate::error::ErrorCode::NotAGitRepository)
                .hint("name a folder of a clone with `-C DIR`");
        }
        let place = std::path::absolute(directory).unwrap_or_else(|_| directory.into());
        let place = place.display();
        return Error::refused(format!("`{place}` is not in a git repository"))
            .with_code(crate::error::ErrorCode::NotAGitRepository)
            .hint("start in a clone, or name one with `-C DIR`");
    }
    problem(&format!("cannot open the repository at `{place}`"), error)
}
