//! `hoist log`: past releases, from tags and receipts.

use std::process::ExitCode;

use semver::Version;
use serde::Serialize;

use super::{
    context::Context,
    exit,
    images::{Images, plain},
    table::{Meaning, TableCell},
};
use crate::{
    error::{Error, ErrorCode, Result},
    git::CommitId,
    oci::{Digest, Repository},
    project::{PastRelease, ReferrerReceipt, Withdrawn, image_words, parse_version},
    text::sanitize_line,
};

/// List past releases, newest first, from this clone's git tags and the receipts in them
#[derive(Debug, clap::Args)]
#[command(disable_version_flag = true)]
pub(super) struct LogArgs {
    /// Everything that is recorded of this release [default: a line for each release]
    #[arg(value_name = "VERSION")]
    of: Option<String>,
    /// List the newest COUNT releases only
    #[arg(short = 'n', long, value_name = "COUNT", conflicts_with = "of")]
    limit: Option<usize>,
    /// Of every image: each committed file of the policy's name
    #[arg(long)]
    all: bool,
}

pub(super) fn run(args: LogArgs, context: &Context) -> Result<ExitCode> {
    let terminal = &context.terminal;
    let limit = args.limit.unwrap_or(usize::MAX);
    let of = args.of.as_deref().map(parse_version).transpose()?;
    let past = context.projects(args.all)?.log().into_iter();
    let withdrawn = context.releases(args.all)?.withdrawn_or_known();
    let past = past.zip(withdrawn).map(|(image, withdrawn)| {
        image.and_then(|releases| {
            let releases = match &of {
                Some(version) => only(releases, version)?,
                None => releases,
            };
            Ok(Past {
                releases,
                withdrawn: withdrawn.result?,
            })
        })
    });
    let past = Images::of(past.collect())?;
    if terminal.json {
        terminal.json(&past.document(|past| plain(&document(past, limit))));
    } else {
        let mut table = Vec::new();
        for (label, past) in past.values() {
            let releases = past.releases.iter().take(limit);
            let rows = releases.flat_map(|one| match of {
                Some(_) => recorded(one, past.of(one)),
                None => rows(one, past.of(one)),
            });
            table.extend(rows.map(|row| label.row(row)));
        }
        terminal.table(&table);
        for (label, _) in past.values().filter(|(_, past)| past.releases.is_empty()) {
            terminal.note(&label.note(
                "no git tag of this clone names a release; if there should be some: `git fetch --tags`",
            ));
        }
    }
    past.tell_errors(terminal);
    Ok(ExitCode::from(past.code(|_| exit::OK)))
}

/// The past of one image.
struct Past {
    releases: Vec<PastRelease>,
    withdrawn: Vec<Withdrawn>,
}

impl Past {
    /// When, by whom and why a release was taken back, if it was.
    fn of(&self, release: &PastRelease) -> Option<&Withdrawn> {
        let mut all = self.withdrawn.iter();
        all.find(|one| one.version == release.version)
    }
}

/// A line for each different image of a release; one without a receipt has one all the same.
fn rows(past: &PastRelease, withdrawn: Option<&Withdrawn>) -> Vec<Vec<TableCell>> {
    let mut images: Vec<(String, Vec<String>)> = Vec::new();
    for receipt in &past.images {
        let short = receipt.digest.short();
        let name = match (receipt.image.is_of_main(), receipt.image.variant()) {
            (true, None) => short.to_owned(),
            (true, Some(variant)) => format!("{short} {variant}"),
            (false, _) => format!("{short} {}", receipt.image),
        };
        let place = receipt.repository.to_string();
        match images.iter_mut().find(|(known, _)| *known == name) {
            Some((_, places)) => places.push(place),
            None => images.push((name, vec![place])),
        }
    }
    if images.is_empty() {
        images.push(("no receipt".to_owned(), Vec::new()));
    }
    let commit = past.commit.map(|id| id.short());
    let head = [
        past.version.to_string(),
        past.time.format("%Y-%m-%d %H:%M").to_string(),
        commit.unwrap_or_else(|| "no commit".to_owned()),
    ];
    let row = |(index, (image, places)): (usize, (String, Vec<String>))| {
        let head = head.iter().map(|cell| match index {
            0 => cell.clone(),
            _ => String::new(),
        });
        let words = withdrawn.filter(|_| index == 0).map(Withdrawn::words);
        head.chain([image, places.join(", ")])
            .map(TableCell::from)
            .chain([TableCell::new(words.unwrap_or_default(), Meaning::Bad)])
            .collect()
    };
    images.into_iter().enumerate().map(row).collect()
}

/// The one release that was asked for.
fn only(mut past: Vec<PastRelease>, version: &Version) -> Result<Vec<PastRelease>> {
    past.retain(|one| one.version == *version);
    if past.is_empty() {
        let error = format!("no git tag of this clone names the release {version}");
        return Err(Error::refused(error)
            .with_code(ErrorCode::NotReleased)
            .hint(
                "`git fetch --tags` brings those of the remote; `hoist log` lists the releases",
            ));
    }
    Ok(past)
}

/// Everything that is recorded of a release, a line each.
fn recorded(past: &PastRelease, withdrawn: Option<&Withdrawn>) -> Vec<Vec<TableCell>> {
    let line = |what: &str, text: String| vec![what.to_owned().into(), text.into()];
    let mut lines = vec![
        line("version", past.version.to_string()),
        line("tag", past.tag.clone()),
        line(
            "time",
            past.time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        ),
    ];
    lines.extend(past.commit.map(|commit| line("commit", commit.to_string())));
    lines.extend(past.run.clone().map(|run| line("run", run)));
    for receipt in &past.images {
        let image = receipt.repository.digest(&receipt.digest);
        let words = image_words(&receipt.image);
        lines.push(line("image", format!("{image}{words}")));
    }
    let platforms = past.platforms.iter();
    lines.extend(platforms.map(|one| {
        let text = format!("{} of {}", one.platform, one.digest);
        line("platform", text)
    }));
    let about = |what: &str, one: &ReferrerReceipt| {
        let place = one.repository.digest(&one.digest);
        let kind = sanitize_line(&one.artifact_type, 200);
        line(what, format!("{place} {kind}, about {}", one.subject))
    };
    lines.extend(past.attachments.iter().map(|one| about("attachment", one)));
    lines.extend(past.signatures.iter().map(|one| about("signature", one)));
    lines.extend(
        past.gate
            .iter()
            .map(|gate| line("gate passed", gate.clone())),
    );
    if past.without_hooks {
        lines.push(line("hooks", "left out".to_owned()));
    }
    let over = past.over_budget.iter();
    lines.extend(over.map(|excess| line("over budget", excess.clone())));
    let uncommitted = past.uncommitted.iter();
    lines.extend(uncommitted.map(|what| line("uncommitted", what.clone())));
    let forge = past.forge.iter();
    lines.extend(forge.map(|page| line("release page", page.clone())));
    lines.extend(withdrawn.map(|one| line("withdrawn", one.words())));
    lines
}

/// The document of `hoist log --json`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct LogDocument<'a> {
    /// The version of the format.
    v: u8,
    /// The releases, the newest first; one where a version was named.
    releases: Vec<RecordedRelease<'a>>,
}

/// A release, as its git tag records it.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RecordedRelease<'a> {
    /// The version that the git tag names.
    version: String,
    /// The git tag.
    tag: &'a str,
    /// The commit in full; `null` where the tag does not point at a commit of this clone.
    commit: Option<CommitId>,
    /// When the tag was made.
    time: String,
    /// Who released it; `null` for a tag that hoist did not make.
    run: Option<&'a str>,
    /// The image in each repository.
    images: Vec<RecordedImage<'a>>,
    /// What was attached to the images.
    attachments: &'a [ReferrerReceipt],
    /// The signatures that were made of them.
    signatures: &'a [ReferrerReceipt],
    /// The programs of the gate that have passed the images.
    gate: &'a [String],
    /// Whether the hooks of the policy were left out.
    without_hooks: bool,
    /// Where the images were over the budget and were released all the same.
    over_budget: &'a [String],
    /// What no commit holds and was released all the same, with `--allow-dirty`.
    uncommitted: &'a [String],
    /// The page of the release on the forge, where one belongs to it.
    forge: Option<&'a str>,
    /// When, by whom and why the release was taken back, if it was.
    withdrawn: Option<RecordedWithdrawal<'a>>,
}

/// What is known of a release that was taken back.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct RecordedWithdrawal<'a> {
    /// The version.
    version: String,
    /// When; `null` where that cannot be read here.
    at: Option<String>,
    /// By whom.
    by: Option<&'a str>,
    /// Why, where somebody said so.
    why: Option<&'a str>,
}

/// An image of a release in one repository.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RecordedImage<'a> {
    /// The repository that the image was published to.
    repository: &'a Repository,
    /// The manifest or index.
    digest: &'a Digest,
    /// The image's name; `main` where a policy has one.
    image: &'a str,
    /// The variant; the plain image has `null`.
    variant: Option<&'a str>,
    /// The platforms that it is for; empty where the git tag does not record them.
    platforms: Vec<&'a str>,
}

/// A withdrawn version in a document.
pub(super) fn recorded_withdrawal(withdrawn: &Withdrawn) -> RecordedWithdrawal<'_> {
    let told = withdrawn.told.as_ref();
    RecordedWithdrawal {
        version: withdrawn.version.to_string(),
        at: told.map(|told| told.at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)),
        by: told.map(|told| &*told.by),
        why: told.and_then(|told| told.why.as_deref()),
    }
}

fn document(all: &Past, limit: usize) -> LogDocument<'_> {
    let releases = all.releases.iter().take(limit);
    let releases = releases.map(|past| RecordedRelease {
        version: past.version.to_string(),
        tag: &past.tag,
        commit: past.commit,
        time: past.time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        run: past.run.as_deref(),
        images: past
            .images
            .iter()
            .map(|receipt| RecordedImage {
                repository: &receipt.repository,
                digest: &receipt.digest,
                image: receipt.image.name(),
                variant: receipt.image.variant(),
                platforms: past
                    .platforms
                    .iter()
                    .filter(|one| one.digest == receipt.digest)
                    .map(|one| one.platform.as_str())
                    .collect(),
            })
            .collect(),
        attachments: &past.attachments,
        signatures: &past.signatures,
        gate: &past.gate,
        without_hooks: past.without_hooks,
        over_budget: &past.over_budget,
        uncommitted: &past.uncommitted,
        forge: past.forge.as_deref(),
        withdrawn: all.of(past).map(recorded_withdrawal),
    });
    LogDocument {
        v: 1,
        releases: releases.collect(),
    }
}
