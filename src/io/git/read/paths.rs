//! Which commits touch `version.paths`: trees are compared entry by entry, blobs are never read,
//! so a clone without blobs (`--filter=blob:none`) will do.

use std::{collections::HashMap, rc::Rc};

use git2::{ErrorCode, ObjectType, Oid, Tree};

use crate::{error::Result, io::git::read::problem, policy::PathPattern};

/// How many trees are kept between commits; neighbours share most of theirs.
const KEPT: usize = 512;

/// The patterns, and the trees that they were last compared with.
pub(crate) struct Paths<'r> {
    repository: &'r git2::Repository,
    patterns: &'r [PathPattern],
    trees: HashMap<Oid, Rc<Tree<'r>>>,
}

impl<'r> Paths<'r> {
    pub(crate) fn new(repository: &'r git2::Repository, patterns: &'r [PathPattern]) -> Self {
        Self {
            repository,
            patterns,
            trees: HashMap::new(),
        }
    }

    /// Whether there are no patterns, so that every commit counts.
    pub(crate) fn is_all(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether a commit with this tree touches the paths: against its parent; a merge against
    /// each of its parents; a first commit against nothing.
    pub(crate) fn touched(&mut self, tree: Oid, parents: &[Oid]) -> Result<bool> {
        if parents.is_empty() {
            return self.differ(None, Some(tree), "");
        }
        for parent in parents {
            if !self.differ(Some(*parent), Some(tree), "")? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn differ(&mut self, old: Option<Oid>, new: Option<Oid>, directory: &str) -> Result<bool> {
        if old == new {
            return Ok(false);
        }
        let old = old.map(|id| self.tree(id)).transpose()?;
        let new = new.map(|id| self.tree(id)).transpose()?;
        for (this, other) in [(&old, &new), (&new, &old)] {
            for entry in this.iter().flat_map(|tree| tree.iter()) {
                let name = entry.name_bytes();
                let twin = other.as_ref().and_then(|tree| {
                    // `get_name` takes text only; other names are looked for here.
                    tree.iter().find(|twin| twin.name_bytes() == name)
                });
                let same = twin.as_ref().is_some_and(|twin| {
                    twin.id() == entry.id() && twin.filemode() == entry.filemode()
                });
                if same {
                    continue;
                }
                let path = format!("{directory}{}", String::from_utf8_lossy(name));
                let is_tree = entry.kind() == Some(ObjectType::Tree);
                if !is_tree && self.counts(&path) {
                    return Ok(true);
                }
                if is_tree && self.may_hold(&path) {
                    let twin = twin
                        .filter(|twin| twin.kind() == Some(ObjectType::Tree))
                        .map(|twin| twin.id());
                    if self.differ(twin, Some(entry.id()), &format!("{path}/"))? {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }

    fn counts(&self, path: &str) -> bool {
        let last = self
            .patterns
            .iter()
            .rev()
            .find(|pattern| pattern.is_match(path));
        match last {
            Some(pattern) => !pattern.is_negated(),
            // Where all patterns are exceptions, everything else counts.
            None => self.patterns.iter().all(|pattern| pattern.is_negated()),
        }
    }

    /// Whether something below the directory `path` can count.
    fn may_hold(&self, path: &str) -> bool {
        let within = |a: &str, b: &str| {
            b.is_empty() || a == b || a.strip_prefix(b).is_some_and(|rest| rest.starts_with('/'))
        };
        self.patterns.iter().all(|pattern| pattern.is_negated())
            || self
                .patterns
                .iter()
                .filter(|pattern| !pattern.is_negated())
                .any(|pattern| {
                    within(path, pattern.directory()) || within(pattern.directory(), path)
                })
    }

    fn tree(&mut self, id: Oid) -> Result<Rc<Tree<'r>>> {
        if let Some(tree) = self.trees.get(&id) {
            return Ok(tree.clone());
        }
        let tree = self.repository.find_tree(id).map_err(|error| {
            let missing = error.code() == ErrorCode::NotFound;
            let error = problem(&format!("cannot read the directory {id}"), &error);
            if missing {
                error.hint(
                    "`version.paths` needs every directory of the range: clone with `--filter=blob:none` or without a filter, not with `tree:0`",
                )
            } else {
                error
            }
        })?;
        if self.trees.len() >= KEPT {
            self.trees.clear();
        }
        let tree = Rc::new(tree);
        self.trees.insert(id, tree.clone());
        Ok(tree)
    }
}
