//! What a look at releases was asked for, and what it has found.

use semver::Version;

use crate::{
    oci::{Digest, ImageName, Repository},
    plan::release::{places::UnjudgedPlace, tag_check::TagCheck},
    project::Withdrawn,
};

/// Which releases, and how closely.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// Every published version, not one alone.
    pub all: bool,
    /// Fetch every blob and check its digest.
    pub deep: bool,
    /// Prove the signature of each image with the policy's program.
    pub signatures: bool,
}

/// One release beside what the registries show.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The version that was looked at.
    pub version: Version,
    /// When, by whom and why it was taken back; `None`: it was not.
    pub withdrawn: Option<Withdrawn>,
    /// Each tag in each repository.
    pub checks: Vec<TagCheck>,
    /// The images in repositories that the release is not judged by.
    pub unjudged: Vec<UnjudgedPlace>,
    /// What is wrong with an image itself.
    pub findings: Vec<Finding>,
    /// Why a release would not complete it, where something of it is missing.
    pub refused: Option<String>,
    /// What completes it by the policy of its commit, where today's gives one of its repositories to another image.
    pub by_policy_then: Option<String>,
    /// What a person should know of the repositories; the first release of several has it for all.
    pub notes: Vec<String>,
    /// The images whose signatures were to be proven, where that was asked for.
    pub signatures: Vec<ProvenImage>,
    /// Bytes fetched and checked.
    pub bytes: u64,
}

impl Verified {
    /// Nothing is wrong.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.findings.is_empty() && self.checks.iter().all(|c| c.state.is_good())
    }
}

/// An image in a repository whose signature was to be proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenImage {
    /// The repository that has the image.
    pub repository: Repository,
    /// The image's manifest or index.
    pub digest: Digest,
    /// Whether the program of the policy has proven it.
    pub proven: bool,
}

/// Something that is wrong with an image in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which image of the release it is.
    pub image: ImageName,
    /// The repository that has the image.
    pub repository: Repository,
    /// The image's manifest or index.
    pub digest: Digest,
    /// What is wrong, as a fragment of a sentence.
    pub problem: String,
}
