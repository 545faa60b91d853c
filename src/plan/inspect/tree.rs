//! The files of each layer as a tree of sizes, cut down to what a page can show.

use std::collections::BTreeMap;

use crate::{
    oci::{Contents, LayerEntryKind},
    plan::inspect::{
        layer_tree::{LayerTree, TreePart},
        merge::{Merged, is_whiteout},
    },
};

/// How deep directories are shown.
const DEPTH: usize = 8;
/// How many parts of a layer or directory are shown; the rest is one part.
const PARTS: usize = 40;

#[derive(Default)]
struct SizedDirectory<'c> {
    size: u64,
    wasted: u64,
    below: BTreeMap<&'c str, SizedDirectory<'c>>,
}

/// A tree for each layer.
pub(super) fn trees(contents: &Contents, merged: &Merged) -> Vec<LayerTree> {
    let mut hidden: Vec<BTreeMap<&str, u64>> = vec![BTreeMap::new(); contents.layers.len()];
    for waste in &merged.waste {
        *hidden[waste.layer].entry(&waste.path).or_default() += waste.size;
    }
    let layers = contents.layers.iter().zip(hidden);
    let tree = layers.map(|(layer, mut hidden)| {
        let mut root = SizedDirectory::default();
        let files = layer.entries.iter().filter(|entry| {
            entry.kind == LayerEntryKind::File && entry.size > 0 && !is_whiteout(entry)
        });
        for entry in files {
            let left = hidden.entry(&entry.path).or_default();
            let wasted = entry.size.min(*left);
            *left -= wasted;
            root.add(&entry.path, entry.size, wasted);
        }
        LayerTree {
            parts: root.parts(""),
        }
    });
    tree.collect()
}

impl<'c> SizedDirectory<'c> {
    fn add(&mut self, path: &'c str, size: u64, wasted: u64) {
        self.size += size;
        self.wasted += wasted;
        let mut at = self;
        for part in path.split('/').take(DEPTH) {
            at = at.below.entry(part).or_default();
            at.size += size;
            at.wasted += wasted;
        }
    }

    fn parts(&self, path: &str) -> Vec<TreePart> {
        let mut all: Vec<_> = self.below.iter().collect();
        all.sort_by(|a, b| b.1.size.cmp(&a.1.size).then_with(|| a.0.cmp(b.0)));
        let rest = all.split_off(all.len().min(PARTS));
        let mut parts: Vec<TreePart> = all
            .into_iter()
            .map(|(name, mut directory)| {
                let mut path = match path {
                    "" => (*name).to_owned(),
                    path => format!("{path}/{name}"),
                };
                // Directories that hold one thing each are one part.

                while let (1, Some((name, only))) =
                    (directory.below.len(), directory.below.iter().next())
                {
                    path = format!("{path}/{name}");
                    directory = only;
                }
                TreePart {
                    size: directory.size,
                    wasted: directory.wasted,
                    parts: directory.parts(&path),
                    path,
                }
            })
            .collect();
        if !rest.is_empty() {
            let sum =
                |of: fn(&SizedDirectory<'_>) -> u64| rest.iter().map(|(_, one)| of(one)).sum();
            parts.push(TreePart {
                path: format!("{path}/… {} more", rest.len())
                    .trim_start_matches('/')
                    .to_owned(),
                size: sum(|one| one.size),
                wasted: sum(|one| one.wasted),
                parts: Vec::new(),
            });
        }
        parts
    }
}
