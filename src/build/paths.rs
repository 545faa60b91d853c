//! Paths that a pattern names.

use std::{
    fs,
    path::{Path, PathBuf},
};

use globset::GlobBuilder;

use crate::error::{Error, Result};

/// Most paths that a pattern may name.
const MAX_PATHS: usize = 1_000;

/// Whether `text` is a pattern, and not the name of a file.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

/// What `text` names, seen from `base`, sorted: the file of that very name, else everything that the
/// pattern matches. As in a shell `*` matches neither `/` nor a name that begins with a dot, and `**`
/// stands for any folders. Each path comes as it would be written, seen from `base`.
///
/// # Errors
/// Usage (exit 2) for a pattern that is not valid.
pub(crate) fn expand(text: &str, base: &Path) -> Result<Vec<String>> {
    if !is_pattern(text) || base.join(text).exists() {
        return Ok(vec![text.to_owned()]);
    }
    let (root, rest) = match text.strip_prefix('/') {
        Some(rest) => ("/", rest),
        None => ("", text),
    };
    let mut found = vec![root.to_owned()];
    for part in rest.split('/').filter(|part| !part.is_empty()) {
        let mut next = Vec::new();
        for place in &found {
            if part == "**" {
                below(base, place, &mut next);
            } else if is_pattern(part) {
                matching(base, place, part, &mut next)?;
            } else if base.join(joined(place, part)).exists() {
                next.push(joined(place, part));
            }
            if next.len() > MAX_PATHS {
                return Err(Error::usage(format!(
                    "`{text}` names more than {MAX_PATHS} files"
                )));
            }
        }
        found = next;
    }
    found.retain(|path| !path.is_empty());
    found.sort();
    found.dedup();
    Ok(found)
}

fn joined(place: &str, name: &str) -> String {
    match place {
        "" => name.to_owned(),
        place if place.ends_with('/') => format!("{place}{name}"),
        place => format!("{place}/{name}"),
    }
}

fn matching(base: &Path, place: &str, part: &str, found: &mut Vec<String>) -> Result<()> {
    let glob = GlobBuilder::new(part).literal_separator(true).build();
    let glob = glob.map_err(|error| {
        Error::usage(format!("`{part}` is not a valid pattern: {}", error.kind()))
    })?;
    let glob = glob.compile_matcher();
    let names = names(&base.join(place));
    let fits =
        |name: &String| (!name.starts_with('.') || part.starts_with('.')) && glob.is_match(name);
    found.extend(
        names
            .iter()
            .filter(|name| fits(name))
            .map(|name| joined(place, name)),
    );
    Ok(())
}

/// `place`, and every folder below it. Links are not followed.
fn below(base: &Path, place: &str, found: &mut Vec<String>) {
    found.push(place.to_owned());
    if found.len() > MAX_PATHS {
        return;
    }
    for name in names(&base.join(place)) {
        let path = joined(place, &name);
        let folder = fs::symlink_metadata(base.join(&path)).is_ok_and(|it| it.is_dir());
        if folder && !name.starts_with('.') {
            below(base, &path, found);
        }
    }
}

fn names(folder: &PathBuf) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_names_what_a_shell_would_name() {
        let dir = tempfile::tempdir().expect("a directory");
        for file in [
            "a/x.tar",
            "a/y.tar",
            "a/.z.tar",
            "b/c/x.tar",
            "a[1]/x.tar",
            "leg.json",
        ] {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a directory");
            fs::write(path, "").expect("it is written");
        }
        for (text, expected) in [
            ("a/x.tar", &["a/x.tar"][..]),
            ("nothing", &["nothing"]),
            ("*/x.tar", &["a/x.tar", "a[1]/x.tar"]),
            ("a/*.tar", &["a/x.tar", "a/y.tar"]),
            ("a/{x,y}.tar", &["a/x.tar", "a/y.tar"]),
            ("a/.*.tar", &["a/.z.tar"]),
            ("a[1]/x.tar", &["a[1]/x.tar"]),
            ("**/x.tar", &["a/x.tar", "a[1]/x.tar", "b/c/x.tar"]),
            ("b/**/x.tar", &["b/c/x.tar"]),
            ("*.json", &["leg.json"]),
            ("*", &["a", "a[1]", "b", "leg.json"]),
            ("none/*", &[]),
            ("a/?.tar", &["a/x.tar", "a/y.tar"]),
            ("./a/x*", &["./a/x.tar"]),
        ] {
            assert_eq!(expand(text, dir.path()).expect(text), expected, "{text}");
        }
        let whole = dir.path().join("a/*.tar").display().to_string();
        let found = expand(&whole, Path::new("/")).expect("a pattern");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(expand("a/[x", dir.path()).is_err());
    }
}
