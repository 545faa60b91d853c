//! How a run of the transaction ended: the reference on stdout, the rest for a person, or one
//! JSON line.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{Context, all, exit, plan};
use crate::{
    error::Error,
    oci::Observed,
    outcome::{Outcome, OutcomeKind, TagReport},
    release::NothingToRelease,
};

/// Prints an outcome; its exit code.
pub(super) fn print(outcome: &Outcome, context: &Context) -> ExitCode {
    let code = code(outcome);
    if context.terminal.json {
        context.terminal.json(&document(outcome, code));
    } else {
        tell(outcome, None, context);
    }
    ExitCode::from(code)
}

/// An outcome for a person. With several images, `config` says which one it is about.
pub(super) fn tell(outcome: &Outcome, config: Option<&str>, context: &Context) {
    match (&outcome.error, config) {
        (Some(error), None) => context.terminal.error(error),
        (Some(error), Some(config)) => context.terminal.error(&all::named(config, error)),
        (None, _) => {}
    }
    if outcome.kind == OutcomeKind::Published {
        for image in &outcome.images {
            context
                .terminal
                .data(&image.repository.digest(&image.digest));
        }
    } else {
        for line in leftovers(outcome) {
            context.terminal.note(&line);
        }
    }
}

/// There was nothing to release.
pub(super) fn nothing(nothing: &NothingToRelease, context: &Context) {
    if !context.terminal.json {
        return plan::tell_nothing(nothing, context);
    }
    context.terminal.json(&nothing_document(nothing));
}

pub(super) fn nothing_document(nothing: &NothingToRelease) -> Value {
    json!({
        "v": 1,
        "type": "outcome",
        "outcome": "nothing",
        "exit": exit::OK,
        "version": null,
        "current": nothing.current,
        "why": nothing.why,
        "messages": nothing.messages,
    })
}

/// A run that failed before there was a transaction, as the last JSON line.
pub(super) fn failed(error: &Error) -> Value {
    json!({
        "v": 1,
        "type": "outcome",
        "outcome": error.kind,
        "exit": exit::number(error.kind),
        "version": null,
        "error": error,
    })
}

pub(super) fn code(outcome: &Outcome) -> u8 {
    match (&outcome.error, outcome.kind) {
        (Some(error), _) => exit::number(error.kind),
        (None, OutcomeKind::Published | OutcomeKind::RolledBack) => exit::OK,
        (None, OutcomeKind::Held | OutcomeKind::NeedsHuman) => exit::NEEDS_HUMAN,
        (None, OutcomeKind::Failed) => exit::FAILED,
        (None, OutcomeKind::Busy) => exit::BUSY,
        (None, OutcomeKind::Interrupted) => exit::INTERRUPTED,
    }
}

pub(super) fn document(outcome: &Outcome, code: u8) -> Value {
    let mut line = json!({
        "v": 1,
        "type": "outcome",
        "outcome": outcome.kind,
        "exit": code,
    });
    let fields = serde_json::to_value(outcome).expect("an outcome is plain data");
    if let (Value::Object(line), Value::Object(fields)) = (&mut line, fields) {
        line.extend(fields.into_iter().filter(|(name, _)| name != "kind"));
    }
    line
}

/// Each tag that is neither as it was nor, where all are, as wanted.
fn leftovers(outcome: &Outcome) -> Vec<String> {
    let odd = |tag: &&TagReport| !tag.is_as_before();
    outcome
        .tags
        .iter()
        .filter(odd)
        .map(|tag| {
            let now = match &tag.now {
                Observed::At(digest) => digest.to_string(),
                Observed::Absent => "nothing".into(),
                Observed::Unknown => "something that could not be read".into(),
            };
            let before = tag
                .before
                .as_ref()
                .map_or("nothing".into(), ToString::to_string);
            format!(
                "`{}` shows {now}; before: {before}",
                tag.repository.tag(&tag.tag)
            )
        })
        .collect()
}
