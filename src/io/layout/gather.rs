//! Collects everything that the top document needs, and verifies each piece.

use std::io::Read;

use super::{
    blobs::same_size,
    document::{parse, parse_manifest},
    error::{broken, read_error},
    parallel::for_each,
    source::Source,
    unpack::unpack,
};
use crate::{
    error::Result,
    oci::{Descriptor, Digest, Hasher, Image, ImageConfig, Index, Manifest, MediaType, Platform},
};

/// How deep indexes may be nested; builders nest one, at most two.
const MAX_DEPTH: usize = 4;
const MAX_MANIFESTS: usize = 1_000;

/// A whole image, and what it runs on.
pub(super) struct CollectedImage {
    pub(super) image: Image,
    pub(super) platforms: Vec<Platform>,
}

#[derive(Default)]
struct Parts {
    /// Children before the index that names them; the top document is the last one.
    manifests: Vec<Manifest>,
    blobs: Vec<Descriptor>,
    /// The layers, each with the digest that it must have when it is unpacked.
    layers: Vec<(Descriptor, Digest)>,
    platforms: Vec<Platform>,
}

/// Copies everything below `top` to the source's blobs and verifies it.
pub(super) fn gather(source: &Source, top: Descriptor) -> Result<CollectedImage> {
    let mut parts = Parts::default();
    parts.walk(source, &top, 0)?;
    for_each(&parts.blobs, |blob| {
        let stored = source
            .blob(&blob.digest)
            .map_err(|error| explain_foreign(error, blob))?;
        same_size(&stored, blob)
    })?;
    for_each(&parts.layers, |(layer, diff_id)| {
        check_diff_id(source, layer, diff_id)
    })?;
    let manifest = parts
        .manifests
        .pop()
        .expect("the walk ends with the top document");
    Ok(CollectedImage {
        image: Image {
            dir: source.blobs().root().to_owned(),
            manifest,
            children: parts.manifests,
            blobs: parts.blobs,
        },
        platforms: parts.platforms,
    })
}

impl Parts {
    fn walk(&mut self, source: &Source, at: &Descriptor, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH || self.manifests.len() >= MAX_MANIFESTS {
            return Err(broken(
                "its indexes are nested too deeply, or there are too many manifests",
            ));
        }
        let stored = source.blob(&at.digest)?;
        same_size(&stored, at)?;
        let bytes = source.blobs().document(&stored)?;
        if at.media_type.is_index() {
            let index: Index = parse(&bytes, "an index")?;
            for child in &index.manifests {
                if self
                    .manifests
                    .iter()
                    .any(|known| *known.digest() == child.digest)
                {
                    continue;
                }
                self.walk(source, child, depth + 1)?;
            }
        } else if MediaType::ALL.contains(&at.media_type.as_str()) {
            self.manifest(source, at, &bytes)?;
        } else {
            return Err(broken(format!(
                "it names {} of the unknown type `{}`",
                at.digest, at.media_type
            )));
        }
        self.manifests
            .push(Manifest::new(at.media_type.clone(), bytes));
        Ok(())
    }

    fn manifest(&mut self, source: &Source, at: &Descriptor, bytes: &[u8]) -> Result<()> {
        let document = parse_manifest(bytes, "a manifest")?;
        if document.config.media_type.is_image_config() {
            let stored = source.blob(&document.config.digest)?;
            let config = source.blobs().document(&stored)?;
            let config: ImageConfig = parse(&config, "a configuration")?;
            self.check_layers(&document.layers, config.diff_ids())?;
            self.platforms
                .extend(at.platform.clone().or_else(|| config.platform()));
        }
        for blob in std::iter::once(document.config).chain(document.layers) {
            if !self.blobs.iter().any(|known| known.digest == blob.digest) {
                self.blobs.push(blob);
            }
        }
        Ok(())
    }

    fn check_layers(&mut self, layers: &[Descriptor], diff_ids: &[Digest]) -> Result<()> {
        if layers.len() == diff_ids.len() {
            self.layers
                .extend(layers.iter().cloned().zip(diff_ids.iter().cloned()));
            return Ok(());
        }
        // Content that is not a file system, such as an attestation, need not have diff ids.
        if !layers.is_empty() && !layers.iter().any(|layer| layer.media_type.is_tar()) {
            return Ok(());
        }
        Err(broken(format!(
            "a manifest has {} layers, and its configuration names {}",
            layers.len(),
            diff_ids.len()
        )))
    }
}

/// Unpacks a layer and compares its digest with the configuration.
fn check_diff_id(source: &Source, layer: &Descriptor, diff_id: &Digest) -> Result<()> {
    if source.was_packed_from(&layer.digest, diff_id) {
        return Ok(());
    }
    let mut reader = unpack(source.blobs().open(&layer.digest)?)?;
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; 128 << 10];
    loop {
        source.blobs().check_cancelled()?;
        let n = reader.read(&mut buffer).map_err(|e| {
            let error = read_error(&e);
            error.cause(format!("layer {} is damaged", layer.digest))
        })?;
        if n == 0 {
            break;
        }
        hasher.update(&buffer[..n]);
    }
    let found = hasher.finish();
    if found == *diff_id {
        return Ok(());
    }
    Err(broken(format!(
        "layer {} unpacks to {found}, and the configuration says {diff_id}",
        layer.digest
    )))
}

fn explain_foreign(error: crate::error::Error, blob: &Descriptor) -> crate::error::Error {
    if blob.media_type.is_foreign() {
        return error.hint("only the vendor distributes this layer (as with Windows base images); let the builder put it into the layout");
    }
    error
}
