//! Commit messages held against the rules, for a CI gate and for a `commit-msg` hook.

use crate::{
    error::{Error, Result},
    plan::{
        history::change,
        notes::lint::{self, LintFinding, Severity},
    },
    project::{notes::Wanted, open::Project},
};

/// One commit message, and what was found in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckedMessage {
    /// The commit's id, or the file's name.
    pub subject: String,
    /// The message's first line.
    pub summary: String,
    /// What is wrong, in the order of the message. Empty: nothing.
    pub findings: Vec<LintFinding>,
}

impl CheckedMessage {
    /// Whether a finding is an error, so that the message has to be reworded.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.severity == Severity::Error)
    }
}

impl Project {
    /// Checks the commits of `range` (`FROM..TO`; HEAD stands for an end that is left out), newest
    /// first. A single name means everything since then.
    ///
    /// # Errors
    /// Usage (exit 2) where `range` is not a range; refused (exit 4) where the history cannot be
    /// read.
    pub fn check_commits(&self, range: &str) -> Result<Vec<CheckedMessage>> {
        let range = match range.contains("..") {
            true => range.to_owned(),
            false => format!("{range}..HEAD"),
        };
        let Wanted::Range { from, to } = Wanted::parse(&range)? else {
            return Err(Error::usage(format!("`{range}` is not a range of commits"))
                .hint("a range is `FROM..TO`, e.g. `origin/main..HEAD`"));
        };
        let commits = self.commits(from.as_deref(), &to)?;
        let checked = commits
            .iter()
            .map(|commit| self.check(commit.id.to_string(), &commit.message, commit.is_merge()));
        Ok(checked.collect())
    }

    /// Checks the message in `text`, as git hands it to its `commit-msg` hook in the file `name`.
    #[must_use]
    pub fn check_message(&self, name: &str, text: &str) -> CheckedMessage {
        let text = lint::cleaned(text, self.git().comment_character());
        // The message of a merge is checked as one: git writes it, or a person who means it.
        let merge = text.starts_with("Merge ") || self.git().is_merging();
        self.check(name.to_owned(), &text, merge)
    }

    fn check(&self, subject: String, message: &str, merge: bool) -> CheckedMessage {
        CheckedMessage {
            subject,
            summary: change::summary(message),
            findings: lint::lint(message, merge, &self.policy().version),
        }
    }
}
