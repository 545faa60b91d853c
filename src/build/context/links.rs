//! Follows symbolic links inside a tree, as the kernel would if the tree lay on disk.

use std::collections::VecDeque;

use crate::{
    build::context::{
        entry::{EntryKind, FileTree, find},
        path::TreePath,
    },
    error::{Error, Result},
};

/// How many links lead to a file at most; the kernel's own limit.
const MAX_LINKS: usize = 40;

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PathEnd {
    /// To this file or directory, whose path has no links in it.
    Entry(TreePath, EntryKind),
    /// Nowhere: there is no such entry. Where a link led there, its path.
    Nothing(Option<TreePath>),
    /// Out of the tree: the link at this path does.
    Outside(TreePath),
    /// Round in a circle, at this link.
    Circle(TreePath),
}

/// A part of the way that is still to be walked, with the link that it comes from.
type PathStep = (Vec<u8>, Option<TreePath>);

/// Follows `path` from the root of `tree`.
pub(crate) fn follow(tree: &dyn FileTree, path: &TreePath) -> Result<PathEnd> {
    let mut ahead: VecDeque<PathStep> = path.parts().map(|part| (part.to_vec(), None)).collect();
    let mut at = TreePath::root();
    let mut links = 0;
    while let Some((part, from)) = ahead.pop_front() {
        if part == b".." {
            if at.is_root() {
                return Ok(PathEnd::Outside(from.unwrap_or_default()));
            }
            at = at.parent();
            continue;
        }
        let next = at.join(&part);
        match find(tree, &next)? {
            None => return Ok(PathEnd::Nothing(from)),
            Some(EntryKind::Link { target }) => {
                links += 1;
                if links > MAX_LINKS {
                    return Ok(PathEnd::Circle(next));
                }
                if target.first() == Some(&b'/') {
                    return Ok(PathEnd::Outside(next));
                }
                let parts = target.split(|&byte| byte == b'/');
                let parts = parts.filter(|part| !matches!(*part, b"" | b"."));
                for part in parts.rev() {
                    ahead.push_front((part.to_vec(), Some(next.clone())));
                }
            }
            Some(EntryKind::Directory) => at = next,
            Some(kind) if ahead.is_empty() => return Ok(PathEnd::Entry(next, kind)),
            // A file is not a directory, and a submodule whose files are not wanted is empty.
            Some(_) => return Ok(PathEnd::Nothing(from)),
        }
    }
    Ok(PathEnd::Entry(at, EntryKind::Directory))
}

/// The file or directory that `path` leads to; `None` where nothing lies under that name.
///
/// # Errors
/// Refused (exit 4): a link on the way leads out of the tree, nowhere, or round in a circle.
pub(crate) fn resolve(
    tree: &dyn FileTree,
    path: &TreePath,
) -> Result<Option<(TreePath, EntryKind)>> {
    let refused = |link: &TreePath, where_to: &str| {
        let error = Error::refused(format!(
            "`{link}` in {} is a symbolic link that {where_to}",
            tree.name()
        ));
        let error = if link == path {
            error
        } else {
            error.cause(format!("`{path}` leads to it"))
        };
        Err(error
            .state("nothing was built or published")
            .hint("a link on the way to the Dockerfile, the ignore file or the context has to stay inside the repository"))
    };
    match follow(tree, path)? {
        PathEnd::Entry(path, kind) => Ok(Some((path, kind))),
        PathEnd::Nothing(None) => Ok(None),
        PathEnd::Nothing(Some(link)) => refused(&link, "leads nowhere"),
        PathEnd::Outside(link) => refused(&link, "leads out of the repository"),
        PathEnd::Circle(link) => refused(&link, "leads round in a circle"),
    }
}
