//! Whether somebody has left a mark in the list of a layout: of the layout, `index.json` alone is read.

use std::{
    fs,
    io::Read as _,
    path::{Component, Path},
};

use crate::{oci::Index, regular_file};

/// Longest list that is read, in bytes.
const LONGEST: u64 = 4 << 20;
/// The files of a layout.
pub(super) const NAMES: [&str; 3] = ["oci-layout", LIST, "blobs"];
const LIST: &str = "index.json";

/// Whether at `path` is a layout, a directory with nothing else in it or a `.tar` archive, whose list has an
/// image with the annotation `mark`.
#[must_use]
pub fn is_marked(path: &Path, mark: &str) -> bool {
    let list = match path.is_dir() {
        true => list_of_directory(path),
        false => list_of_archive(path),
    };
    let index = list.and_then(|list| serde_json::from_slice::<Index>(&list).ok());
    index.is_some_and(|index| {
        let mut entries = index.manifests.iter();
        entries.any(|entry| entry.annotations.contains_key(mark))
    })
}

fn list_of_directory(path: &Path) -> Option<Vec<u8>> {
    let mut names = fs::read_dir(path).ok()?.flatten();
    let is_layout = names.all(|name| NAMES.iter().any(|known| name.file_name() == *known));
    if !is_layout || !path.join("oci-layout").is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    let file = regular_file::open(&path.join(LIST)).ok()?;
    file.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn list_of_archive(path: &Path) -> Option<Vec<u8>> {
    if path.extension()? != "tar" {
        return None;
    }
    let mut archive = tar::Archive::new(regular_file::open(path).ok()?);
    for entry in archive.entries_with_seek().ok()? {
        let entry = entry.ok()?;
        let name = entry.path().ok()?.into_owned();
        let mut parts = name.components().filter(|part| *part != Component::CurDir);
        if parts.next() != Some(Component::Normal(LIST.as_ref())) || parts.next().is_some() {
            continue;
        }
        let mut bytes = Vec::new();
        entry.take(LONGEST).read_to_end(&mut bytes).ok()?;
        return Some(bytes);
    }
    None
}
