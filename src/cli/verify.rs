//! `hoist verify`: every tag of a release, on every registry, beside what it should show.

use std::{collections::BTreeSet, process::ExitCode};

use super::{
    context::Context,
    exit,
    images::Images,
    render::Terminal,
    table::{Meaning, TableCell},
    verify_document::{Seen, document, is_right},
};
use crate::{
    error::{Error, Result},
    oci::Observed,
    project::parse_version,
    release::{CheckState, Finding, ProvenImage, TagCheck, TagKind, Verified, VerifyOptions},
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
        print(&verified, &options, terminal);
    }
    verified.tell_errors(terminal);
    Ok(ExitCode::from(verified.code(|seen| {
        match is_right(&seen.releases) {
            true => exit::OK,
            false => exit::DISAGREE,
        }
    })))
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

fn print(verified: &Images<Seen>, how: &VerifyOptions, terminal: &Terminal) {
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
        for line in notes(&seen.releases, how) {
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
fn notes(verified: &[Verified], how: &VerifyOptions) -> Vec<String> {
    let mut notes = Vec::new();
    if how.deep {
        let bytes: u64 = verified.iter().map(|release| release.bytes).sum();
        notes.push(format!("{} of blobs were fetched and checked", size(bytes)));
    }
    if how.signatures {
        notes.extend(proven(verified));
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

/// Whose signatures are proven. Those that are not are problems.
fn proven(verified: &[Verified]) -> Vec<String> {
    let asked = || verified.iter().flat_map(|release| &release.signatures);
    if asked().next().is_none() {
        return vec!["no signature was looked at: no tag shows an image of the release".to_owned()];
    }
    let images = asked().filter(|image| image.proven);
    let name = |image: &ProvenImage| image.repository.digest(&image.digest);
    let images: BTreeSet<String> = images.map(name).collect();
    let line = |image: String| format!("the signature of {image} is proven");
    images.into_iter().map(line).collect()
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
