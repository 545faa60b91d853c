//! Layers laid on each other: what can be seen in the end, and what cannot.
//!
//! The rules are those of the OCI image specification ("Applying Changesets") as containerd follows them. A file is
//! counted once, whatever number of names it has, and its bytes are wasted only when the last of them is hidden. So
//! the bytes of all layers are those that can be seen and those that are wasted.

use std::collections::{BTreeMap, HashMap};

use crate::{
    oci::{ContentHash, Contents, LayerContents, LayerEntry, LayerEntryKind},
    plan::inspect::report::{Hidden, Waste},
};

/// The files that can be seen, and those that cannot.
#[derive(Default)]
pub(super) struct Merged {
    /// By path: the index of its file. A symbolic link is a file of no size.
    pub(super) paths: BTreeMap<String, usize>,
    pub(super) files: Vec<MergedFile>,
    pub(super) waste: Vec<Waste>,
    /// Every path that a later layer hides.
    pub(super) hidden: Vec<HiddenFile>,
    links: HashMap<String, String>,
    /// The directory of the last entry: nothing but directories is above it.
    above: String,
}

/// A file, whatever its names are.
pub(super) struct MergedFile {
    pub(super) size: u64,
    pub(super) layer: usize,
    pub(super) content: Option<ContentHash>,
    pub(super) private_key: bool,
    /// How many of its names can be seen.
    pub(super) names: usize,
}

/// A path with the layer that holds it and the one that hides it.
pub(super) struct HiddenFile {
    pub(super) path: String,
    pub(super) layer: usize,
    pub(super) by: usize,
    pub(super) size: u64,
    pub(super) private_key: bool,
}

/// The name of an entry that deletes the one it names (OCI image specification, "Whiteouts").
const WHITEOUT: &str = ".wh.";
/// The name of an entry that deletes all siblings of lower layers.
const OPAQUE: &str = ".wh..wh..opq";
/// How many symbolic links are followed on the way to one path, as in Linux.
const MAX_LINKS: usize = 40;

/// Lays the layers on each other.
pub(super) fn merge(contents: &Contents) -> Merged {
    let mut merged = Merged::default();
    for (index, layer) in contents.layers.iter().enumerate() {
        // Whiteouts mean lower layers only, whatever their place in this one.
        merged.delete(index, layer);
        for entry in &layer.entries {
            merged.add(index, entry);
        }
    }
    merged
}

pub(super) fn is_whiteout(entry: &LayerEntry) -> bool {
    let name = entry.path.rsplit('/').next().unwrap_or_default();
    name.starts_with(WHITEOUT)
}

impl Merged {
    fn delete(&mut self, index: usize, layer: &LayerContents) {
        for entry in layer.entries.iter().filter(|entry| is_whiteout(entry)) {
            let resolved = self.resolve(&entry.path);
            self.hide_places_above(&resolved, index);
            let (parent, name) = resolved.rsplit_once('/').unwrap_or(("", &resolved));
            if name == OPAQUE {
                self.delete_below(parent, index, Hidden::Deleted);
            } else if let Some(name) = name.strip_prefix(WHITEOUT) {
                let path = match parent {
                    "" => name.to_owned(),
                    parent => format!("{parent}/{name}"),
                };
                self.hide(&path, index, Hidden::Deleted, None);
                self.delete_below(&path, index, Hidden::Deleted);
            }
        }
    }

    fn add(&mut self, index: usize, entry: &LayerEntry) {
        if is_whiteout(entry) {
            return;
        }
        let path = self.resolve(&entry.path);
        let target = match &entry.kind {
            LayerEntryKind::HardLink(target) => {
                let file = self.paths.get(&self.resolve(target)).copied();
                if file.is_some() && file == self.paths.get(&path).copied() {
                    return;
                }
                // Held while its names change.
                if let Some(file) = file {
                    self.files[file].names += 1;
                }
                file
            }
            _ => None,
        };
        self.hide_above(&path, index);
        let content = entry.content;
        self.hide(&path, index, Hidden::Overwritten, content);
        match &entry.kind {
            LayerEntryKind::Directory => return,
            LayerEntryKind::SymbolicLink(target) => {
                self.links.insert(path.clone(), target.clone());
            }
            LayerEntryKind::File | LayerEntryKind::HardLink(_) | LayerEntryKind::Special => {}
        }
        self.delete_below(&path, index, Hidden::Overwritten);
        let file = target.unwrap_or_else(|| {
            self.files.push(MergedFile {
                size: entry.size,
                layer: index,
                content,
                private_key: entry.private_key,
                names: 1,
            });
            self.files.len() - 1
        });
        self.paths.insert(path, file);
    }

    /// `now`: the content that takes the place of the hidden file.
    fn hide(&mut self, path: &str, by: usize, how: Hidden, now: Option<ContentHash>) {
        self.links.remove(path);
        let Some(index) = self.paths.remove(path) else {
            return;
        };
        let file = &mut self.files[index];
        file.names -= 1;
        self.hidden.push(HiddenFile {
            path: path.to_owned(),
            layer: file.layer,
            by,
            size: file.size,
            private_key: file.private_key,
        });
        if file.names == 0 && file.size > 0 {
            self.waste.push(Waste {
                path: path.to_owned(),
                size: file.size,
                layer: file.layer,
                hidden_by: by,
                how,
                same_content: how == Hidden::Overwritten && now.is_some() && now == file.content,
            });
        }
    }

    /// An entry, a whiteout among them, makes the directories above it, also without entries of their own: what is in their place is hidden.
    fn hide_above(&mut self, path: &str, by: usize) {
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        if parent == self.above {
            return;
        }
        self.hide_places_above(path, by);
        parent.clone_into(&mut self.above);
    }

    fn hide_places_above(&mut self, path: &str, by: usize) {
        for (end, _) in path.match_indices('/') {
            self.hide(&path[..end], by, Hidden::Overwritten, None);
        }
    }

    fn delete_below(&mut self, directory: &str, by: usize, how: Hidden) {
        let below: Vec<String> = self
            .below(directory)
            .map(|(path, _)| path.clone())
            .collect();
        for path in below {
            self.hide(&path, by, how, None);
        }
    }

    /// The paths below a directory with their files; the root is empty.
    pub(super) fn below(&self, directory: &str) -> impl Iterator<Item = (&String, &MergedFile)> {
        let prefix = match directory {
            "" => String::new(),
            directory => format!("{directory}/"),
        };
        let range = self.paths.range(prefix.clone()..);
        range
            .take_while(move |(path, _)| path.starts_with(&prefix))
            .map(|(path, file)| (path, &self.files[*file]))
    }

    /// Every path in order with its file and the bytes that count at this path: those of the file at its first name.
    pub(super) fn sized(&self) -> impl Iterator<Item = (&String, &MergedFile, u64)> {
        let mut seen = vec![false; self.files.len()];
        self.paths.iter().map(move |(path, &index)| {
            let file = &self.files[index];
            let first = !std::mem::replace(&mut seen[index], true);
            (path, file, if first { file.size } else { 0 })
        })
    }

    /// Bytes of the files that can be seen.
    pub(super) fn visible(&self) -> u64 {
        let seen = self.files.iter().filter(|file| file.names > 0);
        seen.map(|file| file.size).sum()
    }

    /// The bytes that go when these paths go, each given once: those of files without any other name.
    pub(super) fn freed<'p>(&self, paths: impl IntoIterator<Item = &'p String>) -> u64 {
        let mut names: HashMap<usize, usize> = HashMap::new();
        for path in paths {
            if let Some(&file) = self.paths.get(path) {
                *names.entry(file).or_default() += 1;
            }
        }
        let gone = names
            .iter()
            .filter(|(file, gone)| self.files[**file].names == **gone);
        gone.map(|(file, _)| self.files[*file].size).sum()
    }

    /// The path with the symbolic links of the directories above it followed, as whoever unpacks a layer does.
    fn resolve(&self, path: &str) -> String {
        let Some((parent, name)) = path.rsplit_once('/') else {
            return path.to_owned();
        };
        if self.links.is_empty() {
            return path.to_owned();
        }
        let mut pending: Vec<String> = parent.rsplit('/').map(str::to_owned).collect();
        let mut reached = String::new();
        let mut followed = 0;
        while let Some(part) = pending.pop() {
            match &*part {
                "" | "." => continue,
                ".." => {
                    reached.truncate(reached.rfind('/').unwrap_or(0));
                    continue;
                }
                _ => {}
            }
            let next = join(&reached, &part);
            match self.links.get(&next) {
                Some(target) if followed < MAX_LINKS => {
                    followed += 1;
                    if target.starts_with('/') {
                        reached.clear();
                    }
                    pending.extend(target.rsplit('/').map(str::to_owned));
                }
                Some(_) | None => reached = next,
            }
        }
        join(&reached, name)
    }
}

fn join(directory: &str, name: &str) -> String {
    match directory {
        "" => name.to_owned(),
        directory => format!("{directory}/{name}"),
    }
}
