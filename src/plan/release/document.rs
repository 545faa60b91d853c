//! The plan: a release as plain data. It can be printed, stored, reviewed and carried out as it
//! stands.

use std::{collections::BTreeMap, fmt};

use chrono::{DateTime, Utc};
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::{
    git::{CommitId, RefName, branch_name, tag_name},
    oci::{Digest, ImageName, Observed, Repository, Tag},
    plan::tags::{TagAction, TagKind},
    policy::{ForgeService, Level},
};

/// The version of the format. A reader refuses a newer one.
pub const PLAN_FORMAT: u64 = 1;

/// Everything that a release would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Plan {
    /// The version of the format: [`PLAN_FORMAT`] in every plan that this program writes.
    pub v: u64,
    /// The version that is released.
    pub version: Version,
    /// The version before, a pre-release included.
    pub current: Option<Version>,
    /// The git tag of `current`.
    pub current_tag: Option<String>,
    /// The stable version that the range starts at.
    pub range_from: Option<Version>,
    /// The level of the change, or the step from `range_from` where the version was named or is that of an earlier
    /// pre-release.
    pub bump: Option<Level>,
    /// The version is a pre-release.
    pub prerelease: bool,
    /// The commit in full.
    pub commit: CommitId,
    /// When the commit was made.
    pub commit_time: DateTime<Utc>,
    /// The branch, where it has a name.
    pub branch: Option<String>,
    /// The release's one instant: every `{date}` comes from it.
    pub instant: DateTime<Utc>,
    /// The git tag of the version, and whether the release makes it.
    pub git_tag: PlannedGitTag,
    /// The release on the forge, where the policy wants one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forge: Option<PlannedForge>,
    /// How [`Plan::commit`] comes to be, where the release makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_commit: Option<ReleaseCommit>,
    /// The repositories that are published to, in the order of the policy.
    pub repositories: Vec<Repository>,
    /// The main image first, then the others by name, each followed by its variants.
    pub images: Vec<PlannedImage>,
    /// Each tag in each repository, in commit order.
    pub tags: Vec<PlannedMove>,
    /// The changes, newest first.
    pub commits: Vec<PlannedCommit>,
    /// The reason for this version, in words.
    pub why: String,
    /// The release notes, markdown.
    pub notes: String,
    /// What a person should know.
    pub messages: Vec<String>,
    /// The policy file that it was made from.
    pub policy: Digest,
}

/// The version's git tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PlannedGitTag {
    /// The tag, which a document names without `refs/tags/`.
    #[serde(with = "tag_name")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub name: RefName,
    /// False where it is there already: then it is left alone.
    pub create: bool,
}

impl fmt::Display for PlannedGitTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.create {
            "to be made"
        } else {
            "there already"
        };
        write!(f, "`{}`, {what}", self.name.short())
    }
}

/// The release on the forge that belongs to a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PlannedForge {
    /// Which forge it is.
    #[serde(rename = "kind")]
    pub service: ForgeService,
    /// The page that the release will have.
    pub url: String,
    /// Whether it is a draft before the tags move.
    pub draft: bool,
    /// Whether it is marked as a pre-release.
    pub prerelease: bool,
    /// Whether it becomes the project's latest release: where this version gets the tag `latest`.
    pub latest: bool,
    /// The globs of its files.
    pub assets: Vec<String>,
}

impl fmt::Display for PlannedForge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)?;
        let marks = [
            (self.draft, "a draft first"),
            (self.prerelease, "a pre-release"),
            (self.latest, "the latest"),
        ];
        let marks = marks.iter().filter(|(is_so, _)| *is_so);
        let mut words: Vec<String> = marks.map(|(_, word)| (*word).to_owned()).collect();
        if !self.assets.is_empty() {
            words.push(format!("with {}", self.assets.join(", ")));
        }
        match &*words.join("; ") {
            "" => Ok(()),
            words => write!(f, " ({words})"),
        }
    }
}

/// A commit that the release makes on top of HEAD, and pushes to the branch before any tag moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ReleaseCommit {
    /// The branch, which a document names without `refs/heads/`.
    #[serde(with = "branch_name")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub branch: RefName,
    /// HEAD in full: the commit's one parent.
    pub parent: CommitId,
    /// The message, one line.
    pub subject: String,
    /// The files that it changes, sorted.
    pub files: Vec<String>,
    /// Author and committer, as git writes them: `Name <address> 1767323045 +0000`. With the contents
    /// this makes the same commit on any machine. Plans of an older hoist lack both.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub who: String,
    /// What the files hold then, by path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub contents: BTreeMap<String, String>,
}

impl ReleaseCommit {
    /// When the commit is made, in seconds since 1970.
    #[must_use]
    pub fn time(&self) -> Option<i64> {
        let mut words = self.who.rsplit(' ');
        words.nth(1)?.parse().ok()
    }
}

/// One image of the release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PlannedImage {
    /// Which image it is.
    #[serde(flatten)]
    pub name: ImageName,
    /// The repositories that get it. Plans of an older hoist lack them: then it is all of the plan.
    #[serde(default)]
    pub repositories: Vec<Repository>,
    /// Where it comes from.
    pub source: PlannedSource,
    /// Labels of its config.
    pub labels: BTreeMap<String, String>,
    /// Annotations of its manifest.
    pub annotations: BTreeMap<String, String>,
    /// Build arguments, with their placeholders filled in.
    pub args: BTreeMap<String, String>,
}

/// Where an image comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum PlannedSource {
    /// It is built, or taken from a layout.
    Build,
    /// It is published already: the same bytes are finished everywhere.
    Adopt {
        /// The manifest or index to finish.
        digest: Digest,
        /// A repository that has it.
        from: Repository,
        /// How it is known to be this release's.
        why: String,
    },
}

/// One tag in one repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PlannedMove {
    /// The repository that the tag is in.
    pub repository: Repository,
    /// The tag that is created, moved or left alone.
    pub tag: Tag,
    /// The image that it is to show.
    #[serde(flatten)]
    pub image: ImageName,
    /// Whether it ever moves again.
    pub kind: TagKind,
    /// It names the version whole.
    pub is_version: bool,
    /// What the release does with the tag.
    pub action: TagAction,
    /// What the tag showed when the plan was made.
    pub before: Observed,
    /// The reason for the action, in words.
    pub why: String,
    /// The image that the tag is to show where it is not this release's own: the tag belongs to a
    /// higher version, and is not there yet.
    #[serde(rename = "owed", default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<Successor>,
}

/// The image of another version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Successor {
    /// That version's own tag.
    pub tag: Tag,
    /// The image that the tag of that version shows.
    pub digest: Digest,
}

/// One change of the range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PlannedCommit {
    /// The commit in full.
    pub sha: CommitId,
    /// The first line of its message.
    pub summary: String,
    /// Its level; `None`: it does not count.
    pub bump: Option<Level>,
    /// The rule that gave the level.
    pub why: String,
}

impl Plan {
    /// Everything is there already: each tag shows the image, and git has the tag.
    #[must_use]
    pub fn is_done(&self) -> bool {
        let quiet = |action| matches!(action, TagAction::Same | TagAction::Keep);
        !self.git_tag.create && self.tags.iter().all(|planned| quiet(planned.action))
    }

    /// The repositories that get an image of this plan.
    #[must_use]
    pub fn repositories_of<'p>(&'p self, image: &'p PlannedImage) -> &'p [Repository] {
        match &*image.repositories {
            [] => &self.repositories,
            own => own,
        }
    }

    /// What is no longer as `self` says, when the same plan is made again: one line each.
    #[must_use]
    pub fn differences(&self, now: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |what: &str, then: String, now: String| {
            if then != now {
                found.push(format!("{what} was {then}, and is {now}"));
            }
        };
        compare(
            "the commit",
            self.commit.to_string(),
            now.commit.to_string(),
        );
        compare(
            "the version",
            self.version.to_string(),
            now.version.to_string(),
        );
        compare(
            "the policy file",
            self.policy.to_string(),
            now.policy.to_string(),
        );
        compare(
            "the git tag",
            self.git_tag.to_string(),
            now.git_tag.to_string(),
        );
        compare("the release on the forge", on_forge(self), on_forge(now));
        compare(
            "the list of repositories",
            names(&self.repositories),
            names(&now.repositories),
        );
        for then in &self.tags {
            let place = then.repository.tag(&then.tag);
            match now
                .tags
                .iter()
                .find(|t| t.repository == then.repository && t.tag == then.tag)
            {
                Some(now) if now.before != then.before => {
                    compare(
                        &format!("`{place}`"),
                        shown(&then.before),
                        shown(&now.before),
                    );
                }
                Some(now) if now.action != then.action => {
                    let action = |action: TagAction| format!("to {}", action.as_str());
                    compare(
                        &format!("`{place}`"),
                        action(then.action),
                        action(now.action),
                    );
                }
                Some(_) => {}
                None => compare(
                    &format!("`{place}`"),
                    "planned".into(),
                    "not in the set".into(),
                ),
            }
        }
        for new in &now.tags {
            if !self
                .tags
                .iter()
                .any(|t| t.repository == new.repository && t.tag == new.tag)
            {
                compare(
                    &format!("`{}`", new.repository.tag(&new.tag)),
                    "not in the set".into(),
                    "planned".into(),
                );
            }
        }
        found
    }
}

fn on_forge(plan: &Plan) -> String {
    let forge = plan.forge.as_ref();
    forge.map_or_else(|| "none".to_owned(), PlannedForge::to_string)
}

fn shown(before: &Observed) -> String {
    match before {
        Observed::Absent => "absent".into(),
        Observed::At(digest) => digest.to_string(),
        Observed::Unknown => "not readable".into(),
    }
}

fn names(repositories: &[Repository]) -> String {
    let names: Vec<String> = repositories.iter().map(|r| format!("`{r}`")).collect();
    names.join(", ")
}
