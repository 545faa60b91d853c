//! What the local history says, and the next version that follows from it.

use semver::Version;

use crate::{
    error::{Error, Result},
    git::{CommitId, ObjectId},
    plan::{
        history::{
            facts::{Facts, HistoryQuery},
            outline,
        },
        version::{
            VersionRequest, explain,
            next::{self, Next},
        },
    },
    project::open::Project,
};

/// What the history says, and what follows from it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NextVersion {
    /// What was read.
    pub facts: Facts,
    /// What follows from it.
    pub decision: Next,
}

impl NextVersion {
    /// A line for each commit: its level, and why.
    #[must_use]
    pub fn commit_lines(&self) -> Vec<String> {
        let entries = self.decision.entries.iter();
        entries
            .map(|entry| explain::line(entry, &self.facts))
            .collect()
    }
}

impl Project {
    /// Reads the local history.
    ///
    /// # Errors
    /// Usage (exit 2) for the request; refused (exit 4) where the history cannot be read.
    pub fn facts(&self, request: &VersionRequest) -> Result<Facts> {
        self.facts_with(request, Vec::new())
    }

    /// The next version, from the local history alone.
    ///
    /// # Errors
    /// As [`Project::facts`]; refused (exit 4) where the facts do not allow a next version.
    pub fn next(&self, request: &VersionRequest) -> Result<NextVersion> {
        self.refuse_without_policy()?;
        let facts = self.facts(request)?;
        let next = self.decide(&facts, request)?;
        Ok(NextVersion {
            facts,
            decision: next,
        })
    }

    /// The next version, with the changes that decide it instead of all of them: what memory holds does not
    /// grow with the messages of a long history. `None`: there is nothing to release, or the answer
    /// names changes that only [`Project::next`] lists.
    ///
    /// # Errors
    /// As [`Project::facts`].
    pub fn next_alone(&self, request: &VersionRequest) -> Result<Option<Next>> {
        self.refuse_without_policy()?;
        let next = self.decided_alone(request)?;
        next.map(|next| self.with_detached(next, request))
            .transpose()
    }

    fn decided_alone(&self, request: &VersionRequest) -> Result<Option<Next>> {
        let (question, policy) = (self.question(request)?, self.policy());
        let version = &policy.version;
        let outliner = |message: &str, merge: bool, names: &mut dyn FnMut(u32)| {
            outline::outline(version, message, merge, names)
        };
        let withdrawn = self.withdrawn().into_iter();
        let withdrawn = withdrawn.map(|one| one.version).collect();
        let git = self.git();
        let outlined = git.outline(&question, &question.paths, &outliner)?;
        let (mut facts, range, mut commits) = (outlined.facts, outlined.range, outlined.commits);
        facts.withdrawn = withdrawn;
        let next = next::next_of(policy, &facts, request, || {
            outline::judge(&range, version, &mut |place| commits.read(&range, place))
        });
        // A refusal may name all commits that are the reason for it.
        Ok(next.ok().filter(|next| next.version.is_some()))
    }

    /// What follows from `facts`.
    ///
    /// # Errors
    /// Refused (exit 4) where the facts do not allow a next version.
    pub fn decide(&self, facts: &Facts, request: &VersionRequest) -> Result<Next> {
        let next = next::next(self.policy(), facts, request)?;
        self.with_detached(next, request)
    }

    fn with_detached(&self, mut next: Next, request: &VersionRequest) -> Result<Next> {
        next.notes.extend(self.detached_note(&next, request)?);
        Ok(next)
    }

    /// Why `history` is the answer to `request`: the base, every commit with its level, and what
    /// would change the answer. One line each.
    #[must_use]
    pub fn explain(&self, request: &VersionRequest, history: &NextVersion) -> Vec<String> {
        explain::explain(self.policy(), &history.facts, request, &history.decision)
    }

    /// What was seen where there is no answer: the base, and every commit with its level as far as
    /// the policy can judge it. One line each.
    #[must_use]
    pub fn explain_facts(&self, facts: &Facts) -> Vec<String> {
        explain::refused(self.policy(), facts)
    }

    /// The local history, and version tags that only the remote has, as name and commit.
    pub(crate) fn facts_with(
        &self,
        request: &VersionRequest,
        remote_tags: Vec<(String, ObjectId)>,
    ) -> Result<Facts> {
        let mut question = self.question(request)?;
        question.remote_tags = remote_tags;
        self.read(&question)
    }

    /// The answer of the history, and the withdrawn versions that this clone knows.
    pub(crate) fn read(&self, question: &HistoryQuery) -> Result<Facts> {
        let mut facts = self.git().read(question)?;
        let withdrawn = self.withdrawn().into_iter();
        facts.withdrawn = withdrawn.map(|one| one.version).collect();
        Ok(facts)
    }

    /// The history as the version `of` has it, or that of the next version.
    pub(crate) fn facts_of(&self, request: &VersionRequest, of: Option<&Version>) -> Result<Facts> {
        let clash = request.version.is_some() || request.bump.is_some() || request.pre.is_some();
        if of.is_some() && clash {
            return Err(Error::usage(
                "a version that is named goes with neither `--version`, `--bump` nor `--pre`",
            ));
        }
        let mut question = self.question(request)?;
        question.version = question.version.or_else(|| of.cloned());
        self.read(&question)
    }

    /// The history as `at` has it, for a release of `version` from `branch` there, and what follows from
    /// it. `label`: the channel whose last pre-release the notes start at.
    pub(crate) fn history_at(
        &self,
        at: CommitId,
        branch: &str,
        version: &Version,
        label: Option<&str>,
    ) -> Result<NextVersion> {
        let request = VersionRequest {
            version: Some(version.to_string()),
            branch: Some(branch.to_owned()),
            ..VersionRequest::default()
        };
        let mut question = next::history_query(self.policy(), &request, Some(branch))?;
        question.at = Some(at);
        question.label = label.map(str::to_owned).or(question.label);
        let facts = self.git().read(&question)?;
        let decision = self.decide(&facts, &request)?;
        Ok(NextVersion { facts, decision })
    }

    fn question(&self, request: &VersionRequest) -> Result<HistoryQuery> {
        let branch = self.branch(request)?;
        next::history_query(self.policy(), request, branch.as_deref())
    }

    /// The branch that is released from, as far as it has a name.
    ///
    /// # Errors
    /// As [`GitRepository::branch`](crate::io::git::read::GitRepository::branch).
    pub(crate) fn branch(&self, request: &VersionRequest) -> Result<Option<String>> {
        let (wanted, remote) = (request.branch.as_deref(), &self.policy().git.remote);
        self.git().branch(wanted, self.environment(), remote)
    }
}
