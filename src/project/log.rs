//! Past releases, as this clone's tags and the receipts in them tell.

use chrono::{DateTime, Utc};
use semver::Version;

use crate::{
    error::Result,
    git::CommitId,
    plan::release::receipt::{self, PlatformReceipt, Receipt, ReferrerReceipt},
    project::open::Project,
    text::sanitize_line,
};

/// One past release.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PastRelease {
    /// The version that its git tag names.
    pub version: Version,
    /// The git tag's name.
    pub tag: String,
    /// Its commit; `None` where the tag does not point at a commit of this clone.
    pub commit: Option<CommitId>,
    /// When the tag was made; for a lightweight tag, when its commit was made.
    pub time: DateTime<Utc>,
    /// Who released it; `None` for a tag that hoist did not make.
    pub run: Option<String>,
    /// The image in each repository; empty for a tag that hoist did not make.
    pub images: Vec<Receipt>,
    /// What the images are for; empty where an earlier hoist, or none, made the tag.
    pub platforms: Vec<PlatformReceipt>,
    /// What was attached to the images.
    pub attachments: Vec<ReferrerReceipt>,
    /// The signatures that were made of them.
    pub signatures: Vec<ReferrerReceipt>,
    /// The programs of the gate that have passed the images.
    pub gate: Vec<String>,
    /// Whether the hooks of the policy were left out.
    pub without_hooks: bool,
    /// Where the images were over the budget and were released all the same.
    pub over_budget: Vec<String>,
    /// What no commit holds and was released all the same.
    pub uncommitted: Vec<String>,
    /// The page of the release on the forge.
    pub forge: Option<String>,
}

impl Project {
    /// Every release that a git tag of this clone names, wherever it is, newest first. Asks no
    /// registry.
    ///
    /// # Errors
    /// Refused (exit 4) where the tags cannot be read.
    pub fn log(&self) -> Result<Vec<PastRelease>> {
        let template = &self.policy().version.tag;
        let names = self.git().tag_names()?;
        let mut all = Vec::new();
        for name in names {
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

    /// What the git tag of one version records; `None` where this clone has no such tag.
    ///
    /// # Errors
    /// Refused (exit 4) where the tag cannot be read.
    pub fn recorded(&self, version: &Version) -> Result<Option<PastRelease>> {
        let name = self.policy().version.tag.name(version);
        // The repository is lent to one at a time.
        let is_there = self.git().tag_commit(&name).is_some();
        match is_there {
            true => self.past(name, version.clone()).map(Some),
            false => Ok(None),
        }
    }

    fn past(&self, name: String, version: Version) -> Result<PastRelease> {
        let git = self.git();
        let message = git.tag_message(&name)?.unwrap_or_default();
        let commit = git.tag_commit(&name);
        let seconds = match (git.tag_time(&name), commit) {
            (Some(seconds), _) => seconds,
            (None, Some(commit)) => git.commit_time(commit)?,
            (None, None) => 0,
        };
        let recorded = receipt::record(&message);
        let run = recorded.as_ref();
        let run = run.map(|recorded| sanitize_line(&recorded.run, 200));
        let recorded = recorded.unwrap_or_default();
        Ok(PastRelease {
            version,
            commit,
            time: DateTime::from_timestamp(seconds, 0).unwrap_or_default(),
            run,
            tag: name,
            without_hooks: recorded.without_hooks,
            gate: lines(&recorded.gate),
            over_budget: lines(&recorded.over_budget),
            uncommitted: lines(&recorded.uncommitted),
            forge: recorded.forge.map(|page| sanitize_line(&page, 300)),
            images: recorded.images,
            platforms: recorded.platforms.into_iter().map(shown).collect(),
            attachments: recorded.attachments,
            signatures: recorded.signatures,
        })
    }
}

fn shown(one: PlatformReceipt) -> PlatformReceipt {
    PlatformReceipt {
        platform: sanitize_line(&one.platform, 200),
        ..one
    }
}

fn lines(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| sanitize_line(text, 300)).collect()
}
