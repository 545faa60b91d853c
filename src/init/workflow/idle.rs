//! What workflows say and does nothing in a release.

use serde_json::Value;

use crate::init::{
    metadata::MetadataStep,
    notes::NoteKind,
    workflow::walk::{RunningJob, WorkflowRun},
};

impl WorkflowRun<'_> {
    /// Names steps that run, and rules of metadata steps that give a tag, for no combination of a
    /// matrix.
    pub(super) fn name_idle_rules(&mut self) {
        let made = std::mem::take(&mut self.made_by_rules);
        for (place, text) in std::mem::take(&mut self.idle_rules) {
            let is_of = |(at, rule): &(String, String)| {
                *at == place
                    && match rule.is_empty() {
                        true => text.contains(": it does not run in a release ("),
                        false => text.starts_with(&format!("`{rule}`: its condition")),
                    }
            };
            if !made.iter().any(is_of) {
                self.notes.add(NoteKind::NotInRelease, text);
            }
        }
    }

    /// Names labels and annotations of a metadata step that no build is given.
    pub(super) fn name_unused_texts(
        &mut self,
        step: &Value,
        read: &MetadataStep,
        running: &RunningJob<'_>,
    ) {
        let by_script = running.text.contains("DOCKER_METADATA_OUTPUT_JSON")
            || running.mentions(step, &[".json"]);
        for (texts, what) in [(&read.labels, "labels"), (&read.annotations, "annotations")] {
            let outputs = [format!(".{what}"), format!(".bake-file-{what}")];
            let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
            // That file has tags and labels.
            let whole = what == "labels"
                && step["id"].as_str().is_some_and(|id| {
                    let file = format!("steps.{id}.outputs.bake-file");
                    let mut behind = running.text.split(&file).skip(1);
                    behind.any(|rest| !rest.starts_with('-'))
                });
            if texts.is_empty() || whole || running.mentions(step, &outputs) {
                continue;
            }
            let why = match by_script {
                true => "found, not read: a script or an expression uses them",
                false => "no step of the job uses them",
            };
            let place = self.place(step, running);
            self.notes
                .add(NoteKind::NotTaken, format!("the {what} of {place}: {why}"));
        }
    }
}
