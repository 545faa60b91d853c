//! The branch that HEAD is on, and the branches that hold HEAD.

use git2::Oid;

use crate::{
    error::{Error, Result},
    git::ObjectId,
    io::{
        ci::{self, CiBranch},
        environment::Environment,
        git::read::{GitRepository, oid, problem},
    },
    plan::history::facts::OtherPipeline,
};

impl GitRepository {
    /// The branch's name: `wanted` (`--branch`), else what HEAD is on, else what CI says of this commit, unless
    /// the branches of `remote` say otherwise.
    ///
    /// # Errors
    /// Usage (exit 2) for a name that is empty; refused (exit 4) where HEAD or the branches cannot be read.
    pub fn branch(
        &self,
        wanted: Option<&str>,
        env: &Environment,
        remote: &str,
    ) -> Result<Option<String>> {
        if let Some(name) = wanted {
            return self.named(name).map(Some);
        }
        let own = self.checked_out()?;
        if own.is_some() {
            return Ok(own);
        }
        Ok(match ci::branch(env) {
            Some(told) if self.belied(&told, remote)?.is_none() => Some(told.name),
            Some(_) | None => None,
        })
    }

    /// The branch that HEAD is on; `None` where a commit is checked out by itself.
    ///
    /// # Errors
    /// Refused (exit 4) where HEAD cannot be read.
    pub fn checked_out(&self) -> Result<Option<String>> {
        let head = self
            .git
            .find_reference("HEAD")
            .map_err(|error| problem("cannot read HEAD", &error))?;
        let own = head
            .symbolic_target_bytes()
            .and_then(|target| target.strip_prefix(b"refs/heads/"));
        Ok(own.map(|name| String::from_utf8_lossy(name).into_owned()))
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

    /// What is known of the branch that CI names, where HEAD is not of it.
    ///
    /// # Errors
    /// As [`GitRepository::branch`].
    pub fn other_pipeline(&self, env: &Environment, remote: &str) -> Result<Option<OtherPipeline>> {
        match ci::branch(env) {
            Some(told) => self.belied(&told, remote),
            None => Ok(None),
        }
    }

    /// Whether HEAD is a pull request's, as CI says it.
    #[must_use]
    pub fn is_of_pull_request(&self, env: &Environment) -> bool {
        ci::pull_request(env).is_some()
    }

    /// Why HEAD is not of the branch that CI names. `None`: it is, as far as anybody can tell.
    ///
    /// A job can check out another commit than its pipeline is for, and a pipeline that is started by hand can
    /// name a branch that does not have its commit. The branch as it was last fetched decides; where no
    /// branch of `remote` has the commit, nothing was fetched that could, and the pipeline is believed.
    fn belied(&self, told: &CiBranch, remote: &str) -> Result<Option<OtherPipeline>> {
        let (head, branch) = (self.head_oid()?, told.name.clone());
        let own = self.tip(&format!("refs/remotes/{remote}/{branch}"));
        let tips: Vec<Oid> = match own {
            Some(tip) => vec![tip],
            None => {
                let remotes = self.remotes()?;
                let named = remotes
                    .iter()
                    .map(|one| format!("refs/remotes/{one}/{branch}"));
                named.filter_map(|name| self.tip(&name)).collect()
            }
        };
        if self.is_in(head, &tips)? {
            return Ok(None);
        }
        if let Some(commit) = told.commit.filter(|commit| oid(*commit) != head) {
            return Ok(Some(OtherPipeline::OfCommit { branch, commit }));
        }
        let holder = match own {
            Some(_) => self.holder_of_head(remote, false, &|_| true)?,
            None => None,
        };
        Ok(holder.map(|holder| OtherPipeline::OfBranch {
            branch,
            remote: remote.to_owned(),
            holder,
        }))
    }

    /// Whether `branch` of `remote`, as it was when last fetched, holds HEAD. `None`: it was not fetched.
    ///
    /// # Errors
    /// Refused (exit 4) where the history cannot be read.
    pub fn has_head(&self, remote: &str, branch: &str) -> Result<Option<bool>> {
        match self.tip(&format!("refs/remotes/{remote}/{branch}")) {
            Some(tip) => self.is_in(self.head_oid()?, &[tip]).map(Some),
            None => Ok(None),
        }
    }

    /// Whether HEAD is on top of `branch` of `remote` as it was when last fetched. One that was not fetched
    /// is taken for one that is not there.
    ///
    /// # Errors
    /// Refused (exit 4) where the history cannot be read.
    pub fn is_on_top_of(&self, remote: &str, branch: &str) -> Result<bool> {
        match self.tip(&format!("refs/remotes/{remote}/{branch}")) {
            Some(tip) => self.is_in(tip, &[self.head_oid()?]),
            None => Ok(true),
        }
    }

    /// Whether one of `tips` is HEAD or descends from it. `None`: this clone does not have all of them, and none
    /// that it has does.
    ///
    /// # Errors
    /// Refused (exit 4) where the history cannot be read.
    pub fn is_head_in(&self, tips: &[ObjectId]) -> Result<Option<bool>> {
        let ids = tips.iter().filter_map(|id| Oid::from_str(id.as_str()).ok());
        let here: Vec<Oid> = ids.filter(|id| self.git.find_commit(*id).is_ok()).collect();
        let is_in = self.is_in(self.head_oid()?, &here)?;
        Ok((is_in || here.len() == tips.len()).then_some(is_in))
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
