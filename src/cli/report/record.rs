//! One run as a document: what `--report FILE.json` writes, and what the page is made from.

use chrono::{DateTime, Utc};
use semver::Version;
use serde::Serialize;

use crate::{
    cli::ending::RunVerb,
    error::Error,
    event::Step,
    git::CommitId,
    oci::{Digest, ImageName, Repository, Tag},
    outcome::{BranchReport, ForgeReport, GitTagReport, Transfer},
    policy::Level,
    project::ReferrerReceipt,
};

/// How a run went, and what every tag shows after it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::cli) struct RunRecord {
    /// The version of the format.
    pub(super) v: u8,
    /// The version of hoist that ran.
    pub(super) hoist: &'static str,
    /// What was asked for.
    pub(super) verb: RunVerb,
    /// How it ended, in the word of the last JSON line: `published`, `rolled-back`, `nothing`, `refused`, …
    pub(super) outcome: String,
    /// The exit code of the process.
    pub(super) exit: u8,
    /// How it ended, in a sentence.
    pub(super) summary: String,
    /// The version that was released, or was to be; `null` where it ended before there was one.
    pub(super) version: Option<Version>,
    /// The version before it; `null` where there was none, or it is not known.
    pub(super) current: Option<Version>,
    /// The level of the change, or the step to a version that was named.
    pub(super) bump: Option<Level>,
    /// The reason for the version, in words.
    pub(super) why: Option<String>,
    /// When the run began.
    pub(super) began: DateTime<Utc>,
    /// How long it took, without the time that a person thought about a question.
    pub(super) seconds: f64,
    /// The commit in full.
    pub(super) commit: Option<CommitId>,
    /// The branch that was released from, where it has a name.
    pub(super) branch: Option<String>,
    /// The branch that got the release commit, where the release made one.
    pub(super) release_commit: Option<BranchReport>,
    /// The version's git tag, where one is wanted.
    pub(super) git_tag: Option<GitTagReport>,
    /// The release on the forge, where one belongs to it.
    pub(super) forge: Option<ForgeReport>,
    /// The repositories, each once.
    pub(super) repositories: Vec<Repository>,
    /// Each tag: what it showed before, and what it shows now.
    pub(super) tags: Vec<ReportedTag>,
    /// The images, each in each repository.
    pub(super) images: Vec<ReportedImage>,
    /// What was attached to the images.
    pub(super) attachments: Vec<ReferrerReceipt>,
    /// The signatures that were made of them.
    pub(super) signatures: Vec<ReferrerReceipt>,
    /// The programs of the gate that have passed the images.
    pub(super) gate: Vec<String>,
    /// Where the images were over the budget and were released all the same.
    pub(super) over_budget: Vec<String>,
    /// What no commit holds and was released all the same, with `--allow-dirty`.
    pub(super) uncommitted: Vec<String>,
    /// Whether the hooks of the policy were left out.
    pub(super) without_hooks: bool,
    /// What went over the wire, a repository each; empty where it ended before all content was staged.
    pub(super) transfers: Vec<Transfer>,
    /// The changes, newest first.
    pub(super) commits: Vec<ReportedCommit>,
    /// The steps in the order in which they began.
    pub(super) steps: Vec<ReportedStep>,
    /// What was told beside the steps.
    pub(super) remarks: Vec<ReportedRemark>,
    /// The release notes, markdown.
    pub(super) notes: Option<String>,
    /// What failed; `null` where the run did what it was asked to.
    #[cfg_attr(test, schemars(with = "Option<Error>"))]
    pub(super) error: Option<Error>,
}

/// One tag of one repository.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ReportedTag {
    /// The repository of the tag.
    pub(super) repository: Repository,
    /// The tag's name.
    pub(super) tag: Tag,
    /// Which image of the release it belongs to, where that is known.
    #[serde(flatten)]
    pub(super) image: Option<ImageName>,
    /// What became of it.
    pub(super) standing: TagStanding,
    /// What it showed before; `null`: there was none, or it is not known.
    pub(super) before: Option<Digest>,
    /// What the run wanted it to show; `null` where it was to stay, or there was no image yet.
    pub(super) wanted: Option<Digest>,
    /// What it shows now; `null`: there is none, or it is not known.
    pub(super) now: Option<Digest>,
    /// The reason, in words; empty where none is known.
    pub(super) why: String,
}

/// What became of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(super) enum TagStanding {
    /// It is new, and shows what it should.
    Created,
    /// It shows another image than before, the one that it should.
    Moved,
    /// It showed what it should before the run, too.
    Same,
    /// It was to stay as it is.
    Kept,
    /// It was to move, and is as it was before.
    AsBefore,
    /// The run ended before it could touch any tag: this is what the plan saw.
    Untouched,
    /// It shows neither what it should nor what it showed before.
    Other,
    /// What it shows could not be read.
    Unknown,
}

/// An image in one repository.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ReportedImage {
    /// Which image of the release it is.
    #[serde(flatten)]
    pub(super) image: ImageName,
    /// The repository that has it.
    pub(super) repository: Repository,
    /// The manifest or index.
    pub(super) digest: Digest,
    /// Why it is not a new image, where it was published already.
    pub(super) adopted: Option<String>,
    /// Its sizes, platform by platform; empty where they were not read.
    pub(super) platforms: Vec<ReportedPlatform>,
}

/// The image of one platform.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ReportedPlatform {
    /// `linux/amd64`; `null` where no index names it.
    pub(super) platform: Option<String>,
    /// Bytes to pull.
    pub(super) size: u64,
    /// The number of its layers.
    pub(super) layers: usize,
    /// Bytes to pull of the same in the release before.
    pub(super) before: Option<u64>,
}

/// One change.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ReportedCommit {
    /// The commit in full.
    pub(super) sha: CommitId,
    /// The first line of its message.
    pub(super) summary: String,
    /// Its level; `null`: it does not count.
    pub(super) bump: Option<Level>,
    /// The rule that gave the level.
    pub(super) why: String,
}

/// One step, and how long it took.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ReportedStep {
    /// Which step it is.
    pub(super) step: Step,
    /// The verb that a person reads.
    pub(super) verb: &'static str,
    /// What was done to what.
    pub(super) what: String,
    /// When it began, in seconds since the run did.
    pub(super) start: f64,
    /// How long it took.
    pub(super) seconds: f64,
    /// Whether it came to its result.
    pub(super) done: bool,
}

/// Something that was told beside the steps.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ReportedRemark {
    /// `note`, `warning`, `waiting` or `put back`.
    pub(super) kind: &'static str,
    /// What was told.
    pub(super) text: String,
}
