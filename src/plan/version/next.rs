//! The next version: base, level and branch put together.
//!
//! Promises: a stable version, and a pre-release within its label, is always above the base; a
//! version that is tagged on another commit is never handed out; arithmetic never wraps. Every
//! answer comes with its reason.

use semver::Version;

use crate::{
    error::{Error, Result},
    git::CommitId,
    plan::{
        history::{
            facts::{Facts, HistoryQuery, VersionTag},
            levels::{self, JudgedChange, Judgement},
        },
        version::{
            branch::BranchKind,
            bump::{bumped, core, higher, step},
            decision::{ComputedVersion, VersionDecision},
            request::{VersionRequest, check_flags, like_a_variant, parse_label, parse_version},
            tag_notes::tag_notes,
        },
    },
    policy::{Level, Policy},
    text::shell_word,
};

/// The next version, and all of its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// The base: the highest version that HEAD descends from, a pre-release included.
    pub current: Option<Version>,
    /// The git tag of `current`.
    pub current_tag: Option<String>,
    /// The stable version that the range starts at.
    pub range_from: Option<Version>,
    /// The next version; `None`: nothing to release.
    pub version: Option<Version>,
    /// The version tag that is on HEAD already, where that is why there is nothing to release, or
    /// where `--version` names it.
    pub on_head: Option<VersionTag>,
    /// The level of the change, or the step from `range_from` where something else than the commits and
    /// `--bump` decided the version; `None` where nothing counts.
    pub level: Option<Level>,
    /// The name of the branch, where it has one.
    pub branch: Option<String>,
    /// What that branch releases.
    pub kind: BranchKind,
    /// The commit that HEAD points at.
    pub head: CommitId,
    /// Every change of the range, newest first.
    pub entries: Vec<JudgedChange>,
    /// Why this version, or why none.
    pub why: String,
    /// What a person should know.
    pub notes: Vec<String>,
}

impl Next {
    /// Whether the next version is a pre-release.
    #[must_use]
    pub fn is_prerelease(&self) -> bool {
        self.version
            .as_ref()
            .is_some_and(|next| !next.pre.is_empty())
    }
}

/// What the history must be asked, so that [`next`] can answer. `branch` is the branch's name, as
/// far as there is one.
///
/// # Errors
/// A bad pattern, label or version (exit 2).
pub fn history_query(
    policy: &Policy,
    request: &VersionRequest,
    branch: Option<&str>,
) -> Result<HistoryQuery> {
    check_flags(request)?;
    let kind = BranchKind::of(&policy.branches, branch);
    let label = match (&request.pre, &kind) {
        (Some(label), _) | (None, BranchKind::Prerelease(label)) => {
            if let Some(variant) = policy.variant_like(label) {
                return Err(like_a_variant(label, variant));
            }
            Some(parse_label(label)?.to_owned())
        }
        _ => None,
    };
    Ok(HistoryQuery {
        template: policy.version.tag.clone(),
        branch: branch.map(str::to_owned),
        at: None,
        below: None,
        line: match kind {
            BranchKind::Maintenance(line) => Some(line),
            _ => None,
        },
        label,
        version: request.version.as_deref().map(parse_version).transpose()?,
        paths: policy.version.paths.clone(),
        remote_tags: Vec::new(),
    })
}

/// A tag that is meant as a version, and that semantic versioning does not read as one.
fn leading_zeros(policy: &Policy, tag: &VersionTag) -> Error {
    let strict = policy.version.tag.name(&tag.version);
    Error::refused(format!(
        "the tag `{}` is not a semantic version: its numbers have leading zeros",
        tag.name
    ))
    .cause(format!("without them it would be {}", tag.version))
    .state("nothing was changed")
    .hint(format!(
        "`git tag {} {}` says that {} is meant; or name the next version with `--version`",
        shell_word(&strict),
        shell_word(&tag.name),
        tag.version
    ))
}

/// The next version.
///
/// # Errors
/// Usage (exit 2) for a bad override; refused (exit 4) where the repository says no: a version
/// taken on another commit, a change that leaves the maintenance line, overflow, a commit that
/// the policy does not accept.
pub fn next(policy: &Policy, facts: &Facts, request: &VersionRequest) -> Result<Next> {
    next_of(policy, facts, request, || {
        levels::judge(&policy.version, &facts.commits)
    })
}

/// The same where the commits of the range are judged elsewhere: `judge` gives what they come to.
///
/// # Errors
/// As [`next`].
pub fn next_of(
    policy: &Policy,
    facts: &Facts,
    request: &VersionRequest,
    judge: impl FnOnce() -> Result<Judgement>,
) -> Result<Next> {
    let kind = BranchKind::of(&policy.branches, facts.branch.as_deref());
    if let Some(tag) = &facts.near_miss
        && request.version.is_none()
    {
        return Err(leading_zeros(policy, tag));
    }
    let judgement = judge()?;
    let mut decision = VersionDecision {
        policy: &policy.version,
        facts,
        request,
        level: request.bump.or(judgement.level()),
        judgement: &judgement,
        line: match kind {
            BranchKind::Maintenance(line) => Some(line),
            _ => None,
        },
        notes: facts.notes.clone(),
    };
    decision.notes.extend(judgement.notes.iter().cloned());
    // Whoever names the version may release from anywhere.
    if kind == BranchKind::Unlisted && request.version.is_none() && request.pre.is_none() {
        let branch = facts.branch.as_deref().unwrap_or_default();
        decision.notes.push(format!(
            "`[branches]` does not name `{branch}`: answered as for a stable branch, but `release` would refuse"
        ));
    }
    let label = match (&request.pre, &kind) {
        (Some(label), _) | (None, BranchKind::Prerelease(label)) => Some(label.as_str()),
        _ => None,
    };
    let answer = decision.answer(label)?;
    let level = decision.level_of(&answer);
    let (line, named) = (decision.line, request.version.is_some());
    let mut notes = decision.notes;
    notes.extend(tag_notes(policy, facts, line, &answer, named));
    let base = facts
        .base
        .iter()
        .find(|tag| facts.withdrawn.contains(&tag.version));
    notes.extend(base.map(|tag| {
        let version = &tag.version;
        format!("{version} is withdrawn, so moving tags pass over it; `hoist log` tells why")
    }));
    let tag_of = |tag: &Option<VersionTag>| tag.as_ref().map(|tag| tag.version.clone());
    Ok(Next {
        current: tag_of(&facts.base),
        current_tag: facts.base.as_ref().map(|tag| tag.name.clone()),
        range_from: tag_of(&facts.stable),
        version: answer.version,
        on_head: answer.on_head,
        level,
        branch: facts.branch.clone(),
        kind,
        head: facts.head,
        why: answer.why,
        notes,
        entries: judgement.entries,
    })
}

impl VersionDecision<'_> {
    fn answer(&mut self, label: Option<&str>) -> Result<ComputedVersion> {
        if let Some(text) = &self.request.version {
            return self.exact(&parse_version(text)?);
        }
        if let Some(tag) = self.release_on_head()? {
            return Ok(ComputedVersion {
                version: None,
                why: format!("HEAD is released as `{}`", tag.name),
                on_head: Some(tag),
            });
        }
        if let Some(line) = self.line
            && self.facts.stable.is_none()
        {
            return Err(Error::refused(format!(
                "branch `{}` has no version of the line {line} behind it",
                self.facts.branch.as_deref().unwrap_or_default()
            ))
            .state("nothing was changed")
            .hint(format!(
                "cut the branch from a commit that is tagged with a version of {line}, or rename it"
            )));
        }
        if let Some(answer) = self.release_as(label)? {
            return Ok(answer);
        }
        match label {
            Some(label) => self.prerelease(label, None),
            None => self.stable(),
        }
    }

    /// The level that led to the answer; where a named version or an earlier pre-release did, the step.
    fn level_of(&self, answer: &ComputedVersion) -> Option<Level> {
        let level = self.level?;
        let Some(version) = &answer.version else {
            return Some(level);
        };
        let core = core(version);
        match &self.facts.stable {
            None => (core == self.policy.initial).then_some(level),
            Some(stable) => {
                let bumped = bumped(&stable.version, level, self.policy.zero);
                match bumped == Some(core) {
                    true => Some(level),
                    false => step(&stable.version, version),
                }
            }
        }
    }

    /// The stable tag on HEAD, if one says that HEAD is released.
    fn release_on_head(&self) -> Result<Option<VersionTag>> {
        let mut stable = self
            .facts
            .on_head
            .iter()
            .filter(|tag| tag.version.pre.is_empty());
        let Some(line) = self.line else {
            return Ok(stable.next().cloned());
        };
        let Some(other) = stable.next() else {
            return Ok(None);
        };
        if let Some(own) = std::iter::once(other)
            .chain(stable)
            .find(|tag| line.contains(&tag.version))
        {
            return Ok(Some(own.clone()));
        }
        Err(Error::refused(format!(
            "HEAD is released as `{}`, which is outside the line {line} of branch `{}`",
            other.name,
            self.facts.branch.as_deref().unwrap_or_default()
        ))
        .state("nothing was changed")
        .hint("release it from a branch of its own line"))
    }

    /// A stable branch, a maintenance line, or no branch at all.
    fn stable(&mut self) -> Result<ComputedVersion> {
        // On a line the base itself is stable, so pre-releases inside the line are passed over.
        let promoted = self
            .facts
            .base
            .as_ref()
            .filter(|base| !base.version.pre.is_empty())
            .map(|base| (core(&base.version), base.name.clone()));
        let bumped = match (self.level, &self.facts.stable) {
            (Some(level), Some(stable)) => Some(self.bumped(&stable.version, level)?),
            (Some(_), None) => Some(self.policy.initial.clone()),
            (None, None) if promoted.is_some() => Some(self.policy.initial.clone()),
            (None, _) => None,
        };
        let (version, why) = match (bumped, promoted) {
            (Some(bumped), Some((core, tag))) if higher(&core, &bumped) => {
                (core, format!("`{tag}` becomes stable"))
            }
            (None, Some((core, tag))) => (core, format!("`{tag}` becomes stable")),
            (Some(bumped), _) => (bumped, self.because()),
            (None, None) => return Ok(ComputedVersion::none(self.nothing())),
        };
        self.stays_in_line(&version)?;
        self.is_free(&version)?;
        self.is_above(self.facts.base.as_ref(), &version)?;
        Ok(ComputedVersion::of(version, why))
    }
}
