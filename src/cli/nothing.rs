//! There is nothing to release: why, and what is not as it should be all the same.

use serde_json::Value;

use super::{
    exit,
    images::plain,
    line::{NothingDocument, NothingLine, NothingWord, OutcomeType, V},
    policy_file::PolicyFile,
    render::Terminal,
};
use crate::{
    error::{Error, ErrorKind},
    release::NothingToRelease,
};

/// Tells a person.
pub(super) fn tell(file: PolicyFile<'_>, nothing: &NothingToRelease, terminal: &Terminal) {
    let why = format!("nothing to release: {}", nothing.why);
    terminal.note(&file.note(&why));
    messages(file, &nothing.messages, terminal);
}

/// What a plan has to say beside its tags.
pub(super) fn messages(file: PolicyFile<'_>, messages: &[String], terminal: &Terminal) {
    for message in messages {
        terminal.note(&file.note(message));
    }
}

/// In the place of a plan.
pub(super) fn plan_document(nothing: &NothingToRelease) -> Value {
    plain(&NothingDocument {
        v: V,
        version: (),
        current: nothing.current.as_ref(),
        why: &nothing.why,
        messages: &nothing.messages,
    })
}

/// In the place of an outcome.
pub(super) fn outcome_line(nothing: &NothingToRelease) -> Value {
    plain(&NothingLine {
        v: V,
        line: OutcomeType::Outcome,
        outcome: NothingWord::Nothing,
        exit: exit::OK,
        version: (),
        current: Some(nothing.current.as_ref()),
        why: &nothing.why,
        messages: Some(&nothing.messages),
    })
}

/// Where a release was required (`--require-release`), having nothing to release is an error.
pub(super) fn required(several: bool) -> Error {
    let images = if several { " in any image" } else { "" };
    Error::new(
        ErrorKind::NothingToRelease,
        format!("there is nothing to release{images}"),
    )
}
