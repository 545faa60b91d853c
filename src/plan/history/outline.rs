//! A range of commits without their texts: what each message gives alone, in a few bytes.
//!
//! A long history has few commits that decide: one for the level, the reverts and what they name, and
//! those of which there is something to say. Which ones they are follows from the outline; they alone
//! are read again, so that memory does not grow with the messages. The judgement is the one that all
//! commits together would give, except that it lists the commits that were read and no others.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::{
    error::Result,
    git::CommitId,
    plan::history::{
        change::{self, MessageKind},
        facts::{Commit, CommitOutline, RangeGraph, RangeOutline},
        levels::{self, Judgement},
        reverts::{self, ReadRange},
        rules,
        titles::NamedBy,
        uncounted::uncounted,
    },
    policy::{Level, Unconventional, VersionPolicy},
};

/// What a message gives alone. `names` is handed the hash of each text that a revert without an id can
/// name the commit by.
#[must_use]
pub fn outline(
    policy: &VersionPolicy,
    message: &str,
    merge: bool,
    mut names: impl FnMut(u32),
) -> CommitOutline {
    let (title, change) = change::parse_with_summary(message, merge, &policy.strip);
    let level = rules::level(policy, message, &change).0;
    let must_read = change.kind == MessageKind::Revert
        || change.skip
        || change.no_space
        || change.release_as.is_some()
        || !rules::squashed(policy, message, merge).is_empty()
        || policy.unconventional == Unconventional::Error
            && rules::is_unconventional(policy, message, merge, &change)
        || !uncounted(policy, message, merge, &change, level).is_empty();
    let named = NamedBy::of(&title, message, &policy.strip);
    hashes(&named).for_each(&mut names);
    CommitOutline { level, must_read }
}

fn hashes(named: &NamedBy) -> impl Iterator<Item = u32> {
    let forms = named.forms.iter().map(|form| (false, form));
    forms
        .chain(named.number.iter().map(|number| (true, number)))
        .map(|name| {
            let mut hasher = DefaultHasher::new();
            name.hash(&mut hasher);
            // Half of the hash does: whoever has the same one is read, and compared.
            (hasher.finish() >> 32) as u32
        })
}

/// Reads the commit at a place of the range.
pub type ReadCommit<'a> = dyn FnMut(usize) -> Result<Commit> + 'a;

/// Judges a range. `read` is asked for the commits that decide.
///
/// # Errors
/// As [`levels::judge`], and what `read` fails with.
pub fn judge(
    range: &RangeOutline,
    policy: &VersionPolicy,
    read: &mut ReadCommit<'_>,
) -> Result<Judgement> {
    let mut kept = KeptCommits {
        graph: &range.graph,
        policy,
        commits: BTreeMap::new(),
        read,
    };
    let outlines = range.commits.iter().enumerate();
    let must_read = outlines.filter(|(_, outline)| outline.must_read);
    kept.add(must_read.map(|(place, _)| place))?;
    kept.add_reverted(&range.names)?;
    let judged = kept.judge()?;
    let fresh = |place: usize| range.after_prerelease.get(place).is_none_or(|after| *after);
    for level in [Level::Major, Level::Minor, Level::Patch] {
        if newest(range, &mut kept, &judged, |_, found| found == level)? {
            break;
        }
    }
    if !range.after_prerelease.is_empty() {
        newest(range, &mut kept, &judged, |place, _| fresh(place))?;
    }
    kept.judge()
}

/// Makes sure that the newest commit is kept that counts and that `wanted` takes, by its place and
/// its level. Whether there is one.
fn newest(
    range: &RangeOutline,
    kept: &mut KeptCommits<'_, '_>,
    judged: &Judgement,
    wanted: impl Fn(usize, Level) -> bool,
) -> Result<bool> {
    let places: HashMap<CommitId, usize> =
        kept.commits.iter().map(|(at, one)| (one.id, *at)).collect();
    let mut known = judged.entries.iter().filter_map(|entry| {
        let place = *places.get(&entry.id)?;
        entry
            .level
            .filter(|level| wanted(place, *level))
            .map(|_| place)
    });
    let known = known.next();
    for place in 0..known.unwrap_or(range.commits.len()) {
        let outline = range.commits[place];
        let counts = outline.level.is_some_and(|level| wanted(place, level));
        if counts && !kept.commits.contains_key(&place) {
            let commit = (kept.read)(place)?;
            if commit.in_paths {
                kept.commits.insert(place, commit);
                return Ok(true);
            }
        }
    }
    Ok(known.is_some())
}

/// The commits that have been read so far, by place.
struct KeptCommits<'a, 'r> {
    graph: &'a RangeGraph,
    policy: &'a VersionPolicy,
    commits: BTreeMap<usize, Commit>,
    read: &'a mut ReadCommit<'r>,
}

impl KeptCommits<'_, '_> {
    fn add(&mut self, places: impl IntoIterator<Item = usize>) -> Result<()> {
        for place in places {
            if !self.commits.contains_key(&place) {
                self.commits.insert(place, (self.read)(place)?);
            }
        }
        Ok(())
    }

    /// Adds what the reverts among the commits take out.
    fn add_reverted(&mut self, names: &[(u32, u32)]) -> Result<()> {
        let policy = self.policy;
        let wanted = self.ask(|_, changes| {
            let reverts = changes.iter().filter(|one| reverts::acts(one));
            let named = reverts.map(|one| NamedBy::wanted(&one.change.reverts, &policy.strip));
            let all: Vec<_> = named.collect();
            (!all.is_empty()).then(|| all.iter().flat_map(hashes).collect::<HashSet<u32>>())
        });
        let Some(wanted) = wanted else {
            return Ok(());
        };
        let named = names.iter().filter(|(name, _)| wanted.contains(name));
        self.add(named.map(|(_, place)| *place as usize))?;
        let reverted = self.ask(|range, changes| reverts::named(range, changes, &policy.strip));
        self.add(reverted)
    }

    fn judge(&self) -> Result<Judgement> {
        let (places, commits) = self.lists();
        levels::judge_read(
            self.policy,
            ReadRange {
                commits: &commits,
                whole: Some((self.graph, &places)),
            },
        )
    }

    fn ask<T>(&self, ask: impl FnOnce(ReadRange<'_>, &[reverts::RangeChange<'_>]) -> T) -> T {
        let (places, commits) = self.lists();
        let range = ReadRange {
            commits: &commits,
            whole: Some((self.graph, &places)),
        };
        let said = levels::said_by(self.policy, &commits);
        let changes = levels::range_changes(range, &said, &levels::skipped(&said));
        ask(range, &changes)
    }

    fn lists(&self) -> (Vec<usize>, Vec<Commit>) {
        (
            self.commits.keys().copied().collect(),
            self.commits.values().cloned().collect(),
        )
    }
}
