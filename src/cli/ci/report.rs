//! How a run ended for one image, in the words of outputs.

use serde_json::{Map, Value, json};

use crate::{
    cli::policy_file::PolicyFile,
    error::Error,
    outcome::{Outcome, TagReport},
};

/// How a run ended for one image.
pub(in crate::cli) struct RunReport<'a> {
    /// The image, where there are several.
    pub(in crate::cli) label: PolicyFile<'a>,
    /// The end itself.
    pub(in crate::cli) end: RunEnd<'a>,
    /// The release notes in markdown.
    pub(in crate::cli) notes: Option<String>,
}

/// How a run ended.
pub(in crate::cli) enum RunEnd<'a> {
    /// There was a transaction.
    Ended(&'a Outcome),
    /// There was nothing to do, for this reason.
    Nothing(&'a str),
    /// It failed before there was a transaction.
    Failed(&'a Error),
}

impl<'a> RunReport<'a> {
    /// A report without notes.
    pub(in crate::cli) fn new(label: PolicyFile<'a>, end: RunEnd<'a>) -> Self {
        let notes = None;
        Self { label, end, notes }
    }

    /// The error that `--json` shows on standard output alone.
    pub(super) fn error_in_json(&self) -> Option<&Error> {
        match &self.end {
            RunEnd::Ended(outcome) => outcome.error.as_ref(),
            // That of the only image is told on standard error, too.
            RunEnd::Failed(error) => self.label.config().map(|_| *error),
            RunEnd::Nothing(_) => None,
        }
    }

    /// `published`, `rolled-back`, `nothing`, `refused`: the word of the JSON outcome.
    pub(super) fn word(&self) -> String {
        let word = match &self.end {
            RunEnd::Ended(outcome) => json!(outcome.kind),
            RunEnd::Nothing(_) => json!("nothing"),
            RunEnd::Failed(error) => json!(error.kind()),
        };
        word.as_str().unwrap_or_default().to_owned()
    }

    /// The outputs by name, in the order in which they are written.
    pub(super) fn outputs(&self) -> Vec<(&'static str, String)> {
        let mut outputs = vec![("outcome", self.word())];
        let RunEnd::Ended(outcome) = &self.end else {
            return outputs;
        };
        outputs.push(("version", outcome.version.to_string()));
        if let Some(tag) = &outcome.git_tag {
            outputs.push(("git-tag", tag.name.short().to_owned()));
        }
        if let Some(image) = outcome.images.first() {
            outputs.push(("digest", image.digest.to_string()));
            outputs.push(("image", image.repository.digest(&image.digest)));
        }
        if outcome.images.iter().any(|one| !one.image.is_main()) {
            outputs.push(("images", json!(outcome.images).to_string()));
        }
        outputs.push(("tags", references(outcome).join("\n")));
        outputs
    }

    /// The same as JSON, with the tags as a list.
    pub(super) fn json(&self) -> Value {
        let mut all = Map::from_iter([("config".to_owned(), json!(self.label.config()))]);
        for (name, value) in self.outputs() {
            let value = match name {
                "tags" => value.lines().collect(),
                "images" => serde_json::from_str(&value).unwrap_or_default(),
                _ => json!(value),
            };
            all.insert(name.to_owned(), value);
        }
        all.into()
    }
}

/// The tags that show the release now.
fn references(outcome: &Outcome) -> Vec<String> {
    let ours = outcome.tags.iter().filter(|tag| tag.is_ours());
    ours.map(
        |TagReport {
             repository, tag, ..
         }| repository.tag(tag),
    )
    .collect()
}

/// All reports as one line of JSON.
pub(super) fn json_of_all(reports: &[RunReport<'_>]) -> String {
    Value::from_iter(reports.iter().map(RunReport::json)).to_string()
}
