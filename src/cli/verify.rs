//! `hoist verify`: every tag of a release, on every registry, beside what it should show.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{Context, exit, render::columns};
use crate::{
    error::Result,
    oci::Observed,
    plan::{
        release::verify::{CheckState, TagCheck},
        version::request::parse_version,
    },
    release::{Verified, VerifyOptions},
    text::bytes as size,
};

/// See that every tag of a release shows its image on every registry
#[derive(Debug, clap::Args)]
#[command(disable_version_flag = true)]
pub(super) struct Args {
    /// The release [default: the last one that HEAD descends from]
    #[arg(value_name = "VERSION")]
    of: Option<String>,
    /// Every published version
    #[arg(long, conflicts_with = "of")]
    all: bool,
    /// Fetch every blob and check its digest
    #[arg(long)]
    deep: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<ExitCode> {
    let of = args.of.as_deref().map(parse_version).transpose()?;
    let how = VerifyOptions {
        all: args.all,
        deep: args.deep,
    };
    let verified = context.open()?.verify(of.as_ref(), &how)?;
    let right = verified.iter().all(Verified::is_right);
    if context.terminal.json {
        context.terminal.json(&document(&verified, right));
    } else {
        show(&verified, &how, context);
    }
    Ok(ExitCode::from(if right {
        exit::OK
    } else {
        exit::DISAGREE
    }))
}

fn show(verified: &[Verified], how: &VerifyOptions, context: &Context) {
    let mut rows = Vec::new();
    for release in verified {
        rows.extend(release.checks.iter().map(row));
    }
    for line in columns(&rows) {
        context.terminal.data(&line);
    }
    for release in verified {
        for finding in &release.findings {
            let image = finding.repository.digest(&finding.digest);
            context
                .terminal
                .warning(&format!("{image}: {}", finding.problem));
        }
    }
    if how.deep {
        let bytes: u64 = verified.iter().map(|release| release.bytes).sum();
        context.terminal.note(&format!(
            "{} of blobs were fetched and checked",
            size(bytes)
        ));
    }
    let behind = |check: &TagCheck| check.state != CheckState::Right;
    let wrong: Vec<&Verified> = verified
        .iter()
        .filter(|release| release.checks.iter().any(behind))
        .collect();
    for release in wrong {
        context.terminal.note(&format!(
            "`hoist release --version {0}` at its commit completes {0}; `hoist repair` mends moving tags",
            release.version
        ));
    }
    if verified.is_empty() {
        context.terminal.note("no version is published");
    }
}

fn row(check: &TagCheck) -> Vec<String> {
    let shown = match &check.shown {
        Observed::At(digest) => digest.short().to_owned(),
        Observed::Absent => "-".into(),
        Observed::Unknown => "?".into(),
    };
    let wanted = match &check.want {
        Some(digest) if check.state != CheckState::Right => format!("should be {}", digest.short()),
        _ => String::new(),
    };
    vec![
        check.repository.tag(&check.tag),
        check.state.as_str().to_owned(),
        shown,
        wanted,
    ]
}

fn document(verified: &[Verified], right: bool) -> Value {
    let mut tags = Vec::new();
    let mut findings = Vec::new();
    for release in verified {
        let version = release.version.to_string();
        for check in &release.checks {
            tags.push(json!({
                "version": version,
                "repository": check.repository,
                "tag": check.tag,
                "variant": check.variant,
                "kind": check.kind,
                "state": check.state.as_str(),
                "want": check.want,
                "shown": shown(&check.shown),
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
    json!({
        "v": 1,
        "ok": right,
        "versions": versions,
        "tags": tags,
        "findings": findings,
        "bytes": verified.iter().map(|release| release.bytes).sum::<u64>(),
    })
}

/// What a tag shows as JSON: the digest, or null where there is no such tag or it is not readable.
pub(super) fn shown(before: &Observed) -> Value {
    match before {
        Observed::At(digest) => json!(digest),
        Observed::Absent | Observed::Unknown => Value::Null,
    }
}
