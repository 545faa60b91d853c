//! The outline of a long range: it is read once, what each message gives is noted while it is read, and no
//! message is kept.

use git2::Oid;

use crate::{
    error::Result,
    git::CommitId,
    io::git::read::{
        GitRepository, commit_id,
        graph::{Graph, Node},
        history::WalkedRange,
        object_source::ObjectSource,
        oid,
        outlines::{Outliner, Outlines},
        paths::Paths,
    },
    plan::history::facts::{Commit, Facts, HistoryQuery, Parent, RangeGraph, RangeOutline},
    policy::PathPattern,
};

/// A range of which an outline was read, and where single commits of it can be read again.
pub struct OutlinedHistory<'r> {
    /// All facts but the commits.
    pub facts: Facts,
    /// The outline of the range.
    pub range: RangeOutline,
    /// Reads its commits.
    pub commits: CommitReader<'r>,
}

/// Reads single commits of a range.
pub struct CommitReader<'r> {
    repository: &'r GitRepository,
    objects: ObjectSource<'r>,
    paths: Paths<'r>,
    /// Where the range starts.
    base: Option<CommitId>,
    /// Which commits of the range descend from there, once a merge was read.
    descends: Option<Vec<bool>>,
}

impl CommitReader<'_> {
    /// The commit at a place of `range`.
    ///
    /// # Errors
    /// Refused (exit 4) where it cannot be read.
    pub fn read(&mut self, range: &RangeOutline, place: usize) -> Result<Commit> {
        let parents: Vec<Oid> = range.graph.parent_ids(place).map(oid).collect();
        let id = oid(range.graph.id(place));
        let (objects, paths) = (&mut self.objects, &mut self.paths);
        let mut commit = self.repository.commit(objects, paths, id, parents, None)?;
        commit.after_prerelease = range.after_prerelease.get(place).is_none_or(|after| *after);
        if let Some(base) = self.base.filter(|_| commit.is_merge()) {
            let graph = &range.graph;
            let descends = self
                .descends
                .get_or_insert_with(|| graph.descends_from(base));
            commit.released_beside = self
                .repository
                .released_beside(graph, descends, base, place)?;
        }
        Ok(commit)
    }
}

impl GitRepository {
    /// As [`GitRepository::read`], with an outline of the range instead of its commits: memory does not
    /// grow with the messages.
    ///
    /// # Errors
    /// As [`GitRepository::read`].
    pub fn outline<'r>(
        &'r self,
        question: &HistoryQuery,
        paths: &'r [PathPattern],
        outliner: &Outliner<'_>,
    ) -> Result<OutlinedHistory<'r>> {
        let objects = || ObjectSource::renewed(self.git.commondir().join("objects"));
        let outlines = Outlines::of(outliner);
        let mut graph = Graph::new(objects(), self.cuts()).with_outlines(outlines);
        let walked = self.walk(&mut graph, question)?;
        graph.close();
        let base = walked.facts.stable.as_ref().and_then(|tag| tag.commit);
        Ok(OutlinedHistory {
            range: outline_of(&graph, &walked),
            facts: walked.facts,
            commits: CommitReader {
                repository: self,
                objects: objects(),
                paths: Paths::new(&self.git, paths),
                base,
                descends: None,
            },
        })
    }
}

fn outline_of(graph: &Graph<'_>, walked: &WalkedRange) -> RangeOutline {
    const OUTSIDE: u32 = u32::MAX;
    let order = &walked.order;
    let mut places = vec![OUTSIDE; graph.len()];
    for (node, place) in order.iter().zip(0..) {
        places[*node as usize] = place;
    }
    let id = |node: &Node| commit_id(graph.id(*node));
    let range = RangeGraph::new(order.iter().map(id).collect(), |place, parents| {
        let all = graph.parents(order[place]).iter();
        parents.extend(all.map(|parent| match places[*parent as usize] {
            OUTSIDE => Parent::Outside(id(parent)),
            place => Parent::Inside(place as usize),
        }));
    });
    let mut after_prerelease = Vec::new();
    if let Some(after) = &walked.after {
        after_prerelease.resize(order.len(), false);
        for place in after.iter().map(|node| places[*node as usize]) {
            if place != OUTSIDE {
                after_prerelease[place as usize] = true;
            }
        }
    }
    let (mut commits, mut names) = (Vec::with_capacity(order.len()), Vec::new());
    for (node, place) in order.iter().zip(0..) {
        let (outline, own) = graph.outline(*node);
        commits.push(outline);
        names.extend(own.iter().map(|name| (*name, place)));
    }
    RangeOutline {
        graph: range,
        commits,
        names,
        after_prerelease,
    }
}
