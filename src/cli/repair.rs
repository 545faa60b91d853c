//! `hoist repair`: where every moving tag should point, from what is published; and moving it
//! there.

use std::process::ExitCode;

use serde_json::Value;

use super::{
    context::Context,
    ending::RunVerb,
    exit,
    images::{self, Images, plain},
    line::{DriftLine, OutcomeType, RepairLine, RepairWord, TagType, V},
    outcome,
    policy_file::PolicyFile,
    render::Terminal,
    report::{ReportArgs, RunFacts},
    table::{Meaning, TableCell},
};
use crate::{
    error::Result,
    oci::{Observed, Repository, Tag},
    outcome::Outcome,
    release::{Drift, DriftReport, DriftState, UnjudgedTag},
};

/// Compare every moving tag with what is published; `--yes` moves those that drifted
#[derive(Debug, clap::Args)]
#[command(mut_arg("report", |report| report.requires("yes")))]
pub(super) struct RepairArgs {
    /// Move every tag that drifted to where it should point: all of them or none
    #[arg(short, long)]
    yes: bool,
    /// For every image: each committed file of the policy's name
    #[arg(long, conflicts_with = "report")]
    all: bool,
    #[command(flatten)]
    report: ReportArgs,
}

/// What came of one image.
struct Repaired {
    /// How many tags were found elsewhere than they should point.
    wrong: usize,
    /// How many tags were looked at.
    looked_at: usize,
    /// Tags of which nothing tells what they should show, and that the repositories do not agree on.
    differing: Vec<Tag>,
    /// How moving them ended, where that was asked for and there was something to move.
    outcome: Option<Outcome>,
}

pub(super) fn run(args: RepairArgs, context: &Context) -> Result<ExitCode> {
    let report = args.report.clone();
    report.around(RunVerb::Repair, context, |facts| {
        repaired(&args, context, facts)
    })
}

fn repaired(args: &RepairArgs, context: &Context, facts: &mut RunFacts) -> Result<ExitCode> {
    let terminal = &context.terminal;
    let releases = match args.yes {
        true => context.releases_for_work(args.all)?.for_publishing(),
        false => context.releases(args.all)?,
    };
    let reports = Images::of(releases.drift())?;
    show(&reports, terminal);
    for (_, report) in reports.values() {
        let wrong = report.wrong();
        facts.why.extend(wrong.map(|(repository, drift)| {
            ((repository.clone(), drift.tag.clone()), drift.why.clone())
        }));
    }
    let wrong: Vec<usize> = reports
        .iter()
        .map(|(_, report)| report.as_ref().map_or(0, |report| report.wrong().count()))
        .collect();
    let differing: Vec<Vec<Tag>> = reports
        .iter()
        .map(|(_, report)| {
            report
                .as_ref()
                .map_or_else(|_| Vec::new(), DriftReport::differing)
        })
        .collect();
    let looked_at: Vec<usize> = reports
        .iter()
        .map(|(_, report)| report.as_ref().map_or(0, looked_at))
        .collect();
    let outcomes = match args.yes && wrong.iter().any(|wrong| *wrong > 0) {
        true => releases.repair(reports.into_results()),
        false => reports.map(|_| None),
    };
    let repaired = outcomes
        .into_iter()
        .zip(wrong.into_iter().zip(differing).zip(looked_at))
        .map(|(image, ((wrong, differing), looked_at))| {
            image.and_then(|outcome| {
                Ok(Repaired {
                    wrong,
                    looked_at,
                    differing,
                    outcome,
                })
            })
        });
    let repaired = Images::of(repaired.collect())?;
    for (_, repaired) in repaired.values() {
        facts.ended_or(repaired.outcome.as_ref(), repaired.all_right());
    }
    Ok(ExitCode::from(print(&repaired, terminal)))
}

/// How it ended for each image; the exit code.
fn print(repaired: &Images<Repaired>, terminal: &Terminal) -> u8 {
    let code = repaired.code(Repaired::code);
    let mut lines = Vec::new();
    for (file, result) in repaired.iter() {
        let line = match result {
            Ok(repaired) => repaired.line(),
            Err(error) => outcome::failed(error),
        };
        match result {
            _ if terminal.json => terminal.json(&images::line(file, line.clone())),
            Ok(repaired) => repaired.tell(file, terminal),
            Err(error) => terminal.error(&file.error(error)),
        }
        lines.push((file, line));
    }
    if terminal.json && repaired.are_labelled() {
        terminal.json(&outcome::of_all(&lines, code));
    }
    code
}

impl Repaired {
    fn code(&self) -> u8 {
        match (&self.outcome, self.wrong) {
            (Some(outcome), _) => outcome::code(outcome),
            (None, 0) if self.differing.is_empty() => exit::OK,
            (None, _) => exit::DISAGREE,
        }
    }

    /// What a look says that found nothing wrong.
    fn all_right(&self) -> &'static str {
        match self.looked_at {
            0 => {
                "no moving tag was looked at: no version that a git tag names is published, or the policy has no moving tags; `hoist verify` shows how the last release stands"
            }
            _ => "every moving tag shows what it should",
        }
    }

    /// The last JSON line of one image.
    fn line(&self) -> Value {
        let outcome = match (&self.outcome, self.wrong) {
            (Some(outcome), _) => return outcome::document(outcome),
            (None, 0) if self.differing.is_empty() => RepairWord::Agree,
            (None, _) => RepairWord::Disagree,
        };
        plain(&RepairLine {
            v: V,
            line: OutcomeType::Outcome,
            outcome,
            exit: self.code(),
            wrong: self.wrong,
        })
    }

    fn tell(&self, file: PolicyFile<'_>, terminal: &Terminal) {
        for tag in &self.differing {
            terminal.warning(&file.note(&format!(
                "the repositories show different images under `{tag}`: `hoist release --version VERSION` at its commit puts one everywhere"
            )));
        }
        match (&self.outcome, self.wrong) {
            (Some(outcome), _) => outcome::tell(file, outcome, RunVerb::Repair, terminal),
            (None, 0) if self.differing.is_empty() => {
                terminal.note(&file.note(self.all_right()));
            }
            (None, 0) => {}
            (None, wrong) => terminal.note(&file.note(&format!(
                "{wrong} {} drifted; `hoist repair --yes` mends them",
                if wrong == 1 { "tag has" } else { "tags have" }
            ))),
        }
    }
}

fn looked_at(report: &DriftReport) -> usize {
    let tags = report.repositories.iter();
    tags.map(|one| one.drift.len() + one.unjudged.len()).sum()
}

fn show(reports: &Images<DriftReport>, terminal: &Terminal) {
    let mut rows = Vec::new();
    for (file, report) in reports.values() {
        for surveyed in &report.repositories {
            for drift in &surveyed.drift {
                if terminal.json {
                    terminal.json(&images::line(file, line(&surveyed.repository, drift)));
                } else {
                    rows.push(file.row(row(&surveyed.repository, drift)));
                }
            }
            for tag in &surveyed.unjudged {
                if terminal.json {
                    terminal.json(&images::line(file, open_line(&surveyed.repository, tag)));
                } else {
                    rows.push(file.row(open_row(&surveyed.repository, tag)));
                }
            }
        }
    }
    terminal.table(&rows);
    for (file, report) in reports.values() {
        if !report.left_out.is_empty() {
            terminal.note(&file.note(&format!(
                "left as they are, because no version says where they point: {}",
                report.left_out.join(", ")
            )));
        }
    }
}

fn row(repository: &Repository, drift: &Drift) -> Vec<TableCell> {
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
        repository.tag(&drift.tag).into(),
        TableCell::new(drift.state.as_str(), meaning(&drift.state)),
        now.into(),
        should.into(),
        drift.why.clone().into(),
    ]
}

fn meaning(state: &DriftState) -> Meaning {
    match state {
        DriftState::Right => Meaning::Good,
        DriftState::Missing | DriftState::Wrong(_) | DriftState::Unreadable => Meaning::Bad,
    }
}

/// A tag that nothing can be said of but what it shows.
fn open_row(repository: &Repository, tag: &UnjudgedTag) -> Vec<TableCell> {
    let now = match &tag.shown {
        Observed::At(digest) => digest.short(),
        Observed::Absent => "-",
        Observed::Unknown => "?",
    };
    let shows = tag
        .version
        .as_ref()
        .map(|version| format!("shows {version}"));
    vec![
        repository.tag(&tag.tag).into(),
        TableCell::new("unjudged", Meaning::Quiet),
        now.to_owned().into(),
        shows.unwrap_or_default().into(),
        tag.why.clone().into(),
    ]
}

fn open_line(repository: &Repository, tag: &UnjudgedTag) -> Value {
    plain(&DriftLine {
        v: V,
        line: TagType::Tag,
        repository,
        tag: &tag.tag,
        image: &tag.image,
        state: "unjudged",
        version: None,
        from: None,
        want: None,
        shown: tag.shown.digest(),
        shown_version: tag.version.as_ref(),
        why: &tag.why,
    })
}

fn line(repository: &Repository, drift: &Drift) -> Value {
    plain(&DriftLine {
        v: V,
        line: TagType::Tag,
        repository,
        tag: &drift.tag,
        image: &drift.image,
        state: drift.state.as_str(),
        version: Some(&drift.version),
        from: Some(&drift.from),
        want: Some(&drift.want),
        shown: drift.shown.digest(),
        shown_version: match &drift.state {
            DriftState::Wrong(version) => version.as_ref(),
            DriftState::Right | DriftState::Missing | DriftState::Unreadable => None,
        },
        why: &drift.why,
    })
}
