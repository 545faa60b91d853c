//! The commits of a range as a graph: ids and parents, without any text.

use std::collections::{BTreeSet, HashMap};

use crate::{git::CommitId, plan::history::facts::Commit};

/// Ids and parents of the commits of a range, by place. A long range takes about 30 bytes a commit.
#[derive(Debug, Clone, Default)]
pub struct RangeGraph {
    ids: Vec<CommitId>,
    /// Where the parents of each commit begin; one more than there are commits.
    starts: Vec<u32>,
    /// Places of parents; from `ids.len()` on, those outside the range.
    parents: Vec<u32>,
    outside: Vec<CommitId>,
}

impl RangeGraph {
    /// The graph of commits with these ids. `parents` appends a commit's parents, in order.
    ///
    /// # Panics
    /// With 2^32 commits or more.
    #[must_use]
    pub fn new(ids: Vec<CommitId>, mut parents: impl FnMut(usize, &mut Vec<Parent>)) -> Self {
        let place = |place: usize| u32::try_from(place).expect("fewer than 2^32 commits");
        let mut graph = Self {
            starts: vec![0],
            parents: Vec::with_capacity(ids.len()),
            outside: Vec::new(),
            ids,
        };
        let mut own = Vec::new();
        for commit in 0..graph.ids.len() {
            own.clear();
            parents(commit, &mut own);
            for parent in &own {
                graph.parents.push(match parent {
                    Parent::Inside(parent) => place(*parent),
                    Parent::Outside(id) => {
                        graph.outside.push(*id);
                        place(graph.ids.len() + graph.outside.len() - 1)
                    }
                });
            }
            graph.starts.push(place(graph.parents.len()));
        }
        graph
    }

    /// The graph of commits that have been read.
    #[must_use]
    pub fn of(commits: &[Commit]) -> Self {
        let places: HashMap<CommitId, usize> =
            commits.iter().map(|commit| commit.id).zip(0..).collect();
        let ids = commits.iter().map(|commit| commit.id).collect();
        Self::new(ids, |commit, parents| {
            parents.extend(commits[commit].parents.iter().map(|id| {
                let inside = places.get(id).copied();
                inside.map_or(Parent::Outside(*id), Parent::Inside)
            }));
        })
    }

    /// How many commits the range has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether the range has no commit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The id of the commit at a place.
    #[must_use]
    pub fn id(&self, place: usize) -> CommitId {
        self.ids[place]
    }

    /// The places of a commit's parents that are in the range.
    pub(crate) fn parents(&self, place: usize) -> impl Iterator<Item = usize> {
        let all = self.all_parents(place).iter();
        all.map(|parent| *parent as usize)
            .filter(|parent| *parent < self.ids.len())
    }

    /// For each commit, whether it descends from `base`, a commit outside the range. The commits of
    /// the range come newest first.
    pub(crate) fn descends_from(&self, base: CommitId) -> Vec<bool> {
        let mut descends = vec![false; self.len()];
        for place in (0..self.len()).rev() {
            descends[place] = self.parents(place).any(|parent| descends[parent])
                || self.parent_ids(place).any(|parent| parent == base);
        }
        descends
    }

    /// The commits outside the range that a commit, or one of its ancestors in the range, has as a
    /// parent.
    pub(crate) fn outside_parents(&self, place: usize) -> BTreeSet<CommitId> {
        let mut seen = BTreeSet::from([place]);
        let mut todo = vec![place];
        let mut found = BTreeSet::new();
        while let Some(place) = todo.pop() {
            let outside = self.all_parents(place).iter();
            let outside = outside.filter_map(|parent| (*parent as usize).checked_sub(self.len()));
            found.extend(outside.map(|parent| self.outside[parent]));
            todo.extend(self.parents(place).filter(|parent| seen.insert(*parent)));
        }
        found
    }

    /// The ids of all parents of a commit, in order.
    pub fn parent_ids(&self, place: usize) -> impl Iterator<Item = CommitId> {
        let all = self.all_parents(place).iter();
        all.map(
            |parent| match (*parent as usize).checked_sub(self.ids.len()) {
                Some(outside) => self.outside[outside],
                None => self.ids[*parent as usize],
            },
        )
    }

    fn all_parents(&self, place: usize) -> &[u32] {
        &self.parents[self.starts[place] as usize..self.starts[place + 1] as usize]
    }
}

/// A parent of a commit of the range.
#[derive(Debug, Clone, Copy)]
pub enum Parent {
    /// The commit at this place of the range.
    Inside(usize),
    /// A commit that is not of the range.
    Outside(CommitId),
}
