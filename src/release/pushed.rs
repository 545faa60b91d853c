//! Whether the remote has the commit that is released, and how it gets there.

use crate::{
    error::Result,
    io::git::remote::RemoteTags,
    plan::{
        release::preconditions::{PushedHead, WayToRemote},
        version::branch::BranchKind,
    },
    project::stable_branch,
    release::{facade::Release, request::ReleaseRequest},
};

impl Release {
    /// Whether the remote has HEAD. What was fetched tells; where nothing was, the remote is asked.
    pub(super) async fn pushed_head(&self, ask: &ReleaseRequest) -> Result<PushedHead> {
        let branch = self.project().branch(&ask.request)?;
        let branch = branch.as_deref();
        let (policy, request) = (self.policy(), &ask.request);
        let remote = &policy.git.remote;
        if !policy.git.push || !policy.git.require_pushed {
            return Ok(PushedHead::Yes);
        }
        let pushed = self.project().git().is_pushed(remote)?;
        let Some(pushed) = pushed else {
            return self.pushed_head_of_remote().await;
        };
        if !pushed {
            return Ok(PushedHead::No);
        }
        // Whoever names the branch or the version knows what the commit is.
        let is_named = request.branch.is_some() || request.version.is_some();
        let (Some(branch), false) = (branch, is_named || request.pre.is_some()) else {
            return Ok(PushedHead::Yes);
        };
        let git = self.project().git();
        if git.has_head(remote, branch)? != Some(false) {
            return Ok(PushedHead::Yes);
        }
        let kind = |name: &str| BranchKind::of(&policy.branches, Some(name));
        let own = kind(branch);
        if git
            .holder_of_head(remote, false, &|name| kind(name) == own)?
            .is_some()
        {
            return Ok(PushedHead::Yes);
        }
        let holder = git.holder_of_head(remote, false, &|_| true)?;
        Ok(holder.map_or(PushedHead::Yes, PushedHead::Elsewhere))
    }

    /// The same by what the remote's branches show now. One that this clone does not have can lead to HEAD.
    async fn pushed_head_of_remote(&self) -> Result<PushedHead> {
        if self.remote_url.is_none() {
            return Ok(PushedHead::Yes);
        }
        let remote = &self.policy().git.remote;
        let remote = RemoteTags::new(self.top(), remote).telling(self.events.clone());
        let tips = remote.branch_tips().await?;
        Ok(match self.project().git().is_head_in(&tips)? {
            Some(false) => PushedHead::No,
            Some(true) | None => PushedHead::Yes,
        })
    }

    /// How HEAD gets to the remote.
    pub(super) fn way_to_remote(&self, branch: Option<&str>) -> Result<WayToRemote> {
        let git = self.project().git();
        let remote = &self.policy().git.remote;
        if let Some(own) = git.checked_out()? {
            return Ok(match git.is_on_top_of(remote, &own)? {
                true => WayToRemote::Push,
                false => WayToRemote::Rebase(own),
            });
        }
        let name = match branch {
            Some(branch) => Some(branch.to_owned()),
            None => stable_branch(&git, self.policy())?,
        };
        Ok(match name {
            Some(name) if git.is_on_top_of(remote, &name)? => WayToRemote::Onto(name),
            Some(_) | None => WayToRemote::Unknown,
        })
    }
}
