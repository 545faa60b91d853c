//! Reads an image's files from their origin, by name and by digest.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use super::{
    archive::Archive,
    blobs::{Blobs, MAX_DOCUMENT, Stored},
    error::{broken, disk, read_error},
    files::buffered,
};
use crate::{error::Result, oci::Digest, regular_file};

/// How many names of a directory are looked at when there is no image in it.
const MAX_NAMES: usize = 100;

/// Where files are found by name.
pub(super) enum LayoutOrigin {
    /// A directory of the user. A large blob gets a second name where the disk allows it; every other one is
    /// copied. Removing or replacing a file then changes nothing. Writing into one is found out by the
    /// registry, which compares what it gets with the digest.
    Directory(PathBuf),
    /// An archive whose files are all stored as blobs already.
    Archive(Archive),
    /// The directory of the blobs themselves.
    InPlace,
}

/// An image's origin, and the blobs that have been collected from it so far.
pub(super) struct Source {
    origin: LayoutOrigin,
    blobs: Blobs,
    /// Layers that were packed here: the digest of the packed blob, and the diff id.
    packed: HashMap<Digest, Digest>,
}

impl Source {
    pub(super) fn new(origin: LayoutOrigin, blobs: Blobs) -> Self {
        Self {
            origin,
            blobs,
            packed: HashMap::new(),
        }
    }

    pub(super) fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// Whether this blob was packed here from the layer with this diff id.
    pub(super) fn was_packed_from(&self, blob: &Digest, diff_id: &Digest) -> bool {
        self.packed.get(blob) == Some(diff_id)
    }

    /// A layer that was packed here already from the layer with this diff id.
    pub(super) fn packed_from(&self, diff_id: &Digest) -> Option<Stored> {
        let known = self.packed.iter().find(|(_, from)| *from == diff_id);
        known.and_then(|(blob, _)| self.blobs.find(blob))
    }

    /// Keeps in mind that this blob was packed from the layer with this diff id.
    pub(super) fn remember_packed(&mut self, packed: &Stored, diff_id: &Digest) {
        self.packed.insert(packed.digest.clone(), diff_id.clone());
    }

    pub(super) fn origin(&self) -> &LayoutOrigin {
        &self.origin
    }

    /// The names of files, in no order; of a directory those in it, and those in its folders.
    pub(super) fn names(&self) -> Vec<String> {
        let Some(dir) = self.dir() else {
            return match &self.origin {
                LayoutOrigin::Archive(archive) => archive.names(),
                LayoutOrigin::Directory(_) | LayoutOrigin::InPlace => Vec::new(),
            };
        };
        let list = |dir: &Path| -> Vec<String> {
            let entries = fs::read_dir(dir).into_iter().flatten().flatten();
            entries
                .take(MAX_NAMES)
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .collect()
        };
        let mut names = list(dir);
        for folder in names.clone() {
            let below = list(&dir.join(&folder));
            names.extend(below.iter().map(|name| format!("{folder}/{name}")));
        }
        names.sort_unstable();
        names
    }

    /// The directory in which names are looked up; an archive does not have one.
    fn dir(&self) -> Option<&Path> {
        match &self.origin {
            LayoutOrigin::Archive(_) => None,
            LayoutOrigin::Directory(dir) => Some(dir),
            LayoutOrigin::InPlace => Some(self.blobs.root()),
        }
    }

    /// Opens the file of this name, if there is one. Symbolic links are followed: a file that is not
    /// named by its digest is only parsed, never published.
    fn open_named(dir: &Path, name: &str) -> Result<Option<(File, u64)>> {
        let path = dir.join(name);
        // Devices and pipes are left out because reading them may never end.
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => {
                let file = regular_file::open(&path).map_err(|e| disk("read", &path, &e))?;
                Ok(Some((file, metadata.len())))
            }
            _ => Ok(None),
        }
    }

    /// Stores the file of this name as a blob.
    pub(super) fn named(&self, name: &str) -> Result<Option<Stored>> {
        match (&self.origin, self.dir()) {
            (LayoutOrigin::Archive(archive), _) => Ok(archive.find(name).cloned()),
            (_, Some(dir)) => match Self::open_named(dir, name)? {
                Some((file, size)) => self.blobs.store(&mut buffered(file), Some(size)).map(Some),
                None => Ok(None),
            },
            (_, None) => Ok(None),
        }
    }

    /// Reads the document of this name.
    pub(super) fn document(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let Some(dir) = self.dir() else {
            let stored = self.named(name)?;
            return stored
                .map(|stored| self.blobs.document(&stored))
                .transpose();
        };
        let Some((file, size)) = Self::open_named(dir, name)? else {
            return Ok(None);
        };
        if size > MAX_DOCUMENT {
            return Err(broken(format!(
                "`{name}` is longer than {MAX_DOCUMENT} bytes"
            )));
        }
        let mut bytes = Vec::new();
        file.take(MAX_DOCUMENT)
            .read_to_end(&mut bytes)
            .map_err(|e| read_error(&e))?;
        Ok(Some(bytes))
    }

    /// Stores the blob of this digest, if it is there. Content that hashes to another digest is
    /// refused.
    pub(super) fn find_blob(&self, digest: &Digest) -> Result<Option<Stored>> {
        let stored = match &self.origin {
            LayoutOrigin::InPlace => self.rehash(digest)?,
            LayoutOrigin::Archive(_) => self.blobs.find(digest),
            LayoutOrigin::Directory(_) => match self.blobs.find(digest) {
                Some(stored) => Some(stored),
                None => self.taken_in(digest)?,
            },
        };
        match stored {
            Some(stored) if stored.digest != *digest => Err(broken(format!(
                "blob {digest} is damaged: its content hashes to {}",
                stored.digest
            ))),
            found => Ok(found),
        }
    }

    /// A blob of the user's directory, with its real digest.
    fn taken_in(&self, digest: &Digest) -> Result<Option<Stored>> {
        let name = format!("blobs/sha256/{}", digest.hex());
        let linked = self
            .dir()
            .map(|dir| self.blobs.link(&dir.join(&name), digest));
        match linked.transpose()?.flatten() {
            Some(stored) => Ok(Some(stored)),
            None => self.named(&name),
        }
    }

    /// The same for a blob that must be there.
    pub(super) fn blob(&self, digest: &Digest) -> Result<Stored> {
        self.find_blob(digest)?
            .ok_or_else(|| broken(format!("blob {digest} is missing")))
    }

    /// Hashes a blob again that was stored by an earlier run.
    fn rehash(&self, digest: &Digest) -> Result<Option<Stored>> {
        let Some(found) = self.blobs.find(digest) else {
            return Ok(None);
        };
        Ok(Some(Stored {
            digest: self.blobs.hash(digest)?,
            size: found.size,
        }))
    }
}
