//! The document of `hoist verify --json`.

use semver::Version;
use serde::Serialize;
use serde_json::Value;

use super::{
    images::plain,
    log::{RecordedWithdrawal, recorded_withdrawal},
};
use crate::{
    oci::{Digest, Repository, Tag},
    release::{CheckState, TagKind, Verified},
};

/// What was seen of one image.
pub(super) struct Seen {
    pub(super) releases: Vec<Verified>,
    /// What an unfinished or running release means for the answer.
    pub(super) hindrance: Option<String>,
}

/// Nothing is wrong.
pub(super) fn is_right(verified: &[Verified]) -> bool {
    verified.iter().all(Verified::is_right)
}

/// The document of `hoist verify --json`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct VerifyDocument<'a> {
    /// The version of the format.
    v: u8,
    /// Nothing is wrong.
    ok: bool,
    /// The releases that were looked at.
    versions: Vec<&'a Version>,
    /// Each tag of each release in each repository.
    tags: Vec<VerifiedTag<'a>>,
    /// What is wrong with an image itself.
    findings: Vec<VerifiedImage<'a>>,
    /// The images in repositories that a release is not judged by.
    not_judged: Vec<UnjudgedImage<'a>>,
    /// What an unfinished or running release means for the answer; `null`: there is none.
    unfinished: Option<&'a str>,
    /// What a person should know of the repositories.
    notes: Vec<&'a str>,
    /// The releases among them that were taken back.
    withdrawn: Vec<RecordedWithdrawal<'a>>,
    /// The images whose signatures were to be proven; empty without `--signatures`.
    signatures: Vec<VerifiedSignature<'a>>,
    /// Bytes that were fetched and checked.
    bytes: u64,
}

/// An image in a repository, and whether its signature is proven.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct VerifiedSignature<'a> {
    /// The release.
    version: &'a Version,
    /// The repository that has the image.
    repository: &'a Repository,
    /// The image's manifest or index.
    digest: &'a Digest,
    /// Whether the program of the policy has proven it.
    proven: bool,
}

/// One tag in one repository.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct VerifiedTag<'a> {
    /// The release.
    version: &'a Version,
    /// The repository that was looked at.
    repository: &'a Repository,
    /// The tag that the release should have there.
    tag: &'a Tag,
    /// The image that it should show.
    image: &'a str,
    /// The variant; `null` for an image without a suffix.
    variant: Option<&'a str>,
    /// Whether later releases may move it.
    kind: TagKind,
    /// How the tag stands.
    state: CheckState,
    /// What it should show; `null` where no repository has the release.
    want: Option<&'a Digest>,
    /// What it shows; `null`: there is no such tag, or it could not be read.
    shown: Option<&'a Digest>,
    /// Why the tag belongs to the release, or does not; empty for a fixed tag.
    why: &'a str,
}

/// Something that is wrong with an image in a repository.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct VerifiedImage<'a> {
    /// The release.
    version: &'a Version,
    /// The repository that has the image.
    repository: &'a Repository,
    /// The image's manifest or index.
    digest: &'a Digest,
    /// What is wrong, as a fragment of a sentence.
    problem: &'a str,
}

/// An image in a repository that a release is not judged by.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct UnjudgedImage<'a> {
    /// The release.
    version: &'a Version,
    /// The repository.
    repository: &'a Repository,
    /// The image's name; `main` where a policy has one.
    image: &'a str,
    /// The variant; `null` for an image without a suffix.
    variant: Option<&'a str>,
    /// Why it is not judged, as a sentence.
    why: String,
}

/// The document of what was seen.
pub(super) fn document(seen: &Seen) -> Value {
    let verified = &seen.releases;
    let mut tags = Vec::new();
    let mut findings = Vec::new();
    let mut not_judged = Vec::new();
    let mut signatures = Vec::new();
    for release in verified {
        let version = &release.version;
        tags.extend(release.checks.iter().map(|check| VerifiedTag {
            version,
            repository: &check.repository,
            tag: &check.tag,
            image: check.image.name(),
            variant: check.image.variant(),
            kind: check.kind,
            state: check.state,
            want: check.want.as_ref(),
            shown: check.shown.digest(),
            why: &check.why,
        }));
        findings.extend(release.findings.iter().map(|finding| VerifiedImage {
            version,
            repository: &finding.repository,
            digest: &finding.digest,
            problem: &finding.problem,
        }));
        let asked = release.signatures.iter();
        signatures.extend(asked.map(|image| VerifiedSignature {
            version,
            repository: &image.repository,
            digest: &image.digest,
            proven: image.proven,
        }));
        not_judged.extend(release.unjudged.iter().map(|place| UnjudgedImage {
            version,
            repository: &place.repository,
            image: place.image.name(),
            variant: place.image.variant(),
            why: place.words(version),
        }));
    }
    let withdrawn = verified
        .iter()
        .filter_map(|release| release.withdrawn.as_ref());
    plain(&VerifyDocument {
        v: 1,
        ok: is_right(verified),
        versions: verified.iter().map(|release| &release.version).collect(),
        tags,
        findings,
        not_judged,
        unfinished: seen.hindrance.as_deref(),
        notes: verified
            .iter()
            .flat_map(|release| release.notes.iter().map(String::as_str))
            .collect(),
        withdrawn: withdrawn.map(recorded_withdrawal).collect(),
        signatures,
        bytes: verified.iter().map(|release| release.bytes).sum(),
    })
}
