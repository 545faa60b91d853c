//! The release commit: the version written into the files that carry it, on top of HEAD, before
//! the build.

use chrono::{DateTime, Utc};
use semver::Version;

use crate::{
    error::{Error, ErrorCode, Result},
    git::{CommitId, RefName},
    io::git::{
        read::NewCommit,
        remote::{self, follow},
    },
    outcome::{Outcome, OutcomeKind},
    plan::{
        Plan, ReleaseCommit,
        files::{self, Texts, subject},
        history::facts::Facts,
        notes::{has_section, prepend},
        release::lock_journal::RemadeCommit,
        tags::channel,
        version::next::Next,
    },
    publish::BranchMove,
    release::{errors, facade::Release, purpose::Purpose},
    text::shell_word,
};

impl Release {
    /// Makes the release commit where the policy asks for one and it differs from HEAD, and lets
    /// `facts` stand on it. The same HEAD, version and committer give the same commit, so a plan
    /// can name it and a second try finds what the first one published.
    pub(super) async fn on_release_commit(
        &self,
        facts: &mut Facts,
        next: &Next,
        version: &Version,
        instant: DateTime<Utc>,
        shown: Option<&ReleaseCommit>,
        purpose: Purpose,
    ) -> Result<Option<ReleaseCommit>> {
        let tagged = facts.on_head.iter().any(|tag| tag.version == *version);
        if tagged || !self.policy().makes_commit() {
            return Ok(None);
        }
        let texts = self.files(facts, next, version, instant)?;
        if texts.is_empty() {
            return Ok(None);
        }
        let branch = facts.branch.clone().ok_or_else(|| {
            Error::refused("the release commit needs a branch, and HEAD is on none")
                .cause("`version.files` or `notes.changelog` is set")
                .state("nothing was built or moved")
                .hint("name the branch: `--branch main`")
        })?;
        let branch = RefName::branch(&branch).map_err(|error| {
            Error::usage(error.to_string()).hint("name the branch: `--branch main`")
        })?;
        let mut time = self
            .source_date()?
            .map_or(facts.head_time, |date| date.timestamp());
        // A plan that was made elsewhere names its committer: the commit is that one.
        let who = match shown.filter(|shown| !shown.who.is_empty()) {
            Some(shown) => {
                time = shown.time().unwrap_or(time);
                shown.who.clone()
            }
            None => remote::committer(self.top(), time).await.map_err(|error| {
                errors::git_tag(&self.policy().version.tag.name(version), &error)
            })?,
        };
        let subject = subject(version);
        let parent = facts.head;
        let new = NewCommit {
            parent,
            files: &texts,
            message: &subject,
            who: &who,
        };
        facts.head = self.project().git().commit_files(&new, purpose.keeps())?;
        facts.head_time = time;
        facts.on_head.clear();
        Ok(Some(ReleaseCommit {
            branch,
            parent,
            subject,
            files: texts.keys().cloned().collect(),
            who,
            contents: texts,
        }))
    }

    /// Whether `commit` is the release commit that the policy makes of `version` on `parent`, the tip of
    /// `branch`: it is made again, and parent, tree and message are compared.
    pub(super) fn remade(
        &self,
        commit: CommitId,
        (branch, parent): (&RefName, CommitId),
        version: &Version,
        instant: DateTime<Utc>,
    ) -> Result<RemadeCommit> {
        let policy = self.policy();
        let short = branch.short();
        if !policy.makes_commit() {
            return Ok(RemadeCommit::NotMade);
        }
        let locks = format!("{}/", policy.git.lock_refs);
        let is_lock = branch.as_str().starts_with(&locks);
        // A branch that `[branches]` does not name is released from by hand, with `--version`.
        if !branch.is_branch() || is_lock {
            return Ok(RemadeCommit::NotABranch);
        }
        if !self.project().git().is_only_parent(parent, commit) {
            return Ok(RemadeCommit::NotAChild);
        }
        // The notes of a pre-release start at the one before it where `--pre` asked for its channel.
        for label in [None, channel(version)] {
            let history = self.project().history_at(parent, short, version, label)?;
            let texts = self.files(&history.facts, &history.decision, version, instant)?;
            let new = NewCommit {
                parent,
                files: &texts,
                message: &subject(version),
                who: "hoist <hoist@noreply.invalid> 0 +0000",
            };
            if !texts.is_empty() && self.project().git().is_made_of(commit, &new)? {
                return Ok(RemadeCommit::Same);
            }
        }
        Ok(RemadeCommit::Differs)
    }

    /// Makes the release commit of a stored plan in this clone: the same object as where the plan was
    /// made. It needs the commit below it, and nothing else of the history.
    ///
    /// # Errors
    /// Refused (exit 4) where it comes out as another commit.
    pub(super) fn remake_release_commit(&self, plan: &Plan) -> Result<()> {
        let Some(made) = &plan.release_commit else {
            return Ok(());
        };
        let new = NewCommit {
            parent: made.parent,
            files: &made.contents,
            message: &made.subject,
            who: &made.who,
        };
        let commit = match made.who.is_empty() {
            true => None,
            false => Some(self.project().git().commit_files(&new, true)?),
        };
        if commit == Some(plan.commit) {
            return Ok(());
        }
        let found = commit.map_or("without a committer".to_owned(), |id| id.to_string());
        Err(
            Error::refused("the release commit of the plan cannot be made here")
                .with_code(ErrorCode::PlanOutOfDate)
                .cause(format!(
                    "expected {}, and it comes out {found}",
                    plan.commit
                ))
                .state("nothing was built or moved")
                .hint(
                    "make a new plan with this version of hoist: `hoist plan --json > plan.json`",
                ),
        )
    }

    /// The files that the commit changes.
    fn files(
        &self,
        facts: &Facts,
        next: &Next,
        version: &Version,
        instant: DateTime<Utc>,
    ) -> Result<Texts> {
        let policy = self.policy();
        let read = |path: &str| self.project().git().file_at(facts.head, path);
        let mut texts = files::written(&policy.version.files, version, &read)?;
        if policy.notes.changelog {
            let path = self.project().changelog().to_owned();
            let old = read(&path)?.unwrap_or_default();
            // Somebody has written it already, or an earlier try has.
            if !has_section(&old, &version.to_string()) {
                let today = instant.date_naive();
                let mut notes = self.project().notes_of_next(facts, next, today)?;
                notes.heading = true;
                let section = self.project().render_notes(&notes)?;
                texts.insert(path, prepend(&old, &section, &notes.title));
            }
        }
        Ok(texts)
    }

    /// The files in which `version` takes the place of a higher one, in words: somebody may have meant
    /// another version.
    pub(super) fn lowered(&self, commit: &ReleaseCommit, version: &Version) -> Result<Vec<String>> {
        let mut notes = Vec::new();
        for file in &self.policy().version.files {
            let path = file.path.as_str();
            let old = self.project().git().file_at(commit.parent, path)?;
            let (Some(old), Some(new)) = (old, commit.contents.get(path)) else {
                continue;
            };
            if let Some(higher) = files::lowered(&old, new, version) {
                notes.push(format!(
                    "`{path}` says {higher}, and the release writes {version} into it; `--version {higher}` releases that one"
                ));
            }
        }
        Ok(notes)
    }

    /// What the release commit of `version` stands on, whose images are that release's as well: as
    /// planned, or as an earlier try has made it.
    pub(super) fn parent_of_release(
        &self,
        planned: Option<&ReleaseCommit>,
        commit: CommitId,
        version: &Version,
    ) -> Option<CommitId> {
        if let Some(planned) = planned {
            return Some(planned.parent);
        }
        let git = self.project().git();
        let made = self.policy().makes_commit();
        made.then(|| git.only_parent(commit, &subject(version)))?
    }

    /// HEAD is what a release commit was made from: the version that it is released as.
    pub(super) fn released_by_child(&self, facts: &Facts) -> Option<(Version, CommitId)> {
        if !self.policy().makes_commit() {
            return None;
        }
        let mut tags = facts.elsewhere.iter();
        tags.find_map(|tag| {
            let commit = tag.commit?;
            let git = self.project().git();
            let made = git.is_child(commit, facts.head, &subject(&tag.version));
            made.then(|| (tag.version.clone(), commit))
        })
    }

    /// The commit of a release, and behind it the one that its release commit was made from.
    pub(super) fn commits_of_release(
        &self,
        planned: Option<&ReleaseCommit>,
        commit: CommitId,
        version: &Version,
    ) -> Vec<CommitId> {
        let parent = self.parent_of_release(planned, commit, version);
        std::iter::once(commit).chain(parent).collect()
    }

    /// A branch that a release has moved: the clone at hand goes along, where it is on it.
    pub(super) async fn bring_branch(&self, outcome: &Outcome) {
        let published = outcome.kind == OutcomeKind::Published;
        let Some(branch) = outcome.branch.as_ref().filter(|_| published) else {
            return;
        };
        let followed = follow(self.top(), &branch.name, branch.before, branch.commit);
        let (name, short) = (branch.name.short(), branch.commit.short());
        self.events.note(match followed.await {
            Ok(true) => format!("`{name}` is at the release commit {short}"),
            Ok(false) => {
                let remote = shell_word(&self.policy().git.remote);
                let branch = shell_word(name);
                format!(
                    "the release commit {short} is on `{name}`: `git pull {remote} {branch}` brings it"
                )
            }
            Err(error) => format!(
                "the release commit {short} is on `{name}`, and not in this work tree: {error}"
            ),
        });
    }
}

/// The branch's move, as the transaction wants it.
pub(super) fn branch_move(plan: &Plan) -> Option<BranchMove> {
    plan.release_commit.as_ref().map(|made| BranchMove {
        name: made.branch.clone(),
        before: made.parent,
    })
}
