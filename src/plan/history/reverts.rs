//! Which commits of the range a revert in the same range takes out.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    git::CommitId,
    plan::history::{
        change::{CommitChange, MessageKind},
        facts::Commit,
    },
};

/// For each commit, why a revert takes it out of the range, if one does.
///
/// A revert that still stands takes its targets and itself out, so a revert of a revert frees the
/// change again. Who is asked first follows from the ids alone: a revert names its target by id,
/// so it was made after it, whatever the order in which the commits come. A revert that is marked
/// as breaking stands.
pub(super) fn cancelled(commits: &[Commit], changes: &[CommitChange]) -> Vec<Option<String>> {
    let mut out: Vec<Option<String>> = vec![None; commits.len()];
    if changes.iter().all(|change| change.reverts.is_empty()) {
        return out;
    }
    let mut ids: Vec<_> = commits.iter().map(|commit| commit.id).zip(0..).collect();
    ids.sort_unstable();
    let mut targets: BTreeMap<usize, Vec<Option<usize>>> = BTreeMap::new();
    for (index, change) in changes.iter().enumerate() {
        if change.kind == MessageKind::Revert && change.breaking.is_none() && !change.skip {
            let named = change.reverts.iter().map(|hex| target(&ids, index, hex));
            targets.insert(index, named.collect());
        }
    }
    for index in latest_first(&targets) {
        let targets = &targets[&index];
        if out[index].is_some() {
            continue;
        }
        for target in targets.iter().flatten() {
            if out[*target].is_none() {
                out[*target] = Some(format!("reverted by {}", commits[index].id.short()));
            }
        }
        if !targets.is_empty() && targets.iter().all(Option::is_some) {
            let ids: Vec<_> = targets
                .iter()
                .flatten()
                .map(|target| commits[*target].id.short())
                .collect();
            out[index] = Some(format!("reverts {}", ids.join(", ")));
        }
    }
    out
}

/// The reverts, each before those that it reverts; commits that are given newest first keep
/// their order as far as that allows.
fn latest_first(targets: &BTreeMap<usize, Vec<Option<usize>>>) -> Vec<usize> {
    let named = |index: &usize| targets[index].iter().flatten().copied();
    let mut waiting: BTreeMap<usize, usize> = targets.keys().map(|index| (*index, 0)).collect();
    for target in targets.keys().flat_map(named) {
        waiting.entry(target).and_modify(|count| *count += 1);
    }
    let mut free: BTreeSet<usize> = waiting
        .iter()
        .filter(|(_, count)| **count == 0)
        .map(|(index, _)| *index)
        .collect();
    let mut order = Vec::with_capacity(targets.len());
    while let Some(index) = free.pop_first() {
        order.push(index);
        for target in named(&index) {
            if let Some(count) = waiting.get_mut(&target) {
                *count -= 1;
                if *count == 0 {
                    free.insert(target);
                }
            }
        }
    }
    order
}

/// The commit of the range that `hex` names, other than the revert itself, if it is one alone.
/// `ids` is sorted.
fn target(ids: &[(CommitId, usize)], revert: usize, hex: &str) -> Option<usize> {
    let lowest: CommitId = format!("{hex:0<40}").parse().ok()?;
    let start = ids.partition_point(|(id, _)| *id < lowest);
    let mut found = ids[start..]
        .iter()
        .take_while(|(id, _)| id.starts_with(hex))
        .filter(|(_, index)| *index != revert)
        .map(|(_, index)| *index);
    let first = found.next()?;
    found.next().is_none().then_some(first)
}
