//! `--report FILE`: one page of a run, whatever came of it. Nothing here can change how a run ends:
//! what cannot be read or written then is a warning.

mod facts;
mod markdown;
mod page;
pub(super) mod record;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

pub(super) use self::facts::RunFacts;
use self::{
    facts::{Afterwards, RunTimes},
    record::RunRecord,
};
use super::{ci, context::Context, ending::RunVerb};
use crate::{
    error::{Error, Result},
    outcome::Outcome,
    project::{VersionRequest, Wanted},
};

/// The flag of every verb that moves tags.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct ReportArgs {
    /// Write what was done, why and how long it took to FILE.html, FILE.md or FILE.json, whatever came of it
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// What the report is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReportForm {
    Html,
    Markdown,
    Json,
}

impl ReportForm {
    fn of(file: &Path) -> Result<Self> {
        let end = file.extension().and_then(|end| end.to_str());
        match end.map(str::to_lowercase).as_deref() {
            Some("html" | "htm") => Ok(Self::Html),
            Some("md" | "markdown") => Ok(Self::Markdown),
            Some("json") => Ok(Self::Json),
            _ => Err(Error::usage(format!(
                "the name `{}` does not say in which form the report is to be",
                file.display()
            ))
            .state("nothing was built or moved")
            .hint("let the name end with `.html`, `.md` or `.json`")),
        }
    }
}

impl ReportArgs {
    /// Does the work of a verb, and writes the report of it, if one is wanted. The work tells what it finds
    /// out as soon as it knows it.
    ///
    /// # Errors
    /// Those of the work; before it, usage (exit 2) where the report could not be written.
    pub(super) fn around(
        &self,
        verb: RunVerb,
        context: &Context,
        work: impl FnOnce(&mut RunFacts) -> Result<ExitCode>,
    ) -> Result<ExitCode> {
        let mut facts = RunFacts::default();
        let Some(file) = &self.report else {
            return work(&mut facts);
        };
        let form = ReportForm::of(file)?;
        let path = context.path(file);
        refuse_place(file, &path)?;
        let result = work(&mut facts);
        facts.error = result.as_ref().err().cloned();
        let record = record(verb, &facts, context);
        let written = text(&record, form).and_then(|text| write(&path, &text));
        match written {
            Ok(()) => context
                .terminal
                .note(&format!("the report is in `{}`", file.display())),
            Err(error) => context.terminal.warning(&format!(
                "the report was not written to `{}`: {error:#}",
                file.display()
            )),
        }
        result
    }
}

/// Refuses a place where no report can be written, before the work begins.
fn refuse_place(file: &Path, path: &Path) -> Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if path.is_dir() || folder.is_some_and(|folder| !folder.is_dir()) {
        return Err(
            Error::usage(format!("no file can be written at `{}`", file.display()))
                .cause(match path.is_dir() {
                    true => "it is a folder",
                    false => "its folder is not there",
                })
                .state("nothing was built or moved"),
        );
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|error| Error::failed("it cannot be written").because(&error))
}

fn text(record: &RunRecord, form: ReportForm) -> Result<String> {
    match form {
        ReportForm::Html => page::page(record),
        ReportForm::Markdown => Ok(markdown::markdown(record)),
        ReportForm::Json => serde_json::to_string_pretty(record)
            .map(|text| text + "\n")
            .map_err(|error| Error::bug("the report has no JSON form").because(&error)),
    }
}

fn record(verb: RunVerb, facts: &RunFacts, context: &Context) -> RunRecord {
    let terminal = &context.terminal;
    let times = RunTimes {
        began: context.recorder.at,
        took: terminal.elapsed(),
        heard: context.recorder.heard(terminal.agreed()),
    };
    let mut after = Afterwards::default();
    if let Some(outcome) = facts.published() {
        after = afterwards(verb, facts, outcome, context).unwrap_or_else(|error| Afterwards {
            problems: vec![format!("the release was not read again: {error:#}")],
            ..Afterwards::default()
        });
    }
    RunRecord::new(verb, facts, after, times)
}

/// What is read once more of a release that is out: its sizes from the registry, the rest from git.
fn afterwards(
    verb: RunVerb,
    facts: &RunFacts,
    outcome: &Outcome,
    context: &Context,
) -> Result<Afterwards> {
    let mut after = Afterwards::default();
    let release = context.release()?.for_publishing();
    let project = release.project();
    let mut before = facts.plan.as_ref().and_then(|plan| plan.current.clone());
    // Who finishes a release that another run has planned learns from git what it is made of.
    if facts.plan.is_none() && verb == RunVerb::Resume {
        match project.released_changes(&outcome.version) {
            Ok(history) => {
                before.clone_from(&history.previous);
                after.history = Some(history);
            }
            Err(error) => {
                let problem = format!("the commits of the release are not known: {error:#}");
                after.problems.push(problem);
            }
        }
    }
    let mut problem = |what: &str, error: &Error| {
        after.problems.push(format!("{what}: {error:#}"));
    };
    match release.released(outcome, before.as_ref()) {
        Ok(images) => after.images = images,
        Err(error) => problem("the sizes of the images are not known", &error),
    }
    // What repair and taking back move belongs to several versions.
    if matches!(verb, RunVerb::Repair | RunVerb::TakeBack) {
        return Ok(after);
    }
    match project.recorded(&outcome.version) {
        Ok(recorded) => after.recorded = recorded,
        Err(error) => problem("the git tag cannot be read", &error),
    }
    after.notes = match &facts.plan {
        Some(plan) => Some(plan.notes.clone()),
        None => {
            let wanted = Wanted::Version(outcome.version.clone());
            let today = chrono::Utc::now().date_naive();
            let notes = project.notes(&wanted, &VersionRequest::default(), today);
            notes.and_then(|notes| project.render_notes(&notes)).ok()
        }
    };
    after.notes = after.notes.map(|notes| ci::limited(&notes));
    Ok(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_the_form() {
        for (name, form) in [
            ("a.html", Some(ReportForm::Html)),
            ("a/b.HTM", Some(ReportForm::Html)),
            ("a.md", Some(ReportForm::Markdown)),
            ("a.json", Some(ReportForm::Json)),
            ("a", None),
            ("a.txt", None),
            (".html", None),
        ] {
            assert_eq!(ReportForm::of(Path::new(name)).ok(), form, "{name}");
        }
    }
}
