//! Reading what an image holds: the names and sizes in its layers, never their bytes.

use std::fs::{self, File};

use serde::Deserialize;

use super::{
    archive::walk,
    buffered,
    document::{ConfigDocument, ManifestDocument, is_image_config, parse},
    error::{broken, disk},
    unpack::unpack,
};
use crate::{
    error::Result,
    oci::{Contents, Descriptor, Image, LayerContents, LayerEntry, Manifest, Platform},
};

/// More names than any image has; what is beyond is not read.
const MAX_ENTRIES: usize = 2_000_000;

/// The parts of a configuration that say how the image came to be.
#[derive(Deserialize)]
struct Story {
    #[serde(default)]
    history: Vec<HistoryEntry>,
    #[serde(default)]
    config: Option<Settings>,
}

#[derive(Deserialize)]
struct HistoryEntry {
    #[serde(default)]
    created_by: Option<String>,
    #[serde(default)]
    empty_layer: bool,
}

#[derive(Deserialize)]
struct Settings {
    #[serde(default, rename = "User")]
    user: Option<String>,
}

/// What each image that can run holds; attestations are left out.
///
/// # Errors
/// A blob cannot be read, or a layer is no tar archive.
pub fn contents(image: &Image) -> Result<Vec<Contents>> {
    let mut all = Vec::new();
    for manifest in image.children.iter().chain([&image.manifest]) {
        if manifest.media_type.is_index() {
            continue;
        }
        if let Some(one) = contents_of(image, manifest)? {
            all.push(one);
        }
    }
    Ok(all)
}

/// Whether this machine runs it without an emulator.
#[must_use]
pub fn is_own(platform: &Platform) -> bool {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    platform.os == "linux" && platform.architecture == architecture
}

fn contents_of(image: &Image, manifest: &Manifest) -> Result<Option<Contents>> {
    let document = ManifestDocument::parse(&manifest.bytes, "a manifest")?;
    if !is_image_config(&document.config.media_type) {
        return Ok(None);
    }
    let path = image.blob_path(&document.config.digest);
    let bytes = fs::read(&path).map_err(|e| disk("read", &path, &e))?;
    let config: ConfigDocument = parse(&bytes, "a configuration")?;
    let story: Story = parse(&bytes, "a configuration")?;
    let platform = config.platform();
    if platform
        .as_ref()
        .is_some_and(|platform| platform.os == "unknown")
    {
        return Ok(None);
    }
    let mut made = story.history.into_iter().filter(|entry| !entry.empty_layer);
    let mut layers = Vec::new();
    for (layer, diff_id) in document.layers.iter().zip(&config.rootfs.diff_ids) {
        layers.push(LayerContents {
            digest: layer.digest.clone(),
            diff_id: diff_id.clone(),
            size: layer.size,
            created_by: made.next().and_then(|entry| entry.created_by),
            entries: entries(image, layer)?,
        });
    }
    Ok(Some(Contents {
        platform,
        user: story.config.and_then(|settings| settings.user),
        layers,
    }))
}

fn entries(image: &Image, layer: &Descriptor) -> Result<Vec<LayerEntry>> {
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
