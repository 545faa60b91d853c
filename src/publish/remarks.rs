//! What a run learns on the way that is not part of the protocol: the outside world's own words, and
//! what each tag showed. Every step returns its remarks; the loop keeps them for the report.

use std::collections::BTreeMap;

use crate::{
    io::{forge::ForgeError, git::remote::RemoteError},
    oci::Observed,
};

/// What was learnt. Of two remarks about the same thing the later one counts.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    tags: BTreeMap<usize, TagRemarks>,
    failure: Option<String>,
    hint: Option<String>,
    branch_stays: bool,
    /// Whether the page on the forge was seen not to be public; `None`: it was not asked for.
    page_hidden: Option<bool>,
}

#[derive(Debug, Default)]
struct TagRemarks {
    shows: Option<Observed>,
    failure: Option<String>,
    overtaken: Option<String>,
}

impl Remarks {
    /// A tag shows this.
    pub(super) fn shows(&mut self, tag: usize, shows: Observed) {
        self.tags.entry(tag).or_default().shows = Some(shows);
    }

    /// Something went wrong with a tag.
    pub(super) fn tag_failed(&mut self, tag: usize, why: impl ToString) {
        self.tags.entry(tag).or_default().failure = Some(why.to_string());
    }

    /// A tag must no longer move, because something published since the plan holds it.
    pub(super) fn overtaken(&mut self, tag: usize, why: String) {
        self.tags.entry(tag).or_default().overtaken = Some(why);
    }

    /// Something went wrong that is not about one tag.
    pub(super) fn failed(&mut self, why: impl ToString) {
        self.failure = Some(why.to_string());
    }

    /// The git server did not do something; its error may know what helps.
    pub(super) fn remote_failed(&mut self, error: &RemoteError) {
        self.failed(error);
        if error.hint.is_some() {
            self.hint.clone_from(&error.hint);
        }
    }

    /// The forge did not do something; its error may know what helps.
    pub(super) fn forge_failed(&mut self, error: &ForgeError) {
        self.failed(error);
        if let Some(remedy) = error.remedy {
            self.hint = Some(remedy.to_owned());
        }
    }

    /// The release commit stays on its branch although the release is given up.
    pub(super) fn branch_stays(&mut self) {
        self.branch_stays = true;
    }

    /// The page on the forge was seen not to be public, or nothing was seen.
    pub(super) fn page_is_hidden(&mut self, is_seen: bool) {
        self.page_hidden = Some(is_seen);
    }

    /// Adds what was learnt later.
    pub(super) fn absorb(&mut self, later: Self) {
        for (index, new) in later.tags {
            let tag = self.tags.entry(index).or_default();
            tag.shows = new.shows.or(tag.shows.take());
            tag.failure = new.failure.or(tag.failure.take());
            tag.overtaken = new.overtaken.or(tag.overtaken.take());
        }
        self.failure = later.failure.or(self.failure.take());
        self.hint = later.hint.or(self.hint.take());
        self.branch_stays |= later.branch_stays;
        self.page_hidden = later.page_hidden.or(self.page_hidden);
    }

    /// What a tag showed last.
    pub(super) fn last_shown(&self, tag: usize) -> Option<&Observed> {
        self.tags.get(&tag)?.shows.as_ref()
    }

    /// What went wrong with a tag last.
    pub(super) fn tag_failure(&self, tag: usize) -> Option<&str> {
        self.tags.get(&tag)?.failure.as_deref()
    }

    /// What holds a tag back since the plan was made.
    pub(super) fn why_overtaken(&self, tag: usize) -> Option<&str> {
        self.tags.get(&tag)?.overtaken.as_deref()
    }

    /// What went wrong last that is not about one tag.
    pub(super) fn last_failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// What helps where the git server refused.
    pub(super) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Whether the page on the forge was seen not to be public, when it was looked at last.
    pub(super) fn is_page_hidden(&self) -> bool {
        self.page_hidden == Some(true)
    }

    /// Whether the release commit stays on its branch.
    pub(super) fn does_branch_stay(&self) -> bool {
        self.branch_stays
    }
}

/// The results of several pieces of work that were done side by side, and all of their remarks.
pub(super) fn gather<T>(parts: Vec<(T, Remarks)>) -> (Vec<T>, Remarks) {
    let mut all = Remarks::default();
    let results = parts.into_iter().map(|(result, remarks)| {
        all.absorb(remarks);
        result
    });
    (results.collect(), all)
}
