//! The tag set of any version, judged against what is published: for other builders, and for the
//! verbs that compare a release with what it should be.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use semver::Version;

use crate::{
    error::Result,
    git::CommitId,
    oci::ImageName,
    plan::{
        history::facts::Facts,
        release::{
            labels::{LabelFacts, labels},
            verify::without_images,
        },
        tags::{self, Published, TagContext, TagSet, channel},
        version::{
            VersionRequest,
            branch::BranchKind,
            next::{self, Next},
        },
    },
    policy::Values,
    release::{facade::Release, observe::LookPurpose, purpose::Purpose, survey::Survey},
};

/// What [`Release::tags`] answers.
#[derive(Debug, Clone)]
pub struct TagsResult {
    /// The tags; `None`: there is nothing to release.
    pub set: Option<TagSet>,
    /// The labels of each image.
    pub labels: BTreeMap<ImageName, BTreeMap<String, String>>,
    /// Why there is nothing to release.
    pub why: String,
    /// The version that HEAD is tagged with.
    pub on_head: Option<Version>,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// A version and its place in the history.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub(super) version: Version,
    /// `None` where no git tag says which one it is.
    pub(super) commit: Option<CommitId>,
    pub(super) commit_time: DateTime<Utc>,
    branch: Option<String>,
    kind: BranchKind,
    pub(super) git: Vec<Version>,
    pub(super) withdrawn: Vec<Version>,
}

impl Release {
    /// The tags of the version `of`, or of the next one. A version that is tagged has the tags of
    /// its own commit, wherever HEAD is. `offline` asks no registry.
    ///
    /// # Errors
    /// As [`Project::next`](crate::Project::next); refused (exit 4) where a fixed tag shows another
    /// image; failed (exit 6) where a registry cannot be
    /// read.
    pub async fn tags(
        &self,
        request: &VersionRequest,
        of: Option<&Version>,
        offline: bool,
    ) -> Result<TagsResult> {
        self.or_signal(self.tags_of(request, of, offline)).await
    }

    async fn tags_of(
        &self,
        request: &VersionRequest,
        of: Option<&Version>,
        offline: bool,
    ) -> Result<TagsResult> {
        let mut facts = self.project().facts_of(request, of)?;
        let mut answer = TagsResult {
            set: None,
            labels: BTreeMap::new(),
            why: String::new(),
            on_head: facts.on_head.first().map(|tag| tag.version.clone()),
            notes: Vec::new(),
        };
        let (version, unknown) = match of {
            Some(version) => (version.clone(), self.unknown_commit(&facts, version)),
            None => {
                let mut next = next::next(self.policy(), &facts, request)?;
                answer.why = std::mem::take(&mut next.why);
                answer.notes = std::mem::take(&mut next.notes);
                let Some(version) = next.version.clone() else {
                    return Ok(answer);
                };
                let made = self.made_commit(&mut facts, &next, &version).await;
                (version, made.err().map(|error| format!("{error:#}")))
            }
        };
        let mut subject = self.subject(&facts, &version, true)?;
        if let Some(why) = unknown {
            subject.commit = None;
            answer.notes.push(format!(
                "tags of the commit are left out, because the commit of {version} is not known: {why}"
            ));
        }
        let context = subject.context(self.instant_of(&version)?);
        let repositories = self.policy().repositories();
        let set = if offline || repositories.is_empty() {
            let unasked: Vec<_> = repositories.into_iter().map(Published::not_asked).collect();
            tags::compute(self.policy(), &context, &unasked)?
        } else {
            self.judged(&context).await?
        };
        answer
            .notes
            .extend(tags::unpublished_notes(set.unpublished()));
        answer.labels = self.labels(&set, &context)?;
        answer.set = Some(set);
        Ok(answer)
    }

    /// Lets `facts` stand on the release commit that a release would make, where it makes one.
    async fn made_commit(&self, facts: &mut Facts, next: &Next, version: &Version) -> Result<()> {
        if !self.policy().makes_commit() {
            return Ok(());
        }
        let instant = self.instant_of(version)?;
        let made = self.on_release_commit(facts, next, version, instant, None, Purpose::Show);
        made.await.map(|_| ())
    }

    /// Why the commit of a version that is named is not known: a release of it would make one.
    fn unknown_commit(&self, facts: &Facts, version: &Version) -> Option<String> {
        let tagged = facts.tags.iter().any(|tag| tag.version == *version);
        (!tagged && self.policy().makes_commit()).then(|| {
            format!(
                "its release makes one, for `version.files` or `notes.changelog`; `hoist tags --version {version}` tells it"
            )
        })
    }

    /// The set as the registries have it now.
    async fn judged(&self, context: &TagContext<'_>) -> Result<TagSet> {
        let published = self.published_for(context).await?;
        tags::compute(self.policy(), context, &published)
    }

    /// Every repository's list, and what it shows under the names of this set.
    pub(super) async fn published_for(&self, context: &TagContext<'_>) -> Result<Vec<Published>> {
        let apis = self.apis(&self.repositories()?)?;
        // A channel's tag can follow on to this version, by what is published: then there are
        // more names. Without what is there nothing is refused here.
        let compute = |published: &[Published]| {
            tags::compute(self.policy(), context, &without_images(published))
        };
        let survey = Survey::of(self, (apis.as_slice(), LookPurpose::Read), compute)
            .await?
            .complete()
            .await?;
        Ok(survey.published)
    }

    /// `version` as a subject. One without a git tag is of HEAD, or with `here` false of no
    /// commit that is known.
    pub(super) fn subject(&self, facts: &Facts, version: &Version, here: bool) -> Result<Subject> {
        let kind = BranchKind::of(&self.policy().branches, facts.branch.as_deref());
        let tagged = facts.tags.iter().find(|tag| tag.version == *version);
        let (commit, seconds) =
            match tagged.and_then(|tag| self.project().git().tag_commit(&tag.name)) {
                Some(commit) => (Some(commit), self.project().git().commit_time(commit)?),
                None if here => (Some(facts.head), facts.head_time),
                None => (None, 0),
            };
        Ok(Subject {
            version: version.clone(),
            commit,
            commit_time: DateTime::from_timestamp(seconds, 0).unwrap_or_default(),
            branch: facts.branch.clone(),
            kind,
            git: facts.tags.iter().map(|tag| tag.version.clone()).collect(),
            withdrawn: facts.withdrawn.clone(),
        })
    }

    fn labels(
        &self,
        set: &TagSet,
        context: &TagContext<'_>,
    ) -> Result<BTreeMap<ImageName, BTreeMap<String, String>>> {
        let policy = self.policy();
        let created = self.source_date()?.unwrap_or(context.commit_time);
        let one = |image: ImageName| {
            let repositories = policy.repositories_of(&image.plain());
            let facts = LabelFacts {
                values: Values {
                    version: context.version,
                    channel: channel(context.version),
                    commit: context.commit,
                    commit_time: context.commit_time,
                    instant: context.instant,
                    branch: context.branch,
                    date: &policy.tags.date,
                },
                created,
                remote: self.remote_url.as_deref(),
                repository: repositories.first(),
                version_tag: set.version_tag(&image),
                base: None,
            };
            let labels = labels(&policy.image_policy(&image), &facts);
            (image, labels)
        };
        Ok(policy.all_images().map(one).collect())
    }
}

impl Subject {
    pub(super) fn context(&self, instant: DateTime<Utc>) -> TagContext<'_> {
        TagContext {
            version: &self.version,
            commit: self.commit,
            commit_time: self.commit_time,
            instant,
            branch: self.branch.as_deref(),
            branch_kind: &self.kind,
            git: &self.git,
            withdrawn: &self.withdrawn,
            images: BTreeMap::new(),
        }
    }
}
