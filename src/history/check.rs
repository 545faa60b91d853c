//! Commit messages held against the rules, for a CI gate and for a `commit-msg` hook.

use super::{Place, load, notes};
use crate::{
    error::{Error, Result},
    io::git::Repository,
    plan::lint::{self, Finding, Severity},
    plan::{change, facts::Commit},
    policy::Policy,
};

/// What was found in one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The commit's id, or the file's name.
    pub subject: String,
    /// The message's first line.
    pub summary: String,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

impl Checked {
    /// Whether something in it must be mended.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.severity == Severity::Error)
    }
}

/// Checks the commits of `range` (`FROM..TO`, HEAD for what is left out), newest first.
///
/// # Errors
/// Usage (exit 2) for a range that is none; refused (exit 4) for a history that cannot be read.
pub fn commits(place: &Place, range: &str) -> Result<Vec<Checked>> {
    let notes::Wanted::Range { from, to } = notes::Wanted::parse(range).or_else(|_| {
        // A single name: everything since then.
        notes::Wanted::parse(&format!("{range}..HEAD"))
    })?
    else {
        return Err(Error::usage(format!("`{range}` is no range of commits"))
            .hint("a range is `FROM..TO`, e.g. `origin/main..HEAD`"));
    };
    let repository = Repository::open(&place.directory)?;
    let policy = load(place, &repository)?;
    let commits = notes::commits(&repository, &policy, from.as_deref(), &to)?;
    Ok(commits.iter().map(|commit| of(commit, &policy)).collect())
}

fn of(commit: &Commit, policy: &Policy) -> Checked {
    Checked {
        subject: commit.id.to_string(),
        summary: change::summary(&commit.message),
        findings: lint::lint(&commit.message, commit.parents.len() > 1, &types(policy)),
    }
}

/// Checks the message in `text`, as git hands it to its `commit-msg` hook in the file `name`.
///
/// # Errors
/// As [`commits`].
pub fn message(place: &Place, name: &str, text: &str) -> Result<Checked> {
    let repository = Repository::open(&place.directory)?;
    let policy = load(place, &repository)?;
    let text = lint::cleaned(text, repository.comment_character());
    Ok(Checked {
        subject: name.to_owned(),
        summary: change::summary(&text),
        // The message of a merge is checked as one: git writes it, or a person who means it.
        findings: lint::lint(&text, text.starts_with("Merge "), &types(&policy)),
    })
}

/// The types that the policy's own rules name.
fn types(policy: &Policy) -> Vec<String> {
    let rules = policy.version.rules.iter();
    rules.filter_map(|rule| rule.type_.clone()).collect()
}
