//! A directory of blobs, each under its own digest.

use std::{
    fs::{self, File},
    io::{Read, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use fs4::available_space;
use tempfile::NamedTempFile;
use tokio_util::sync::CancellationToken;

use super::{
    error::{broken, disk, read_error},
    files::private_dir,
};
use crate::{
    error::{Error, ErrorCode, ErrorKind, Result},
    oci::{Descriptor, Digest, Hasher},
};

/// Manifests and configs are read into memory; registries refuse longer ones.
pub(super) const MAX_DOCUMENT: u64 = 8 << 20;
/// What is shorter is copied: it may be a document, which is read after it was hashed.
const MIN_LINKED: u64 = 1 << 20;
/// How many bytes stay free on the disk, because a full disk harms other programs too.
pub(super) const RESERVE: u64 = 64 << 20;

/// A blob in a [`Blobs`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) digest: Digest,
    pub(super) size: u64,
}

/// `ROOT/blobs/sha256`. The content of each file has the digest that is its name, because it was
/// hashed while it was written, or when it was taken in. Only the owner can enter the folder.
#[derive(Debug, Clone)]
pub(super) struct Blobs {
    root: PathBuf,
    dir: PathBuf,
    cancel: CancellationToken,
}

impl Blobs {
    /// Blobs below `root`.
    pub(super) fn create(root: &Path, cancel: CancellationToken) -> Result<Self> {
        let dir = root.join("blobs").join("sha256");
        private_dir(&dir)?;
        Ok(Self {
            root: root.to_owned(),
            dir,
            cancel,
        })
    }

    /// The layout's root.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The path of a blob, which need not exist.
    pub(super) fn path(&self, digest: &Digest) -> PathBuf {
        self.dir.join(digest.hex())
    }

    /// Copies `reader` to its end and hashes the bytes. A `declared` size that is not the real one is
    /// refused, and one that the disk cannot hold is refused before anything is written.
    pub(super) fn store(&self, reader: &mut impl Read, declared: Option<u64>) -> Result<Stored> {
        if let Some(size) = declared {
            let free = available_space(&self.dir).map_err(|e| disk("measure", &self.dir, &e))?;
            if size.saturating_add(RESERVE) > free {
                return Err(Error::failed(format!(
                    "the image needs {size} more bytes, and the disk has {free} bytes left, of which {RESERVE} stay free"
                ))
                .with_code(ErrorCode::ImageUnusable)
                .hint(format!(
                    "free some space on the disk of `{}`",
                    self.root.display()
                )));
            }
        }
        self.write(|out| {
            let mut left = declared.unwrap_or(u64::MAX);
            let mut buffer = vec![0; 128 << 10];
            loop {
                let n = reader.read(&mut buffer).map_err(|e| read_error(&e))?;
                if n == 0 {
                    break;
                }
                left = left
                    .checked_sub(n as u64)
                    .ok_or_else(|| broken("a file in it is longer than it says"))?;
                out.write(&buffer[..n])?;
            }
            if declared.is_some() && left > 0 {
                return Err(broken("a file in it is shorter than it says"));
            }
            Ok(())
        })
    }

    /// Gives a file a second name here and hashes it: nothing is copied. The answer has the digest that
    /// the content really has, which need not be `digest`; then nothing is stored. `None`: it is small or no
    /// plain file, or the disk gives it no second name.
    pub(super) fn link(&self, path: &Path, digest: &Digest) -> Result<Option<Stored>> {
        let is_large = |found: fs::Metadata| found.is_file() && found.len() >= MIN_LINKED;
        let to = self.path(digest);
        if !fs::symlink_metadata(path).is_ok_and(is_large) || fs::hard_link(path, &to).is_err() {
            return Ok(None);
        }
        // What was linked is looked at, whatever has been put in its place since.
        let stored = self.find(digest).map(|found| {
            Ok(Stored {
                digest: self.hash(digest)?,
                size: found.size,
            })
        });
        let stored = stored.transpose()?;
        if stored.as_ref().is_none_or(|found| found.digest != *digest) {
            fs::remove_file(&to).map_err(|e| disk("remove", &to, &e))?;
        }
        Ok(stored)
    }

    /// The digest that a stored blob's content really has.
    pub(super) fn hash(&self, digest: &Digest) -> Result<Digest> {
        let mut file = self.open(digest)?;
        let mut hasher = Hasher::default();
        let mut buffer = vec![0; 128 << 10];
        loop {
            check(&self.cancel)?;
            let n = file.read(&mut buffer).map_err(|e| read_error(&e))?;
            if n == 0 {
                return Ok(hasher.finish());
            }
            hasher.update(&buffer[..n]);
        }
    }

    /// Begins a blob that gets its name later ([`Blobs::name`]).
    pub(super) fn begin(&self) -> Result<Writer> {
        let file = tempfile::Builder::new()
            .prefix(".part-")
            .tempfile_in(&self.root)
            .map_err(|e| disk("write into", &self.root, &e))?;
        Ok(Writer {
            file,
            hasher: Hasher::default(),
            size: 0,
            cancel: self.cancel.clone(),
        })
    }

    /// Gives a blob its name. False, and nothing is stored: its content has another digest.
    pub(super) fn name(&self, writer: Writer, digest: &Digest) -> Result<bool> {
        if writer.hasher.finish() != *digest {
            return Ok(false);
        }
        let path = self.path(digest);
        let stored = writer.file.persist(&path);
        stored.map_err(|e| disk("write", &path, &e.error))?;
        Ok(true)
    }

    /// Lets `fill` write a blob piece by piece. The blob gets its name when `fill` succeeds.
    pub(super) fn write(&self, fill: impl FnOnce(&mut Writer) -> Result<()>) -> Result<Stored> {
        let mut writer = self.begin()?;
        fill(&mut writer)?;
        let stored = Stored {
            digest: writer.hasher.finish(),
            size: writer.size,
        };
        let path = self.path(&stored.digest);
        writer
            .file
            .persist(&path)
            .map_err(|e| disk("write", &path, &e.error))?;
        Ok(stored)
    }

    /// Stores bytes from memory.
    pub(super) fn put(&self, bytes: &[u8]) -> Result<Stored> {
        self.write(|out| out.write(bytes))
    }

    /// Finds a blob that is already stored.
    pub(super) fn find(&self, digest: &Digest) -> Option<Stored> {
        let metadata = fs::symlink_metadata(self.path(digest)).ok()?;
        metadata.is_file().then(|| Stored {
            digest: digest.clone(),
            size: metadata.size(),
        })
    }

    /// Opens a blob for reading.
    pub(super) fn open(&self, digest: &Digest) -> Result<File> {
        let path = self.path(digest);
        File::open(&path).map_err(|e| disk("read", &path, &e))
    }

    /// A document in memory. Its size is bounded.
    pub(super) fn document(&self, stored: &Stored) -> Result<Vec<u8>> {
        if stored.size > MAX_DOCUMENT {
            return Err(broken(format!(
                "the document {} has {} bytes; the longest is {MAX_DOCUMENT}",
                stored.digest, stored.size
            )));
        }
        let path = self.path(&stored.digest);
        fs::read(&path).map_err(|e| disk("read", &path, &e))
    }

    /// Ends long work that writes nothing when the release is cancelled.
    pub(super) fn check_cancelled(&self) -> Result<()> {
        check(&self.cancel)
    }

    /// Removes every blob that is not among `keep`.
    pub(super) fn retain(&self, keep: &[&Digest]) -> Result<()> {
        let entries = fs::read_dir(&self.dir).map_err(|e| disk("list", &self.dir, &e))?;
        for entry in entries {
            let entry = entry.map_err(|e| disk("list", &self.dir, &e))?;
            let name = entry.file_name();
            if !keep.iter().any(|digest| name == digest.hex()) {
                fs::remove_file(entry.path()).map_err(|e| disk("remove", &entry.path(), &e))?;
            }
        }
        Ok(())
    }
}

/// Refuses a blob whose size is not the descriptor's.
pub(super) fn same_size(stored: &Stored, descriptor: &Descriptor) -> Result<()> {
    if stored.size == descriptor.size {
        return Ok(());
    }
    Err(broken(format!(
        "blob {} has {} bytes, and its descriptor says {}",
        stored.digest, stored.size, descriptor.size
    )))
}

fn check(cancel: &CancellationToken) -> Result<()> {
    if cancel.is_cancelled() {
        return Err(
            Error::new(ErrorKind::Interrupted, "interrupted while taking the image")
                .state("nothing was published"),
        );
    }
    Ok(())
}

/// A blob in the making.
pub(super) struct Writer {
    file: NamedTempFile,
    hasher: Hasher,
    size: u64,
    cancel: CancellationToken,
}

impl Writer {
    /// How many bytes it has so far.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Adds a piece. Ends early when the release is cancelled.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        check(&self.cancel)?;
        self.file
            .write_all(bytes)
            .map_err(|e| disk("write", self.file.path(), &e))?;
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }
}
