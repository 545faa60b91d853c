//! What a commit holds and an engine cannot take, or would take for something else. It is refused by
//! name before the build.

use crate::{
    build::context::{
        entry::{ContextEntry, EntryKind},
        path::TreePath,
    },
    error::{Error, Result},
};

/// The longest name of a file and the longest path or target of a link that Linux has, in bytes.
const MAX_NAME: usize = 255;
const MAX_PATH: usize = 4095;

/// Refused, with the path of the entry: "`a/b` in the commit is …".
pub(super) fn refused(path: &TreePath, what: &str) -> Error {
    Error::refused(format!("`{path}` in the commit {what}")).state("nothing was built or published")
}

/// Names that git never writes, and that a tree made by hand can have all the same.
pub(super) fn check_name(directory: &TreePath, name: &[u8]) -> Result<()> {
    let outside = matches!(name, b"" | b"." | b".." | b".git");
    if outside || name.contains(&b'/') || name.contains(&0) {
        return Err(
            refused(&directory.join(name), "has a name that no file can have")
                .hint("git fsck --strict"),
        );
    }
    Ok(())
}

/// `entries` are one directory's, sorted.
pub(super) fn check_unique(entries: &[ContextEntry]) -> Result<()> {
    let twice = entries.windows(2).find(|pair| pair[0].path == pair[1].path);
    match twice {
        Some(pair) => {
            Err(refused(&pair[0].path, "is there twice in its directory").hint("git fsck --strict"))
        }
        None => Ok(()),
    }
}

/// What no Linux file system can hold.
pub(super) fn check_entries(entries: &[ContextEntry]) -> Result<()> {
    for ContextEntry { path, kind } in entries {
        if path.file_name().len() > MAX_NAME {
            return Err(refused(path, "has a name of more than 255 bytes")
                .hint("rename it, or name its directory in `.dockerignore`"));
        }
        if path.as_bytes().len() > MAX_PATH {
            return Err(refused(path, "has a path of more than 4095 bytes")
                .hint("name one of its directories in `.dockerignore`"));
        }
        if let EntryKind::Link { target } = kind {
            link(path, target)?;
        }
    }
    Ok(())
}

fn link(path: &TreePath, target: &[u8]) -> Result<()> {
    let problem = if target.is_empty() {
        "is a symbolic link without a target"
    } else if target.contains(&0) {
        "is a symbolic link whose target has a zero byte"
    } else if target.len() > MAX_PATH {
        "is a symbolic link whose target has more than 4095 bytes"
    } else {
        return Ok(());
    };
    Err(refused(path, problem).hint("repair the link, or name it in `.dockerignore`"))
}
