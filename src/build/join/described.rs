//! What an image on this disk is, for the description of a leg.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use crate::{
    build::join::{content::LegContent, leg::LegBase, part::ImagePart, parts, read::config_of},
    error::{Error, Result},
    oci::{Image, Platform, annotation},
};

/// The documents of an image, as those of the leg `file` without a description.
///
/// # Errors
/// A configuration cannot be read.
pub(crate) fn content(image: &Image, file: &str) -> Result<LegContent> {
    let mut configs = BTreeMap::new();
    let manifests = image.children.iter().chain([&image.manifest]);
    for config in manifests.filter_map(config_of) {
        let path = image.blob_path(&config);
        let bytes = fs::read(&path).map_err(|error| {
            Error::failed(format!("cannot read the image at `{file}`"))
                .cause(format!("`{}`: {error}", path.display()))
                .state("nothing was published")
        })?;
        configs.insert(config, bytes);
    }
    Ok(LegContent {
        file: file.to_owned(),
        claims: None,
        listed: image.listed.clone(),
        of_layout: image.of_layout.clone(),
        manifest: image.manifest.clone(),
        children: image.children.clone(),
        configs,
    })
}

/// The platforms of an image, and the images that it says it was built on.
///
/// # Errors
/// A configuration cannot be read, or there is something in it that is neither an image nor about one.
pub(crate) fn described(image: &Image) -> Result<(Vec<Platform>, Vec<LegBase>)> {
    let leg = content(image, &image.dir.display().to_string())?;
    let parts = parts::parts(&leg)?;
    let mut platforms: Vec<Platform> = parts
        .images
        .iter()
        .map(|image| image.platform.clone())
        .collect();
    platforms.sort();
    let bases: BTreeSet<LegBase> = parts.images.iter().filter_map(base).collect();
    Ok((platforms, bases.into_iter().collect()))
}

fn base(image: &ImagePart<'_>) -> Option<LegBase> {
    let said = |key: &str| {
        let annotation = image.document.annotations.get(key);
        annotation.or_else(|| image.labels.get(key))
    };
    Some(LegBase {
        name: said(annotation::BASE_NAME)?.clone(),
        digest: said(annotation::BASE_DIGEST).and_then(|text| text.parse().ok()),
    })
}
