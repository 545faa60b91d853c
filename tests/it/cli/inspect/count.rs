//! An independent count: the layers of a layout are unpacked into a real directory with the `tar` crate, whiteouts are
//! deletions there, and what is left is counted with `lstat`. Nothing of hoist is used.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ffi::OsStr,
    fs,
    io::Read as _,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
};

use serde_json::Value;
use tar::EntryType;

/// What was counted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub size: u64,
    pub unpacked: u64,
    pub visible: u64,
    pub files: usize,
    pub duplicated: u64,
    /// A layer each: unpacked bytes, entries that are not directories, wasted bytes.
    pub layers: Vec<(u64, usize, u64)>,
}

/// A counted image, with the directory that it was unpacked into.
pub struct Unpacked {
    pub count: Count,
    pub root: PathBuf,
}

/// Unpacks and counts the layout in `layout` below `root`, which is made anew.
pub fn unpack(layout: &Path, root: &Path) -> Unpacked {
    let _ = fs::remove_dir_all(root);
    fs::create_dir_all(root).unwrap();
    let mut count = Count::default();
    let mut made: HashMap<u64, usize> = HashMap::new();
    let mut pulled = HashSet::new();
    for (index, layer) in layers(layout).into_iter().enumerate() {
        let bytes = blob(layout, &layer["digest"]);
        if pulled.insert(layer["digest"].to_string()) {
            count.size += bytes.len() as u64;
        }
        let tar = plain(&bytes);
        whiteouts(&tar, root);
        let (unpacked, files) = extract(&tar, root, index, &mut made);
        count.unpacked += unpacked;
        count.layers.push((unpacked, files, 0));
    }
    let mut seen = HashSet::new();
    let mut contents: HashMap<Vec<u8>, u64> = HashMap::new();
    let mut kept = vec![0; count.layers.len()];
    walk(root, &mut |path, metadata| {
        count.files += 1;
        if metadata.is_file() && seen.insert(metadata.ino()) {
            count.visible += metadata.len();
            kept[made[&metadata.ino()]] += metadata.len();
            if metadata.len() > 0 {
                *contents.entry(fs::read(path).unwrap()).or_default() += 1;
            }
        }
    });
    count.duplicated = contents
        .iter()
        .map(|(bytes, copies)| bytes.len() as u64 * (copies - 1))
        .sum();
    for (layer, kept) in count.layers.iter_mut().zip(kept) {
        layer.2 = layer.0 - kept;
    }
    Unpacked {
        count,
        root: root.to_owned(),
    }
}

fn blob(layout: &Path, digest: &Value) -> Vec<u8> {
    let hex = digest.as_str().unwrap().trim_start_matches("sha256:");
    fs::read(layout.join("blobs/sha256").join(hex)).unwrap()
}

fn layers(layout: &Path) -> Vec<Value> {
    let index: Value =
        serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
    let manifest = blob(layout, &index["manifests"][0]["digest"]);
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    manifest["layers"].as_array().unwrap().clone()
}

fn plain(bytes: &[u8]) -> Vec<u8> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(bytes)
            .read_to_end(&mut plain)
            .unwrap();
        return plain;
    }
    bytes.to_vec()
}

fn name(bytes: &[u8]) -> PathBuf {
    let trimmed = bytes.strip_suffix(b"/").unwrap_or(bytes);
    PathBuf::from(OsStr::from_bytes(trimmed))
}

/// Deletes what the layer says, before anything of it is there.
fn whiteouts(tar: &[u8], root: &Path) {
    for entry in tar::Archive::new(tar).entries().unwrap() {
        let path = root.join(name(&entry.unwrap().path_bytes()));
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let parent = path.parent().unwrap();
        if file.starts_with(".wh.") {
            make_above(&path, root);
        }
        if file == ".wh..wh..opq" {
            for below in fs::read_dir(parent).into_iter().flatten() {
                remove(&below.unwrap().path());
            }
        } else if let Some(gone) = file.strip_prefix(".wh.") {
            remove(&parent.join(gone));
        }
    }
}

fn remove(path: &Path) {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path).unwrap(),
        Ok(_) => fs::remove_file(path).unwrap(),
        Err(_) => {}
    }
}

/// Makes the directories above an entry; whatever else is in their place goes.
fn make_above(path: &Path, root: &Path) {
    let mut above: Vec<_> = path.ancestors().skip(1).collect();
    above.retain(|one| one.starts_with(root));
    for one in above.into_iter().rev().filter(|one| !one.is_dir()) {
        remove(one);
        fs::create_dir(one).unwrap();
    }
}

/// Writes the layer's entries; its bytes and entries that are not directories. `made`: which layer made an inode.
fn extract(tar: &[u8], root: &Path, index: usize, made: &mut HashMap<u64, usize>) -> (u64, usize) {
    let (mut bytes, mut files) = (0, 0);
    for entry in tar::Archive::new(tar).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = root.join(name(&entry.path_bytes()));
        let kind = entry.header().entry_type();
        files += usize::from(kind != EntryType::Directory);
        if path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with(".wh.")
        {
            continue;
        }
        make_above(&path, root);
        let directory = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir());
        let link = entry.link_name_bytes().map(|link| name(&link));
        if kind == EntryType::Directory {
            if !directory {
                remove(&path);
                fs::create_dir(&path).unwrap();
            }
            continue;
        }
        if kind == EntryType::Link {
            // Linked beside it first, so that a name can take the place of another of the same file.
            let beside = path.with_file_name("..link");
            fs::hard_link(root.join(link.unwrap()), &beside).unwrap();
            remove(&path);
            fs::rename(&beside, &path).unwrap();
            continue;
        }
        remove(&path);
        if kind == EntryType::Symlink {
            std::os::unix::fs::symlink(link.unwrap(), &path).unwrap();
            continue;
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        fs::write(&path, &content).unwrap();
        made.insert(fs::symlink_metadata(&path).unwrap().ino(), index);
        bytes += content.len() as u64;
    }
    (bytes, files)
}

/// Everything below `directory` that is not a directory.
fn walk(directory: &Path, told: &mut impl FnMut(&Path, &fs::Metadata)) {
    let mut below: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    below.sort();
    for path in below {
        let metadata = fs::symlink_metadata(&path).unwrap();
        match metadata.is_dir() {
            true => walk(&path, told),
            false => told(&path, &metadata),
        }
    }
}

/// Paths that only the second tree has, only the first has, and that differ.
pub fn difference(before: &Path, now: &Path) -> (usize, usize, usize) {
    let (before, now) = (contents(before), contents(now));
    let added = now
        .keys()
        .filter(|path| !before.contains_key(*path))
        .count();
    let removed = before
        .keys()
        .filter(|path| !now.contains_key(*path))
        .count();
    let differs = |(path, content): &(&PathBuf, &Vec<u8>)| {
        before.get(*path).is_some_and(|before| before != *content)
    };
    (added, removed, now.iter().filter(differs).count())
}

fn contents(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    walk(root, &mut |path, metadata| {
        let content = match metadata.is_symlink() {
            true => fs::read_link(path)
                .unwrap()
                .into_os_string()
                .as_bytes()
                .to_vec(),
            false => fs::read(path).unwrap(),
        };
        all.insert(path.strip_prefix(root).unwrap().to_owned(), content);
    });
    all
}
