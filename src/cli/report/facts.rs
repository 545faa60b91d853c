//! What is known of a run when it has ended, put together to its record.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};

use super::record::{
    ReportedCommit, ReportedImage, ReportedPlatform, ReportedRemark, ReportedStep, ReportedTag,
    RunRecord, TagStanding,
};
use crate::{
    cli::{
        ci::{RunEnd, heading},
        ending::{RunVerb, ending},
        exit,
        recorder::{HeardStep, Recording},
    },
    error::Error,
    oci::{Digest, ImageName, Observed, Repository, Tag},
    outcome::{Outcome, OutcomeKind, TagReport},
    project::{PastRelease, ReleasedChanges},
    release::{Plan, PlannedCommit, PlannedMove, PlannedSource, ReleasedImage, TagAction},
};

/// What a verb knows of its run when it ends.
#[derive(Debug, Default)]
pub(in crate::cli) struct RunFacts {
    /// What was carried out, where there was a plan.
    pub(in crate::cli) plan: Option<Arc<Plan>>,
    /// How the transaction ended, where there was one.
    pub(in crate::cli) outcome: Option<Outcome>,
    /// Why there was nothing to do, and the word for it.
    pub(in crate::cli) nothing: Option<(&'static str, String)>,
    /// What failed.
    pub(in crate::cli) error: Option<Error>,
    /// Why a tag moves or stays, where no plan says it.
    pub(in crate::cli) why: BTreeMap<(Repository, Tag), String>,
}

impl RunFacts {
    /// The transaction ended like this, or there was nothing to do.
    pub(in crate::cli) fn ended_or(&mut self, outcome: Option<&Outcome>, nothing: &str) {
        match outcome {
            Some(outcome) => self.outcome = Some(outcome.clone()),
            None => self.nothing = Some(("nothing", nothing.to_owned())),
        }
    }

    /// The version, where every tag shows it now.
    pub(super) fn published(&self) -> Option<&Outcome> {
        let outcome = self.outcome.as_ref();
        outcome.filter(|outcome| outcome.kind == OutcomeKind::Published)
    }
}

/// What was read after the run.
#[derive(Debug, Default)]
pub(super) struct Afterwards {
    pub(super) images: Vec<ReleasedImage>,
    pub(super) recorded: Option<PastRelease>,
    /// The changes, where no plan has them.
    pub(super) history: Option<ReleasedChanges>,
    pub(super) notes: Option<String>,
    /// What could not be read.
    pub(super) problems: Vec<String>,
}

/// When and how long.
#[derive(Debug)]
pub(super) struct RunTimes {
    pub(super) began: DateTime<Utc>,
    pub(super) took: Duration,
    pub(super) heard: Recording,
}

impl RunRecord {
    pub(super) fn new(verb: RunVerb, facts: &RunFacts, after: Afterwards, times: RunTimes) -> Self {
        let (plan, outcome) = (facts.plan.as_deref(), facts.outcome.as_ref());
        // That of the outcome is the whole story; one that was not part of it says more than nothing.
        let error = outcome.and_then(|outcome| outcome.error.clone());
        let error = error.or_else(|| facts.error.clone());
        let recorded = after.recorded.as_ref();
        let remarks = times.heard.remarks.into_iter();
        let remarks = remarks.map(|one| (one.kind, one.text));
        let problems = after.problems.into_iter().map(|text| ("warning", text));
        Self {
            v: 1,
            hoist: env!("CARGO_PKG_VERSION"),
            verb,
            outcome: word(facts, error.as_ref()),
            exit: exit_code(facts, error.as_ref()),
            summary: summary(verb, facts, error.as_ref(), times.took),
            version: outcome
                .map(|one| one.version.clone())
                .or_else(|| plan.map(|plan| plan.version.clone())),
            current: match plan {
                Some(plan) => plan.current.clone(),
                None => after.history.as_ref().and_then(|one| one.previous.clone()),
            },
            bump: plan.and_then(|plan| plan.bump),
            why: plan.map(|plan| plan.why.clone()),
            began: times.began,
            seconds: seconds(times.took),
            commit: outcome
                .map(|one| one.commit)
                .or_else(|| plan.map(|plan| plan.commit)),
            branch: plan.and_then(|plan| plan.branch.clone()),
            release_commit: outcome.and_then(|one| one.branch.clone()),
            git_tag: outcome.and_then(|one| one.git_tag.clone()),
            forge: outcome.and_then(|one| one.forge.clone()),
            repositories: repositories(plan, outcome),
            tags: tags(facts),
            images: images(plan, outcome, &after.images),
            attachments: recorded.map_or_else(Vec::new, |one| one.attachments.clone()),
            signatures: recorded.map_or_else(Vec::new, |one| one.signatures.clone()),
            gate: recorded.map_or_else(Vec::new, |one| one.gate.clone()),
            over_budget: recorded.map_or_else(Vec::new, |one| one.over_budget.clone()),
            uncommitted: recorded.map_or_else(Vec::new, |one| one.uncommitted.clone()),
            without_hooks: recorded.is_some_and(|one| one.without_hooks),
            transfers: outcome
                .and_then(|one| one.moved.clone())
                .unwrap_or_default(),
            commits: match (plan, after.history) {
                (Some(plan), _) => commits(&plan.commits),
                (None, Some(history)) => commits(&history.commits),
                (None, None) => Vec::new(),
            },
            steps: times.heard.steps.into_iter().map(step).collect(),
            remarks: remarks
                .chain(problems)
                .map(|(kind, text)| ReportedRemark { kind, text })
                .collect(),
            notes: after.notes,
            error,
        }
    }
}

/// How the run ended, as the CI service is told it.
fn end<'f>(facts: &'f RunFacts, error: Option<&'f Error>) -> RunEnd<'f> {
    match (&facts.outcome, error, &facts.nothing) {
        (Some(outcome), _, _) => RunEnd::Ended(outcome),
        (None, Some(error), _) => RunEnd::Failed(error),
        (None, None, Some((_, why))) => RunEnd::Nothing(why),
        (None, None, None) => RunEnd::Nothing(""),
    }
}

fn word(facts: &RunFacts, error: Option<&Error>) -> String {
    let word = match end(facts, error) {
        RunEnd::Ended(outcome) => serde_json::to_value(outcome.kind),
        RunEnd::Failed(error) => serde_json::to_value(error.kind()),
        RunEnd::Nothing(_) => {
            let word = facts.nothing.as_ref().map_or("nothing", |(word, _)| word);
            return word.to_owned();
        }
    };
    let word = word.expect("it is a word");
    word.as_str().unwrap_or_default().to_owned()
}

fn exit_code(facts: &RunFacts, error: Option<&Error>) -> u8 {
    match end(facts, error) {
        RunEnd::Ended(outcome) => outcome.exit_code(),
        RunEnd::Failed(error) => error.exit_code(),
        RunEnd::Nothing(_) => exit::OK,
    }
}

fn summary(verb: RunVerb, facts: &RunFacts, error: Option<&Error>, took: Duration) -> String {
    match end(facts, error) {
        RunEnd::Ended(outcome) => match (ending(outcome, verb, took), error) {
            (Some((verb, text)), _) => format!("{verb} {text}"),
            (None, Some(error)) => format!("{}: {}", heading(outcome), error.message()),
            (None, None) => heading(outcome),
        },
        RunEnd::Failed(error) => error.message().to_owned(),
        RunEnd::Nothing(why) => why.to_owned(),
    }
}

fn repositories(plan: Option<&Plan>, outcome: Option<&Outcome>) -> Vec<Repository> {
    let planned = plan.iter().flat_map(|plan| &plan.repositories);
    let tags = outcome.iter().flat_map(|outcome| &outcome.tags);
    let mut all: Vec<Repository> = Vec::new();
    for one in planned.chain(tags.map(|tag| &tag.repository)) {
        if !all.contains(one) {
            all.push(one.clone());
        }
    }
    all
}

/// The tags of the plan in its order, then those that only the outcome knows, then those that stay.
fn tags(facts: &RunFacts) -> Vec<ReportedTag> {
    let outcome = facts.outcome.as_ref();
    let reports = || outcome.iter().flat_map(|outcome| &outcome.tags);
    let planned = facts.plan.iter().flat_map(|plan| &plan.tags);
    let mut all: Vec<ReportedTag> = planned
        .map(|planned| {
            let is_it =
                |one: &&TagReport| one.repository == planned.repository && one.tag == planned.tag;
            match reports().find(is_it) {
                Some(report) => ReportedTag {
                    image: Some(planned.image.clone()),
                    why: planned.why.clone(),
                    ..reported(report)
                },
                None => only_planned(planned, outcome.is_some()),
            }
        })
        .collect();
    let has = |all: &[ReportedTag], repository: &Repository, tag: &Tag| {
        all.iter()
            .any(|one| one.repository == *repository && one.tag == *tag)
    };
    for report in reports() {
        if !has(&all, &report.repository, &report.tag) {
            let place = (report.repository.clone(), report.tag.clone());
            all.push(ReportedTag {
                why: facts.why.get(&place).cloned().unwrap_or_default(),
                ..reported(report)
            });
        }
    }
    for ((repository, tag), why) in &facts.why {
        if !has(&all, repository, tag) {
            all.push(ReportedTag {
                repository: repository.clone(),
                tag: tag.clone(),
                image: None,
                standing: match outcome {
                    Some(_) => TagStanding::Kept,
                    None => TagStanding::Untouched,
                },
                before: None,
                wanted: None,
                now: None,
                why: why.clone(),
            });
        }
    }
    all
}

fn reported(report: &TagReport) -> ReportedTag {
    let standing = match (report.is_ours(), &report.before) {
        (true, None) => TagStanding::Created,
        (true, Some(before)) if *before == report.wanted => TagStanding::Same,
        (true, Some(_)) => TagStanding::Moved,
        (false, _) if report.is_as_before() => TagStanding::AsBefore,
        (false, _) if report.now == Observed::Unknown => TagStanding::Unknown,
        (false, _) => TagStanding::Other,
    };
    ReportedTag {
        repository: report.repository.clone(),
        tag: report.tag.clone(),
        image: None,
        standing,
        before: report.before.clone(),
        wanted: Some(report.wanted.clone()),
        now: report.now.digest().cloned(),
        why: String::new(),
    }
}

/// A tag that the transaction did not touch, as the plan saw it.
fn only_planned(planned: &PlannedMove, ended: bool) -> ReportedTag {
    let standing = match planned.action {
        TagAction::Keep => TagStanding::Kept,
        TagAction::Same => TagStanding::Same,
        _ if planned.before == Observed::Unknown => TagStanding::Unknown,
        _ if ended => TagStanding::AsBefore,
        _ => TagStanding::Untouched,
    };
    let before = planned.before.digest().cloned();
    ReportedTag {
        repository: planned.repository.clone(),
        tag: planned.tag.clone(),
        image: Some(planned.image.clone()),
        standing,
        now: before.clone(),
        before,
        wanted: None,
        why: planned.why.clone(),
    }
}

fn images(
    plan: Option<&Plan>,
    outcome: Option<&Outcome>,
    read: &[ReleasedImage],
) -> Vec<ReportedImage> {
    let adopted = |image: &ImageName| {
        let planned = plan?.images.iter().find(|one| one.name == *image)?;
        match &planned.source {
            PlannedSource::Adopt { why, .. } => Some(why.clone()),
            PlannedSource::Build => None,
        }
    };
    let sizes = |image: &ImageName, digest: &Digest| {
        let read = read.iter();
        let mut same = read.filter(|one| one.image == *image && one.digest == *digest);
        same.next().map(|one| one.platforms.clone())
    };
    let reports = outcome.iter().flat_map(|outcome| &outcome.images);
    reports
        .map(|report| ReportedImage {
            image: report.image.clone(),
            repository: report.repository.clone(),
            digest: report.digest.clone(),
            adopted: adopted(&report.image),
            platforms: sizes(&report.image, &report.digest)
                .into_iter()
                .flatten()
                .map(|one| ReportedPlatform {
                    platform: one.platform.map(|platform| platform.in_full()),
                    size: one.size,
                    layers: one.layers,
                    before: one.before,
                })
                .collect(),
        })
        .collect()
}

fn commits(commits: &[PlannedCommit]) -> Vec<ReportedCommit> {
    commits
        .iter()
        .map(|commit| ReportedCommit {
            sha: commit.sha,
            summary: commit.summary.clone(),
            bump: commit.bump,
            why: commit.why.clone(),
        })
        .collect()
}

fn step(heard: HeardStep) -> ReportedStep {
    let end = heard.end.unwrap_or(heard.start);
    ReportedStep {
        step: heard.step,
        verb: heard.verb,
        what: heard.what,
        start: seconds(heard.start),
        seconds: seconds(end.saturating_sub(heard.start)),
        done: heard.done,
    }
}

/// To the millisecond.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}
