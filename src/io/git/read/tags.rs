//! Version tags: listed by name, peeled only where it matters.

use std::collections::HashMap;

use git2::{ObjectType, Oid};
use semver::Version;

use crate::{
    error::Result,
    io::git::read::{
        ancestors::Ancestors,
        commit_id,
        graph::{Graph, Node},
        problem,
    },
    plan::history::facts::{HistoryQuery, VersionTag},
    policy::GitTagTemplate,
};

/// How many of the highest tags are tried one by one before all of them are looked at together.
/// One is enough where releases are cut from this branch; a few more pass over pre-releases and
/// hotfixes of other branches.
const TRIED: usize = 8;

/// The version tags of a repository, highest first.
pub(crate) struct VersionTags<'r> {
    repository: &'r git2::Repository,
    found: Vec<FoundTag>,
    /// Tags that would be version tags without their leading zeros.
    near: Vec<FoundTag>,
    /// Tags that would be version tags with the numbers that they leave out.
    short: Vec<VersionTag>,
    /// The names of the tags that do not match the template, as long as no tag does.
    pub(crate) unmatched: Vec<String>,
    /// How many tags do not match the template.
    pub(crate) other: usize,
}

struct FoundTag {
    name: String,
    version: Version,
    /// What the ref names.
    target: Oid,
    /// The object that the tag was peeled to, once it was. `packed-refs` has it for the refs in it.
    peeled: Peeled,
}

#[derive(Clone, Copy)]
enum Peeled {
    Unknown,
    /// An object; whether it is a commit was not asked.
    To(Oid),
    Commit(Oid, Node),
    NoCommit,
}

impl<'r> VersionTags<'r> {
    pub(crate) fn list(repository: &'r git2::Repository, question: &HistoryQuery) -> Result<Self> {
        let template = &question.template;
        let mut tags = Self {
            repository,
            found: Vec::new(),
            near: Vec::new(),
            short: Vec::new(),
            unmatched: Vec::new(),
            other: 0,
        };
        let references = repository
            .references_glob("refs/tags/*")
            .map_err(|error| problem("cannot list the tags", &error))?;
        // No version can be taken from a ref that cannot be read.
        for reference in references.flatten() {
            let name = reference.name().unwrap_or_default();
            let name = name.strip_prefix("refs/tags/").unwrap_or_default();
            let (version, list) = match template.version(name) {
                Some(version) => (version, &mut tags.found),
                None => {
                    tags.other += 1;
                    tags.note_other(template, name);
                    match template.without_leading_zeros(name) {
                        Some(version) => (version, &mut tags.near),
                        None => continue,
                    }
                }
            };
            let name = name.to_owned();
            let peeled = reference.target_peel().map_or(Peeled::Unknown, Peeled::To);
            let target = match reference.target() {
                Some(target) => Some(target),
                None => reference.resolve().ok().and_then(|r| r.target()),
            };
            if let Some(target) = target {
                list.push(FoundTag {
                    name,
                    version,
                    target,
                    peeled,
                });
            }
        }
        tags.add_remote(question);
        if !tags.found.is_empty() {
            tags.unmatched.clear();
        }
        for list in [&mut tags.found, &mut tags.near] {
            if let Some(limit) = &question.below {
                list.retain(|found| found.version.cmp_precedence(limit).is_lt());
            }
            list.sort_by(|a, b| b.version.cmp(&a.version));
        }
        Ok(tags)
    }

    /// Keeps what may be worth a word of a tag that does not match the template.
    fn note_other(&mut self, template: &GitTagTemplate, name: &str) {
        if self.found.is_empty() {
            self.unmatched.push(name.to_owned());
        }
        if let Some(version) = template.with_missing_numbers(name) {
            self.short.push(VersionTag {
                name: name.to_owned(),
                version,
                commit: None,
            });
        }
    }

    /// The highest tag above `base` that leaves out numbers, and whose line has no version.
    pub(crate) fn short(
        &self,
        question: &HistoryQuery,
        base: Option<&Version>,
    ) -> Option<VersionTag> {
        let template = &question.template;
        let alone = |tag: &&VersionTag| {
            let line = template.line(&tag.name);
            let in_line = question.line.is_none_or(|line| line.contains(&tag.version));
            let above = base.is_none_or(|base| tag.version.cmp_precedence(base).is_gt());
            let mut all = self.found.iter().chain(&self.near);
            in_line
                && above
                && line.is_some_and(|line| !all.any(|found| line.contains(&found.version)))
        };
        let short = self.short.iter().filter(alone);
        short
            .max_by(|a, b| a.version.cmp_precedence(&b.version))
            .cloned()
    }

    /// Tags that only the remote has count as if they had been fetched; their commits may be missing.
    fn add_remote(&mut self, question: &HistoryQuery) {
        for (name, commit) in &question.remote_tags {
            let template = &question.template;
            let (version, list) = match template.version(name) {
                Some(version) => (Some(version), &mut self.found),
                None => (template.without_leading_zeros(name), &mut self.near),
            };
            if let (Some(version), Ok(target)) = (version, Oid::from_str(commit.as_str())) {
                list.push(FoundTag {
                    name: name.clone(),
                    version,
                    target,
                    peeled: Peeled::To(target),
                });
            }
        }
    }

    /// The tags with leading zeros, as if they were version tags.
    pub(crate) fn with_leading_zeros(&mut self) -> Self {
        Self {
            repository: self.repository,
            found: std::mem::take(&mut self.near),
            near: Vec::new(),
            short: Vec::new(),
            unmatched: Vec::new(),
            other: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.found.len()
    }

    pub(crate) fn version(&self, tag: usize) -> &Version {
        &self.found[tag].version
    }

    /// The tags that `wanted` names, highest first.
    pub(crate) fn filter(&self, wanted: impl Fn(&Version) -> bool) -> Vec<usize> {
        (0..self.found.len())
            .filter(|tag| wanted(&self.found[*tag].version))
            .collect()
    }

    /// The tags that point at `head`.
    pub(crate) fn at(&mut self, graph: &mut Graph<'_>, head: Node) -> Result<Vec<usize>> {
        let id = graph.id(head);
        let mut at = Vec::new();
        for tag in 0..self.found.len() {
            if self.points_at(tag) == Some(id) && self.node(graph, tag)? == Some(head) {
                at.push(tag);
            }
        }
        Ok(at)
    }

    /// The highest of `tags` that is an ancestor.
    pub(crate) fn highest(
        &mut self,
        graph: &mut Graph<'_>,
        head: &mut Ancestors,
        tags: &[usize],
    ) -> Result<Option<usize>> {
        let (few, rest) = tags.split_at(tags.len().min(TRIED));
        for tag in few {
            if let Some(node) = self.node(graph, *tag)?
                && head.contains(graph, node)?
            {
                return Ok(Some(*tag));
            }
        }
        let Some(mut best) = self.nearest(graph, head, rest)? else {
            return Ok(None);
        };
        // Those above it, the oldest first: what forked off late descends from what forked off
        // early, and then one answer serves for both.
        let mut above = Vec::new();
        for (rank, tag) in rest[..best].iter().enumerate() {
            if let Some(node) = self.node(graph, *tag)? {
                above.push((graph.date(node), rank, node));
            }
        }
        above.sort_unstable();
        for (_, rank, node) in above {
            if rank < best && head.contains(graph, node)? {
                best = rank;
            }
        }
        let best = rest[best];
        // Found by its commit's id alone so far: whoever asks for its commit must get one.
        self.node(graph, best)?;
        Ok(Some(best))
    }

    /// Walks from HEAD to the first commit that one of `tags` points at; the rank of the highest
    /// one found so far.
    fn nearest(
        &mut self,
        graph: &mut Graph<'_>,
        head: &mut Ancestors,
        tags: &[usize],
    ) -> Result<Option<usize>> {
        let mut ranks: HashMap<Oid, usize> = HashMap::new();
        let mut best: Option<usize> = None;
        for (rank, tag) in tags.iter().enumerate() {
            let Some(id) = self.points_at(*tag) else {
                continue;
            };
            if graph.find(id).is_some_and(|node| head.has_seen(node)) {
                best = Some(best.map_or(rank, |best| best.min(rank)));
            }
            ranks.entry(id).or_insert(rank);
        }
        if ranks.is_empty() {
            return Ok(None);
        }
        while best.is_none() {
            let Some(node) = head.step(graph)? else {
                break;
            };
            best = ranks.get(&graph.id(node)).copied();
        }
        Ok(best)
    }

    /// The object that a tag leads to in the end.
    fn points_at(&mut self, tag: usize) -> Option<Oid> {
        let found = &mut self.found[tag];
        if let Peeled::Unknown = found.peeled {
            found.peeled = peel(self.repository, found.target);
        }
        match found.peeled {
            Peeled::To(id) | Peeled::Commit(id, _) => Some(id),
            Peeled::Unknown | Peeled::NoCommit => None,
        }
    }

    /// The commit that a tag points at.
    pub(crate) fn node(&mut self, graph: &mut Graph<'_>, tag: usize) -> Result<Option<Node>> {
        let Some(id) = self.points_at(tag) else {
            return Ok(None);
        };
        if let Peeled::Commit(_, node) = self.found[tag].peeled {
            return Ok(Some(node));
        }
        let node = graph.commit(id)?;
        self.found[tag].peeled = match node {
            Some(node) => Peeled::Commit(id, node),
            None => Peeled::NoCommit,
        };
        Ok(node)
    }

    /// The commit of a tag that was peeled already.
    pub(crate) fn commit(&self, tag: Option<usize>) -> Option<Node> {
        match self.found[tag?].peeled {
            Peeled::Commit(_, node) => Some(node),
            _ => None,
        }
    }

    /// A tag as plain data.
    pub(crate) fn data(&self, tag: usize) -> VersionTag {
        let found = &self.found[tag];
        VersionTag {
            name: found.name.clone(),
            version: found.version.clone(),
            commit: match found.peeled {
                Peeled::Commit(id, _) => Some(commit_id(id)),
                _ => None,
            },
        }
    }

    /// The names of tags that were found to point at no commit.
    pub(crate) fn not_commits(&self) -> Vec<String> {
        self.found
            .iter()
            .filter(|found| matches!(found.peeled, Peeled::NoCommit))
            .map(|found| found.name.clone())
            .collect()
    }
}

/// Follows tag objects, nested ones too, to the object that they stand for.
fn peel(repository: &git2::Repository, target: Oid) -> Peeled {
    let kind = repository
        .odb()
        .and_then(|odb| odb.read_header(target))
        .map(|(_, kind)| kind);
    match kind {
        Ok(ObjectType::Tag) => repository
            .find_tag(target)
            .and_then(|tag| tag.peel())
            .map_or(Peeled::NoCommit, |object| Peeled::To(object.id())),
        Ok(_) => Peeled::To(target),
        Err(_) => Peeled::NoCommit,
    }
}
