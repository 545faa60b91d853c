//! What is different from another image, file by file.

use std::collections::BTreeMap;

use crate::{
    oci::Contents,
    plan::inspect::{
        merge::{Merged, MergedFile, merge},
        omitted::Omitted,
        report::{Changes, FileChange, FileChangeCount},
    },
};

/// A path's file with the bytes that count there.
type Sized<'m> = BTreeMap<&'m String, (&'m MergedFile, u64)>;

/// What is different from `other`, called `name`.
pub(super) fn changes(
    name: &str,
    other: &Contents,
    contents: &Contents,
    merged: &Merged,
) -> Changes {
    let before = merge(other);
    let is_new = |layer: usize| {
        let diff_id = &contents.layers[layer].diff_id;
        !other.layers.iter().any(|layer| layer.diff_id == *diff_id)
    };
    let (was, is) = (sized(&before), sized(merged));
    let mut files = FileChangeCount::default();
    let mut all = Vec::new();
    for (&path, &(file, now)) in &is {
        let old = was.get(path);
        match old {
            None => files.added += 1,
            Some((old, _)) if differs(old, file, || is_new(file.layer)) => files.changed += 1,
            // A name can take over the bytes of a file whose first name went.
            Some((_, bytes)) if *bytes != now => {}
            Some(_) => continue,
        }
        all.push(FileChange {
            path: path.clone(),
            before: old.map(|(_, bytes)| *bytes),
            now: Some(now),
        });
    }
    for (&path, &(_, bytes)) in was.iter().filter(|(path, _)| !is.contains_key(*path)) {
        files.removed += 1;
        all.push(FileChange {
            path: path.clone(),
            before: Some(bytes),
            now: None,
        });
    }
    let weight = |change: &FileChange| {
        let (now, before) = (change.now.unwrap_or(0), change.before.unwrap_or(0));
        (now.abs_diff(before), now)
    };
    all.sort_by(|a, b| weight(b).cmp(&weight(a)).then_with(|| a.path.cmp(&b.path)));
    let omitted = Omitted::cut(&mut all, |change| weight(change).0);
    let mut to_pull: BTreeMap<_, _> = BTreeMap::new();
    for (index, layer) in contents.layers.iter().enumerate() {
        if is_new(index) {
            to_pull.insert(&layer.digest, layer.size);
        }
    }
    Changes {
        since: name.to_owned(),
        size: difference(size_to_pull(contents), size_to_pull(other)),
        visible: difference(merged.visible(), before.visible()),
        to_pull: to_pull.values().sum(),
        files,
        largest: all,
        omitted,
    }
}

fn sized(merged: &Merged) -> Sized<'_> {
    let all = merged.sized();
    all.map(|(path, file, bytes)| (path, (file, bytes)))
        .collect()
}

/// `new_layer` decides where a content was not read.
fn differs(old: &MergedFile, new: &MergedFile, new_layer: impl Fn() -> bool) -> bool {
    match (old.content, new.content) {
        (Some(old), Some(new)) => old != new,
        _ => old.size != new.size || new_layer(),
    }
}

fn difference(now: u64, before: u64) -> i64 {
    i64::try_from(i128::from(now) - i128::from(before)).unwrap_or(i64::MAX)
}

/// Bytes of all layers, each once: a registry sends a layer that an image has twice one time.
pub(super) fn size_to_pull(contents: &Contents) -> u64 {
    let layers = contents.layers.iter();
    let sizes: BTreeMap<_, _> = layers.map(|layer| (&layer.digest, layer.size)).collect();
    sizes.values().sum()
}
