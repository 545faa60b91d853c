//! Reading what an image holds: its configuration, and the entries of its layers.

use std::fs::{self, File};

use super::{
    document::{parse, parse_manifest},
    entries::{self, Entries},
    error::disk,
    files::buffered,
    unpack::unpack,
};
use crate::{
    error::Result,
    oci::{
        BaseImage, Contents, Descriptor, HistoryEntry, Image, ImageConfig, LayerContents, Manifest,
        ManifestDocument, Platform, annotation,
    },
};

/// What each image that can run holds; attestations are left out.
///
/// # Errors
/// A blob cannot be read, or a layer is not a tar archive.
pub fn contents(image: &Image) -> Result<Vec<Contents>> {
    read(image, entries)
}

/// As [`contents`], without what is in the layers: the manifests and configurations alone are read.
///
/// # Errors
/// A document cannot be read.
pub fn outlines(image: &Image) -> Result<Vec<Contents>> {
    read(image, |_, _| Ok(Entries::default()))
}

fn read(
    image: &Image,
    entries: impl Fn(&Image, &Descriptor) -> Result<Entries> + Copy,
) -> Result<Vec<Contents>> {
    let mut all = Vec::new();
    for manifest in image.children.iter().chain([&image.manifest]) {
        if !manifest.media_type.is_image_manifest() {
            continue;
        }
        if let Some(one) = contents_of(image, manifest, entries)? {
            all.push(one);
        }
    }
    Ok(all)
}

fn contents_of(
    image: &Image,
    manifest: &Manifest,
    entries: impl Fn(&Image, &Descriptor) -> Result<Entries>,
) -> Result<Option<Contents>> {
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
    // Where a part of the history is missing, no instruction can be said to have made a layer.
    let made: Vec<_> = config
        .history
        .iter()
        .filter(|entry| !entry.empty_layer)
        .collect();
    let mut made = (made.len() == document.layers.len())
        .then_some(made)
        .into_iter()
        .flatten();
    let lowest_created = made.clone().next().and_then(HistoryEntry::created);
    let mut layers = Vec::new();
    let mut distribution = None;
    for (layer, diff_id) in document.layers.iter().zip(config.diff_ids()) {
        let held = entries(image, layer)?;
        distribution = held.distribution.or(distribution);
        layers.push(LayerContents {
            digest: layer.digest.clone(),
            diff_id: diff_id.clone(),
            size: layer.size,
            created_by: made.next().and_then(|entry| entry.created_by.clone()),
            unread: (!layer.media_type.is_unpackable()).then(|| layer.media_type.to_string()),
            entries: held.entries,
        });
    }
    Ok(Some(Contents {
        platform,
        base: base(&document, &config),
        lowest_created,
        distribution,
        user: config.config.and_then(|config| config.user),
        layers,
    }))
}

/// Nothing of a layer that cannot be unpacked, such as an encrypted one, or that only its vendor may distribute.
fn entries(image: &Image, layer: &Descriptor) -> Result<Entries> {
    let path = image.blob_path(&layer.digest);
    let elsewhere = layer.media_type.is_foreign() && !path.is_file();
    if !layer.media_type.is_unpackable() || elsewhere {
        return Ok(Entries::default());
    }
    let file = File::open(&path).map_err(|e| disk("read", &path, &e))?;
    unpack(buffered(file))
        .and_then(entries::read)
        .map_err(|error| error.cause(format!("in the layer {}", layer.digest)))
}

/// The base image by the annotations of the manifest, or by the labels.
fn base(document: &ManifestDocument, config: &ImageConfig) -> Option<BaseImage> {
    let labels = config.labels();
    let said = |key: &str| {
        let value = document.annotations.get(key).or_else(|| labels.get(key));
        value
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    };
    let name = said(annotation::BASE_NAME).map(str::to_owned);
    let digest = said(annotation::BASE_DIGEST).and_then(|digest| digest.parse().ok());
    (name.is_some() || digest.is_some()).then_some(BaseImage { name, digest })
}
