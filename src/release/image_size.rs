//! How large a published image is, by its manifest alone.

use std::collections::BTreeMap;

use crate::{
    io::registry::{RegistryError, RepositoryApi, image_tree},
    oci::{Digest, ImageDocument, Manifest, ManifestDocument, Platform, TagOrDigest},
};

/// The layers of a published image.
pub(super) struct PublishedLayers {
    /// Bytes to pull: all layers, each once.
    pub(super) size: u64,
    pub(super) layers: Vec<Digest>,
}

/// Reads the image of one platform behind a name; `None` where the registry does not have it.
pub(super) async fn published_layers(
    api: &dyn RepositoryApi,
    what: &TagOrDigest,
    platform: Option<&Platform>,
) -> Result<Option<PublishedLayers>, RegistryError> {
    let tree = image_tree::tree(api, what).await?;
    let document = tree.and_then(|tree| match tree.manifest.media_type.is_index() {
        false => parse(&tree.manifest),
        true => of_platform(&tree, platform),
    });
    Ok(document.map(|document| {
        let layers = document.layers.into_iter();
        let sizes: BTreeMap<_, _> = layers.map(|layer| (layer.digest, layer.size)).collect();
        PublishedLayers {
            size: sizes.values().sum(),
            layers: sizes.into_keys().collect(),
        }
    }))
}

fn of_platform(
    tree: &image_tree::ImageTree,
    platform: Option<&Platform>,
) -> Option<ManifestDocument> {
    let all = tree.children.iter().chain([&tree.manifest]);
    let listed = all.filter_map(|manifest| match ImageDocument::parse(manifest) {
        Ok(ImageDocument::Index(index)) => Some(index.manifests),
        Ok(ImageDocument::Manifest(_) | ImageDocument::NotAnImage) | Err(_) => None,
    });
    let entry = listed
        .flatten()
        .find(|entry| match (&entry.platform, platform) {
            (Some(has), Some(wanted)) => has.satisfies(wanted),
            _ => false,
        })?;
    let mut children = tree.children.iter();
    children
        .find(|manifest| *manifest.digest() == entry.digest)
        .and_then(parse)
}

fn parse(manifest: &Manifest) -> Option<ManifestDocument> {
    match ImageDocument::parse(manifest) {
        Ok(ImageDocument::Manifest(document)) => Some(document),
        Ok(ImageDocument::Index(_) | ImageDocument::NotAnImage) | Err(_) => None,
    }
}
