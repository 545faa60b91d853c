//! Which commit an image says that it was built from.

use std::fs;

use super::{
    document::{parse, parse_manifest},
    error::disk,
};
use crate::{
    error::Result,
    oci::{Image, ImageConfig, Platform, annotation},
};

/// The platform and the label `org.opencontainers.image.revision` of each image that can run;
/// attestations are left out. An empty label says nothing and is `None`.
///
/// # Errors
/// A configuration cannot be read.
pub fn revisions(image: &Image) -> Result<Vec<(Option<Platform>, Option<String>)>> {
    let mut all = Vec::new();
    for manifest in image.children.iter().chain([&image.manifest]) {
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
        let platform = config.platform();
        if platform.as_ref().is_some_and(Platform::is_unknown) {
            continue;
        }
        let label = config.labels().remove(annotation::REVISION);
        all.push((platform, label.filter(|label| !label.trim().is_empty())));
    }
    Ok(all)
}
