//! The branch that HEAD is on, and the branches that hold HEAD.

use git2::Oid;

use crate::{
    error::{Error, Result},
    git::CommitId,
    io::{
        ci::{self, CiBranch},
        environment::Environment,
        git::read::{GitRepository, oid, problem},
    },
};

impl GitRepository {
    /// The branch's name: `wanted` (`--branch`), else what HEAD is on, else what CI says of this commit.
    ///
    /// # Errors
    /// Usage (exit 2) for a name that is empty; refused (exit 4) where HEAD or the branches cannot be read.
    pub fn branch(&self, wanted: Option<&str>, env: &Environment) -> Result<Option<String>> {
        if let Some(name) = wanted {
            return self.named(name).map(Some);
        }
        let head = self
            .git
            .find_reference("HEAD")
            .map_err(|error| problem("cannot read HEAD", &error))?;
        let own = head
            .symbolic_target_bytes()
            .and_then(|target| target.strip_prefix(b"refs/heads/"))
            .map(|name| String::from_utf8_lossy(name).into_owned());
        if own.is_some() {
            return Ok(own);
        }
        Ok(match ci::branch(env) {
            Some(told) if self.is_of_head(&told)? => Some(told.name),
            Some(_) | None => None,
        })
    }

    /// Whether HEAD is a commit, and no branch.
    #[must_use]
    pub fn is_detached(&self) -> bool {
        self.git.head_detached().unwrap_or(false)
    }

    /// A branch as a person names it: `main`, `refs/heads/main`, or `origin/main` where this clone has no branch
    /// of that name.
    fn named(&self, name: &str) -> Result<String> {
        if name.trim().is_empty() {
            return Err(
                Error::usage("`--branch` names no branch: its value is empty")
                    .state("nothing was done")
                    .hint("leave `--branch` out: HEAD or the CI service names the branch"),
            );
        }
        if let Some(name) = name.strip_prefix("refs/heads/") {
            return Ok(name.to_owned());
        }
        let short = name.strip_prefix("refs/remotes/").unwrap_or(name);
        let is_own = self.tip(&format!("refs/heads/{name}")).is_some();
        let is_fetched = !is_own && self.tip(&format!("refs/remotes/{short}")).is_some();
        let remotes = self.remotes()?;
        let mut remotes = remotes.iter().filter(|_| is_fetched);
        let branch = remotes.find_map(|remote| short.strip_prefix(&**remote)?.strip_prefix('/'));
        Ok(branch.unwrap_or(name).to_owned())
    }

    /// The branch that CI names for another commit than the one that is checked out, and that commit.
    ///
    /// # Errors
    /// As [`GitRepository::branch`].
    pub fn branch_of_another_commit(
        &self,
        env: &Environment,
    ) -> Result<Option<(String, CommitId)>> {
        Ok(match ci::branch(env) {
            Some(told) if !self.is_of_head(&told)? => told.commit.map(|commit| (told.name, commit)),
            Some(_) | None => None,
        })
    }

    /// Whether HEAD is a pull request's, as CI says it.
    #[must_use]
    pub fn is_of_pull_request(&self, env: &Environment) -> bool {
        ci::pull_request(env).is_some()
    }

    /// Whether HEAD is the commit that CI means, or one of its branch. A job can check out another one: a
    /// workflow of the main branch that builds a pull request.
    fn is_of_head(&self, told: &CiBranch) -> Result<bool> {
        let head = self.head_oid()?;
        if told.commit.is_none_or(|commit| oid(commit) == head) {
            return Ok(true);
        }
        let remotes = self.remotes()?;
        let fetched = remotes
            .iter()
            .filter_map(|remote| self.tip(&format!("refs/remotes/{remote}/{}", told.name)));
        let tips: Vec<Oid> = fetched.collect();
        self.is_in(head, &tips)
    }

    fn tip(&self, reference: &str) -> Option<Oid> {
        self.git.find_reference(reference).ok()?.target()
    }

    /// The branches of `remote` as they were when last fetched, by name and sorted.
    ///
    /// # Errors
    /// Refused (exit 4) where the refs cannot be read.
    pub fn branches_of(&self, remote: &str) -> Result<Vec<String>> {
        let tips = self.tips(&format!("refs/remotes/{remote}/"))?;
        Ok(tips.into_iter().map(|(name, _)| name).collect())
    }

    /// A branch whose name `wanted` accepts and that holds HEAD: one of `remote` as it was when last
    /// fetched; with `local`, and where nothing of `remote` was fetched, one of this clone, too.
    ///
    /// # Errors
    /// Refused (exit 4) where the history cannot be read.
    pub fn holder_of_head(
        &self,
        remote: &str,
        local: bool,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Option<String>> {
        let head = self.head_oid()?;
        let mut tips = self.tips(&format!("refs/remotes/{remote}/"))?;
        if local || tips.is_empty() {
            tips.extend(self.tips("refs/heads/")?);
        }
        tips.retain(|(name, _)| wanted(name));
        let all: Vec<Oid> = tips.iter().map(|(_, tip)| *tip).collect();
        if !self.is_in(head, &all)? {
            return Ok(None);
        }
        for (name, tip) in tips {
            if self.is_in(head, &[tip])? {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// The refs below `prefix`, without it, sorted. Symbolic ones (`origin/HEAD`) are left out.
    fn tips(&self, prefix: &str) -> Result<Vec<(String, Oid)>> {
        let references = self
            .git
            .references_glob(&format!("{prefix}*"))
            .map_err(|error| problem("cannot list the branches", &error))?;
        let tip = |reference: git2::Reference<'_>| {
            let name = reference.name().ok()?.strip_prefix(prefix)?.to_owned();
            Some((name, reference.target()?))
        };
        let mut tips: Vec<_> = references.flatten().filter_map(tip).collect();
        tips.sort();
        Ok(tips)
    }
}
