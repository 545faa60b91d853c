//! Layers laid on each other: what can be seen in the end, and what cannot.

use std::collections::BTreeMap;

use crate::{
    oci::Contents,
    plan::inspect::report::{Changes, FileChange, FileChangeCount, Hidden, LISTED, Waste},
};

/// The files that can be seen, and those that cannot.
pub(super) struct Merged {
    /// By path: size and layer.
    pub(super) files: BTreeMap<String, (u64, usize)>,
    pub(super) waste: Vec<Waste>,
}

/// The name of an entry that deletes the one it names (OCI image specification, "Whiteouts").
const WHITEOUT: &str = ".wh.";
/// The name of an entry that deletes all siblings of lower layers.
const OPAQUE: &str = ".wh..wh..opq";

/// Lays the layers on each other.
pub(super) fn merge(contents: &Contents) -> Merged {
    let mut merged = Merged {
        files: BTreeMap::new(),
        waste: Vec::new(),
    };
    for (index, layer) in contents.layers.iter().enumerate() {
        // Whiteouts mean lower layers only, whatever their place in this one.
        for entry in &layer.entries {
            let (parent, name) = entry.path.rsplit_once('/').unwrap_or(("", &entry.path));
            if name == OPAQUE {
                merged.delete_below(parent, index);
            } else if let Some(name) = name.strip_prefix(WHITEOUT) {
                let path = if parent.is_empty() {
                    name.to_owned()
                } else {
                    format!("{parent}/{name}")
                };
                merged.hide(&path, index, Hidden::Deleted);
                merged.delete_below(&path, index);
            }
        }
        for entry in &layer.entries {
            let name = entry.path.rsplit('/').next().unwrap_or_default();
            if entry.directory || name.starts_with(WHITEOUT) {
                continue;
            }
            merged.hide(&entry.path, index, Hidden::Overwritten);
            merged.files.insert(entry.path.clone(), (entry.size, index));
        }
    }
    merged
}

impl Merged {
    fn hide(&mut self, path: &str, by: usize, how: Hidden) {
        let Some(&(size, layer)) = self.files.get(path) else {
            return;
        };
        self.files.remove(path);
        if layer < by && size > 0 {
            self.waste.push(Waste {
                path: path.to_owned(),
                size,
                layer,
                hidden_by: by,
                how,
            });
        }
    }

    fn delete_below(&mut self, directory: &str, by: usize) {
        let below: Vec<String> = self
            .below(directory)
            .map(|(path, _)| path.clone())
            .collect();
        for path in below {
            self.hide(&path, by, Hidden::Deleted);
        }
    }

    /// The files below a directory; the root is empty.
    pub(super) fn below(&self, directory: &str) -> impl Iterator<Item = (&String, &(u64, usize))> {
        let prefix = if directory.is_empty() {
            String::new()
        } else {
            format!("{directory}/")
        };
        let range = self.files.range(prefix.clone()..);
        range.take_while(move |(path, _)| path.starts_with(&prefix))
    }
}

/// What is different from `other`.
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
    let mut files = FileChangeCount::default();
    let mut all = Vec::new();
    for (path, &(now, layer)) in &merged.files {
        let was = before.files.get(path).map(|&(size, _)| size);
        match was {
            None => files.added += 1,
            Some(_) if is_new(layer) => files.changed += 1,
            Some(_) => continue,
        }
        all.push(FileChange {
            path: path.clone(),
            before: was,
            now: Some(now),
        });
    }
    for (path, &(was, _)) in &before.files {
        if !merged.files.contains_key(path) {
            files.removed += 1;
            all.push(FileChange {
                path: path.clone(),
                before: Some(was),
                now: None,
            });
        }
    }
    let weight = |change: &FileChange| change.now.unwrap_or(0).abs_diff(change.before.unwrap_or(0));
    all.sort_by(|a, b| weight(b).cmp(&weight(a)).then_with(|| a.path.cmp(&b.path)));
    all.truncate(LISTED);
    let size =
        |contents: &Contents| -> u64 { contents.layers.iter().map(|layer| layer.size).sum() };
    let new = contents
        .layers
        .iter()
        .enumerate()
        .filter(|(index, _)| is_new(*index));
    Changes {
        since: name.to_owned(),
        size: i64::try_from(size(contents)).unwrap_or(i64::MAX)
            - i64::try_from(size(other)).unwrap_or(i64::MAX),
        to_pull: new.map(|(_, layer)| layer.size).sum(),
        files,
        largest: all,
    }
}
