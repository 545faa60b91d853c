//! What lower versions have released already, for release notes that tell nothing twice.

use std::collections::HashSet;

use crate::{
    error::Result,
    git::CommitId,
    io::git::read::{GitRepository, ancestors::Ancestors, graph::Node, oid, range},
    plan::history::facts::Commit,
};

/// How many commits before a base are looked at, and how many tags beside it.
const LIMIT: usize = 5000;
const TAGS: usize = 200;

impl GitRepository {
    /// For each of `tags`, in this order, the commits that it has and neither `head` nor a tag
    /// before it. Of very many tags only the last ones are looked at.
    ///
    /// # Errors
    /// As [`GitRepository::read`].
    pub fn beside(
        &self,
        head: CommitId,
        tags: &[CommitId],
    ) -> Result<Vec<(CommitId, Vec<Commit>)>> {
        let mut graph = self.graph()?;
        let head = self.node(&mut graph, oid(head))?;
        let mut seen: HashSet<Node> = HashSet::new();
        let mut beside = Vec::new();
        for tag in &tags[tags.len().saturating_sub(TAGS)..] {
            let node = self.node(&mut graph, oid(*tag))?;
            let mut nodes = range::range(&mut graph, node, Some(head))?;
            nodes.retain(|node| seen.insert(*node));
            beside.push((*tag, self.commits(&mut graph, &nodes, None, &[])?));
        }
        Ok(beside)
    }

    /// The commits that `base` descends from, itself included, as far back as `since` (seconds since
    /// 1970 UTC), but not more than a few thousand.
    ///
    /// # Errors
    /// As [`GitRepository::read`].
    pub fn behind(&self, base: CommitId, since: i64) -> Result<Vec<Commit>> {
        let mut graph = self.graph()?;
        let node = self.node(&mut graph, oid(base))?;
        let mut all = Ancestors::of(&mut graph, node)?;
        let mut nodes = Vec::new();
        while let Some(node) = all.step(&mut graph)? {
            if graph.date(node) < since || nodes.len() == LIMIT {
                break;
            }
            nodes.push(node);
        }
        self.commits(&mut graph, &nodes, None, &[])
    }
}
