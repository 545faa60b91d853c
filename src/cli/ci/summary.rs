//! The end of a run as markdown, for the page of a CI run.

use std::fmt::Write as _;

use super::report::{RunEnd, RunReport};
use crate::{
    cli::{
        markdown::{code, fenced},
        step_text::amount,
    },
    error::Error,
    oci::Observed,
    outcome::{Outcome, OutcomeKind, TagReport},
};

/// What a service shows is limited (GitHub: 1 MiB for each step), and notes can be long.
const MOST_NOTES: usize = 100_000;

pub(super) fn markdown(reports: &[RunReport<'_>]) -> String {
    let mut out = String::new();
    for report in reports {
        let about = match report.label.config() {
            Some(config) => format!(" {}", code(config)),
            None => String::new(),
        };
        match &report.end {
            RunEnd::Nothing(why) => {
                let _ = writeln!(out, "### Nothing to do{about}\n\n{}", fenced(why));
            }
            RunEnd::Failed(error) => {
                let _ = writeln!(out, "### Failed{about}: {}\n", report.word());
                out += &failure(error);
            }
            RunEnd::Ended(outcome) => {
                let _ = writeln!(out, "### {}{about}\n", heading(outcome));
                ended(outcome, &mut out);
            }
        }
        if let Some(notes) = &report.notes {
            let _ = writeln!(out, "{}\n", limited(notes));
        }
    }
    out
}

/// How it ended, for which version.
pub(in crate::cli) fn heading(outcome: &Outcome) -> String {
    let what = match outcome.kind {
        OutcomeKind::Published => "Published",
        OutcomeKind::RolledBack => "Rolled back",
        OutcomeKind::Held => "Held",
        OutcomeKind::NeedsHuman => "Manual action is needed for",
        OutcomeKind::Failed => "Failed",
        OutcomeKind::Busy => "Another release is in the way of",
        OutcomeKind::Interrupted => "Interrupted",
    };
    format!("{what} {}", outcome.version)
}

fn ended(outcome: &Outcome, out: &mut String) {
    if let Some(error) = &outcome.error {
        *out += &failure(error);
    }
    // After a roll back nothing has moved, so there is nothing to show.
    let moved = |tag: &&TagReport| outcome.kind == OutcomeKind::Published || !tag.is_as_before();
    let tags: Vec<_> = outcome.tags.iter().filter(moved).collect();
    if !tags.is_empty() {
        *out += "| tag | before | now |\n|---|---|---|\n";
        for tag in tags {
            let before = tag
                .before
                .as_ref()
                .map_or("–".to_owned(), |d| code(d.short()));
            let now = match &tag.now {
                Observed::At(digest) => code(digest.short()),
                Observed::Absent => "–".to_owned(),
                Observed::Unknown => "not known".to_owned(),
            };
            let name = code(&tag.repository.tag(&tag.tag));
            let _ = writeln!(out, "| {name} | {before} | {now} |");
        }
        *out += "\n";
    }
    if outcome.kind == OutcomeKind::Published {
        published(outcome, out);
    }
}

fn published(outcome: &Outcome, out: &mut String) {
    for image in &outcome.images {
        let _ = writeln!(out, "- {}", code(&image.repository.digest(&image.digest)));
    }
    for transfer in outcome.moved.iter().flatten() {
        let _ = writeln!(
            out,
            "- {}{}{}",
            code(&transfer.repository.to_string()),
            amount(transfer.sent, "sent"),
            amount(transfer.mounted, "mounted")
        );
    }
    if let Some(tag) = &outcome.git_tag {
        let pushed = match (tag.pushed, tag.local) {
            (true, _) => "",
            (false, true) => ", in one clone alone",
            (false, false) => ", not pushed",
        };
        let _ = writeln!(out, "- git tag {}{pushed}", code(tag.name.short()));
    }
    *out += "\n";
}

/// An error as its lines in the log.
pub(in crate::cli) fn failure(error: &Error) -> String {
    let mut text = format!("error: {}", error.message());
    for cause in error.causes() {
        text += &format!("\ncaused by: {cause}");
    }
    if let Some(state) = error.state_now() {
        text += &format!("\nstate: {state}");
    }
    for hint in error.hints() {
        text += &format!("\nhint: {hint}");
    }
    fenced(&text)
}

/// Notes, cut where they are too long for a service.
pub(in crate::cli) fn limited(notes: &str) -> String {
    let mut end = MOST_NOTES.min(notes.len());
    while !notes.is_char_boundary(end) {
        end -= 1;
    }
    match end == notes.len() {
        true => notes.trim_end().to_owned(),
        false => format!("{}\n\n(The notes go on.)", &notes[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::policy_file::PolicyFile;

    #[test]
    fn text_from_elsewhere_stays_in_its_fence() {
        let error = Error::failed("a registry said ```\n# <b>");
        let report = RunReport::new(PolicyFile::new(None), RunEnd::Failed(&error));
        assert_eq!(
            markdown(&[report]),
            "### Failed: failed\n\n````text\nerror: a registry said ```\n# <b>\n````\n\n"
        );
    }

    #[test]
    fn long_notes_are_cut_between_characters() {
        let text = limited(&"é".repeat(MOST_NOTES));
        assert!(text.ends_with("(The notes go on.)"));
        assert!(text.len() < MOST_NOTES + 30);
        assert_eq!(limited("a\n"), "a");
    }
}
