//! Names and dates that are read without walking the history.

use crate::{
    error::{Error, Result},
    git::CommitId,
    io::git::read::{GitRepository, commit_id, problem},
};

impl GitRepository {
    /// The remotes' names.
    ///
    /// # Errors
    /// Refused (exit 4) where the configuration cannot be read.
    pub fn remotes(&self) -> Result<Vec<String>> {
        let names = self
            .git
            .remotes()
            .map_err(|error| problem("cannot list the remotes", &error))?;
        Ok(names
            .iter()
            .filter_map(|name| name.ok().flatten().map(str::to_owned))
            .collect())
    }

    /// The names of all tags; names that are not UTF-8 are left out.
    ///
    /// # Errors
    /// Refused (exit 4) where the tags cannot be listed.
    pub fn tag_names(&self) -> Result<Vec<String>> {
        let names = self
            .git
            .tag_names(None)
            .map_err(|error| problem("cannot list the tags", &error))?;
        Ok(names
            .iter()
            .filter_map(|name| name.ok().flatten().map(str::to_owned))
            .collect())
    }

    /// The commit that a tag points at, through any number of tag objects; `None` where it does
    /// not point at a commit of this clone.
    #[must_use]
    pub fn tag_commit(&self, name: &str) -> Option<CommitId> {
        let reference = self.git.find_reference(&format!("refs/tags/{name}")).ok()?;
        let commit = reference.peel_to_commit().ok()?;
        Some(commit_id(commit.id()))
    }

    /// When a commit was committed, seconds since 1970 UTC.
    ///
    /// # Errors
    /// Refused (exit 4) where this clone does not have the commit.
    pub fn commit_time(&self, id: CommitId) -> Result<i64> {
        let wanted = git2::Oid::from_str(&id.to_string())
            .map_err(|error| Error::bug(format!("commit {id}: {}", error.message())))?;
        self.git
            .find_commit(wanted)
            .map(|commit| commit.time().seconds())
            .map_err(|error| problem(&format!("cannot read commit {id}"), &error))
    }
}
