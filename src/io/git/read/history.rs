//! The answers to a [`HistoryQuery`]: base, range, and what was passed over.

use std::collections::HashSet;

use git2::Oid;
use semver::Version;

use crate::{
    error::{Error, ErrorCode, Result},
    git::CommitId,
    io::git::read::{
        GitRepository,
        ancestors::Ancestors,
        commit_id,
        graph::{Graph, Node},
        object::{self, Header, Text},
        object_source::ObjectSource,
        oid,
        paths::Paths,
        problem, range,
        tags::VersionTags,
    },
    plan::history::facts::{Commit, Facts, HistoryQuery, VersionTag},
    policy::PathPattern,
};

/// What is noted of a clone without tags. A run that has asked the remote for its tags knows better.
pub(crate) const NO_TAGS: &str =
    "this clone has no tags at all; if there should be some: `git fetch --tags`";

impl GitRepository {
    /// Reads the facts that the query asks for.
    ///
    /// # Errors
    /// Refused (exit 4): no commits, a history that is cut off inside the range, objects that are
    /// missing or broken.
    pub fn read(&self, question: &HistoryQuery) -> Result<Facts> {
        let mut graph = self.graph()?;
        let walked = self.walk(&mut graph, question)?;
        let mut facts = walked.facts;
        facts.commits = self.commits(&mut graph, &walked.order, walked.after, &question.paths)?;
        let base = facts.stable.as_ref().and_then(|tag| tag.commit);
        self.mark_released(&mut facts.commits, base)?;
        Ok(facts)
    }

    /// Everything but the texts of the range's commits.
    pub(super) fn walk(
        &self,
        graph: &mut Graph<'_>,
        question: &HistoryQuery,
    ) -> Result<WalkedRange> {
        let head = match question.at {
            Some(id) => oid(id),
            None => self.head_oid()?,
        };
        let head = self.node(graph, head)?;
        let mut tags = VersionTags::list(&self.git, question)?;
        let on_head = tags.at(graph, head)?;
        let unmatched = std::mem::take(&mut tags.unmatched);
        let bases = bases(graph, head, &mut tags, question)?;
        let base = bases.base.map(|tag| tags.version(tag));
        let short = tags.short(question, base);
        let near = tags.with_leading_zeros();
        let base = bases.base.map(|tag| tags.version(tag));
        let near_miss = match on_head.is_empty() {
            true => near_miss(graph, head, near, question, base)?,
            // A version tag on HEAD tells which version is meant.
            false => None,
        };

        let nodes = range::range(graph, head, tags.commit(bases.stable))?;
        self.complete(graph, &nodes, bases.stable.is_some())?;
        let after = match tags.commit(bases.channel) {
            Some(channel) => Some(range::range(graph, head, Some(channel))?),
            None => None,
        };
        let order = range::newest_first(graph, &nodes);
        let data = |tag: usize| tags.data(tag);
        let facts = Facts {
            head: commit_id(graph.id(head)),
            head_time: graph.date(head),
            branch: question.branch.clone(),
            base: bases.base.map(data),
            stable: bases.stable.map(data),
            channel: bases.channel.map(data),
            on_head: on_head.into_iter().map(data).collect(),
            elsewhere: bases
                .elsewhere
                .into_iter()
                .map(data)
                .filter(|tag: &VersionTag| tag.commit.is_some())
                .collect(),
            tags: (0..tags.len()).map(data).collect(),
            not_commits: tags.not_commits(),
            near_miss,
            short,
            unmatched,
            other_tags: tags.other,
            withdrawn: Vec::new(),
            shallow: self.git.is_shallow(),
            commits: Vec::new(),
            notes: self.oddities(tags.len() + tags.other),
        };
        Ok(WalkedRange {
            facts,
            order,
            after,
        })
    }

    /// ancestors(`to`) − ancestors(`from`), newest first; all ancestors where `from` is `None`.
    ///
    /// # Errors
    /// As [`GitRepository::read`].
    pub fn between(
        &self,
        from: Option<CommitId>,
        to: CommitId,
        paths: &[PathPattern],
    ) -> Result<Vec<Commit>> {
        let mut graph = self.graph()?;
        let head = self.node(&mut graph, oid(to))?;
        let base = from.map(|id| self.node(&mut graph, oid(id))).transpose()?;
        let nodes = range::range(&mut graph, head, base)?;
        self.complete(&graph, &nodes, base.is_some())?;
        let order = range::newest_first(&graph, &nodes);
        let mut commits = self.commits(&mut graph, &order, None, paths)?;
        self.mark_released(&mut commits, from)?;
        Ok(commits)
    }

    /// The commit that `revision` names: anything that `git rev-parse` understands.
    ///
    /// # Errors
    /// Usage (exit 2) where it names no commit.
    pub fn resolve(&self, revision: &str) -> Result<CommitId> {
        self.git
            .revparse_single(revision)
            .and_then(|object| object.peel_to_commit())
            .map(|commit| commit_id(commit.id()))
            .map_err(|error| {
                Error::usage(format!("`{}` names no commit", revision.escape_debug()))
                    .cause(error.message().trim().to_owned())
                    .hint("name a branch, a tag or a commit's id; those of the remote come with `git fetch`")
            })
    }

    pub(crate) fn graph(&self) -> Result<Graph<'_>> {
        let odb = self
            .git
            .odb()
            .map_err(|error| problem("cannot open the object database", &error))?;
        Ok(Graph::new(ObjectSource::Own(odb), self.cuts()))
    }

    pub(crate) fn node(&self, graph: &mut Graph<'_>, id: Oid) -> Result<Node> {
        graph
            .commit(id)?
            .ok_or_else(|| Error::refused(format!("{id} is not a commit of this clone")))
    }

    /// Whether `id` is one of `tips` or an ancestor of one.
    pub(crate) fn is_in(&self, id: Oid, tips: &[Oid]) -> Result<bool> {
        if tips.contains(&id) {
            return Ok(true);
        }
        let mut graph = self.graph()?;
        let node = self.node(&mut graph, id)?;
        for tip in tips {
            if let Some(tip) = graph.commit(*tip)?
                && Ancestors::of(&mut graph, tip)?.contains(&mut graph, node)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The commits at which a shallow clone ends.
    pub(super) fn cuts(&self) -> HashSet<Oid> {
        if !self.git.is_shallow() {
            return HashSet::new();
        }
        let text = std::fs::read_to_string(self.git.commondir().join("shallow"));
        text.unwrap_or_default()
            .lines()
            .filter_map(|line| Oid::from_str(line.trim()).ok())
            .collect()
    }

    /// A range that reaches the end of a shallow clone is not known, and neither is a first
    /// version: its base may be among what is missing.
    fn complete(&self, graph: &Graph<'_>, nodes: &[Node], has_base: bool) -> Result<()> {
        let Some(cut) = nodes.iter().find(|node| graph.is_cut(**node)) else {
            return Ok(());
        };
        let what = if has_base {
            "the commits since the last release are not all in this shallow clone"
        } else {
            "no version tag is in this shallow clone, and the history before it is missing"
        };
        Err(Error::refused(what).with_code(ErrorCode::ShallowClone)
            .cause(format!("the clone ends at {}", graph.id(*cut)))
            .state("nothing was changed")
            .hint("git fetch --unshallow --tags")
            .hint("in GitHub Actions `fetch-depth: 0` for `actions/checkout`, on GitLab `GIT_DEPTH: \"0\"`"))
    }

    pub(super) fn commits(
        &self,
        graph: &mut Graph<'_>,
        order: &[Node],
        after: Option<Vec<Node>>,
        paths: &[PathPattern],
    ) -> Result<Vec<Commit>> {
        let mut paths = Paths::new(&self.git, paths);
        let after = after.map(|nodes| nodes.into_iter().collect::<HashSet<_>>());
        let odb = self
            .git
            .odb()
            .map_err(|error| problem("cannot open the object database", &error))?;
        let mut objects = ObjectSource::Own(odb);
        let mut commits = Vec::with_capacity(order.len());
        for node in order {
            let id = graph.id(*node);
            let parents = graph.parents(*node).iter().map(|p| graph.id(*p)).collect();
            let text = graph.take_text(*node);
            let mut commit = self.commit(&mut objects, &mut paths, id, parents, text)?;
            commit.time = graph.date(*node);
            commit.after_prerelease = after.as_ref().is_none_or(|after| after.contains(node));
            commits.push(commit);
        }
        Ok(commits)
    }

    /// A commit with its text, which is read where it is not at hand.
    pub(super) fn commit(
        &self,
        objects: &mut ObjectSource<'_>,
        paths: &mut Paths<'_>,
        id: Oid,
        parents: Vec<Oid>,
        text: Option<Text>,
    ) -> Result<Commit> {
        let (text, time) = match text {
            Some(text) => (text, 0),
            None => {
                let object = object_of(objects, id)?;
                let header = Header::parse(object.data());
                let date = header.map_or(0, |header| header.date);
                (Text::parse(object.data()), date)
            }
        };
        let in_paths = paths.is_all() || {
            let mut tree = |commit: Oid| {
                object::tree(object_of(objects, commit)?.data())
                    .ok_or_else(|| Error::refused(format!("{commit} is not a commit")))
            };
            let of_parents = parents.iter().map(|parent| tree(*parent));
            let of_parents = of_parents.collect::<Result<Vec<_>>>()?;
            paths.touched(tree(id)?, &of_parents)?
        };
        Ok(Commit {
            id: commit_id(id),
            parents: parents.into_iter().map(commit_id).collect(),
            message: text.message,
            author: text.author,
            email: text.email,
            time,
            written: text.written,
            in_paths,
            after_prerelease: true,
            released_beside: Vec::new(),
        })
    }

    fn oddities(&self, tags: usize) -> Vec<String> {
        let mut notes = Vec::new();
        if tags == 0 {
            notes.push(NO_TAGS.into());
        }
        let replaced = self.git.references_glob("refs/replace/*");
        let replaced = replaced.map_or(0, |references| references.flatten().count());
        if replaced > 0 {
            notes.push(format!(
                "{replaced} of `refs/replace` are not followed: the history is read as it was committed"
            ));
        }
        notes
    }
}

fn object_of<'o>(objects: &'o mut ObjectSource<'_>, id: Oid) -> Result<git2::OdbObject<'o>> {
    let object = objects.database()?.read(id);
    object.map_err(|error| problem(&format!("cannot read commit {id}"), &error))
}

/// What a walk over the history found, without the texts of the range's commits.
pub(super) struct WalkedRange {
    /// All facts but the commits.
    pub(super) facts: Facts,
    /// The commits of the range, newest first.
    pub(super) order: Vec<Node>,
    /// Those that came after the channel's last pre-release, where there is one.
    pub(super) after: Option<Vec<Node>>,
}

/// The tags that an answer is based on, as places in the list.
struct Bases {
    base: Option<usize>,
    stable: Option<usize>,
    channel: Option<usize>,
    /// Higher tags that are not ancestors, highest first.
    elsewhere: Vec<usize>,
}

fn bases(
    graph: &mut Graph<'_>,
    head: Node,
    tags: &mut VersionTags<'_>,
    question: &HistoryQuery,
) -> Result<Bases> {
    let mut ancestors = Ancestors::of(graph, head)?;
    let in_line = |version: &Version| question.line.is_none_or(|line| line.contains(version));
    let candidates = tags.filter(|version| version.pre.is_empty() && in_line(version));
    let stable = tags.highest(graph, &mut ancestors, &candidates)?;
    let mut elsewhere = above(&candidates, stable);

    // Only pre-releases above the stable version matter; on a line none is ever the base.
    let first = stable.unwrap_or(tags.len());
    let mut ahead = tags.filter(|version| !version.pre.is_empty() && in_line(version));
    ahead.retain(|tag| *tag < first);
    let mut base = stable;
    if question.line.is_none() {
        let found = tags.highest(graph, &mut ancestors, &ahead)?;
        elsewhere.extend(above(&ahead, found));
        base = found.or(stable);
    }
    let mut channel = None;
    if question.label.is_some() {
        ahead.retain(|tag| question.is_channel(tags.version(*tag)));
        channel = tags.highest(graph, &mut ancestors, &ahead)?;
    }
    if let Some(wanted) = &question.version {
        for tag in tags.filter(|version| version == wanted) {
            tags.node(graph, tag)?;
        }
    }
    elsewhere.sort_unstable();
    Ok(Bases {
        base,
        stable,
        channel,
        elsewhere,
    })
}

/// The highest tag with leading zeros that stands on HEAD, or above the base and behind HEAD.
fn near_miss(
    graph: &mut Graph<'_>,
    head: Node,
    mut near: VersionTags<'_>,
    question: &HistoryQuery,
    base: Option<&Version>,
) -> Result<Option<VersionTag>> {
    if near.len() == 0 {
        return Ok(None);
    }
    let above = near.filter(|version| {
        let in_line = question.line.is_none_or(|line| line.contains(version));
        in_line && base.is_none_or(|base| version.cmp_precedence(base).is_gt())
    });
    let mut ancestors = Ancestors::of(graph, head)?;
    let found = match near.at(graph, head)?.first() {
        Some(on_head) => Some(*on_head),
        None => near.highest(graph, &mut ancestors, &above)?,
    };
    Ok(found.map(|tag| near.data(tag)))
}

/// The candidates above the one that was taken.
fn above(candidates: &[usize], taken: Option<usize>) -> Vec<usize> {
    candidates
        .iter()
        .copied()
        .take_while(|tag| Some(*tag) != taken)
        .collect()
}
