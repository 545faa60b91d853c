//! The schemas of the verbs that print one document. A document may get new fields, so they allow
//! fields that they do not name.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::{
    lines::{Object, as_object, config, object, of_error, v, with},
    parts::{document, of},
};
use crate::{
    cli::{
        build::BuildDocument,
        changelog::ChangelogDocument,
        check::{CheckDocument, MessagesDocument},
        init::InitDocument,
        log::LogDocument,
        next::NextDocument,
        report::record::RunRecord,
        status::StatusDocument,
        tags::document::TagsDocument,
        unlock::UnlockDocument,
        verify_document::VerifyDocument,
    },
    release::Report,
};

/// The type of one document.
fn one<T: JsonSchema>() -> Object {
    let mut schema = as_object(of::<T>(true));
    schema.remove("title");
    schema
}

/// A verb's document, or one of several that it can print; with `--all` one for each image; or what failed.
fn verb(name: &str, what: &str, documents: Vec<Object>) -> Value {
    let failed = object(&[("error", of_error())]);
    let config = object(&[("config", config())]);
    let each = documents.iter().chain([&failed]);
    let each: Vec<_> = each.map(|entry| with(&config, entry)).collect();
    let list = json!({ "type": "array", "items": { "anyOf": each } });
    let several = with(&v(), &object(&[("releases", list)]));
    let mut all = documents;
    all.push(with(&v(), &failed));
    all.push(several);
    document(
        &format!("hoist {name} --json"),
        &format!("{what}; or what failed; or, with --all, one of the two for each image."),
        json!({ "anyOf": all }),
    )
}

/// The same of a verb that works on one image alone.
fn verb_of_one(name: &str, what: &str, documents: Vec<Object>) -> Value {
    let mut all = documents;
    all.push(with(&v(), &object(&[("error", of_error())])));
    document(
        &format!("hoist {name} --json"),
        &format!("{what}; or what failed."),
        json!({ "anyOf": all }),
    )
}

pub(super) fn next() -> Value {
    let what = "The next version, or why there is none";
    verb("next", what, vec![one::<NextDocument<'_>>()])
}

pub(super) fn tags() -> Value {
    let what = "The tags of a version in the order in which a release writes them";
    verb("tags", what, vec![one::<TagsDocument<'_>>()])
}

pub(super) fn changelog() -> Value {
    let what = "Release notes as markdown, and what they are made from";
    verb("changelog", what, vec![one::<ChangelogDocument<'_>>()])
}

pub(super) fn check() -> Value {
    let what = "Everything that could stop a release, or, with --commits and --commit-msg, what is wrong with commit messages";
    let both = vec![one::<CheckDocument<'_>>(), one::<MessagesDocument<'_>>()];
    verb("check", what, both)
}

pub(super) fn verify() -> Value {
    let what = "Each tag of each release in each repository, and what is wrong with the images";
    let mut schema = verb("verify", what, vec![one::<VerifyDocument<'_>>()]);
    // There, `--all` means every version.
    schema["description"] = json!(format!(
        "{what}; or what failed; or, with --all-images, one of the two for each image."
    ));
    schema
}

pub(super) fn status() -> Value {
    let what = "The releases that are not over";
    verb("status", what, vec![one::<StatusDocument<'_>>()])
}

pub(super) fn log() -> Value {
    let what = "Past releases, as the git tags of this clone record them";
    verb("log", what, vec![one::<LogDocument<'_>>()])
}

pub(super) fn inspect() -> Value {
    let what = "Where an image's bytes are, what is wasted and what has changed";
    verb("inspect", what, vec![one::<Report>()])
}

pub(super) fn init() -> Value {
    let what = "What was written, and what workflows push beside what the policy does";
    verb_of_one("init", what, vec![one::<InitDocument<'_>>()])
}

pub(super) fn build() -> Value {
    let what = "What was built";
    verb_of_one("build", what, vec![one::<BuildDocument<'_>>()])
}

pub(super) fn unlock() -> Value {
    let what = "The locks that were deleted, and the moving tags as they are";
    verb_of_one("unlock", what, vec![one::<UnlockDocument<'_>>()])
}

/// What `--report FILE.json` writes.
pub(super) fn report() -> Value {
    document(
        "hoist release --report FILE.json",
        "How a run went, and what every tag shows after it: what release, promote, resume, rollback and repair write with --report.",
        one::<RunRecord>().into(),
    )
}
