//! Commit messages held against the rules, for a CI gate and for a `commit-msg` hook.

use crate::{
    error::{Error, Result},
    plan::{
        history::{change, rules},
        notes::lint::{self, LintFinding, LintRules, Severity},
    },
    policy::{Policy, Unconventional},
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
        let checked = commits.iter().map(|commit| {
            let merge = commit.parents.len() > 1;
            self.check(commit.id.to_string(), &commit.message, merge)
        });
        Ok(checked.collect())
    }

    /// Checks the message in `text`, as git hands it to its `commit-msg` hook in the file `name`.
    #[must_use]
    pub fn check_message(&self, name: &str, text: &str) -> CheckedMessage {
        let text = lint::cleaned(text, self.git().comment_character());
        // The message of a merge is checked as one: git writes it, or a person who means it.
        let merge = text.starts_with("Merge ");
        self.check(name.to_owned(), &text, merge)
    }

    fn check(&self, subject: String, message: &str, merge: bool) -> CheckedMessage {
        let policy = self.policy();
        let counts = LintRules {
            types: types(policy),
            own_rule: rules::has_rule(&policy.version, message, merge),
            unconventional: policy.version.unconventional == Unconventional::Patch,
        };
        CheckedMessage {
            subject,
            summary: change::summary(message),
            findings: lint::lint(message, merge, &counts),
        }
    }
}

/// The types that the policy's own rules name.
fn types(policy: &Policy) -> Vec<String> {
    let rules = policy.version.rules.iter();
    rules
        .filter_map(|rule| Some(rule.type_.as_ref()?.to_string()))
        .collect()
}
