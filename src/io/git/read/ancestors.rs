//! Which commits are ancestors of one commit. The answer is exact whatever the dates say, and only a
//! part of the history is read where the dates are sane.
//!
//! Dates only choose which commit is looked at next. The answer is "no" for one of three reasons, none
//! of which trusts a date: the whole history was walked; every commit that is still to be looked
//! at is itself an ancestor of the commit asked about (so cannot lead back to it); or the commit
//! asked about descends from one for which the answer was no.

use std::collections::BinaryHeap;

use crate::{
    error::Result,
    io::git::read::graph::{Graph, Node},
};

/// The ancestors of a commit, itself included, as far as they were asked for.
pub(crate) struct Ancestors {
    seen: Vec<bool>,
    /// Commits that were seen but whose parents were not yet looked at, the newest first.
    frontier: BinaryHeap<(i64, Node)>,
    /// What earlier questions have proved about commits.
    proven: Vec<Proof>,
    /// Marks of the current question.
    mark: Vec<u32>,
    question: u32,
    /// How many steps single questions have taken.
    spent: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    Nothing,
    /// Not an ancestor.
    Never,
    /// Descends from everything that is still to be looked at.
    Covers,
}

impl Ancestors {
    pub(crate) fn of(graph: &mut Graph<'_>, start: Node) -> Result<Self> {
        let mut all = Self {
            seen: Vec::new(),
            frontier: BinaryHeap::new(),
            proven: Vec::new(),
            mark: Vec::new(),
            question: 0,
            spent: 0,
        };
        all.see(graph, start)?;
        Ok(all)
    }

    /// Whether `node` was seen to be an ancestor so far.
    pub(crate) fn has_seen(&self, node: Node) -> bool {
        self.seen.get(node as usize).copied().unwrap_or(false)
    }

    /// The date of the newest commit whose parents are still to be looked at.
    pub(crate) fn frontier_date(&self) -> Option<i64> {
        self.frontier.peek().map(|(date, _)| *date)
    }

    /// Looks at the parents of the newest commit of the frontier and returns that commit.
    pub(crate) fn step(&mut self, graph: &mut Graph<'_>) -> Result<Option<Node>> {
        let Some((_, node)) = self.frontier.pop() else {
            return Ok(None);
        };
        for place in 0..graph.parents(node).len() {
            self.see(graph, graph.parents(node)[place])?;
        }
        Ok(Some(node))
    }

    /// Walks the whole history.
    pub(crate) fn finish(&mut self, graph: &mut Graph<'_>) -> Result<()> {
        while self.step(graph)?.is_some() {}
        Ok(())
    }

    /// Whether `node`, which is loaded, is an ancestor.
    ///
    /// Single questions may cost more together than one walk of everything would; when they have
    /// cost that much, the walk is done, and every further answer is known.
    pub(crate) fn contains(&mut self, graph: &mut Graph<'_>, node: Node) -> Result<bool> {
        if self.spent > 4 * graph.len() + 50_000 {
            self.finish(graph)?;
        }
        if self.has_seen(node) || self.frontier.is_empty() {
            return Ok(self.has_seen(node));
        }
        match self.search(graph, node)? {
            Search::Ancestor => Ok(true),
            Search::Never => {
                self.prove(graph, node, Proof::Never);
                Ok(false)
            }
            Search::Covers => {
                // What one parent alone leads to covers the frontier as well.
                self.prove(graph, node, Proof::Covers);
                let mut next = node;
                while let [parent] = *graph.parents(next) {
                    if self.proof(parent) == Proof::Covers || self.is_open(parent) {
                        break;
                    }
                    self.prove(graph, parent, Proof::Covers);
                    next = parent;
                }
                Ok(false)
            }
        }
    }

    /// Walks down from `node` and from the frontier together, the newest first, until one of the
    /// reasons for an answer holds.
    fn search(&mut self, graph: &mut Graph<'_>, node: Node) -> Result<Search> {
        self.question += 1;
        let mut below = BinaryHeap::new();
        self.descend(graph, node, &mut below)?;
        // Entries of the frontier that `node` descends from: harmless, and kept for later.
        let mut aside = Vec::new();
        let answer = loop {
            self.spent += 1;
            if self.has_seen(node) {
                break Search::Ancestor;
            }
            while let Some(top) = self.frontier.peek().copied() {
                if !self.is_marked(top.1) {
                    break;
                }
                aside.push(top);
                self.frontier.pop();
            }
            let Some((date, _)) = self.frontier.peek().copied() else {
                break Search::Covers;
            };
            match below.peek().copied() {
                Some((own, next)) if own >= date => {
                    below.pop();
                    if let Some(answer) = self.expand(graph, next, &mut below)? {
                        break answer;
                    }
                    // The question ends early: every entry of the frontier is marked.
                    if self.spent.is_multiple_of(64) && self.all_marked() {
                        break Search::Covers;
                    }
                }
                _ => {
                    self.step(graph)?;
                }
            }
        };
        self.frontier.extend(aside);
        Ok(answer)
    }

    /// Marks the parents of `next`. An answer where one of them is proven already.
    fn expand(
        &mut self,
        graph: &mut Graph<'_>,
        next: Node,
        below: &mut BinaryHeap<(i64, Node)>,
    ) -> Result<Option<Search>> {
        for place in 0..graph.parents(next).len() {
            let parent = graph.parents(next)[place];
            match self.proof(parent) {
                Proof::Never => return Ok(Some(Search::Never)),
                Proof::Covers => return Ok(Some(Search::Covers)),
                Proof::Nothing if !self.is_marked(parent) => {
                    self.descend(graph, parent, below)?;
                }
                Proof::Nothing => {}
            }
        }
        Ok(None)
    }

    fn descend(
        &mut self,
        graph: &mut Graph<'_>,
        node: Node,
        below: &mut BinaryHeap<(i64, Node)>,
    ) -> Result<()> {
        graph.load(node)?;
        if self.mark.len() < graph.len() {
            self.mark.resize(graph.len(), 0);
        }
        self.mark[node as usize] = self.question;
        below.push((graph.date(node), node));
        Ok(())
    }

    fn see(&mut self, graph: &mut Graph<'_>, node: Node) -> Result<()> {
        if self.seen.len() < graph.len() {
            self.seen.resize(graph.len(), false);
        }
        if !self.seen[node as usize] {
            self.seen[node as usize] = true;
            graph.load(node)?;
            self.frontier.push((graph.date(node), node));
        }
        Ok(())
    }

    fn all_marked(&self) -> bool {
        self.frontier.iter().all(|(_, node)| self.is_marked(*node))
    }

    fn is_open(&self, node: Node) -> bool {
        self.frontier.iter().any(|(_, open)| *open == node)
    }

    fn is_marked(&self, node: Node) -> bool {
        self.mark.get(node as usize) == Some(&self.question)
    }

    fn proof(&self, node: Node) -> Proof {
        *self.proven.get(node as usize).unwrap_or(&Proof::Nothing)
    }

    fn prove(&mut self, graph: &Graph<'_>, node: Node, proof: Proof) {
        if self.proven.len() < graph.len() {
            self.proven.resize(graph.len(), Proof::Nothing);
        }
        self.proven[node as usize] = proof;
    }
}

/// The answer to whether a commit is an ancestor.
enum Search {
    /// The commit is an ancestor.
    Ancestor,
    /// The commit descends from one that is not an ancestor.
    Never,
    /// The commit descends from everything that is still to be looked at.
    Covers,
}
