//! Reads an image from its origin, and finds its top document.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use super::{
    archive::{Archive, normal},
    blobs::{Blobs, MAX_DOCUMENT, Stored},
    cache::LayerCache,
    document::{SavedImage, parse, parse_manifest},
    error::{broken, disk, read_error},
    files::buffered,
    pack::gzip,
    select::{ImageCandidate, WantedImage, names, select},
    unpack::Packing,
};
use crate::{
    error::Result,
    event::{Event, Events},
    oci::{Descriptor, Digest, Hasher, ImageConfig, Index, ManifestDocument, MediaType},
    text::sanitize_line,
};

/// Where files are found by name.
pub(super) enum LayoutOrigin {
    /// A directory of the user. Its blobs are copied, because it may change meanwhile.
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
                let file = File::open(&path).map_err(|e| disk("read", &path, &e))?;
                Ok(Some((file, metadata.len())))
            }
            _ => Ok(None),
        }
    }

    /// Stores the file of this name as a blob.
    fn named(&self, name: &str) -> Result<Option<Stored>> {
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
    fn document(&self, name: &str) -> Result<Option<Vec<u8>>> {
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

    /// Stores the blob of this digest. Content that hashes to another digest is refused.
    pub(super) fn blob(&self, digest: &Digest) -> Result<Stored> {
        let stored = match &self.origin {
            LayoutOrigin::InPlace => self.rehash(digest)?,
            LayoutOrigin::Archive(_) => self.blobs.find(digest),
            LayoutOrigin::Directory(_) => match self.blobs.find(digest) {
                Some(stored) => Some(stored),
                None => self.named(&format!("blobs/sha256/{}", digest.hex()))?,
            },
        };
        match stored {
            None => Err(broken(format!("blob {digest} is missing"))),
            Some(stored) if stored.digest != *digest => Err(broken(format!(
                "blob {digest} is damaged: its content hashes to {}",
                stored.digest
            ))),
            Some(stored) => Ok(stored),
        }
    }

    /// Hashes a blob again that was stored by an earlier run.
    fn rehash(&self, digest: &Digest) -> Result<Option<Stored>> {
        let Some(found) = self.blobs.find(digest) else {
            return Ok(None);
        };
        let mut hasher = Hasher::default();
        std::io::copy(&mut buffered(self.blobs.open(digest)?), &mut hasher)
            .map_err(|e| read_error(&e))?;
        Ok(Some(Stored {
            digest: hasher.finish(),
            size: found.size,
        }))
    }

    /// Finds the document that tags will point at.
    pub(super) fn top(
        &mut self,
        wanted: &WantedImage,
        cache: &LayerCache,
        events: &Events,
    ) -> Result<Descriptor> {
        if self.document("index.json")?.is_some() {
            let top = self.top_of_layout(wanted)?;
            return self.repack_if_plain(top, wanted, cache, events);
        }
        let Some(list) = self.document("manifest.json")? else {
            return Err(broken(
                "it has neither `index.json` (an OCI layout) nor `manifest.json` (`docker save`)",
            ));
        };
        let list: Vec<SavedImage> = parse(&list, "`manifest.json`")?;
        let images = list.into_iter().map(|image| ImageCandidate {
            names: image.repo_tags.clone().unwrap_or_default(),
            platform: None,
            item: image,
        });
        let image = select(images.collect(), wanted)?;
        self.own_manifest_of(&image, wanted, cache, events)
    }

    /// Finds the image in `index.json`.
    pub(super) fn top_of_layout(&self, wanted: &WantedImage) -> Result<Descriptor> {
        let index = self
            .document("index.json")?
            .ok_or_else(|| broken("`index.json` is missing"))?;
        let index: Index = parse(&index, "`index.json`")?;
        let mut all: Vec<ImageCandidate<Descriptor>> = Vec::new();
        for entry in index.manifests {
            // An image may be listed several times, under different names.
            match all
                .iter_mut()
                .find(|known| known.item.digest == entry.digest)
            {
                Some(known) => known.names.extend(names(&entry)),
                None => all.push(ImageCandidate {
                    names: names(&entry),
                    platform: entry.platform.clone(),
                    item: entry,
                }),
            }
        }
        select(all, wanted)
    }

    /// Packs the layers of an engine that exports them unpacked, and writes a new manifest: the
    /// engine's own manifest was never published. An image that was built for this release also
    /// gets a new manifest when it is to have annotations.
    fn repack_if_plain(
        &mut self,
        top: Descriptor,
        wanted: &WantedImage,
        cache: &LayerCache,
        events: &Events,
    ) -> Result<Descriptor> {
        if top.media_type.is_index() {
            note_lost_annotations(wanted, events);
            return Ok(top);
        }
        let stored = self.blob(&top.digest)?;
        let document = parse_manifest(&self.blobs.document(&stored)?, "its manifest")?;
        let plain = document
            .layers
            .iter()
            .any(|layer| layer.media_type.is_plain_tar());
        let annotate = wanted.built_here && !wanted.annotations.is_empty();
        if !document.config.media_type.is_image_config() || !(plain || annotate) {
            note_lost_annotations(wanted, events);
            return Ok(top);
        }
        let config = self.blob(&document.config.digest)?;
        let layers = document
            .layers
            .iter()
            .map(|layer| self.blob(&layer.digest))
            .collect::<Result<Vec<_>>>()?;
        let mut annotations = document.annotations;
        annotations.extend(wanted.annotations.clone());
        self.own_manifest(&config, &layers, annotations, cache, events)
    }

    fn own_manifest_of(
        &mut self,
        image: &SavedImage,
        wanted: &WantedImage,
        cache: &LayerCache,
        events: &Events,
    ) -> Result<Descriptor> {
        let find = |name: &str| {
            self.named(&normal("", name)?)?.ok_or_else(|| {
                broken(format!(
                    "`{}`, which its `manifest.json` names, is missing",
                    sanitize_line(name, 200)
                ))
            })
        };
        let config = find(&image.config)?;
        let layers = image
            .layers
            .iter()
            .map(|name| find(name))
            .collect::<Result<Vec<_>>>()?;
        self.own_manifest(&config, &layers, wanted.annotations.clone(), cache, events)
    }

    fn own_manifest(
        &mut self,
        config: &Stored,
        layers: &[Stored],
        annotations: BTreeMap<String, String>,
        cache: &LayerCache,
        events: &Events,
    ) -> Result<Descriptor> {
        let document: ImageConfig = parse(&self.blobs.document(config)?, "its configuration")?;
        let diff_ids = document.diff_ids();
        if diff_ids.len() != layers.len() {
            return Err(broken(format!(
                "it has {} layers, and its configuration names {}",
                layers.len(),
                diff_ids.len()
            )));
        }
        let mut descriptors = Vec::with_capacity(layers.len());
        for (layer, diff_id) in layers.iter().zip(diff_ids) {
            descriptors.push(self.layer(layer, diff_id, cache, events)?);
        }
        let config = descriptor(MediaType::OCI_CONFIG, config);
        let manifest = ManifestDocument::new(config, descriptors, annotations).to_manifest();
        let stored = self.blobs.put(&manifest.bytes)?;
        Ok(descriptor(MediaType::OCI_MANIFEST, &stored))
    }

    /// The descriptor of one layer. An unpacked layer is packed first.
    fn layer(
        &mut self,
        layer: &Stored,
        diff_id: &Digest,
        cache: &LayerCache,
        events: &Events,
    ) -> Result<Descriptor> {
        let mut head = Vec::new();
        let file = self.blobs.open(&layer.digest)?;
        file.take(4)
            .read_to_end(&mut head)
            .map_err(|e| read_error(&e))?;
        match Packing::of(&head) {
            Packing::Gzip => return Ok(descriptor(MediaType::OCI_LAYER_GZIP, layer)),
            Packing::Zstd => return Ok(descriptor(MediaType::OCI_LAYER_ZSTD, layer)),
            Packing::Plain => {}
        }
        if layer.digest != *diff_id {
            return Err(broken(format!(
                "a layer hashes to {}, and the configuration says {diff_id}",
                layer.digest
            )));
        }
        let known = self.packed.iter().find(|(_, from)| *from == diff_id);
        let packed = match known.and_then(|(blob, _)| self.blobs.find(blob)) {
            Some(packed) => packed,
            None => self.pack(layer, cache, events)?,
        };
        self.packed.insert(packed.digest.clone(), diff_id.clone());
        Ok(descriptor(MediaType::OCI_LAYER_GZIP, &packed))
    }

    fn pack(&self, layer: &Stored, cache: &LayerCache, events: &Events) -> Result<Stored> {
        if let Some(packed) = cache.find(&layer.digest, &self.blobs)? {
            return Ok(packed);
        }
        let progress = |done| {
            events.emit(Event::Progress {
                id: format!("pack {}", layer.digest.short()),
                label: format!("packing layer {}", layer.digest.short()),
                done,
                total: Some(layer.size),
            });
        };
        let packed = gzip(self.blobs.open(&layer.digest)?, &self.blobs, progress)?;
        cache.keep(&layer.digest, &packed, &self.blobs);
        Ok(packed)
    }
}

fn descriptor(media_type: &str, stored: &Stored) -> Descriptor {
    Descriptor::new(media_type, stored.digest.clone(), stored.size)
}

fn note_lost_annotations(wanted: &WantedImage, events: &Events) {
    if !wanted.annotations.is_empty() {
        events.note(
            "the manifest keeps the bytes that its builder wrote, without hoist's annotations",
        );
    }
}
