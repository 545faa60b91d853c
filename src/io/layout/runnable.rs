//! The images of a layout that can run: for which platforms they are, and what their labels say.

use std::{collections::HashMap, fs};

use super::{
    document::{parse, parse_index, parse_manifest},
    error::disk,
};
use crate::{
    error::Result,
    oci::{Digest, Image, ImageConfig, Platform, Runnable},
};

/// Each image that can run; attestations are left out.
///
/// # Errors
/// An index, a manifest or a configuration cannot be read.
pub fn runnable(image: &Image) -> Result<Vec<Runnable>> {
    let manifests = || image.children.iter().chain([&image.manifest]);
    // One manifest can be listed for several platforms.
    let mut listed: HashMap<Digest, Vec<Platform>> = HashMap::new();
    for index in manifests().filter(|manifest| manifest.media_type.is_index()) {
        for entry in parse_index(&index.bytes, "an index")?.manifests {
            let platforms = listed.entry(entry.digest).or_default();
            platforms.extend(entry.platform);
        }
    }
    let mut all = Vec::new();
    for manifest in manifests() {
        if !manifest.media_type.is_image_manifest() {
            continue;
        }
        let document = parse_manifest(&manifest.bytes, "a manifest")?;
        if !document.config.media_type.is_image_config() {
            continue;
        }
        let path = image.blob_path(&document.config.digest);
        let bytes = fs::read(&path).map_err(|e| disk("read", &path, &e))?;
        let config: ImageConfig = parse(&bytes, "a configuration")?;
        let own = Runnable {
            listed: None,
            configured: config.platform(),
            labels: config.labels(),
        };
        let platforms = listed.remove(manifest.digest()).unwrap_or_default();
        if platforms.is_empty() {
            all.push(own);
            continue;
        }
        all.extend(platforms.into_iter().map(|platform| Runnable {
            listed: Some(platform),
            ..own.clone()
        }));
    }
    all.retain(|one| !one.platform().is_some_and(Platform::is_unknown));
    Ok(all)
}
