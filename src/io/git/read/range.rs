//! ancestors(HEAD) − ancestors(base), exactly, on any graph and with any dates.

use std::collections::BinaryHeap;

use crate::{
    error::Result,
    git::CommitId,
    io::git::read::{
        ancestors::Ancestors,
        graph::{Graph, Node},
    },
};

/// The commits of the range, in no particular order.
///
/// Both sides are walked together, the newest first, until nothing is left but ancestors of
/// `base`. On a history whose dates rise that is the answer, and no commit older than the oldest
/// fork was looked at. Where a date runs backwards the walk may have taken in commits that the
/// base has. Such a commit cannot descend from the base; so every commit of the result that does
/// is safe, and for the others it is asked outright.
pub(crate) fn range(graph: &mut Graph<'_>, head: Node, base: Option<Node>) -> Result<Vec<Node>> {
    let Some(base) = base else {
        graph.keep_texts();
        let mut all = Ancestors::of(graph, head)?;
        let mut nodes = Vec::new();
        while let Some(node) = all.step(graph)? {
            nodes.push(node);
        }
        return Ok(nodes);
    };
    let mut released = Ancestors::of(graph, base)?;
    let mut nodes = walk(graph, head, &mut released)?;
    for bottom in bottoms(graph, &nodes, base) {
        if released.contains(graph, bottom)? {
            // A date runs backwards: no shortcut is safe any more.
            released.finish(graph)?;
            nodes.retain(|node| !released.has_seen(*node));
            break;
        }
    }
    Ok(nodes)
}

fn walk(graph: &mut Graph<'_>, head: Node, released: &mut Ancestors) -> Result<Vec<Node>> {
    let mut queue = BinaryHeap::from([(graph.date(head), head)]);
    let mut queued = vec![false; graph.len()];
    queued[head as usize] = true;
    let mut nodes = Vec::new();
    while let Some((date, node)) = queue.pop() {
        while !released.has_seen(node) && released.frontier_date().is_some_and(|top| top >= date) {
            released.step(graph)?;
        }
        if released.has_seen(node) {
            continue;
        }
        nodes.push(node);
        for place in 0..graph.parents(node).len() {
            let parent = graph.parents(node)[place];
            queued.resize(graph.len(), false);
            if !queued[parent as usize] {
                queued[parent as usize] = true;
                graph.load(parent)?;
                queue.push((graph.date(parent), parent));
            }
        }
    }
    nodes.retain(|node| !released.has_seen(*node));
    Ok(nodes)
}

/// The commits of `nodes` that neither descend from `base` nor have a parent among `nodes`, the
/// oldest first. If any commit of `nodes` is an ancestor of `base`, one of these is.
fn bottoms(graph: &Graph<'_>, nodes: &[Node], base: Node) -> Vec<Node> {
    let children = Children::of(graph, nodes);
    let mut safe: Vec<bool> = vec![false; graph.len()];
    let mut todo = vec![base];
    while let Some(node) = todo.pop() {
        for child in children.of_node(node) {
            if !std::mem::replace(&mut safe[*child as usize], true) {
                todo.push(*child);
            }
        }
    }
    let mut inside = vec![false; graph.len()];
    for node in nodes {
        inside[*node as usize] = true;
    }
    let mut bottoms: Vec<Node> = nodes
        .iter()
        .copied()
        .filter(|node| !safe[*node as usize])
        .filter(|node| graph.parents(*node).iter().all(|p| !inside[*p as usize]))
        .collect();
    bottoms.sort_by_key(|node| graph.date(*node));
    bottoms
}

/// The children of commits, as far as they are in a range.
struct Children {
    /// Where the children of each commit begin; one more than there are commits.
    starts: Vec<u32>,
    children: Vec<Node>,
}

impl Children {
    fn of(graph: &Graph<'_>, nodes: &[Node]) -> Self {
        let mut starts = vec![0_u32; graph.len() + 1];
        for parent in nodes.iter().flat_map(|node| graph.parents(*node)) {
            starts[*parent as usize + 1] += 1;
        }
        for place in 1..starts.len() {
            starts[place] += starts[place - 1];
        }
        let mut next = starts.clone();
        let mut children = vec![0; starts.last().map_or(0, |count| *count as usize)];
        for node in nodes {
            for parent in graph.parents(*node) {
                let place = &mut next[*parent as usize];
                children[*place as usize] = *node;
                *place += 1;
            }
        }
        Self { starts, children }
    }

    fn of_node(&self, node: Node) -> &[Node] {
        let place = node as usize;
        &self.children[self.starts[place] as usize..self.starts[place + 1] as usize]
    }
}

/// Children before parents; among those that are free the newest first, then by id.
pub(crate) fn newest_first(graph: &Graph<'_>, nodes: &[Node]) -> Vec<Node> {
    // How many children have to come first; those outside the range never come.
    const OUTSIDE: u32 = u32::MAX;
    let mut waiting = vec![OUTSIDE; graph.len()];
    for node in nodes {
        waiting[*node as usize] = 0;
    }
    for parent in nodes.iter().flat_map(|node| graph.parents(*node)) {
        let children = &mut waiting[*parent as usize];
        if *children != OUTSIDE {
            *children += 1;
        }
    }
    let key = |node: Node| {
        let id = crate::io::git::read::commit_id(graph.id(node));
        (graph.date(node), std::cmp::Reverse::<CommitId>(id), node)
    };
    let mut free: BinaryHeap<_> = nodes
        .iter()
        .filter(|node| waiting[**node as usize] == 0)
        .map(|node| key(*node))
        .collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some((_, _, node)) = free.pop() {
        order.push(node);
        for parent in graph.parents(node) {
            let children = &mut waiting[*parent as usize];
            if *children != OUTSIDE {
                *children -= 1;
                if *children == 0 {
                    free.push(key(*parent));
                }
            }
        }
    }
    order
}
