//! What the tag set of a release is computed from.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use semver::Version;

use crate::{
    git::CommitId,
    oci::{Digest, ImageName},
    plan::version::branch::BranchKind,
    policy::{DateFormat, Values},
};

/// The facts of one release that its tags depend on.
#[derive(Debug, Clone)]
pub struct TagContext<'a> {
    /// The version to release.
    pub version: &'a Version,
    /// The commit; `None` where it is not known, as of a version without a git tag.
    pub commit: Option<CommitId>,
    /// When the commit was made.
    pub commit_time: DateTime<Utc>,
    /// The release's one instant.
    pub instant: DateTime<Utc>,
    /// The branch's name; `None` on a detached HEAD.
    pub branch: Option<&'a str>,
    /// What the policy says about the branch. One that it does not name counts as stable here.
    pub branch_kind: &'a BranchKind,
    /// All versions that git tags name, wherever they are.
    pub git: &'a [Version],
    /// The versions that were taken back: they hold no moving tag.
    pub withdrawn: &'a [Version],
    /// The image that will be published, by variant, as far as it is known.
    pub images: BTreeMap<ImageName, Digest>,
}

impl TagContext<'_> {
    /// What the placeholders of a template stand for. `date` is `tags.date`.
    pub(super) fn values<'v>(
        &'v self,
        channel: Option<&'v str>,
        date: &'v DateFormat,
    ) -> Values<'v> {
        Values {
            version: self.version,
            channel,
            commit: self.commit,
            commit_time: self.commit_time,
            instant: self.instant,
            branch: self.branch,
            date,
        }
    }
}
