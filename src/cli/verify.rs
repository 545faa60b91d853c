//! `hoist verify`: every tag of a release, on every registry, beside what it should show.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{
    context::Context,
    exit,
    images::Images,
    render::{Terminal, shown},
    table::{Meaning, TableCell},
};
use crate::{
    error::{Error, Result},
    oci::Observed,
    project::parse_version,
    release::{CheckState, Finding, TagCheck, Verified, VerifyOptions},
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
    let is_behind = |release: &&Verified| {
        let mut checks = release.checks.iter();
        checks.any(|check| !check.state.is_good())
    };
    for release in verified.iter().filter(is_behind) {
        notes.push(match &release.withdrawn {
            Some(_) => "`hoist repair` mends moving tags".to_owned(),
            None => format!(
                "`hoist release --version {0}` at its commit completes {0}; `hoist repair` mends moving tags",
                release.version
            ),
        });
    }
    if verified.is_empty() {
        notes.push("no version is published".to_owned());
    }
    notes
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
        // What it should show, the withdrawn version does not tell.
        (false, false) if check.why.ends_with("is withdrawn") => check.why.clone(),
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

fn document(seen: &Seen) -> Value {
    let verified = &seen.releases;
    let mut tags = Vec::new();
    let mut findings = Vec::new();
    for release in verified {
        let version = release.version.to_string();
        for check in &release.checks {
            tags.push(json!({
                "version": version,
                "repository": check.repository,
                "tag": check.tag,
                "image": check.image.name(),
                "variant": check.image.variant(),
                "kind": check.kind,
                "state": check.state.as_str(),
                "want": check.want,
                "shown": shown(&check.shown),
                "why": check.why,
            }));
        }
        for finding in &release.findings {
            findings.push(json!({
                "version": version,
                "repository": finding.repository,
                "digest": finding.digest,
                "problem": finding.problem,
            }));
        }
    }
    let versions: Vec<String> = verified.iter().map(|r| r.version.to_string()).collect();
    let withdrawn = verified
        .iter()
        .filter_map(|release| release.withdrawn.as_ref());
    json!({
        "v": 1,
        "ok": is_right(verified),
        "versions": versions,
        "tags": tags,
        "findings": findings,
        "unfinished": seen.hindrance,
        "withdrawn": withdrawn.map(super::log::withdrawal).collect::<Vec<_>>(),
        "bytes": verified.iter().map(|release| release.bytes).sum::<u64>(),
    })
}
