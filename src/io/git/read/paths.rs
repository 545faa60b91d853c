//! Which commits touch `version.paths`: trees are compared entry by entry, blobs are never read,
//! so a clone without blobs (`--filter=blob:none`) will do.

use std::{collections::HashMap, rc::Rc};

use git2::{ErrorCode, ObjectType, Oid, Tree};
use globset::{GlobBuilder, GlobMatcher};

use crate::{
    error::{Error, Result},
    io::git::read::problem,
};

/// How many trees are kept between commits; neighbours share most of theirs.
const KEPT: usize = 512;

/// The patterns, and the trees that they were last compared with.
pub(crate) struct Paths<'r> {
    repository: &'r git2::Repository,
    patterns: Vec<Pattern>,
    trees: HashMap<Oid, Rc<Tree<'r>>>,
}

struct Pattern {
    matcher: GlobMatcher,
    negated: bool,
    /// The directories before the first special character.
    prefix: String,
}

impl<'r> Paths<'r> {
    /// As in git's own pathspecs `*` crosses `/`, and a directory stands for all that is in it.
    /// `!` takes out what earlier patterns took in; the last pattern that matches a path decides.
    pub(crate) fn new(repository: &'r git2::Repository, patterns: &[String]) -> Result<Self> {
        let mut compiled = Vec::new();
        for text in patterns {
            let (negated, text) = match text.strip_prefix('!') {
                Some(rest) => (true, rest),
                None => (false, text.as_str()),
            };
            let path = text
                .trim_start_matches("./")
                .trim_start_matches('/')
                .trim_end_matches('/');
            let prefix = prefix(path);
            for pattern in [path.to_owned(), format!("{path}/**")] {
                let glob = GlobBuilder::new(&pattern).build().map_err(|error| {
                    Error::usage(format!("`version.paths` has a bad pattern `{text}`"))
                        .with_code(crate::error::ErrorCode::InvalidPolicy)
                        .because(&error)
                })?;
                compiled.push(Pattern {
                    matcher: glob.compile_matcher(),
                    negated,
                    prefix: prefix.clone(),
                });
            }
        }
        Ok(Self {
            repository,
            patterns: compiled,
            trees: HashMap::new(),
        })
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
            .find(|pattern| pattern.matcher.is_match(path));
        match last {
            Some(pattern) => !pattern.negated,
            // Where all patterns are exceptions, everything else counts.
            None => self.patterns.iter().all(|pattern| pattern.negated),
        }
    }

    /// Whether something below the directory `path` can count.
    fn may_hold(&self, path: &str) -> bool {
        let within = |a: &str, b: &str| {
            b.is_empty() || a == b || a.strip_prefix(b).is_some_and(|rest| rest.starts_with('/'))
        };
        self.patterns.iter().all(|pattern| pattern.negated)
            || self
                .patterns
                .iter()
                .filter(|pattern| !pattern.negated)
                .any(|pattern| within(path, &pattern.prefix) || within(&pattern.prefix, path))
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

/// The directories of `path` before its first special character.
fn prefix(path: &str) -> String {
    match path.find(['*', '?', '[', '{', '\\']) {
        None => path.to_owned(),
        Some(special) => {
            let end = path[..special].rfind('/').unwrap_or(0);
            path[..end].to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::io::git::read::paths::prefix;

    #[test]
    fn the_fixed_part_of_a_pattern_ends_before_its_first_special_character() {
        for (path, expected) in [
            ("services/api", "services/api"),
            ("services/api/**", "services/api"),
            ("services/a*/x", "services"),
            ("*.rs", ""),
            ("a/b[12]/c", "a"),
        ] {
            assert_eq!(prefix(path), expected, "{path}");
        }
    }
}
