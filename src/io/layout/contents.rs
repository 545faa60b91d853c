//! Reading what an image holds: names and sizes from its layers, never the bytes of files.

use std::fs::{self, File};

use super::{
    archive::walk,
    document::{parse, parse_manifest},
    error::{broken, disk},
    files::buffered,
    unpack::unpack,
};
use crate::{
    error::Result,
    oci::{
        Contents, Descriptor, Image, ImageConfig, LayerContents, LayerEntry, Manifest, Platform,
    },
};

/// More entries than any layer has.
const MAX_ENTRIES: usize = 2_000_000;

/// What each image that can run holds; attestations are left out.
///
/// # Errors
/// A blob cannot be read, or a layer is not a tar archive.
pub fn contents(image: &Image) -> Result<Vec<Contents>> {
    let mut all = Vec::new();
    for manifest in image.children.iter().chain([&image.manifest]) {
        if !manifest.media_type.is_image_manifest() {
            continue;
        }
        if let Some(one) = contents_of(image, manifest)? {
            all.push(one);
        }
    }
    Ok(all)
}

fn contents_of(image: &Image, manifest: &Manifest) -> Result<Option<Contents>> {
    let document = parse_manifest(&manifest.bytes, "a manifest")?;
    if !document.config.media_type.is_image_config() {
        return Ok(None);
    }
    let path = image.blob_path(&document.config.digest);
    let bytes = fs::read(&path).map_err(|e| disk("read", &path, &e))?;
    let config: ImageConfig = parse(&bytes, "a configuration")?;
    let platform = config.platform();
    if platform.as_ref().is_some_and(Platform::is_unknown) {
        return Ok(None);
    }
    let mut made = config.history.iter().filter(|entry| !entry.empty_layer);
    let mut layers = Vec::new();
    for (layer, diff_id) in document.layers.iter().zip(config.diff_ids()) {
        layers.push(LayerContents {
            digest: layer.digest.clone(),
            diff_id: diff_id.clone(),
            size: layer.size,
            created_by: made.next().and_then(|entry| entry.created_by.clone()),
            entries: entries(image, layer)?,
        });
    }
    Ok(Some(Contents {
        platform,
        user: config.config.and_then(|config| config.user),
        layers,
    }))
}

/// Nothing of a layer that cannot be unpacked, such as an encrypted one.
fn entries(image: &Image, layer: &Descriptor) -> Result<Vec<LayerEntry>> {
    if !layer.media_type.is_unpackable() {
        return Ok(Vec::new());
    }
    let path = image.blob_path(&layer.digest);
    let file = File::open(&path).map_err(|e| disk("read", &path, &e))?;
    let mut entries = Vec::new();
    walk(unpack(buffered(file))?, |path, size, directory| {
        if entries.len() == MAX_ENTRIES {
            return Err(broken(format!(
                "a layer has more than {MAX_ENTRIES} entries"
            )));
        }
        let path = path.trim_start_matches("./").trim_matches('/').to_owned();
        if !path.is_empty() && path != "." {
            entries.push(LayerEntry {
                path,
                size,
                directory,
            });
        }
        Ok(())
    })?;
    Ok(entries)
}
