//! Which changes of the range a revert in the same range takes out.

use std::{
    borrow::Cow,
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
};

use crate::{
    git::CommitId,
    plan::history::{
        change::{CommitChange, MessageKind},
        facts::{Commit, RangeGraph},
        titles::Titles,
    },
    policy::Regex,
};

/// A range of commits, of which all or only some were read.
#[derive(Clone, Copy)]
pub(super) struct ReadRange<'a> {
    /// The commits that were read.
    pub(super) commits: &'a [Commit],
    /// The graph of the whole range, and the places in it of the commits that were read. `None`: all
    /// commits of the range were read.
    pub(super) whole: Option<(&'a RangeGraph, &'a [usize])>,
}

impl<'a> ReadRange<'a> {
    fn graph(&self) -> Cow<'a, RangeGraph> {
        match self.whole {
            Some((graph, _)) => Cow::Borrowed(graph),
            None => Cow::Owned(RangeGraph::of(self.commits)),
        }
    }

    /// The place in the range of one of the commits that were read.
    pub(super) fn place(&self, commit: usize) -> usize {
        self.whole.map_or(commit, |(_, places)| places[commit])
    }

    fn read(&self) -> impl Iterator<Item = (usize, &'a Commit)> {
        let commits = self.commits.iter().enumerate();
        commits.map(|(at, commit)| (self.place(at), commit))
    }
}

/// A change of the range: a commit's own, or one that the body of a squash lists.
pub(super) struct RangeChange<'a> {
    /// The place of its commit.
    pub(super) commit: usize,
    /// Its first line.
    pub(super) title: &'a str,
    pub(super) change: &'a CommitChange,
    /// Whether the whole commit is left out anyway.
    pub(super) skipped: bool,
}

/// What the reverts of a range do to its changes.
pub(super) struct Reverted {
    /// For each change, why a revert takes it out of the range, if one does.
    pub(super) out: Vec<Option<String>>,
    /// For each change that is a revert, what it names and the range does not have.
    pub(super) missed: Vec<Option<Missed>>,
}

/// Why a revert takes back nothing of the range, or not all that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Missed {
    /// No commit of the range has this id.
    Id(String),
    /// No commit of the range has the title that is quoted.
    Title,
    /// So many have it.
    Several(usize),
    /// The merge with this id, which brought in released commits too.
    Released(String),
}

/// For each change, what the reverts of the range do to it.
///
/// A revert that still stands takes its targets and itself out, so a revert of a revert frees the
/// change again. Who is asked first follows from what the reverts name: a revert was made after
/// what it names, whatever the order in which the commits come. A revert that is marked as
/// breaking stands.
///
/// The revert of a merge takes back all that came in by it: the merge, and the commits that are
/// reachable from it but not from its first parent (or the parent that the revert goes back to).
/// Where some of them are released already, the revert changes what users have, so it stands.
pub(super) fn reverted(
    read: ReadRange<'_>,
    changes: &[RangeChange<'_>],
    strip: &[Regex],
) -> Reverted {
    let mut reverted = Reverted {
        out: vec![None; changes.len()],
        missed: vec![None; changes.len()],
    };
    if !changes.iter().any(acts) {
        return reverted;
    }
    let range = CommitRange::of(read, changes, strip);
    let mut targets: BTreeMap<usize, Targets> = BTreeMap::new();
    for (place, change) in changes.iter().enumerate().filter(|(_, one)| acts(one)) {
        let found = range.targets(place, change);
        reverted.missed[place].clone_from(&found.missed);
        targets.insert(place, found);
    }
    for place in latest_first(&targets) {
        if reverted.out[place].is_some() {
            continue;
        }
        let targets = &targets[&place];
        let by = range.graph.id(changes[place].commit).short();
        for target in &targets.changes {
            if reverted.out[*target].is_none() {
                reverted.out[*target] = Some(format!("reverted by {by}"));
            }
        }
        if targets.missed.is_none() {
            reverted.out[place] = Some(format!("reverts {}", targets.names.join(", ")));
        }
    }
    reverted
}

/// The commits that the reverts of a range take out, whether they were read or not.
pub(super) fn named(
    read: ReadRange<'_>,
    changes: &[RangeChange<'_>],
    strip: &[Regex],
) -> BTreeSet<usize> {
    let range = CommitRange::of(read, changes, strip);
    let reverts = changes.iter().enumerate().filter(|(_, one)| acts(one));
    reverts
        .flat_map(|(place, change)| range.targets(place, change).commits)
        .collect()
}

/// Whether a change is a revert that takes something out.
pub(super) fn acts(change: &RangeChange<'_>) -> bool {
    change.change.kind == MessageKind::Revert && change.change.breaking.is_none() && !change.skipped
}

/// What one revert takes out.
#[derive(Default)]
struct Targets {
    /// Places of changes.
    changes: BTreeSet<usize>,
    /// Places of the commits that are taken out as a whole.
    commits: BTreeSet<usize>,
    /// What they are called.
    names: Vec<String>,
    missed: Option<Missed>,
}

/// A range of commits, as far as reverts ask about it.
struct CommitRange<'a> {
    graph: Cow<'a, RangeGraph>,
    read: ReadRange<'a>,
    changes: &'a [RangeChange<'a>],
    strip: &'a [Regex],
    /// The commits' places, sorted by their ids.
    by_id: Vec<u32>,
    /// For each commit that was read, the places of its changes.
    of_commit: HashMap<usize, Vec<usize>>,
    titles: OnceCell<Titles>,
}

impl<'a> CommitRange<'a> {
    fn of(read: ReadRange<'a>, changes: &'a [RangeChange<'a>], strip: &'a [Regex]) -> Self {
        let graph = read.graph();
        let mut by_id: Vec<u32> = (0..graph.len()).zip(0..).map(|(_, place)| place).collect();
        by_id.sort_unstable_by_key(|place| graph.id(*place as usize));
        let mut of_commit: HashMap<usize, Vec<usize>> = HashMap::new();
        for (place, change) in changes.iter().enumerate() {
            of_commit.entry(change.commit).or_default().push(place);
        }
        Self {
            graph,
            read,
            changes,
            strip,
            by_id,
            of_commit,
            titles: OnceCell::new(),
        }
    }

    fn targets(&self, place: usize, revert: &RangeChange<'_>) -> Targets {
        let named = &revert.change.reverts;
        let mut targets = Targets::default();
        for hex in &named.ids {
            match self.commit(revert.commit, hex) {
                Some(commit) => self.take(&mut targets, commit, named.mainline.as_deref()),
                None => targets.missed = Some(Missed::Id(hex.clone())),
            }
        }
        if targets.names.is_empty()
            && let Some(sibling) = self.sibling(place, revert)
        {
            // The ids of a squashed branch are gone, so what it names there cannot be found by one.
            targets.changes.insert(sibling);
            targets.missed = None;
            targets.names.push("a change of the same commit".to_owned());
        } else if named.ids.is_empty() {
            match self.by_title(revert)[..] {
                [commit] => self.take(&mut targets, commit, None),
                [] => targets.missed = Some(Missed::Title),
                ref several => targets.missed = Some(Missed::Several(several.len())),
            }
        }
        targets.changes.remove(&place);
        targets
    }

    /// Takes a commit, and with a merge all that came in by it.
    fn take(&self, targets: &mut Targets, commit: usize, mainline: Option<&str>) {
        let kept = self.kept_parent(commit, mainline);
        let came_in = self.came_in(commit, kept);
        if kept.is_some_and(|kept| self.has_released(commit, kept)) {
            let id = self.graph.id(commit).short();
            targets.missed.get_or_insert(Missed::Released(id));
        }
        let read = came_in.iter().filter_map(|one| self.of_commit.get(one));
        targets.changes.extend(read.flatten());
        targets.commits.extend(came_in);
        targets.names.push(self.graph.id(commit).short());
    }

    /// The position of the parent that the revert of a merge goes back to. `None`: it is not a merge.
    fn kept_parent(&self, commit: usize, mainline: Option<&str>) -> Option<usize> {
        let mut parents = self.graph.parent_ids(commit);
        if self.graph.parent_ids(commit).count() < 2 {
            return None;
        }
        let named = mainline.and_then(|hex| parents.position(|id| id.starts_with(hex)));
        Some(named.unwrap_or(0))
    }

    /// Whether a part of what came in by a merge, beside the parent at `kept`, is released already.
    fn has_released(&self, merge: usize, kept: usize) -> bool {
        let mut read = self.read.read();
        let merge = read.find(|(place, _)| *place == merge);
        merge.is_some_and(|(_, commit)| commit.released_beside.contains(&kept))
    }

    /// A commit; with a merge, all that is reachable from it and not from the parent that its
    /// revert goes back to.
    fn came_in(&self, commit: usize, kept: Option<usize>) -> BTreeSet<usize> {
        let Some(kept) = kept.and_then(|kept| self.graph.parent_ids(commit).nth(kept)) else {
            return BTreeSet::from([commit]);
        };
        let mut inside = self.graph.parents(commit);
        let kept = inside.find(|parent| self.graph.id(*parent) == kept);
        let mut came_in = self.ancestors(commit);
        if let Some(kept) = kept {
            let kept = self.ancestors(kept);
            came_in.retain(|commit| !kept.contains(commit));
        }
        came_in
    }

    /// The commits of the range that `commit` descends from, itself included.
    fn ancestors(&self, commit: usize) -> BTreeSet<usize> {
        let mut seen = BTreeSet::from([commit]);
        let mut todo = vec![commit];
        while let Some(commit) = todo.pop() {
            for parent in self.graph.parents(commit) {
                if seen.insert(parent) {
                    todo.push(parent);
                }
            }
        }
        seen
    }

    /// Whether `commit` descends from `other`. What is reverted is near, mostly.
    fn is_behind(&self, commit: usize, other: usize) -> bool {
        let mut seen = vec![false; self.graph.len()];
        let mut todo = VecDeque::from([commit]);
        while let Some(commit) = todo.pop_front() {
            for parent in self.graph.parents(commit) {
                if parent == other {
                    return true;
                }
                if !std::mem::replace(&mut seen[parent], true) {
                    todo.push_back(parent);
                }
            }
        }
        false
    }

    /// The commit that `hex` names, other than the revert's own, if it is one alone.
    fn commit(&self, revert: usize, hex: &str) -> Option<usize> {
        let lowest: CommitId = format!("{hex:0<40}").parse().ok()?;
        let id = |place: &u32| self.graph.id(*place as usize);
        let start = self.by_id.partition_point(|place| id(place) < lowest);
        let mut found = self.by_id[start..]
            .iter()
            .take_while(|place| id(place).starts_with(hex))
            .map(|place| *place as usize)
            .filter(|place| *place != revert);
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    /// The other change of the same squashed commit that the revert's title quotes.
    fn sibling(&self, place: usize, revert: &RangeChange<'_>) -> Option<usize> {
        let title = revert.change.reverts.title.as_deref()?;
        let (own, siblings) = self.of_commit.get(&revert.commit)?.split_first()?;
        if place == *own {
            return None;
        }
        let quoted = |other: &&usize| **other != place && self.changes[**other].title == title;
        let mut found = siblings.iter().filter(quoted);
        let first = found.next()?;
        found.next().is_none().then_some(*first)
    }

    /// The commits that the revert may mean by its title: those behind it alone, because nothing
    /// else can be taken back. One that came in by another one of them is left out.
    fn by_title(&self, revert: &RangeChange<'_>) -> Vec<usize> {
        let titles = self
            .titles
            .get_or_init(|| Titles::of(self.read.read(), self.strip));
        let may = |place: usize| self.is_behind(revert.commit, place);
        let found = titles.named(&revert.change.reverts, self.strip, may);
        if found.len() < 2 {
            return found;
        }
        let sets: Vec<_> = found
            .iter()
            .map(|one| self.came_in(*one, self.kept_parent(*one, None)))
            .collect();
        let covered = |one: &usize| {
            let mut others = found.iter().zip(&sets).filter(|(other, _)| *other != one);
            others.any(|(_, set)| set.contains(one))
        };
        found.iter().copied().filter(|one| !covered(one)).collect()
    }
}

/// The reverts, each before those that it takes out; changes that are given newest first keep
/// their order as far as that allows.
fn latest_first(targets: &BTreeMap<usize, Targets>) -> Vec<usize> {
    let named = |place: &usize| targets[place].changes.iter().copied();
    let mut waiting: BTreeMap<usize, usize> = targets.keys().map(|place| (*place, 0)).collect();
    for target in targets.keys().flat_map(named) {
        waiting.entry(target).and_modify(|count| *count += 1);
    }
    let mut free: BTreeSet<usize> = waiting
        .iter()
        .filter(|(_, count)| **count == 0)
        .map(|(place, _)| *place)
        .collect();
    let mut order = Vec::with_capacity(targets.len());
    while let Some(place) = free.pop_first() {
        order.push(place);
        for target in named(&place) {
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
