//! Commit messages held against the rules, for a CI gate and for a `commit-msg` hook.

use crate::{
    error::{Error, Result},
    io::git::read::Repository,
    plan::{
        history::{change, levels},
        notes::lint::{self, Counts, Finding, Severity},
    },
    policy::{Policy, Unconventional},
    project::{Location, load, notes},
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
pub fn commits(place: &Location, range: &str) -> Result<Vec<Checked>> {
    // A single name: everything since then.
    let range = match range.contains("..") {
        true => range.to_owned(),
        false => format!("{range}..HEAD"),
    };
    let notes::Wanted::Range { from, to } = notes::Wanted::parse(&range)? else {
        return Err(Error::usage(format!("`{range}` is no range of commits"))
            .hint("a range is `FROM..TO`, e.g. `origin/main..HEAD`"));
    };
    let repository = Repository::open(&place.directory)?;
    let policy = load(place, &repository)?;
    let commits = notes::commits(&repository, &policy, from.as_deref(), &to)?;
    commits
        .iter()
        .map(|commit| {
            let merge = commit.parents.len() > 1;
            of(commit.id.to_string(), &commit.message, merge, &policy)
        })
        .collect()
}

fn of(subject: String, message: &str, merge: bool, policy: &Policy) -> Result<Checked> {
    let counts = Counts {
        types: types(policy),
        own_rule: levels::has_rule(&policy.version, message, merge)?,
        unconventional: policy.version.unconventional == Unconventional::Patch,
    };
    Ok(Checked {
        subject,
        summary: change::summary(message),
        findings: lint::lint(message, merge, &counts),
    })
}

/// Checks the message in `text`, as git hands it to its `commit-msg` hook in the file `name`.
///
/// # Errors
/// As [`commits`].
pub fn message(place: &Location, name: &str, text: &str) -> Result<Checked> {
    let repository = Repository::open(&place.directory)?;
    let policy = load(place, &repository)?;
    let text = lint::cleaned(text, repository.comment_character());
    // The message of a merge is checked as one: git writes it, or a person who means it.
    let merge = text.starts_with("Merge ");
    of(name.to_owned(), &text, merge, &policy)
}

/// The types that the policy's own rules name.
fn types(policy: &Policy) -> Vec<String> {
    let rules = policy.version.rules.iter();
    rules.filter_map(|rule| rule.type_.clone()).collect()
}
