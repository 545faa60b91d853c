//! What is proven before anything is built: that this commit may be released from here, and that the
//! registries and the git remote would take the release.

use semver::Version;

use crate::{
    error::Result,
    event::{Finished, Started},
    io::{ci, git::read::DirtyPath},
    oci::{ImageName, Repository},
    plan::{
        Plan, PlannedMove,
        release::preconditions::{
            PreconditionFindings, Preconditions, PushedHead, UncommittedPolicy, built_from,
        },
        tags::TagAction,
        version::branch::BranchKind,
    },
    publish::{self, Preflight, PreflightResult, World},
    release::{
        build::to_build,
        errors,
        facade::Release,
        own_files::uncommitted,
        release_commit::branch_move,
        request::{ImageOptions, LegPath, ReleaseRequest},
    },
};

impl Release {
    /// Whether this commit may be released from here, with what a person should know.
    pub(super) async fn check_preconditions(&self, ask: &ReleaseRequest) -> Result<Vec<String>> {
        self.precondition_findings(ask).await?.passed()
    }

    /// Everything that speaks against a release of this commit from here.
    pub(super) async fn precondition_findings(
        &self,
        ask: &ReleaseRequest,
    ) -> Result<PreconditionFindings> {
        let pushed = self.pushed_head(ask).await?;
        self.findings_here(ask, pushed)
    }

    /// The same without a question to the remote.
    pub(super) fn findings_here(
        &self,
        ask: &ReleaseRequest,
        pushed: PushedHead,
    ) -> Result<PreconditionFindings> {
        let (project, policy) = (self.project(), self.policy());
        let branch = project.branch(&ask.request)?;
        let kind = BranchKind::of(&policy.branches, branch.as_deref());
        let unlisted_branch = branch.clone().filter(|_| kind == BranchKind::Unlisted);
        let detached = project.detached_head(branch.as_deref())?;
        let way = self.way_to_remote(branch.as_deref())?;
        let policy_file = project.uncommitted_policy();
        // The policy is told by itself.
        let dirty = self.uncommitted_files(policy_file.as_ref(), &ask.from)?;
        let git = project.git();
        let head = git.head()?;
        let asked = ask.request.version.as_deref();
        let asked = asked.and_then(|text| text.parse::<Version>().ok());
        let is_tagged = asked.is_some_and(|version| {
            git.tag_commit(&policy.version.tag.name(&version)) == Some(head)
        });
        let mut found = Preconditions {
            pull_request: self.pull_request(unlisted_branch.is_some(), ask),
            unlisted_branch,
            detached,
            explicit: ask.request.version.is_some() || ask.request.pre.is_some(),
            policy: policy_file,
            untracked: paths(dirty.iter().filter(|one| one.is_untracked)),
            dirty: paths(&dirty),
            allow_dirty: ask.allow_dirty,
            pushed,
            way,
            git_signs_tags: git.signs_tags(),
            is_tagged,
            head,
        }
        .findings(policy);
        drop(git);
        found.notes.extend(project.policy_from_elsewhere());
        Ok(found)
    }

    /// Whether files other than the policy are not committed.
    pub(super) fn has_changes(&self) -> Result<bool> {
        let policy = self.project().uncommitted_policy();
        Ok(!self.uncommitted_files(policy.as_ref(), &[])?.is_empty())
    }

    /// The files that are not committed beside the policy and hoist's own, a few of them.
    fn uncommitted_files(
        &self,
        policy: Option<&UncommittedPolicy>,
        from: &[LegPath],
    ) -> Result<Vec<DirtyPath>> {
        let dirty = self.project().git().dirty()?;
        let policy = policy.map(|policy| &*policy.file);
        Ok(uncommitted(dirty, policy, |path| {
            self.is_own_file(path, from)
        }))
    }

    /// What the release of `plan` takes that no commit holds, a line each: the policy, and the files that an image
    /// is built from here. What legs were built from they say themselves.
    pub(super) fn uncommitted(&self, plan: &Plan, options: &ImageOptions) -> Result<Vec<String>> {
        let policy = self.project().uncommitted_policy();
        let mut lines: Vec<String> = policy.iter().map(UncommittedPolicy::fact).collect();
        let mut built = to_build(plan).filter(|_| options.legs.is_empty());
        if built.any(|(_, planned)| !self.builds_of_commit(&planned.name)) {
            let files = self.uncommitted_files(policy.as_ref(), &[])?;
            if !files.is_empty() {
                lines.push(built_from(&paths(&files)));
            }
        }
        Ok(lines)
    }

    /// Whether what makes an image sees committed files alone.
    pub(super) fn builds_of_commit(&self, image: &ImageName) -> bool {
        self.policy().image_policy(image).build.is_of_commit()
    }

    /// The pull request whose pipeline this is; or that is open from the branch of the pipeline, where the policy
    /// does not name that branch.
    fn pull_request(&self, is_unlisted: bool, ask: &ReleaseRequest) -> Option<String> {
        let environment = self.environment();
        let is_asked = is_unlisted && ask.request.branch.is_none();
        let of_branch = || ci::request_of_branch(environment).filter(|_| is_asked);
        ci::pull_request(environment).or_else(of_branch)
    }

    /// Proves that nothing would stop the release of `plan`.
    pub(super) async fn preflight(
        &self,
        world: &World,
        plan: &Plan,
    ) -> Result<Vec<PreflightResult>> {
        let repositories = plan.repositories.clone();
        let step = self.events.start(Started::Preflight {
            repositories: repositories.clone(),
        });
        let tags_of = |repository: &Repository| {
            let there = plan
                .tags
                .iter()
                .filter(|planned| planned.repository == *repository);
            there.map(|planned| planned.tag.clone()).collect()
        };
        let shown_of = |repository: &Repository| {
            let there = plan.tags.iter();
            let there = there.filter(|planned| planned.repository == *repository);
            there.map(|planned| planned.before.clone()).collect()
        };
        let asked = Preflight {
            mark: None,
            // The plan was made a moment ago, and the lock is followed by another look.
            shown: plan.repositories.iter().map(shown_of).collect(),
            repositories: plan
                .repositories
                .iter()
                .map(|r| (r.clone(), tags_of(r)))
                .collect(),
            git_tag: plan.git_tag.create.then(|| plan.git_tag.name.clone()),
            commit: plan.commit,
            branch: branch_move(plan),
            lock_refs: self.policy().git.lock_refs.clone(),
        };
        let found = publish::preflight(world, &asked).await?;
        let immutable: Vec<_> = plan
            .tags
            .iter()
            .filter(|tag| is_immutable(tag, plan, &found))
            .collect();
        if !immutable.is_empty() {
            return Err(errors::immutable(&immutable));
        }
        step.finish(Finished::Preflight { repositories });
        Ok(found)
    }
}

/// Whether a tag is to move that the registry says it will not let move.
fn is_immutable(planned: &PlannedMove, plan: &Plan, found: &[PreflightResult]) -> bool {
    let here = plan
        .repositories
        .iter()
        .position(|repository| *repository == planned.repository);
    planned.action == TagAction::Move
        && here
            .and_then(|index| found.get(index))
            .is_some_and(|found| found.immutable.contains(&planned.tag))
}

fn paths<'d>(dirty: impl IntoIterator<Item = &'d DirtyPath>) -> Vec<String> {
    dirty.into_iter().map(|one| one.path.clone()).collect()
}
