//! An image that comes in piece by piece, from a builder that pushes it.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use fs4::available_space;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{
    Store,
    blobs::{Blobs, RESERVE, Writer},
    check_platforms,
    document::{check_type, parse, parse_index, parse_manifest},
    error::{broken, disk},
    files::private_dir,
    pushed::{PushedBlob, PushedImage},
    remove_stale,
    select::WantedImage,
    staging_in, write_layout,
};
use crate::{
    error::Result,
    oci::{
        Descriptor, Digest, Image, ImageConfig, Manifest, ManifestDocument, MediaType, Platform,
    },
};

/// How many bytes are written between two looks at the room on the disk.
const LOOK_EVERY: u64 = 64 << 20;
/// How deep indexes may be nested.
const MAX_DEPTH: usize = 4;

/// A place for an image that is not whole yet. Dropped, it is removed.
#[derive(Debug)]
pub(crate) struct Incoming {
    folder: TempDir,
    blobs: Blobs,
}

/// A blob that is being written.
pub(crate) struct IncomingBlob {
    blobs: Blobs,
    writer: Writer,
    looked: u64,
}

impl Store {
    /// A place for an image that comes in piece by piece.
    ///
    /// # Errors
    /// The disk does not take it.
    pub(crate) fn incoming(&self, cancel: &CancellationToken) -> Result<Incoming> {
        private_dir(&self.images)?;
        remove_stale(&self.images);
        let folder = staging_in(&self.images).map_err(|e| disk("write into", &self.images, &e))?;
        let blobs = Blobs::create(folder.path(), cancel.clone())?;
        Ok(Incoming { folder, blobs })
    }

    /// Makes an image of what has come in. A single manifest of an engine that hoist has told to push is
    /// written anew in the form of the OCI, over the layers as the engine has packed them; all else keeps
    /// its bytes.
    ///
    /// Blobs that all registries have are not on the disk.
    ///
    /// # Errors
    /// It is not whole, or not for a wanted platform.
    pub(crate) fn keep(
        &self,
        incoming: Arc<Incoming>,
        received: &PushedImage,
        wanted: &WantedImage,
        cancel: &CancellationToken,
    ) -> Result<Image> {
        let mut parts = IncomingParts {
            incoming: &incoming,
            received,
            children: Vec::new(),
            blobs: BTreeMap::new(),
            platforms: Vec::new(),
        };
        let manifest = if received.top.media_type.is_index() {
            parts.walk(&received.top, 0)?;
            parts.children.pop();
            received.top.clone()
        } else {
            let document = parts.document(&received.top)?;
            let written = match wanted.built_here {
                true => Some(in_oci_form(document.clone(), wanted)),
                false => None,
            };
            parts.blobs_of(written.as_ref().unwrap_or(&document))?;
            written.map_or_else(|| received.top.clone(), |written| written.to_manifest())
        };
        check_platforms(&parts.platforms, &wanted.platforms)?;
        let image = Image {
            dir: self.image_dir(manifest.digest()),
            manifest,
            children: parts.children,
            blobs: parts.blobs.into_values().collect(),
            listed: std::collections::BTreeMap::new(),
            of_layout: std::collections::BTreeMap::new(),
        };
        for document in image.children.iter().chain([&image.manifest]) {
            incoming.blobs.put(&document.bytes)?;
        }
        write_layout(incoming.folder.path(), &image)?;
        let digest = image.manifest.digest();
        let open = || self.open(digest, cancel).ok();
        let there = self.holds.place(incoming.folder.path(), &image.dir, open);
        let there = there.map_err(|e| disk("write", &image.dir, &e))?;
        Ok(there.unwrap_or(image))
    }
}

impl Incoming {
    /// Begins a blob.
    pub(crate) fn begin(&self) -> Result<IncomingBlob> {
        Ok(IncomingBlob {
            writer: self.blobs.begin()?,
            blobs: self.blobs.clone(),
            looked: 0,
        })
    }

    /// Takes a blob from another image of the store, whose file is `path`.
    ///
    /// # Errors
    /// The disk does not take it.
    pub(crate) fn take_over(&self, path: &Path, digest: &Digest) -> Result<()> {
        let to = self.blobs.path(digest);
        if to.is_file() {
            return Ok(());
        }
        let taken = fs::hard_link(path, &to).or_else(|_| fs::copy(path, &to).map(drop));
        taken.map_err(|e| disk("write", &to, &e))
    }

    /// The size of a blob that is here.
    pub(crate) fn size_of(&self, digest: &Digest) -> Option<u64> {
        self.blobs.find(digest).map(|stored| stored.size)
    }
}

impl IncomingBlob {
    /// Adds a piece.
    pub(crate) fn write(&mut self, piece: &[u8]) -> Result<()> {
        if self.writer.size() >= self.looked {
            let root = self.blobs.root();
            let free = available_space(root).map_err(|e| disk("measure", root, &e))?;
            if free < RESERVE + LOOK_EVERY {
                return Err(broken(format!(
                    "the image needs more, and the disk of `{}` has {free} bytes left, of which {RESERVE} stay free",
                    root.display()
                )));
            }
            self.looked = self.writer.size() + LOOK_EVERY;
        }
        self.writer.write(piece)
    }

    /// How much of it has arrived, in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.writer.size()
    }

    /// Gives it its name. False: its content has another digest than `digest`.
    pub(crate) fn finish(self, digest: &Digest) -> Result<bool> {
        self.blobs.name(self.writer, digest)
    }
}

struct IncomingParts<'a> {
    incoming: &'a Incoming,
    received: &'a PushedImage,
    /// Children before the index that names them.
    children: Vec<Manifest>,
    blobs: BTreeMap<Digest, Descriptor>,
    platforms: Vec<Platform>,
}

impl IncomingParts<'_> {
    fn walk(&mut self, manifest: &Manifest, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(broken("its indexes are nested too deeply"));
        }
        let what = format!("the manifest {}", manifest.digest());
        if manifest.media_type.is_index() {
            check_type(&manifest.bytes, &manifest.media_type, &what)?;
            for child in parse_index(&manifest.bytes, &what)?.manifests {
                if self
                    .children
                    .iter()
                    .any(|known| *known.digest() == child.digest)
                {
                    continue;
                }
                let put = self.received.manifests.get(&child.digest);
                let put = put.ok_or_else(|| {
                    broken(format!(
                        "the manifest {}, which its index names, was not pushed",
                        child.digest
                    ))
                })?;
                self.walk(put, depth + 1)?;
            }
        } else {
            let document = self.document(manifest)?;
            self.blobs_of(&document)?;
        }
        self.children.push(manifest.clone());
        Ok(())
    }

    fn document(&self, manifest: &Manifest) -> Result<ManifestDocument> {
        let what = format!("the manifest {}", manifest.digest());
        check_type(&manifest.bytes, &manifest.media_type, &what)?;
        parse_manifest(&manifest.bytes, &what)
    }

    /// Each blob is here or in every registry, with the size that the manifest says.
    fn blobs_of(&mut self, document: &ManifestDocument) -> Result<()> {
        if document.config.media_type.is_image_config() {
            let stored = self.incoming.blobs.find(&document.config.digest);
            let stored = stored.ok_or_else(|| missing(&document.config))?;
            let config = self.incoming.blobs.document(&stored)?;
            let config: ImageConfig = parse(&config, "its configuration")?;
            self.platforms.extend(config.platform());
        }
        for blob in document.blobs() {
            let size = match self.received.blobs.get(&blob.digest) {
                Some(PushedBlob::Here) => self.incoming.size_of(&blob.digest),
                Some(PushedBlob::Everywhere(size)) => Some(*size),
                None => None,
            };
            match size {
                Some(size) if size == blob.size => {
                    self.blobs.insert(blob.digest.clone(), blob.clone());
                }
                Some(size) => {
                    return Err(broken(format!(
                        "{} is {} bytes long by its manifest, and really {size}",
                        blob.digest, blob.size
                    )));
                }
                None => return Err(missing(blob)),
            }
        }
        Ok(())
    }
}

fn missing(blob: &Descriptor) -> crate::error::Error {
    broken(format!(
        "the blob {}, which its manifest names, was not pushed",
        blob.digest
    ))
}

/// What an engine calls by Docker's types, in the types of the OCI.
fn in_oci_form(document: ManifestDocument, wanted: &WantedImage) -> ManifestDocument {
    let layers = document.layers.into_iter().map(|layer| Descriptor {
        media_type: match layer.media_type.as_str() {
            "application/vnd.docker.image.rootfs.diff.tar.gzip" => MediaType::OCI_LAYER_GZIP.into(),
            _ => layer.media_type.clone(),
        },
        ..layer
    });
    let config = Descriptor {
        media_type: MediaType::OCI_CONFIG.into(),
        ..document.config
    };
    let mut annotations = document.annotations;
    annotations.extend(wanted.annotations.clone());
    ManifestDocument::new(config, layers.collect(), annotations)
}
