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

    /// The newest commit messages of HEAD's own line, newest first; none where there is no commit yet.
    #[must_use]
    pub fn recent_messages(&self, most: usize) -> Vec<String> {
        let mut messages = Vec::new();
        let head = self.git.head().and_then(|head| head.peel_to_commit());
        let mut next = head.ok();
        while let Some(commit) = next.filter(|_| messages.len() < most) {
            // A merge is git's own message; what came in by it stands behind it.
            if commit.parent_count() < 2 {
                messages.push(String::from_utf8_lossy(commit.message_bytes()).into_owned());
            }
            next = commit.parent(0).ok();
        }
        messages
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
