//! Whether a branch that releases stable versions vouches for a HEAD without a branch.

use crate::{
    error::Result,
    git::CommitId,
    io::git::read::GitRepository,
    plan::{
        release::detached::DetachedHead,
        version::{VersionRequest, branch::BranchKind, next::Next},
    },
    policy::Policy,
    project::open::Project,
};

impl Project {
    /// HEAD, where it has no branch's name and no fetched branch that releases stable versions holds it: what
    /// a branch does not hold that is released from, nobody has merged. `None` also where every branch
    /// releases stable versions, and where a stable version's tag on HEAD says that it is released.
    ///
    /// # Errors
    /// Refused (exit 4) where branches, tags or the history cannot be read.
    pub(crate) fn detached_head(&self, branch: Option<&str>) -> Result<Option<DetachedHead>> {
        let (policy, git) = (self.policy(), self.git());
        let any = policy.branches.stable.iter().any(|glob| glob.is_any());
        if branch.is_some() || any {
            return Ok(None);
        }
        let kind = |name: &str| BranchKind::of(&policy.branches, Some(name));
        let (remote, local) = (&policy.git.remote, !policy.git.push);
        let stable = |name: &str| kind(name) == BranchKind::Stable;
        if git.holder_of_head(remote, local, &stable)?.is_some() {
            return Ok(None);
        }
        let head = git.head()?;
        if is_tagged(&git, policy, head)? {
            return Ok(None);
        }
        let other = |name: &str| !matches!(kind(name), BranchKind::Stable | BranchKind::Unlisted);
        Ok(Some(DetachedHead {
            head,
            stable: stable_branch(&git, policy)?,
            holder: git.holder_of_head(remote, local, &other)?,
            pipeline: git.other_pipeline(self.environment(), remote)?,
        }))
    }

    /// What is noted of a decision for such a HEAD: that `release` would refuse it.
    pub(super) fn detached_note(
        &self,
        next: &Next,
        request: &VersionRequest,
    ) -> Result<Option<String>> {
        let explicit = request.version.is_some() || request.pre.is_some();
        if explicit || next.version.is_none() || next.kind != BranchKind::Unnamed {
            return Ok(None);
        }
        // Its branch is the merge's business, and `plan` says that it is not released.
        if self.git().is_of_pull_request(self.environment()) {
            return Ok(None);
        }
        let detached = self.detached_head(None)?;
        Ok(detached.map(|detached| detached.note()))
    }
}

/// A branch that releases stable versions: one that was fetched, else one that the policy names.
///
/// # Errors
/// Refused (exit 4) where the branches cannot be read.
pub(crate) fn stable_branch(git: &GitRepository, policy: &Policy) -> Result<Option<String>> {
    let stable = |name: &String| {
        let kind = BranchKind::of(&policy.branches, Some(name.as_str()));
        kind == BranchKind::Stable
    };
    let fetched = git.branches_of(&policy.git.remote)?;
    Ok(fetched.into_iter().find(stable).or_else(|| {
        let mut literal = policy.branches.stable.iter();
        let literal = literal.find(|glob| glob.is_literal());
        literal.map(|glob| glob.as_str().to_owned())
    }))
}

/// Whether the tag of a stable version is on `head`.
fn is_tagged(git: &GitRepository, policy: &Policy, head: CommitId) -> Result<bool> {
    let names = git.tag_names()?;
    let version = |name: &String| policy.version.tag.version(name);
    let stable = |name: &&String| version(name).is_some_and(|version| version.pre.is_empty());
    // A tag of something else than a commit is told elsewhere.
    let on_head = |name: &String| {
        let tagged = git.tagged(name).ok().flatten();
        tagged.is_some_and(|tagged| tagged.commit == head)
    };
    Ok(names.iter().filter(stable).any(on_head))
}
