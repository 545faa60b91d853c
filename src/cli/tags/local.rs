//! What the clone says about a version: the facts that its tags and labels are made of.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use semver::Version;

use super::format::Labels;
use crate::{
    error::{Error, Result},
    history::{Place, load},
    io::{environment::Environment, git::Repository},
    plan::{
        branch::BranchKind,
        exact,
        labels::{LabelFacts, labels},
        tags::{self, TagContext, TagSet, Values, channel},
        version::{self, Request},
    },
    policy::Policy,
};

/// The local facts.
pub(super) struct Local {
    pub(super) policy: Policy,
    /// `None`: there is nothing to release.
    pub(super) version: Option<Version>,
    /// Why there is nothing to release.
    pub(super) why: String,
    /// The version that HEAD is tagged with.
    pub(super) on_head: Option<Version>,
    pub(super) notes: Vec<String>,
    commit: String,
    commit_time: DateTime<Utc>,
    branch: Option<String>,
    kind: tags::BranchKind,
    git: Vec<Version>,
    remote: Option<String>,
    created: DateTime<Utc>,
}

impl Local {
    /// The facts for the version `of`, or for the next one. A version that is tagged has the tags
    /// of its own commit, wherever HEAD is.
    pub(super) fn read(
        place: &Place,
        request: &Request,
        of: Option<&str>,
        env: &Environment,
    ) -> Result<Self> {
        let named = of.map(exact::parse).transpose()?;
        if named.is_some()
            && (request.version.is_some() || request.bump.is_some() || request.pre.is_some())
        {
            return Err(Error::usage(
                "a version that is named goes with neither `--version`, `--bump` nor `--pre`",
            ));
        }
        let repository = Repository::open(&place.directory)?;
        let policy = load(place, &repository)?;
        let branch = repository.branch(request.branch.as_deref(), env)?;
        let mut question = version::question(&policy, request, branch.as_deref())?;
        question.version = question.version.or_else(|| named.clone());
        let facts = repository.read(&question)?;
        let kind = BranchKind::of(&policy.branches, branch.as_deref())?;
        let mut local = Self {
            version: named,
            why: String::new(),
            on_head: facts.on_head.first().map(|tag| tag.version.clone()),
            notes: Vec::new(),
            commit: facts.head.to_string(),
            commit_time: time(facts.head_time),
            branch,
            kind: kind_of(&kind),
            git: facts.tags.iter().map(|tag| tag.version.clone()).collect(),
            remote: repository.remote_url(&policy.git.remote),
            created: time(facts.head_time),
            policy,
        };
        if local.version.is_none() {
            let next = version::next(&local.policy, &facts, request)?;
            local.version = next.next;
            local.why = next.why;
            local.notes = next.notes;
        }
        let tagged = facts
            .tags
            .iter()
            .find(|tag| Some(&tag.version) == local.version.as_ref());
        if let Some(commit) = tagged.and_then(|tag| tag.commit) {
            local.commit = commit.to_string();
            local.commit_time = time(repository.commit_time(commit)?);
        }
        local.created = source_date(env)?.unwrap_or(local.commit_time);
        Ok(local)
    }

    pub(super) fn context<'a>(
        &'a self,
        version: &'a Version,
        instant: DateTime<Utc>,
    ) -> TagContext<'a> {
        TagContext {
            version,
            commit: &self.commit,
            commit_time: self.commit_time,
            instant,
            branch: self.branch.as_deref(),
            branch_kind: self.kind,
            git: &self.git,
            images: BTreeMap::new(),
        }
    }

    /// The labels of each image of the set.
    pub(super) fn labels(&self, set: &TagSet, context: &TagContext<'_>) -> Result<Labels> {
        let variants = std::iter::once(None).chain(self.policy.variants.keys().map(Some));
        let one = |variant: Option<&String>| {
            let facts = LabelFacts {
                values: Values {
                    version: context.version,
                    channel: channel(context.version),
                    commit: context.commit,
                    commit_time: context.commit_time,
                    instant: context.instant,
                    branch: context.branch,
                    date: &self.policy.tags.date,
                },
                created: self.created,
                remote: self.remote.as_deref(),
                repository: set.repositories().first(),
                version_tag: set.version_tag(variant.map(String::as_str)),
                base: None,
            };
            Ok((variant.cloned(), labels(&self.policy.image, &facts)?))
        };
        variants.map(one).collect()
    }
}

fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

fn kind_of(kind: &BranchKind) -> tags::BranchKind {
    match kind {
        BranchKind::Stable | BranchKind::Unlisted | BranchKind::Unnamed => tags::BranchKind::Stable,
        BranchKind::Maintenance(_) => tags::BranchKind::Maintenance,
        BranchKind::Prerelease(_) => tags::BranchKind::Prerelease,
    }
}

/// `SOURCE_DATE_EPOCH`, where the environment sets it.
pub(super) fn source_date(env: &Environment) -> Result<Option<DateTime<Utc>>> {
    let Some(text) = env.get("SOURCE_DATE_EPOCH") else {
        return Ok(None);
    };
    let seconds = text
        .parse()
        .ok()
        .and_then(|s| DateTime::from_timestamp(s, 0));
    seconds.map(Some).ok_or_else(|| {
        Error::usage(format!(
            "`SOURCE_DATE_EPOCH` is `{}`: expected seconds since 1970",
            text.escape_debug()
        ))
    })
}
