//! How large a published image is, by its manifest alone.

use std::collections::BTreeMap;

use crate::{
    io::registry::{
        RegistryError, RepositoryApi,
        image_tree::{self, ImageTree, TreeConfig},
    },
    oci::{
        Descriptor, Digest, ImageDocument, ImageName, Manifest, ManifestDocument, Platform,
        TagOrDigest,
    },
    plan::Plan,
};

/// The layers of a published image.
pub(super) struct PublishedLayers {
    /// Bytes to pull: all layers, each once.
    pub(super) size: u64,
    pub(super) layers: Vec<Digest>,
}

/// Reads the image of one platform behind a name; `None` where the registry does not have it, or not for that
/// platform.
pub(super) async fn published_layers(
    api: &dyn RepositoryApi,
    what: &TagOrDigest,
    platform: Option<&Platform>,
) -> Result<Option<PublishedLayers>, RegistryError> {
    let Some(tree) = image_tree::tree(api, what).await? else {
        return Ok(None);
    };
    let document = match (tree.manifest.media_type.is_index(), platform) {
        (true, None) => None,
        (true, Some(wanted)) => match of_platform(&tree, wanted) {
            Some(document) => Some(document),
            None => configured_for(api, &tree, wanted).await?,
        },
        (false, None) => parse(&tree.manifest),
        (false, Some(wanted)) => {
            let images = image_tree::runnable(api, &tree).await?;
            let fits = |has: &Platform| wanted.nearest([has], |has| Some(*has)).is_some();
            let is_wanted = images.iter().all(|one| one.platform().is_none_or(fits));
            is_wanted.then(|| parse(&tree.manifest)).flatten()
        }
    };
    Ok(document.map(|document| {
        let layers = document.layers.into_iter();
        let sizes: BTreeMap<_, _> = layers.map(|layer| (layer.digest, layer.size)).collect();
        PublishedLayers {
            size: sizes.values().sum(),
            layers: sizes.into_keys().collect(),
        }
    }))
}

/// The image of one platform.
pub(super) struct PlatformSize {
    /// `None` where no index names it.
    pub(super) platform: Option<Platform>,
    /// Bytes to pull: all layers, each once.
    pub(super) size: u64,
    /// The number of different layers.
    pub(super) layers: usize,
}

/// Reads what a name has for each platform; empty where the registry does not have it.
pub(super) async fn platform_sizes(
    api: &dyn RepositoryApi,
    what: &TagOrDigest,
) -> Result<Vec<PlatformSize>, RegistryError> {
    let Some(tree) = image_tree::tree(api, what).await? else {
        return Ok(Vec::new());
    };
    if !tree.manifest.media_type.is_index() {
        let document = parse(&tree.manifest);
        return Ok(document.map(|one| sized(None, one)).into_iter().collect());
    }
    let sizes = listed(&tree).filter_map(|entry| {
        let platform = entry.platform.filter(|platform| !platform.is_unknown());
        let mut children = tree.children.iter();
        let manifest = children.find(|manifest| *manifest.digest() == entry.digest)?;
        Some(sized(Some(platform?), parse(manifest)?))
    });
    Ok(sizes.collect())
}

fn sized(platform: Option<Platform>, document: ManifestDocument) -> PlatformSize {
    let layers = document.layers.into_iter();
    let sizes: BTreeMap<_, _> = layers.map(|layer| (layer.digest, layer.size)).collect();
    PlatformSize {
        platform,
        size: sizes.values().sum(),
        layers: sizes.len(),
    }
}

/// The entries of all indexes of a tree.
fn listed(tree: &ImageTree) -> impl Iterator<Item = Descriptor> {
    let all = tree.children.iter().chain([&tree.manifest]);
    let indexes = all.filter_map(|manifest| match ImageDocument::parse(manifest) {
        Ok(ImageDocument::Index(index)) => Some(index.manifests),
        Ok(ImageDocument::Manifest(_) | ImageDocument::NotAnImage) | Err(_) => None,
    });
    indexes.flatten()
}

/// The image that an index lists for this platform.
fn of_platform(tree: &ImageTree, wanted: &Platform) -> Option<ManifestDocument> {
    let all: Vec<Descriptor> = listed(tree).collect();
    let entry = wanted.nearest(&all, |entry| entry.platform.as_ref())?;
    document(tree, entry)
}

/// The image whose configuration is for this platform, where its entry names none: some tools leave it out, and
/// engines read the configuration then.
async fn configured_for(
    api: &dyn RepositoryApi,
    tree: &ImageTree,
    wanted: &Platform,
) -> Result<Option<ManifestDocument>, RegistryError> {
    let silent = |entry: &Descriptor| entry.platform.is_none() && !entry.is_attestation();
    let silent: Vec<_> = listed(tree)
        .filter(silent)
        .filter_map(|entry| document(tree, &entry))
        .filter(|document| document.config.media_type.is_image_config())
        .collect();
    for document in silent {
        let own = &document.config.digest;
        let of_config = |config: &&TreeConfig| config.descriptor.digest == *own;
        let one = ImageTree {
            configs: tree.configs.iter().filter(of_config).cloned().collect(),
            ..tree.clone()
        };
        let images = image_tree::runnable(api, &one).await?;
        let mut configured = images.iter().filter_map(|image| image.configured.as_ref());
        if configured.any(|has| has.is_for(wanted)) {
            return Ok(Some(document));
        }
    }
    Ok(None)
}

/// The manifest of an entry.
fn document(tree: &ImageTree, entry: &Descriptor) -> Option<ManifestDocument> {
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

/// One platform's image of a plan, for a message: `1.3.0 `alpine` (linux/amd64)`.
pub(super) fn image_name(plan: &Plan, image: &ImageName, platform: Option<&Platform>) -> String {
    let image = match (image.is_of_main(), image.variant()) {
        (true, None) => String::new(),
        (true, Some(variant)) => format!(" `{variant}`"),
        (false, _) => format!(" `{image}`"),
    };
    let platform =
        platform.map_or_else(String::new, |platform| format!(" ({})", platform.in_full()));
    format!("{}{image}{platform}", plan.version)
}
