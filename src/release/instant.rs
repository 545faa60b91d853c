//! The release's instant and the image's creation time: now and the commit's time, or what
//! `SOURCE_DATE_EPOCH` says for both.

use chrono::{DateTime, Utc};
use semver::Version;

use crate::{
    error::{Error, Result},
    plan::{
        history::facts::Facts,
        release::receipt::receipts,
        tags::{Origins, ReleaseOrigin},
    },
    release::facade::Release,
    text::sanitize_line,
};

impl Release {
    /// Now, or `SOURCE_DATE_EPOCH`.
    pub(super) fn instant(&self) -> Result<DateTime<Utc>> {
        Ok(self.source_date()?.unwrap_or_else(Utc::now))
    }

    /// The instant that the tags of a version are made with: that of its git tag where there is one, else now.
    /// A version has one day of its own, whoever asks, and whenever it is completed.
    pub(super) fn instant_of(&self, version: &Version) -> Result<DateTime<Utc>> {
        match self.origin_of(version) {
            Some(origin) => Ok(origin.instant),
            None => self.instant(),
        }
    }

    /// Where and when `version` was released, as far as this clone has its git tag.
    pub(super) fn origin_of(&self, version: &Version) -> Option<ReleaseOrigin> {
        let name = self.policy().version.tag.name(version);
        let git = self.project().git();
        let tagged = git.tagged(&name).ok().flatten()?;
        let committed = git.commit_time(tagged.commit).ok()?;
        let message = git.tag_message(&name).ok().flatten().unwrap_or_default();
        Some(ReleaseOrigin {
            commit: tagged.commit,
            commit_time: DateTime::from_timestamp(committed, 0)?,
            instant: DateTime::from_timestamp(tagged.time, 0)?,
            is_recorded: !receipts(&message).is_empty(),
        })
    }

    /// The same of each of `versions`.
    pub(super) fn origins(&self, versions: &[Version]) -> Origins {
        let known = |version: &Version| Some((version.clone(), self.origin_of(version)?));
        versions.iter().filter_map(known).collect()
    }

    /// What a person should know of a version whose git tag was made by hand, on another day than today.
    pub(super) fn day_note(&self, version: &Version) -> Option<String> {
        let origin = self
            .origin_of(version)
            .filter(|origin| !origin.is_recorded)?;
        let policy = self.policy();
        let mut templates = policy.tags.templates();
        let has_day = templates.any(|(_, template)| template.is_of_the_moment());
        let day = origin.instant.date_naive();
        let tag = sanitize_line(&policy.version.tag.name(version), 72);
        (has_day && day != Utc::now().date_naive()).then(|| {
            format!("the git tag `{tag}` is of {day}: the tags of the day are those of that day")
        })
    }

    /// When the image counts as created: `SOURCE_DATE_EPOCH`, or the commit's time.
    pub(super) fn created(&self, facts: &Facts) -> Result<DateTime<Utc>> {
        let commit = || DateTime::from_timestamp(facts.head_time, 0).unwrap_or_default();
        Ok(self.source_date()?.unwrap_or_else(commit))
    }

    pub(super) fn source_date(&self) -> Result<Option<DateTime<Utc>>> {
        let Some(text) = self.environment().get("SOURCE_DATE_EPOCH") else {
            return Ok(None);
        };
        text.parse()
            .ok()
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
            .map(Some)
            .ok_or_else(|| {
                Error::usage(format!(
                    "`SOURCE_DATE_EPOCH` is `{text}`: expected seconds since 1970"
                ))
            })
    }
}
