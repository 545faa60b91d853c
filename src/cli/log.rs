//! `hoist log`: past releases, from tags and receipts.

use std::process::ExitCode;

use serde_json::json;

use super::{Context, exit, render::columns};
use crate::{error::Result, project::PastRelease};

/// List past releases, newest first, from this clone's git tags and the receipts in them
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// No more than so many
    #[arg(short = 'n', long, value_name = "COUNT")]
    limit: Option<usize>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<ExitCode> {
    let mut past = context.project()?.log()?;
    let all = past.len();
    past.truncate(args.limit.unwrap_or(usize::MAX));
    if context.terminal.json {
        let releases: Vec<_> = past.iter().map(document).collect();
        context
            .terminal
            .json(&json!({"v": 1, "releases": releases}));
        return Ok(ExitCode::from(exit::OK));
    }
    let rows: Vec<_> = past.iter().flat_map(rows).collect();
    for line in columns(&rows) {
        context.terminal.data(&line);
    }
    if all == 0 {
        context.terminal.note(
            "no git tag of this clone names a release; if there should be some: `git fetch --tags`",
        );
    }
    Ok(ExitCode::from(exit::OK))
}

/// A line for each different image of a release; one without a receipt has one all the same.
fn rows(past: &PastRelease) -> Vec<Vec<String>> {
    let mut images: Vec<(String, Vec<String>)> = Vec::new();
    for receipt in &past.images {
        let variant = receipt.variant.name();
        let short = receipt.digest.short();
        let name = variant.map_or_else(|| short.to_owned(), |v| format!("{short} {v}"));
        let place = receipt.repository.to_string();
        match images.iter_mut().find(|(known, _)| *known == name) {
            Some((_, places)) => places.push(place),
            None => images.push((name, vec![place])),
        }
    }
    if images.is_empty() {
        images.push(("no receipt".to_owned(), Vec::new()));
    }
    let commit = past.commit.as_deref().and_then(|id| id.get(..7));
    let head = [
        past.version.to_string(),
        past.time.format("%Y-%m-%d %H:%M").to_string(),
        commit.unwrap_or("no commit").to_owned(),
    ];
    let row = |(index, (image, places)): (usize, (String, Vec<String>))| {
        let head = head.iter().map(|cell| match index {
            0 => cell.clone(),
            _ => String::new(),
        });
        head.chain([image, places.join(", ")]).collect()
    };
    images.into_iter().enumerate().map(row).collect()
}

fn document(past: &PastRelease) -> serde_json::Value {
    let images = past.images.iter().map(|receipt| {
        json!({
            "repository": receipt.repository,
            "digest": receipt.digest,
            "variant": receipt.variant,
        })
    });
    json!({
        "version": past.version.to_string(),
        "tag": past.tag,
        "commit": past.commit,
        "time": past.time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        "run": past.run,
        "images": images.collect::<Vec<_>>(),
    })
}
