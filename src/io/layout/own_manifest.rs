//! Manifests that hoist writes: for images whose engine or archive has none that anybody published.

use std::{collections::BTreeMap, io::Read};

use super::{
    archive::normal,
    blobs::Stored,
    cache::LayerCache,
    document::{SavedImage, parse, parse_manifest},
    error::{broken, read_error},
    form::LayoutFormat,
    pack::gzip,
    select::WantedImage,
    source::Source,
    unpack::Packing,
};
use crate::{
    error::Result,
    event::{Event, Events},
    oci::{Descriptor, Digest, ImageConfig, ManifestDocument, MediaType},
    text::sanitize_line,
};

impl Source {
    /// A layout's manifest keeps its bytes, whatever is in it. The exception is what an engine makes
    /// up while it saves or exports an image: nobody has published that manifest, and its layers are
    /// not compressed. It is written anew, and an image that was built for this release also gets
    /// annotations so.
    pub(super) fn repack_if_saved(
        &mut self,
        top: Descriptor,
        format: LayoutFormat,
        wanted: &WantedImage,
        cache: &LayerCache,
        events: &Events,
    ) -> Result<Descriptor> {
        let engines = wanted.built_here || format == LayoutFormat::SavedOci;
        if top.media_type.is_index() || !engines {
            note_lost_annotations(wanted, events);
            return Ok(top);
        }
        let stored = self.blob(&top.digest)?;
        let document = parse_manifest(&self.blobs().document(&stored)?, "its manifest")?;
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
        let mut annotations = document.annotations.clone();
        annotations.extend(wanted.annotations.clone());
        if wanted.built_here {
            return self.own_manifest(&config, &layers, annotations, cache, events);
        }
        let written = self.written(&config, &layers, annotations, cache, events)?;
        let stored = self
            .blobs()
            .put(&keep(written, document).to_manifest().bytes)?;
        events.note(format!(
            "a `docker save` archive with uncompressed layers: they are compressed, and hoist writes the manifest ({} becomes {})",
            top.digest, stored.digest
        ));
        Ok(Descriptor {
            platform: top.platform,
            ..descriptor(MediaType::OCI_MANIFEST, &stored)
        })
    }

    /// The manifest of an image in a `docker save` archive that has none.
    pub(super) fn own_manifest_of(
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
        let written = self.written(config, layers, annotations, cache, events)?;
        let stored = self.blobs().put(&written.to_manifest().bytes)?;
        Ok(descriptor(MediaType::OCI_MANIFEST, &stored))
    }

    /// A manifest of this configuration and these layers, which are packed first where they are not.
    fn written(
        &mut self,
        config: &Stored,
        layers: &[Stored],
        annotations: BTreeMap<String, String>,
        cache: &LayerCache,
        events: &Events,
    ) -> Result<ManifestDocument> {
        let document: ImageConfig = parse(&self.blobs().document(config)?, "its configuration")?;
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
        Ok(ManifestDocument::new(config, descriptors, annotations))
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
        let file = self.blobs().open(&layer.digest)?;
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
        let packed = match self.packed_from(diff_id) {
            Some(packed) => packed,
            None => self.pack(layer, cache, events)?,
        };
        self.remember_packed(&packed, diff_id);
        Ok(descriptor(MediaType::OCI_LAYER_GZIP, &packed))
    }

    fn pack(&self, layer: &Stored, cache: &LayerCache, events: &Events) -> Result<Stored> {
        if let Some(packed) = cache.find(&layer.digest, self.blobs())? {
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
        let packed = gzip(self.blobs().open(&layer.digest)?, self.blobs(), progress)?;
        cache.keep(&layer.digest, &packed, self.blobs());
        Ok(packed)
    }
}

fn descriptor(media_type: &str, stored: &Stored) -> Descriptor {
    Descriptor::new(media_type, stored.digest.clone(), stored.size)
}

fn note_lost_annotations(wanted: &WantedImage, events: &Events) {
    // Of a layout nobody expects them: what its builder wrote is what is released.
    if wanted.built_here && !wanted.annotations.is_empty() {
        events.note(
            "the manifest keeps the bytes that its builder wrote, without hoist's annotations",
        );
    }
}

/// The manifest that was written, with every field of the one that it stands for.
fn keep(written: ManifestDocument, from: ManifestDocument) -> ManifestDocument {
    let keep = |(new, old): (Descriptor, Descriptor)| Descriptor {
        annotations: old.annotations,
        other: old.other,
        ..new
    };
    ManifestDocument {
        config: keep((written.config, from.config)),
        layers: written
            .layers
            .into_iter()
            .zip(from.layers)
            .map(keep)
            .collect(),
        artifact_type: from.artifact_type,
        subject: from.subject,
        other: from.other,
        ..written
    }
}
