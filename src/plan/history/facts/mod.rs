//! What the repository says, as plain data: the only thing that decisions about versions look at.

mod graph;
mod outline;
mod pipeline;

use semver::Version;

pub use graph::{Parent, RangeGraph};
pub use outline::{CommitOutline, RangeOutline};
pub use pipeline::OtherPipeline;

use crate::{
    git::{CommitId, ObjectId},
    policy::{GitTagTemplate, MaintenanceLine, PathPattern},
};

/// A git tag that stands for a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionTag {
    /// The name of the tag, without `refs/tags/`.
    pub name: String,
    /// The version that `version.tag` reads from the name.
    pub version: Version,
    /// The commit it points at. Known for the base, for tags on HEAD and for every tag whose
    /// place was looked at; `None` also where it points at something else than a commit.
    pub commit: Option<CommitId>,
}

/// A commit of the range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The id of the commit.
    pub id: CommitId,
    /// Its parents, in order.
    pub parents: Vec<CommitId>,
    /// The message, decoded.
    pub message: String,
    /// The author's name, decoded.
    pub author: String,
    /// The author's address, decoded.
    pub email: String,
    /// When it was committed, seconds since 1970 UTC.
    pub time: i64,
    /// When its author wrote it, seconds since 1970 UTC; a copy of the commit keeps this date.
    pub written: i64,
    /// Whether it touches `version.paths`; true where no paths are set.
    pub in_paths: bool,
    /// Whether it came after the last pre-release of the channel asked for; true without one.
    pub after_prerelease: bool,
    /// The positions of those parents of a merge that do not have every released commit that the
    /// merge has: beside them a part came in that is released already. Empty where no revert of the
    /// range can ask for it.
    pub released_beside: Vec<usize>,
}

impl Commit {
    /// Whether it has several parents.
    #[must_use]
    pub fn is_merge(&self) -> bool {
        self.parents.len() > 1
    }
}

/// The question that the history is asked. For the next version it is made from the policy and the
/// request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Which tags stand for versions.
    pub template: GitTagTemplate,
    /// The name of the branch, where it has one.
    pub branch: Option<String>,
    /// The commit to answer for; unset: HEAD.
    pub at: Option<CommitId>,
    /// Tags of this version and of higher ones are not looked at.
    pub below: Option<Version>,
    /// Only versions of this line can be the base.
    pub line: Option<MaintenanceLine>,
    /// The channel whose last pre-release matters.
    pub label: Option<String>,
    /// A version whose tag's commit matters, wherever it is.
    pub version: Option<Version>,
    /// `version.paths`: only commits that touch one of these count; empty: all do.
    pub paths: Vec<PathPattern>,
    /// Tags that only the remote has: the name, and the commit that it leads to.
    pub remote_tags: Vec<(String, ObjectId)>,
}

impl HistoryQuery {
    /// Whether `version` is a pre-release of the channel asked for, in any spelling of its label:
    /// `rc`, `rc2`, `rc.2`.
    #[must_use]
    pub fn is_channel(&self, version: &Version) -> bool {
        self.label
            .as_ref()
            .is_some_and(|label| has_label(version, label))
    }
}

/// Whether `version` is a pre-release of `label` in any spelling: `rc`, `rc2`, `rc.2`, `rc.a.1`.
#[must_use]
pub fn has_label(version: &Version, label: &str) -> bool {
    version
        .pre
        .as_str()
        .strip_prefix(label)
        .is_some_and(|rest| rest.starts_with('.') || rest.bytes().all(|b| b.is_ascii_digit()))
}

/// What the history answers. Filled by `io::git`.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The commit that HEAD points at.
    pub head: CommitId,
    /// When HEAD was committed, seconds since 1970 UTC.
    pub head_time: i64,
    /// The branch's name, as it was asked for.
    pub branch: Option<String>,
    /// Every tag that matches the template, highest version first.
    pub tags: Vec<VersionTag>,
    /// Those of them that point at HEAD.
    pub on_head: Vec<VersionTag>,
    /// The highest version reachable from HEAD; on a maintenance line the highest stable one of
    /// the line.
    pub base: Option<VersionTag>,
    /// The highest stable version reachable from HEAD (of the line, where one is asked for):
    /// where the range starts.
    pub stable: Option<VersionTag>,
    /// The highest reachable pre-release of the label asked for, where it is above `stable`.
    pub channel: Option<VersionTag>,
    /// ancestors(HEAD) − ancestors(`stable`), newest first: children before parents, then by
    /// time, then by id.
    pub commits: Vec<Commit>,
    /// Tags passed over because they are not ancestors of HEAD, highest first.
    pub elsewhere: Vec<VersionTag>,
    /// Names of version tags that do not point at a commit, or at one that is missing here.
    pub not_commits: Vec<String>,
    /// The highest tag that has a version but for leading zeros (which `version` leaves out), and
    /// that would be the base or stands on HEAD.
    pub near_miss: Option<VersionTag>,
    /// The highest tag above the base that would have a version with the numbers that it leaves
    /// out (`v1.2`, whose `version` is 1.2.0), and whose line has no version of its own.
    pub short: Option<VersionTag>,
    /// How many tags do not match the template.
    pub other_tags: usize,
    /// Their names, where no tag matches it.
    pub unmatched: Vec<String>,
    /// The versions that were taken back, as far as it is known here.
    pub withdrawn: Vec<Version>,
    /// The clone's history is cut off somewhere (and the range does not need what is missing).
    pub shallow: bool,
    /// Oddities of the repository that a person should know of.
    pub notes: Vec<String>,
}

impl Facts {
    /// What is known where nothing but HEAD can be read: no tag, no commit behind it.
    #[must_use]
    pub fn of_head(head: CommitId, head_time: i64) -> Self {
        Self {
            head,
            head_time,
            branch: None,
            tags: Vec::new(),
            on_head: Vec::new(),
            base: None,
            stable: None,
            channel: None,
            commits: Vec::new(),
            elsewhere: Vec::new(),
            not_commits: Vec::new(),
            near_miss: None,
            short: None,
            other_tags: 0,
            unmatched: Vec::new(),
            withdrawn: Vec::new(),
            shallow: false,
            notes: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::history::facts::*;

    #[test]
    fn a_line_holds_its_own_versions() {
        let line = MaintenanceLine {
            major: 1,
            minor: Some(2),
        };
        assert!(line.contains(&Version::new(1, 2, 9)) && !line.contains(&Version::new(1, 3, 0)));
        assert_eq!(line.to_string(), "1.2.x");
    }
}
