//! `hoist verify`: every tag of a release, on every registry, beside what it should show.

use std::{collections::BTreeSet, process::ExitCode};

use semver::Version;
use serde::Serialize;
use serde_json::Value;

use super::{
    context::Context,
    exit,
    images::{Images, plain},
    log::{RecordedWithdrawal, recorded_withdrawal},
    render::Terminal,
    table::{Meaning, TableCell},
};
use crate::{
    error::{Error, Result},
    oci::{Digest, Observed, Repository, Tag},
    project::parse_version,
    release::{CheckState, Finding, TagCheck, TagKind, Verified, VerifyOptions},
    text::bytes as size,
};

/// See that every tag of a release shows its image on every registry
#[derive(Debug, clap::Args)]
pub(super) struct VerifyArgs {
    /// The release [default: the last one that HEAD descends from]
    #[arg(value_name = "VERSION", add = super::candidates::versions())]
    of: Option<String>,
    /// Every published version
    #[arg(long, conflicts_with = "of")]
    all: bool,
    /// Of every image: each committed file of the policy's name
    #[arg(long, conflicts_with = "of")]
    all_images: bool,
    /// Fetch every blob and check its digest
    #[arg(long)]
    deep: bool,
    /// Prove the signature of each image, as `[sign]` says
    #[arg(long)]
    signatures: bool,
}

pub(super) fn run(args: VerifyArgs, context: &Context) -> Result<ExitCode> {
    let terminal = &context.terminal;
    let of = args.of.as_deref().map(parse_version).transpose()?;
    let options = VerifyOptions {
        all: args.all,
        deep: args.deep,
        signatures: args.signatures,
    };
    let releases = context.releases(args.all_images)?;
    let verified = releases.verify(of.as_ref(), &options).into_iter();
    let verified = verified
        .zip(releases.hindrance())
        .map(|(image, hindrance)| {
            image.and_then(|releases| {
                Ok(Seen {
                    releases,
                    hindrance: unfinished(hindrance.result),
                })
            })
        });
    let verified = Images::of(verified.collect())?;
    if terminal.json {
        terminal.json(&verified.document(document));
    } else {
        print(&verified, args.deep, terminal);
    }
    verified.tell_errors(terminal);
    Ok(ExitCode::from(verified.code(|seen| {
        match is_right(&seen.releases) {
            true => exit::OK,
            false => exit::DISAGREE,
        }
    })))
}

/// What was seen of one image.
struct Seen {
    releases: Vec<Verified>,
    /// What an unfinished or running release means for the answer.
    hindrance: Option<String>,
}

/// While a release is unfinished, some of its tags can be where it put them.
fn unfinished(hindrance: Result<Option<Error>>) -> Option<String> {
    match hindrance {
        Ok(None) => None,
        Ok(Some(error)) => {
            let hint = error.first_hint().map(|hint| format!("; {hint}"));
            Some(format!("{}{}", error.message(), hint.unwrap_or_default()))
        }
        Err(error) => Some(format!(
            "whether a release is unfinished could not be seen: {error:#}"
        )),
    }
}

fn is_right(verified: &[Verified]) -> bool {
    verified.iter().all(Verified::is_right)
}

fn print(verified: &Images<Seen>, deep: bool, terminal: &Terminal) {
    let mut rows = Vec::new();
    for (label, seen) in verified.values() {
        let checks = seen.releases.iter().flat_map(|release| &release.checks);
        rows.extend(checks.map(|check| label.row(row(check))));
    }
    terminal.table(&rows);
    for (label, seen) in verified.values() {
        for line in problems(&seen.releases) {
            terminal.warning(&label.note(&line));
        }
        for line in notes(&seen.releases, deep) {
            terminal.note(&label.note(&line));
        }
        if let Some(line) = &seen.hindrance {
            terminal.warning(&label.note(line));
        }
    }
}

/// What is wrong with the images themselves.
fn problems(verified: &[Verified]) -> Vec<String> {
    let findings = verified.iter().flat_map(|release| &release.findings);
    let line = |finding: &Finding| {
        let image = finding.repository.digest(&finding.digest);
        format!("{image}: {}", finding.problem)
    };
    findings.map(line).collect()
}

/// What was done, and what mends the rest.
fn notes(verified: &[Verified], deep: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if deep {
        let bytes: u64 = verified.iter().map(|release| release.bytes).sum();
        notes.push(format!("{} of blobs were fetched and checked", size(bytes)));
    }
    for release in verified {
        if let Some(withdrawn) = &release.withdrawn {
            notes.push(format!(
                "{} was {}; no moving tag belongs to it",
                release.version,
                withdrawn.words()
            ));
        }
    }
    for release in verified {
        let places = release.unjudged.iter();
        notes.extend(places.map(|place| place.words(&release.version)));
    }
    notes.extend(verified.iter().flat_map(|release| release.notes.clone()));
    notes.extend(verified.iter().flat_map(ways_on));
    if verified.is_empty() {
        notes.push("no version is published".to_owned());
    }
    notes
}

/// What mends a release: its own tags come with it, and moving tags alone are a matter of `repair`. A fixed tag
/// with another image is moved by nothing.
fn ways_on(release: &Verified) -> Vec<String> {
    let bad = |kind| {
        let checks = release.checks.iter();
        checks.filter(move |check| check.kind == kind && !check.state.is_good())
    };
    let version = &release.version;
    let mut ways = Vec::new();
    let foreign: Vec<String> = bad(TagKind::Fixed)
        .filter(|check| check.state == CheckState::Wrong)
        .map(|check| format!("`{}`", check.repository.tag(&check.tag)))
        .collect();
    // A withdrawn version is not put in its place again.
    if !foreign.is_empty() && release.withdrawn.is_none() {
        let complete = match &release.by_policy_then {
            Some(command) => command.clone(),
            None => format!("`hoist release --version {version}` at its commit"),
        };
        ways.push(format!(
            "another image is under {}: hoist moves no fixed tag. Delete it on the registry, and {complete} puts the image of {version} there again; or leave it, and release the next version",
            foreign.join(", ")
        ));
    }
    let differing: BTreeSet<String> = bad(TagKind::Moving)
        .filter(|check| check.state == CheckState::Differs)
        .map(|check| format!("`{}`", check.tag))
        .collect();
    if !differing.is_empty() {
        let tags: Vec<String> = differing.into_iter().collect();
        ways.push(format!(
            "the repositories show different images under {}: `hoist release --version {version}` at its commit puts {version} everywhere, if that is what they should show",
            tags.join(", ")
        ));
    }
    let has_drifted = bad(TagKind::Moving).any(|check| check.state != CheckState::Differs);
    let is_incomplete = bad(TagKind::Fixed).any(|check| check.state == CheckState::Missing);
    match (
        is_incomplete && release.withdrawn.is_none(),
        foreign.is_empty(),
    ) {
        (true, true) => ways.push(match &release.refused {
            Some(refused) => format!("{version} lacks tags, and {refused}"),
            None => {
                format!("`hoist release --version {version}` at its commit completes {version}")
            }
        }),
        (false, _) if has_drifted => {
            ways.push("`hoist repair` mends moving tags".to_owned());
        }
        (true, false) | (false, _) => {}
    }
    ways
}

fn row(check: &TagCheck) -> Vec<TableCell> {
    let shown = match &check.shown {
        Observed::At(digest) => digest.short().to_owned(),
        Observed::Absent => "-".into(),
        Observed::Unknown => "?".into(),
    };
    let is_behind = matches!(check.state, CheckState::Wrong | CheckState::Missing);
    let wanted = match &check.want {
        Some(digest) if is_behind => format!("should be {}", digest.short()),
        _ => String::new(),
    };
    let why = match (wanted.is_empty(), check.why.is_empty()) {
        (true, _) => check.why.clone(),
        (false, true) => wanted,
        (false, false) => format!("{wanted}: {}", check.why),
    };
    vec![
        check.repository.tag(&check.tag).into(),
        TableCell::new(check.state.as_str(), meaning(check.state)),
        shown.into(),
        why.into(),
    ]
}

fn meaning(state: CheckState) -> Meaning {
    match state {
        CheckState::Right => Meaning::Good,
        CheckState::Kept | CheckState::Unjudged => Meaning::Quiet,
        CheckState::Missing | CheckState::Wrong | CheckState::Unreadable | CheckState::Differs => {
            Meaning::Bad
        }
    }
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
    /// Bytes that were fetched and checked.
    bytes: u64,
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

fn document(seen: &Seen) -> Value {
    let verified = &seen.releases;
    let mut tags = Vec::new();
    let mut findings = Vec::new();
    let mut not_judged = Vec::new();
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
        bytes: verified.iter().map(|release| release.bytes).sum(),
    })
}
