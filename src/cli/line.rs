//! The JSON lines that are not events: what a moving tag shows, and how a run ended.

use semver::Version;
use serde::Serialize;

use crate::{
    error::{Error, ErrorKind},
    oci::{Digest, ImageName, Repository, Tag},
};

/// The version of every line's format.
pub(super) const V: u8 = 1;

/// What a line about a tag is.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(super) enum TagType {
    /// It is about a tag.
    Tag,
}

/// What the last line is.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(super) enum OutcomeType {
    /// It says how the run ended.
    Outcome,
}

/// What a moving tag shows, and what it should show.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct DriftLine<'a> {
    /// The version of the format.
    pub(super) v: u8,
    /// It is about a tag.
    #[serde(rename = "type")]
    pub(super) line: TagType,
    /// The repository of the tag.
    pub(super) repository: &'a Repository,
    /// The tag's name.
    pub(super) tag: &'a Tag,
    /// The image that it is a tag of.
    #[serde(flatten)]
    pub(super) image: &'a ImageName,
    /// `right`, `missing`, `wrong`, `unreadable`, or `unjudged`: nothing tells what it should show.
    pub(super) state: &'static str,
    /// The version that it should show; `null`: nothing tells.
    pub(super) version: Option<&'a Version>,
    /// The tag that names that version whole.
    pub(super) from: Option<&'a Tag>,
    /// The image that it should show.
    pub(super) want: Option<&'a Digest>,
    /// What it shows; `null`: there is no such tag, or it could not be read.
    pub(super) shown: Option<&'a Digest>,
    /// The version that it shows, where that is another one and is known.
    pub(super) shown_version: Option<&'a Version>,
    /// The reason, in words.
    pub(super) why: &'a str,
}

/// What becomes of a moving tag of a version that is taken back.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct TakenBackLine<'a> {
    /// The version of the format.
    pub(super) v: u8,
    /// It is about a tag.
    #[serde(rename = "type")]
    pub(super) line: TagType,
    /// The repository of the tag.
    pub(super) repository: &'a Repository,
    /// The tag's name.
    pub(super) tag: &'a Tag,
    /// Whether it goes back.
    pub(super) action: TakenBackAction,
    /// The version that it goes to; `null`: it stays.
    pub(super) version: Option<&'a Version>,
    /// The image that it goes to; `null`: it stays.
    pub(super) want: Option<&'a Digest>,
    /// What it shows; `null`: it stays, or it could not be read.
    pub(super) shown: Option<&'a Digest>,
    /// The reason, in words.
    pub(super) why: &'a str,
}

/// Whether a tag of a version that is taken back goes back.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(super) enum TakenBackAction {
    /// It goes to the version before.
    Back,
    /// It stays as it is.
    Stay,
}

/// The end of a run that had nothing to do.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct NothingLine<'a> {
    /// The version of the format.
    pub(super) v: u8,
    /// It says how the run ended.
    #[serde(rename = "type")]
    pub(super) line: OutcomeType,
    /// In one word.
    pub(super) outcome: NothingWord,
    /// The exit code of the process.
    pub(super) exit: u8,
    /// There is none.
    pub(super) version: (),
    /// Of a release: the version that HEAD is tagged with or descends from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) current: Option<Option<&'a Version>>,
    /// Why there was nothing to do.
    pub(super) why: &'a str,
    /// Of a release: what is not as it should be all the same, and the command that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) messages: Option<&'a [String]>,
}

/// The end of a run that had nothing to do, in one word.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(super) enum NothingWord {
    /// There was nothing to do.
    Nothing,
}

/// In the place of a plan: there is nothing to release.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct NothingDocument<'a> {
    /// The version of the format.
    pub(super) v: u8,
    /// There is none.
    pub(super) version: (),
    /// The version that HEAD is tagged with or descends from.
    pub(super) current: Option<&'a Version>,
    /// Why there is nothing to release.
    pub(super) why: &'a str,
    /// What is not as it should be all the same, and the command that mends it.
    pub(super) messages: &'a [String],
}

/// The end of a run that only remembered, or forgot, that a version is withdrawn.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct WithdrawnLine<'a> {
    /// The version of the format.
    pub(super) v: u8,
    /// It says how the run ended.
    #[serde(rename = "type")]
    pub(super) line: OutcomeType,
    /// In one word.
    pub(super) outcome: WithdrawnWord,
    /// The exit code of the process.
    pub(super) exit: u8,
    /// The version.
    pub(super) version: &'a Version,
    /// What was done, in words.
    pub(super) why: &'a str,
}

/// Whether a version is remembered as withdrawn now.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(super) enum WithdrawnWord {
    /// The version is remembered as withdrawn.
    Withdrawn,
    /// The version is withdrawn no longer and counts as released again.
    Undone,
}

/// The end of a `repair` that moved nothing.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct RepairLine {
    /// The version of the format.
    pub(super) v: u8,
    /// It says how the run ended.
    #[serde(rename = "type")]
    pub(super) line: OutcomeType,
    /// In one word.
    pub(super) outcome: RepairWord,
    /// The exit code of the process.
    pub(super) exit: u8,
    /// How many tags were found elsewhere than they should point.
    pub(super) wrong: usize,
}

/// Whether every moving tag shows what it should.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(super) enum RepairWord {
    /// They do.
    Agree,
    /// They do not.
    Disagree,
}

/// The end of a run that failed before there was a transaction.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct FailedLine<'a> {
    /// The version of the format.
    pub(super) v: u8,
    /// It says how the run ended.
    #[serde(rename = "type")]
    pub(super) line: OutcomeType,
    /// The kind of the failure.
    pub(super) outcome: ErrorKind,
    /// The exit code of the process.
    pub(super) exit: u8,
    /// There is none.
    pub(super) version: (),
    /// What failed.
    #[cfg_attr(test, schemars(with = "Error"))]
    pub(super) error: &'a Error,
}
