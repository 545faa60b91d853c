//! How a run of the transaction ended: the reference on stdout, the rest for a person, or one
//! JSON line.

use std::process::ExitCode;

use serde_json::{Map, Value, json};

use super::{
    ci::{RunEnd, RunReport},
    ending::{RunVerb, ending},
    exit, images,
    line::{FailedLine, NothingLine, NothingWord, OutcomeType, V},
    policy_file::PolicyFile,
    render::{BACK, Terminal, VERB},
};
use crate::{
    error::{Error, ErrorKind},
    oci::Observed,
    outcome::{Outcome, OutcomeKind, TagReport},
};

/// Prints the outcome of the only image; its exit code.
pub(super) fn print(outcome: &Outcome, deed: RunVerb, terminal: &Terminal) -> ExitCode {
    if terminal.json {
        terminal.json(&document(outcome));
    } else {
        tell(PolicyFile::new(None), outcome, deed, terminal);
    }
    report(outcome, terminal)
}

/// Tells the CI service of the outcome of the only image; its exit code.
pub(super) fn report(outcome: &Outcome, terminal: &Terminal) -> ExitCode {
    let report = RunReport::new(PolicyFile::new(None), RunEnd::Ended(outcome));
    terminal.report(&[report]);
    ExitCode::from(code(outcome))
}

/// Prints the outcome of something that may have had nothing to do.
pub(super) fn print_or(
    outcome: Option<Outcome>,
    nothing: &str,
    deed: RunVerb,
    terminal: &Terminal,
) -> ExitCode {
    let Some(outcome) = outcome else {
        terminal.report(&[RunReport::new(
            PolicyFile::new(None),
            RunEnd::Nothing(nothing),
        )]);
        return print_nothing(nothing, terminal);
    };
    print(&outcome, deed, terminal)
}

fn print_nothing(nothing: &str, terminal: &Terminal) -> ExitCode {
    if terminal.json {
        terminal.json(&images::plain(&NothingLine {
            v: V,
            line: OutcomeType::Outcome,
            outcome: NothingWord::Nothing,
            exit: exit::OK,
            version: (),
            current: None,
            why: nothing,
            messages: None,
        }));
    } else {
        terminal.note(nothing);
    }
    ExitCode::from(exit::OK)
}

/// An outcome for a person.
pub(super) fn tell(file: PolicyFile<'_>, outcome: &Outcome, deed: RunVerb, terminal: &Terminal) {
    if let Some(error) = &outcome.error {
        terminal.error(&file.error(error));
    }
    if outcome.kind == OutcomeKind::Published {
        for image in &outcome.images {
            terminal.data(&image.repository.digest(&image.digest));
        }
    } else {
        for line in leftovers(outcome) {
            terminal.note(&line);
        }
    }
    if let Some((verb, text)) = ending(outcome, deed, terminal.elapsed()) {
        let style = match outcome.kind {
            OutcomeKind::RolledBack => BACK,
            _ => VERB,
        };
        terminal.end(style, verb, &file.data(&text));
    }
}

/// A run that failed before there was a transaction, as the last JSON line.
pub(super) fn failed(error: &Error) -> Value {
    images::plain(&FailedLine {
        v: V,
        line: OutcomeType::Outcome,
        outcome: error.kind(),
        exit: error.exit_code(),
        version: (),
        error,
    })
}

/// What a program gets in the place of a verb's document, or as the last line of a verb that prints
/// lines (`lines`).
pub(super) fn error_document(error: &Error, lines: bool) -> Value {
    match lines {
        true => failed(error),
        false => json!({ "v": 1, "error": error }),
    }
}

pub(super) fn code(outcome: &Outcome) -> u8 {
    outcome.exit_code()
}

/// The outcome as a JSON line.
pub(super) fn document(outcome: &Outcome) -> Value {
    let mut line = json!({
        "v": 1,
        "type": "outcome",
        "outcome": outcome.kind,
        "exit": code(outcome),
    });
    let fields = serde_json::to_value(outcome).expect("an outcome is plain data");
    if let (Value::Object(line), Value::Object(fields)) = (&mut line, fields) {
        line.extend(fields.into_iter().filter(|(name, _)| name != "kind"));
    }
    line
}

/// The last JSON line of several images, from the line of each: how it ended for all. Its word is
/// that of the image that ended worst.
pub(super) fn of_all(lines: &[(PolicyFile<'_>, Value)], code: u8) -> Value {
    let decided = || lines.iter().filter(|(_, line)| line["exit"] == code);
    // One that was published beside others that had nothing to do.
    let published = decided().find(|(_, line)| line["outcome"] == "published");
    let outcome = match published.or(decided().next()) {
        Some((_, line)) => line["outcome"].clone(),
        None => json!(ErrorKind::NothingToRelease),
    };
    let entry = |(file, line): &(PolicyFile<'_>, Value)| {
        let fields = ["outcome", "exit", "version"];
        let fields = fields.map(|name| (name.to_owned(), line[name].clone()));
        images::entry(*file, Ok(Map::from_iter(fields).into()))
    };
    json!({
        "v": 1,
        "type": "outcome",
        "outcome": outcome,
        "exit": code,
        "releases": lines.iter().map(entry).collect::<Vec<_>>(),
    })
}

/// Each tag that is not as it was before the run.
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
