//! `hoist log`: past releases, from tags and receipts.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{context::Context, exit, images::Images, render::columns};
use crate::{
    error::Result,
    project::{PastRelease, Withdrawn},
};

/// List past releases, newest first, from this clone's git tags and the receipts in them
#[derive(Debug, clap::Args)]
pub(super) struct LogArgs {
    /// List the newest COUNT releases only
    #[arg(short = 'n', long, value_name = "COUNT")]
    limit: Option<usize>,
    /// Of every image: each committed file of the policy's name
    #[arg(long)]
    all: bool,
}

pub(super) fn run(args: LogArgs, context: &Context) -> Result<ExitCode> {
    let terminal = &context.terminal;
    let limit = args.limit.unwrap_or(usize::MAX);
    let past = context.projects(args.all)?.log().into_iter();
    let withdrawn = context.releases(args.all)?.withdrawn_or_known();
    let past = past.zip(withdrawn).map(|(image, withdrawn)| {
        image.and_then(|releases| {
            Ok(Past {
                releases,
                withdrawn: withdrawn.result?,
            })
        })
    });
    let past = Images::of(past.collect())?;
    if terminal.json {
        terminal.json(&past.document(|past| {
            let releases = past.releases.iter().take(limit);
            let releases: Vec<_> = releases.map(|one| document(one, past.of(one))).collect();
            json!({"v": 1, "releases": releases})
        }));
    } else {
        let mut table = Vec::new();
        for (label, past) in past.values() {
            let releases = past.releases.iter().take(limit);
            let rows = releases.flat_map(|one| rows(one, past.of(one)));
            table.extend(rows.map(|row| label.row(row)));
        }
        for line in columns(&table) {
            terminal.data(&line);
        }
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

/// A withdrawn version in a document.
pub(super) fn withdrawal(withdrawn: &Withdrawn) -> Value {
    let told = withdrawn.told.as_ref();
    json!({
        "version": withdrawn.version.to_string(),
        "at": told.map(|told| told.at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)),
        "by": told.map(|told| &told.by),
        "why": told.and_then(|told| told.why.as_ref()),
    })
}

/// A line for each different image of a release; one without a receipt has one all the same.
fn rows(past: &PastRelease, withdrawn: Option<&Withdrawn>) -> Vec<Vec<String>> {
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
        head.chain([image, places.join(", "), words.unwrap_or_default()])
            .collect()
    };
    images.into_iter().enumerate().map(row).collect()
}

fn document(past: &PastRelease, withdrawn: Option<&Withdrawn>) -> Value {
    let images = past.images.iter().map(|receipt| {
        json!({
            "repository": receipt.repository,
            "digest": receipt.digest,
            "image": receipt.image.name(),
            "variant": receipt.image.variant(),
        })
    });
    json!({
        "version": past.version.to_string(),
        "tag": past.tag,
        "commit": past.commit,
        "time": past.time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        "run": past.run,
        "images": images.collect::<Vec<_>>(),
        "withdrawn": withdrawn.map(withdrawal),
    })
}
