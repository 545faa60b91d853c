//! Which merges of a range brought in commits that are released already.

use std::collections::BTreeSet;

use crate::{
    error::Result,
    git::CommitId,
    io::git::read::{GitRepository, oid},
    plan::history::facts::{Commit, RangeGraph},
};

impl GitRepository {
    /// Fills in [`Commit::released_beside`] of the merges among the commits of a range that starts at
    /// `base`. Only reverts ask for it, so a range without one is left as it is.
    pub(super) fn mark_released(
        &self,
        commits: &mut [Commit],
        base: Option<CommitId>,
    ) -> Result<()> {
        let may_revert = |commit: &Commit| {
            let message = commit.message.as_str();
            let mut words = ["evert", "EVERT", "eapply"].iter();
            words.any(|word| message.contains(word))
        };
        let Some(base) = base.filter(|_| commits.iter().any(may_revert)) else {
            return Ok(());
        };
        let graph = RangeGraph::of(commits);
        let descends = graph.descends_from(base);
        for (place, commit) in commits.iter_mut().enumerate() {
            if commit.is_merge() {
                commit.released_beside = self.released_beside(&graph, &descends, base, place)?;
            }
        }
        Ok(())
    }

    /// The positions of a merge's parents that do not have every released commit that the merge has.
    /// `descends` says which commits of the range descend from `base`.
    pub(super) fn released_beside(
        &self,
        graph: &RangeGraph,
        descends: &[bool],
        base: CommitId,
        merge: usize,
    ) -> Result<Vec<usize>> {
        let mut found = Vec::new();
        for (position, id) in graph.parent_ids(merge).enumerate() {
            let inside = graph.parents(merge).find(|place| graph.id(*place) == id);
            let has_base = inside.map_or(id == base, |parent| descends[parent]);
            // Whoever has the base has every released commit.
            let lacks = !has_base
                && (descends[merge] || {
                    let own = match inside {
                        Some(parent) => graph.outside_parents(parent),
                        None => BTreeSet::from([id]),
                    };
                    self.lacks_one(&graph.outside_parents(merge), &own)?
                });
            if lacks {
                found.push(position);
            }
        }
        Ok(found)
    }

    /// Whether one of `commits` is neither one of `tips` nor an ancestor of one.
    fn lacks_one(&self, commits: &BTreeSet<CommitId>, tips: &BTreeSet<CommitId>) -> Result<bool> {
        let ids: Vec<_> = tips.iter().map(|id| oid(*id)).collect();
        for commit in commits.difference(tips) {
            if !self.is_in(oid(*commit), &ids)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
