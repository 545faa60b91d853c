//! The same content in several files.

use std::collections::HashMap;

use crate::{
    oci::ContentHash,
    plan::inspect::{
        claims::Claims,
        merge::Merged,
        omitted::{LISTED, Omitted},
        report::{Duplicate, LargeFile},
    },
};

/// How many paths of one content are named.
const NAMED: usize = 4;

/// Every content that several files have, the largest loss first. Names of one file are one file.
pub(super) fn duplicates(merged: &Merged) -> Vec<Duplicate> {
    let mut by_content: HashMap<(ContentHash, u64), Vec<&String>> = HashMap::new();
    for (path, file, size) in merged.sized() {
        if let (Some(content), true) = (file.content, size > 0) {
            by_content.entry((content, size)).or_default().push(path);
        }
    }
    let several = by_content.into_iter().filter(|(_, paths)| paths.len() > 1);
    let mut all: Vec<_> = several
        .map(|((_, size), paths)| Duplicate {
            size,
            extra: size * (paths.len() as u64 - 1),
            copies: paths.len(),
            paths: paths.into_iter().cloned().collect(),
        })
        .collect();
    all.sort_by(|a, b| b.extra.cmp(&a.extra).then_with(|| a.paths.cmp(&b.paths)));
    all
}

/// The bytes of further copies that no other advice is about. The copies are claimed.
pub(super) fn free_copies(all: &[Duplicate], merged: &Merged, claims: &mut Claims<'_>) -> u64 {
    let mut copies = Vec::new();
    for duplicate in all {
        let free = duplicate.paths.iter().filter(|path| claims.is_free(path));
        // Where another advice takes some copies away, one of the rest stays.
        copies.extend(free.skip(1).flat_map(|path| names(merged, path)));
    }
    claims.take(copies)
}

/// All names of the file at `path`.
fn names<'m>(merged: &'m Merged, path: &String) -> Vec<&'m String> {
    let Some((path, &file)) = merged.paths.get_key_value(path) else {
        return Vec::new();
    };
    if merged.files[file].names == 1 {
        return vec![path];
    }
    let all = merged.paths.iter().filter(|(_, other)| **other == file);
    all.map(|(path, _)| path).collect()
}

/// As a report lists them.
pub(super) fn listed(mut all: Vec<Duplicate>) -> (Vec<Duplicate>, Omitted) {
    let omitted = Omitted::cut(&mut all, |duplicate| duplicate.extra);
    for duplicate in &mut all {
        duplicate.paths.truncate(NAMED);
    }
    (all, omitted)
}

/// The largest files that can be seen.
pub(super) fn largest(merged: &Merged) -> Vec<LargeFile> {
    let files = merged.sized().filter(|(_, _, size)| *size > 0);
    let mut all: Vec<_> = files
        .map(|(path, file, size)| (size, path, file.layer))
        .collect();
    all.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    let large = all.into_iter().take(LISTED);
    large
        .map(|(size, path, layer)| LargeFile {
            path: path.clone(),
            size,
            layer,
        })
        .collect()
}
