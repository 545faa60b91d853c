//! `hoist repair`: where every moving tag should point, from what is published; and moving it
//! there.

use std::process::ExitCode;

use serde_json::json;

use super::{Context, exit, outcome, render::columns, verify::shown};
use crate::{
    error::Result,
    oci::{Observed, Repository},
    plan::release::drift::{Drift, DriftState},
    release::DriftReport,
};

/// Compare every moving tag with what is published; `--yes` moves those that drifted
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Move every tag that drifted to where it should point: all of them or none
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<ExitCode> {
    let release = if args.yes {
        context.open_for_work()?
    } else {
        context.open()?
    };
    let drifts = release.drift()?;
    show(&drifts, context);
    let wrong = drifts.wrong().count();
    if wrong > 0 && args.yes {
        let ended = release.repair(&drifts)?;
        if let Some(ended) = ended {
            return Ok(outcome::print(&ended, context));
        }
    }
    let code = if wrong == 0 { exit::OK } else { exit::DISAGREE };
    if context.terminal.json {
        let word = if wrong == 0 { "agree" } else { "disagree" };
        context.terminal.json(
            &json!({"v": 1, "type": "outcome", "outcome": word, "exit": code, "wrong": wrong}),
        );
    } else if wrong == 0 {
        context
            .terminal
            .note("every moving tag shows what it should");
    } else {
        context
            .terminal
            .note(&format!("{wrong} drifted; `hoist repair --yes` mends them"));
    }
    Ok(ExitCode::from(code))
}

fn show(drifts: &DriftReport, context: &Context) {
    let mut rows = Vec::new();
    for surveyed in &drifts.repositories {
        for drift in &surveyed.drift {
            if context.terminal.json {
                context.terminal.json(&line(&surveyed.repository, drift));
            } else {
                rows.push(row(&surveyed.repository, drift));
            }
        }
    }
    for line in columns(&rows) {
        context.terminal.data(&line);
    }
    if !drifts.left_out.is_empty() && context.terminal.verbose > 0 {
        context.terminal.note(&format!(
            "left as they are, because no version says where they point: {}",
            drifts.left_out.join(", ")
        ));
    }
}

fn row(repository: &Repository, drift: &Drift) -> Vec<String> {
    let now = match &drift.shown {
        Observed::At(digest) => digest.short().to_owned(),
        Observed::Absent => "-".into(),
        Observed::Unknown => "?".into(),
    };
    let should = match &drift.state {
        DriftState::Right => drift.version.to_string(),
        DriftState::Wrong(Some(version)) => {
            format!(
                "{} ({}) instead of {version}",
                drift.version,
                drift.want.short()
            )
        }
        _ => format!("{} ({})", drift.version, drift.want.short()),
    };
    vec![
        repository.tag(&drift.tag),
        drift.state.as_str().to_owned(),
        now,
        should,
    ]
}

fn line(repository: &Repository, drift: &Drift) -> serde_json::Value {
    let was = match &drift.state {
        DriftState::Wrong(version) => version.as_ref().map(ToString::to_string),
        _ => None,
    };
    json!({
        "v": 1,
        "type": "tag",
        "repository": repository,
        "tag": drift.tag,
        "variant": drift.variant,
        "state": drift.state.as_str(),
        "version": drift.version.to_string(),
        "from": drift.from,
        "want": drift.want,
        "shown": shown(&drift.shown),
        "shown_version": was,
    })
}
