//! Writes stored images as an OCI layout for other machines: a directory, or a tar archive that has the
//! same bytes wherever it is written.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, BufWriter, Read as _, Write as _},
    path::{Path, PathBuf},
};

use super::{error::disk, marked::NAMES};
use crate::{
    error::{Error, Result},
    oci::{Descriptor, Digest, Image, Index},
};

/// An image, and what the layout's list says about it.
#[derive(Debug, Clone)]
pub struct LayoutEntry {
    /// The image, whole on disk.
    pub image: Image,
    /// The annotations of its entry in `index.json`.
    pub annotations: BTreeMap<String, String>,
}

/// Writes a layout that holds `entries`: an archive where the name of `to` ends with `.tar`, else a
/// directory. What was there before is replaced when the new one is whole. Blocks.
///
/// # Errors
/// Usage (exit 2): something else than a layout is at `to`; failed (exit 6): the disk.
pub fn write(entries: &[LayoutEntry], to: &Path) -> Result<()> {
    let parent = match to.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    may_be_replaced(to)?;
    fs::create_dir_all(parent).map_err(|e| disk("make", parent, &e))?;
    let staging = tempfile::Builder::new()
        .prefix(".hoist-")
        .tempdir_in(parent)
        .map_err(|e| disk("write into", parent, &e))?;
    let made = staging.path().join("made");
    let written = match is_archive(to) {
        true => archive(entries, &made),
        false => directory(entries, &made),
    };
    written.map_err(|e| disk("write", to, &e))?;
    let old = staging.path().join("old");
    match fs::rename(to, &old) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(disk("replace", to, &error));
        }
        _ => {}
    }
    fs::rename(&made, to).map_err(|e| disk("write", to, &e))
}

/// Whether a layout of this name is an archive.
fn is_archive(to: &Path) -> bool {
    to.extension().is_some_and(|extension| extension == "tar")
}

/// Whether a file is empty or begins as a tar archive does.
fn is_tar(path: &Path) -> bool {
    let mut header = Vec::new();
    let read = File::open(path).and_then(|file| file.take(512).read_to_end(&mut header));
    read.is_ok() && (header.is_empty() || header.get(257..262) == Some(b"ustar"))
}

/// Only a layout, an archive or an empty directory gives way.
fn may_be_replaced(to: &Path) -> Result<()> {
    let Ok(there) = fs::symlink_metadata(to) else {
        return Ok(());
    };
    let names: Vec<String> = fs::read_dir(to)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let good = match is_archive(to) {
        true => there.is_file() && is_tar(to),
        false => there.is_dir() && names.iter().all(|name| NAMES.contains(&&**name)),
    };
    if good {
        return Ok(());
    }
    Err(
        Error::usage(format!("cannot write a layout to `{}`", to.display()))
            .cause("something else is there already")
            .state("nothing was changed")
            .hint(
                "name a directory that does not exist yet, or a file whose name ends with `.tar`",
            ),
    )
}

/// The files of a layout that are not blobs.
fn documents(entries: &[LayoutEntry]) -> [(&'static str, Vec<u8>); 2] {
    let entry = |entry: &LayoutEntry| Descriptor {
        annotations: entry.annotations.clone(),
        ..entry.image.manifest.descriptor()
    };
    let index = Index::new(entries.iter().map(entry).collect()).to_manifest();
    let layout = serde_json::json!({ "imageLayoutVersion": "1.0.0" });
    [
        ("oci-layout", layout.to_string().into_bytes()),
        ("index.json", index.bytes.to_vec()),
    ]
}

/// Every blob of the images with the file that holds it, sorted.
fn blobs(entries: &[LayoutEntry]) -> Vec<(String, PathBuf)> {
    let mut all: BTreeSet<(String, PathBuf)> = BTreeSet::new();
    for LayoutEntry { image, .. } in entries {
        let manifests = image.children.iter().chain([&image.manifest]);
        let digests = manifests.map(|manifest| manifest.digest());
        let digests: Vec<&Digest> = digests
            .chain(image.blobs.iter().map(|blob| &blob.digest))
            .collect();
        for digest in digests {
            let known = all.iter().any(|(hex, _)| hex == digest.hex());
            if !known {
                all.insert((digest.hex().to_owned(), image.blob_path(digest)));
            }
        }
    }
    all.into_iter().collect()
}

fn directory(entries: &[LayoutEntry], to: &Path) -> io::Result<()> {
    let folder = to.join("blobs").join("sha256");
    fs::create_dir_all(&folder)?;
    for (hex, file) in blobs(entries) {
        // Not a link: the permissions of the store are for its owner alone.
        let mut from = File::open(file)?;
        io::copy(&mut from, &mut File::create(folder.join(hex))?)?;
    }
    for (name, bytes) in documents(entries) {
        fs::write(to.join(name), bytes)?;
    }
    Ok(())
}

fn archive(entries: &[LayoutEntry], to: &Path) -> io::Result<()> {
    let mut tar = tar::Builder::new(BufWriter::new(File::create(to)?));
    for (name, bytes) in documents(entries) {
        tar.append_data(&mut header(bytes.len() as u64), name, &*bytes)?;
    }
    for (hex, file) in blobs(entries) {
        let file = File::open(file)?;
        let mut header = header(file.metadata()?.len());
        tar.append_data(&mut header, format!("blobs/sha256/{hex}"), file)?;
    }
    tar.into_inner()?.flush()
}

/// The same on every machine.
fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    header
}
