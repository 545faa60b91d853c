//! `hoist rollback`: undo an interrupted release from any machine, or take a finished one back.

use std::{collections::BTreeMap, process::ExitCode, time::Duration};

use semver::Version;
use serde_json::{Value, json};

use super::{
    context::Context,
    ending::{RunVerb, listed},
    exit,
    images::plain,
    line::{OutcomeType, TagType, TakenBackAction, TakenBackLine, V, WithdrawnLine, WithdrawnWord},
    outcome,
    question::{confirm, needs_answer},
    recovery_args::{RecoveryArgs, consent},
    render::{BACK, Terminal},
    report::{ReportArgs, RunFacts},
    table::{self, Meaning, TableCell},
};
use crate::{
    error::{Error, ErrorCode, Result},
    oci::{Observed, Repository, Tag},
    outcome::Outcome,
    project::parse_version,
    release::{Consent, RollbackPlan, TakenBack},
    text::elapsed,
};

/// What is said where nothing had to go back.
const NOT_MOVED: &str = "no moving tag had to go back";

/// Undo an interrupted release; with a version, take a finished one back
///
/// Without a version every tag shows again what it showed before. With one, its moving tags go back, each to
/// the version before it in its line.
#[derive(Debug, clap::Args)]
pub(super) struct RollbackArgs {
    /// A finished release, whose moving tags go back, each to the version before it in its line; it is
    /// remembered as withdrawn
    #[arg(value_name = "VERSION", conflicts_with = "take_over", add = super::candidates::versions())]
    of: Option<String>,
    /// Why the version is taken back; kept with it, for all who look
    #[arg(long, value_name = "TEXT", requires = "of")]
    why: Option<String>,
    /// Forget that the version is withdrawn; moves no tag
    #[arg(long, requires = "of", conflicts_with_all = ["why", "report"])]
    undo: bool,
    #[command(flatten)]
    recovery: RecoveryArgs,
    #[command(flatten)]
    report: ReportArgs,
}

pub(super) fn run(args: RollbackArgs, context: &Context) -> Result<ExitCode> {
    if let Some(of) = &args.of {
        let version = parse_version(of)?;
        return match args.undo {
            true => undo(&version, context),
            false => args.report.around(RunVerb::TakeBack, context, |facts| {
                take_back(&version, &args, context, facts)
            }),
        };
    }
    args.report.around(RunVerb::RollBack, context, |facts| {
        let consent = consent(args.recovery.yes, Consent::Given, context);
        let release = context.release_for_work()?;
        let outcome = release.roll_back_unfinished(args.recovery.recovery(), &consent)?;
        let nothing = "nothing to undo: no release is unfinished";
        facts.ended_or(outcome.as_ref(), nothing);
        Ok(outcome::print_or(
            outcome,
            nothing,
            RunVerb::RollBack,
            &context.terminal,
        ))
    })
}

/// Moves the moving tags of a finished release back.
fn take_back(
    version: &Version,
    args: &RollbackArgs,
    context: &Context,
    facts: &mut RunFacts,
) -> Result<ExitCode> {
    let terminal = &context.terminal;
    let release = context.release_for_work()?;
    if let Some(error) = release.hindrance()? {
        return Err(error);
    }
    // First whether there is such a version, and what would move.
    let plan = release.plan_take_back(version)?;
    show(&plan, terminal);
    facts.why = reasons(&plan);
    if !plan.is_done() && !args.recovery.yes {
        let asks = format!("`hoist rollback {version}` asks before it moves tags");
        needs_answer(terminal, &asks, "nothing was moved", None)?;
        let question = format!("Take {version} back?");
        let undone = format!("{version} was not taken back");
        confirm(&question, &undone, &context.cancel)?;
        terminal.agree();
    }
    let taken = release.take_back(&plan, args.why.as_deref())?;
    match &taken {
        TakenBack::Ended(outcome) => facts.outcome = Some((**outcome).clone()),
        TakenBack::Remembered => facts.nothing = Some(("withdrawn", NOT_MOVED.to_owned())),
        TakenBack::Nothing => facts.nothing = Some(("nothing", NOT_MOVED.to_owned())),
    }
    match taken {
        TakenBack::Ended(outcome) if outcome.error.is_none() => {
            terminal.note(&format!(
                "{version} keeps its own tags; `hoist rollback {version} --undo` forgets that it is withdrawn"
            ));
            Ok(ended(&outcome, &plan, terminal))
        }
        TakenBack::Ended(outcome) => Ok(outcome::print(&outcome, RunVerb::TakeBack, terminal)),
        TakenBack::Remembered => {
            match terminal.json {
                true => terminal.json(&line(WithdrawnWord::Withdrawn, version, NOT_MOVED)),
                false => terminal.end(BACK, "Withdrawn", &format!("{version}: {NOT_MOVED}")),
            }
            Ok(ExitCode::from(exit::OK))
        }
        TakenBack::Nothing => {
            let told =
                format!("no moving tag goes back from {version}, which is withdrawn already");
            Ok(outcome::print_or(None, &told, RunVerb::TakeBack, terminal))
        }
    }
}

/// Why each moving tag goes back, or stays.
fn reasons(plan: &RollbackPlan) -> BTreeMap<(Repository, Tag), String> {
    let moves = plan
        .moves()
        .map(|(repository, drift)| ((repository.clone(), drift.tag.clone()), drift.why.clone()));
    let stays = plan.stays.iter();
    let stays =
        stays.map(|(repository, tag, why)| ((repository.clone(), tag.clone()), why.clone()));
    moves.chain(stays).collect()
}

/// The last words of a roll back that was done.
fn ended(outcome: &Outcome, plan: &RollbackPlan, terminal: &Terminal) -> ExitCode {
    if terminal.json {
        let mut line = outcome::document(outcome);
        line["withdrawn"] = json!(plan.version.to_string());
        terminal.json(&line);
    } else {
        terminal.end(BACK, "Rolled back", &sentence(plan, terminal.elapsed()));
    }
    outcome::report(outcome, terminal)
}

/// `1.3.0 in 2 s: 2 tags show 1.2.9, 1 tag shows 1.1.0 in docker.io/acme/api`
fn sentence(plan: &RollbackPlan, time: Duration) -> String {
    let mut counts: BTreeMap<&Version, usize> = BTreeMap::new();
    for (_, drift) in plan.moves() {
        *counts.entry(&drift.version).or_default() += 1;
    }
    let count = |(version, count): (&&Version, &usize)| match count {
        1 => format!("1 tag shows {version}"),
        count => format!("{count} tags show {version}"),
    };
    let counts: Vec<String> = counts.iter().rev().map(count).collect();
    let mut places: Vec<_> = plan.moves().map(|(repository, _)| repository).collect();
    places.dedup();
    format!(
        "{} in {}: {} in {}",
        plan.version,
        elapsed(time),
        counts.join(", "),
        listed(&places)
    )
}

/// What becomes of each moving tag, and why.
fn show(plan: &RollbackPlan, terminal: &Terminal) {
    if terminal.json {
        return lines(plan).iter().for_each(|line| terminal.json(line));
    }
    let mut rows = Vec::new();
    for (repository, drift) in plan.moves() {
        let before = match &drift.shown {
            Observed::At(digest) => digest.short(),
            Observed::Absent | Observed::Unknown => "-",
        };
        rows.push(vec![
            repository.tag(&drift.tag).into(),
            TableCell::new("back", Meaning::Change),
            format!("{before} → {}", drift.want.short()).into(),
            drift.why.clone().into(),
        ]);
    }
    for (repository, tag, why) in &plan.stays {
        rows.push(vec![
            repository.tag(tag).into(),
            TableCell::new("stays", Meaning::Quiet),
            "".into(),
            why.clone().into(),
        ]);
    }
    if !terminal.quiet {
        for line in table::lines(&rows, 4, terminal.stderr_width()) {
            terminal.styled_aside(&line);
        }
    }
    if !plan.left_out.is_empty() {
        terminal.note(&format!(
            "left as they are, because nothing tells what they showed before: tags of {}",
            plan.left_out.join(", ")
        ));
    }
    for line in &plan.not_looked_at {
        terminal.note(line);
    }
    if let Some(withdrawn) = &plan.withdrawn {
        terminal.note(&format!(
            "{} was {} already",
            plan.version,
            withdrawn.words()
        ));
    }
}

fn lines(plan: &RollbackPlan) -> Vec<Value> {
    let moves = plan.moves().map(|(repository, drift)| TakenBackLine {
        v: V,
        line: TagType::Tag,
        repository,
        tag: &drift.tag,
        action: TakenBackAction::Back,
        version: Some(&drift.version),
        want: Some(&drift.want),
        shown: drift.shown.digest(),
        why: &drift.why,
    });
    let stays = plan
        .stays
        .iter()
        .map(|(repository, tag, why)| TakenBackLine {
            v: V,
            line: TagType::Tag,
            repository,
            tag,
            action: TakenBackAction::Stay,
            version: None,
            want: None,
            shown: None,
            why,
        });
    moves.chain(stays).map(|line| plain(&line)).collect()
}

/// The last JSON line where no tag was moved.
fn line(outcome: WithdrawnWord, version: &Version, why: &str) -> Value {
    plain(&WithdrawnLine {
        v: V,
        line: OutcomeType::Outcome,
        outcome,
        exit: exit::OK,
        version,
        why,
    })
}

/// Forgets that a version is withdrawn.
fn undo(version: &Version, context: &Context) -> Result<ExitCode> {
    let terminal = &context.terminal;
    let release = context.release_for_work()?;
    let Some(found) = release.undo_take_back(version)? else {
        return Err(Error::refused(format!("{version} is not withdrawn"))
            .with_code(ErrorCode::NotReleased)
            .state("nothing was changed")
            .hint("`hoist log` marks the versions that are"));
    };
    if terminal.json {
        terminal.json(&line(WithdrawnWord::Undone, version, &found.words()));
    } else {
        terminal.note(&format!("it was {}", found.words()));
        terminal.note("no tag was moved: `hoist repair` shows where each belongs now");
        let text = format!("{version} is no longer withdrawn");
        terminal.end(BACK, "Undone", &text);
    }
    Ok(ExitCode::from(exit::OK))
}
