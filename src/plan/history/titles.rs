//! Which commits of a range a revert names by its title, where it names no id.

use std::collections::{HashMap, HashSet};

use crate::{
    plan::history::{
        change::{self, RevertTarget, is_merge_subject, split_number},
        facts::Commit,
    },
    policy::Regex,
};

/// The titles of the range's commits, to be looked up in any form that a revert may quote.
pub(super) struct Titles {
    by_title: HashMap<String, Vec<usize>>,
    by_number: HashMap<String, Vec<usize>>,
    /// The commits whose titles have a number.
    numbered: HashSet<usize>,
}

impl Titles {
    /// The titles of commits, each with its place in the range.
    pub(super) fn of<'a>(
        commits: impl IntoIterator<Item = (usize, &'a Commit)>,
        strip: &[Regex],
    ) -> Self {
        let mut titles = Self {
            by_title: HashMap::new(),
            by_number: HashMap::new(),
            numbered: HashSet::new(),
        };
        for (place, commit) in commits {
            let title = change::summary(&commit.message);
            let named = NamedBy::of(&title, &commit.message, strip);
            for form in named.forms {
                titles.by_title.entry(form).or_default().push(place);
            }
            if let Some(number) = named.number {
                titles.numbered.insert(place);
                titles.by_number.entry(number).or_default().push(place);
            }
        }
        titles
    }

    /// The commits that a revert may mean, those that fit best: by the title as it is quoted, then
    /// by the title whatever pull request it names, then by the number of the pull request.
    /// `may` says of a commit whether the revert can have it behind itself.
    pub(super) fn named(
        &self,
        reverts: &RevertTarget,
        strip: &[Regex],
        may: impl Fn(usize) -> bool,
    ) -> Vec<usize> {
        let among = |found: Option<&Vec<usize>>| -> Vec<usize> {
            let found = found.into_iter().flatten().copied();
            found.filter(|place| may(*place)).collect()
        };
        let title = reverts.title.as_deref().unwrap_or_default();
        let stripped = change::stripped(title, strip);
        for form in [title, &stripped] {
            let found = among(self.by_title.get(form));
            if !found.is_empty() {
                return found;
            }
        }
        // The last number can be the revert's own one. What is left must be the whole title of the
        // commit, or the commit has no number: it got one when it was merged.
        for (bare, number) in [title, &stripped].map(split_number) {
            let mut found = among(self.by_title.get(bare).filter(|_| number.is_some()));
            let is_whole = split_number(bare).1.is_some();
            found.retain(|place| is_whole || !self.numbered.contains(place));
            if !found.is_empty() {
                return found;
            }
        }
        let number = reverts.pull_request.as_ref();
        among(number.and_then(|number| self.by_number.get(number)))
    }
}

/// What a commit can be named by without its id.
pub(super) struct NamedBy {
    /// The forms of its title, sorted.
    pub(super) forms: Vec<String>,
    /// The number of its pull request.
    pub(super) number: Option<String>,
}

impl NamedBy {
    pub(super) fn of(title: &str, message: &str, strip: &[Regex]) -> Self {
        let mut forms = forms_of(title, strip);
        let mut number = split_number(title).1;
        if is_merge_subject(title) {
            // The revert of a merged pull request quotes the title that its merge has in the body.
            let merged = change::merged_title(message, &[]);
            forms.extend(merged.into_iter().flat_map(|title| forms_of(title, strip)));
            number = number.or_else(|| merged_number(title));
        }
        forms.retain(|form| !form.is_empty());
        forms.sort();
        forms.dedup();
        Self {
            forms,
            number: number.map(str::to_owned),
        }
    }

    /// What a revert can name a commit by.
    pub(super) fn wanted(reverts: &RevertTarget, strip: &[Regex]) -> Self {
        let title = reverts.title.as_deref().unwrap_or_default();
        Self {
            forms: forms_of(title, strip),
            number: reverts.pull_request.clone(),
        }
    }
}

/// The texts under which a title can be quoted: as it is, stripped, and without its number.
fn forms_of(title: &str, strip: &[Regex]) -> Vec<String> {
    let stripped = change::stripped(title, strip);
    let bare = [split_number(title).0, split_number(&stripped).0].map(str::to_owned);
    let mut forms = vec![title.to_owned(), stripped];
    forms.extend(bare);
    forms
}

/// `Merge pull request #12 from …`, `Merged PR 12: …`.
fn merged_number(title: &str) -> Option<&str> {
    let rest = title
        .strip_prefix("Merge pull request #")
        .or_else(|| title.strip_prefix("Merged PR "))?;
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    (end > 0).then(|| &rest[..end])
}
