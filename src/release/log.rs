//! Past releases, as this clone's tags and the receipts in them tell. Asks no registry.

use chrono::{DateTime, Utc};
use semver::Version;

use super::Release;
use crate::{
    error::Result,
    plan::release::receipt::{self, Receipt},
    text::sanitize_line,
};

/// One past release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastRelease {
    /// The version.
    pub version: Version,
    /// Its git tag.
    pub tag: String,
    /// Its commit in full; `None` where the tag points at none that is here.
    pub commit: Option<String>,
    /// When the tag was made; of a lightweight one, when its commit was.
    pub time: DateTime<Utc>,
    /// Who released it; `None` for a tag that hoist did not make.
    pub run: Option<String>,
    /// What it is in which repository; none for a tag that hoist did not make.
    pub images: Vec<Receipt>,
}

impl Release {
    /// Every release that a git tag of this clone names, wherever it is, newest first.
    ///
    /// # Errors
    /// Refused (exit 4) where the tags cannot be read.
    pub fn log(&self) -> Result<Vec<PastRelease>> {
        let template = &self.policy().version.tag;
        let mut all = Vec::new();
        for name in self.git.tag_names()? {
            if let Some(version) = template.version(&name) {
                all.push(self.past(name, version)?);
            }
        }
        all.sort_by(|a, b| {
            let newest = b.time.cmp(&a.time);
            newest.then_with(|| b.version.cmp(&a.version))
        });
        Ok(all)
    }

    fn past(&self, name: String, version: Version) -> Result<PastRelease> {
        let message = self.git.tag_message(&name)?.unwrap_or_default();
        let commit = self.git.tag_commit(&name);
        let seconds = match (self.git.tag_time(&name), commit) {
            (Some(seconds), _) => seconds,
            (None, Some(commit)) => self.git.commit_time(commit)?,
            (None, None) => 0,
        };
        Ok(PastRelease {
            version,
            commit: commit.map(|commit| commit.to_string()),
            time: DateTime::from_timestamp(seconds, 0).unwrap_or_default(),
            run: receipt::run(&message).map(|run| sanitize_line(run, 200)),
            images: receipt::receipts(&message),
            tag: name,
        })
    }
}
