//! The release's instant and the image's creation time: now and the commit's time, or what
//! `SOURCE_DATE_EPOCH` says for both.

use chrono::{DateTime, Utc};
use semver::Version;

use crate::{
    error::{Error, Result},
    plan::{history::facts::Facts, release::receipt::Receipt},
    release::facade::Release,
};

impl Release {
    /// Now, or `SOURCE_DATE_EPOCH`.
    pub(super) fn instant(&self) -> Result<DateTime<Utc>> {
        Ok(self.source_date()?.unwrap_or_else(Utc::now))
    }

    /// When a version was released that is completed now: its tags are those of that day. `None`: hoist has
    /// not released it yet.
    pub(super) fn released_at(
        &self,
        version: &Version,
        receipts: &[Receipt],
    ) -> Option<DateTime<Utc>> {
        if receipts.is_empty() {
            return None;
        }
        let origins = self.origins(std::slice::from_ref(version));
        origins.get(version).map(|origin| origin.instant)
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
