//! Reads what is behind a digest on a registry: the tree of manifests, and the labels of the images in
//! it. It reads documents only, never layers.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt};

use crate::{
    io::registry::{RegistryError, RegistryErrorKind, RepositoryApi},
    oci::{Descriptor, ImageConfig, ImageDocument, Manifest, Platform, Repository, TagOrDigest},
};

/// Most manifests below one index: far more than anybody builds, far fewer than would do harm.
const MAX_CHILDREN: usize = 1000;
/// How deep indexes may be nested in indexes.
const MAX_DEPTH: usize = 4;
/// How many requests are under way at the same time.
const CONCURRENT_REQUESTS: usize = 8;
/// Largest config of an image that is read, in bytes.
const MAX_CONFIG: u64 = 8_000_000;

/// All manifests below one digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageTree {
    /// The manifest or index at the top.
    pub manifest: Manifest,
    /// Everything below it, a child before the index that names it.
    pub children: Vec<Manifest>,
    /// Configs and layers of all manifests, each once.
    pub blobs: Vec<Descriptor>,
    /// The config of each image that can run, with its platform where an index names it.
    /// Attestations are not among them.
    pub configs: Vec<(Option<Platform>, Descriptor)>,
}

/// What the config of an image that can run says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runnable {
    /// The platform that it runs on: as its index says, else as its config says.
    pub platform: Option<Platform>,
    /// The labels of its config.
    pub labels: BTreeMap<String, String>,
}

/// Reads the tree below `top`; `None` where the registry does not have `top`.
///
/// # Errors
/// A request failed; a document is not a valid manifest, or a child is missing.
pub async fn tree(
    api: &dyn RepositoryApi,
    top: &TagOrDigest,
) -> Result<Option<ImageTree>, RegistryError> {
    let Some(manifest) = api.manifest(top).await? else {
        return Ok(None);
    };
    let mut tree = ImageTree {
        manifest: manifest.clone(),
        children: Vec::new(),
        blobs: Vec::new(),
        configs: Vec::new(),
    };
    // Parents come before their children here; the order is reversed at the end.
    let mut waiting = vec![(manifest, None, 0)];
    while let Some((manifest, parent_entry, depth)) = waiting.pop() {
        let document = parse(api.repository(), &manifest)?;
        if !document.manifests().is_empty() && depth == MAX_DEPTH {
            return Err(broken(
                api.repository(),
                &manifest,
                "indexes are nested too deep",
            ));
        }
        if tree.children.len() + document.manifests().len() > MAX_CHILDREN {
            return Err(broken(api.repository(), &manifest, "too many manifests"));
        }
        for (descriptor, child) in children(api, &manifest, document.manifests()).await? {
            // A child of two indexes must come before both, so its last place counts.
            tree.children
                .retain(|known| known.digest() != child.digest());
            tree.children.push(child.clone());
            waiting.push((child, Some(descriptor), depth + 1));
        }
        if let ImageDocument::Manifest(manifest) = &document
            && !parent_entry
                .as_ref()
                .is_some_and(Descriptor::is_attestation)
        {
            let platform = parent_entry.and_then(|entry| entry.platform);
            tree.configs.push((platform, manifest.config.clone()));
        }
        for blob in document.blobs() {
            if !tree.blobs.iter().any(|known| known.digest == blob.digest) {
                tree.blobs.push(blob.clone());
            }
        }
    }
    tree.children.reverse();
    Ok(Some(tree))
}

async fn children(
    api: &dyn RepositoryApi,
    parent: &Manifest,
    descriptors: &[Descriptor],
) -> Result<Vec<(Descriptor, Manifest)>, RegistryError> {
    let read = |descriptor: &Descriptor| {
        let descriptor = descriptor.clone();
        async move {
            match api.manifest(&descriptor.digest.clone().into()).await? {
                Some(manifest) => Ok((descriptor, manifest)),
                None => {
                    let why = format!("its child {} is missing", descriptor.digest);
                    Err(broken(api.repository(), parent, &why))
                }
            }
        }
    };
    // A list of futures: a stream that makes them would not be `Send`, as far as the compiler sees.
    let read: Vec<_> = descriptors.iter().map(read).collect();
    futures_util::stream::iter(read)
        .buffered(CONCURRENT_REQUESTS)
        .try_collect()
        .await
}

/// Each image that can run.
///
/// # Errors
/// A request failed, or a config is not a valid image config.
pub async fn runnable(
    api: &dyn RepositoryApi,
    tree: &ImageTree,
) -> Result<Vec<Runnable>, RegistryError> {
    let read = |(platform, config): (Option<Platform>, Descriptor)| async move {
        let mut found = read_config(api, &tree.manifest, &config).await?;
        found.platform = platform.or(found.platform);
        Ok(found)
    };
    let read: Vec<_> = tree.configs.iter().cloned().map(read).collect();
    futures_util::stream::iter(read)
        .buffered(CONCURRENT_REQUESTS)
        .try_collect()
        .await
}

async fn read_config(
    api: &dyn RepositoryApi,
    manifest: &Manifest,
    config: &Descriptor,
) -> Result<Runnable, RegistryError> {
    let wrong = |why: &str| broken(api.repository(), manifest, why);
    if config.size > MAX_CONFIG {
        return Err(wrong("its config is too large"));
    }
    let file = tempfile::NamedTempFile::new().map_err(|error| wrong(&error.to_string()))?;
    api.fetch_blob(config, file.path().to_owned()).await?;
    let bytes = std::fs::read(file.path()).map_err(|error| wrong(&error.to_string()))?;
    let config: ImageConfig =
        serde_json::from_slice(&bytes).map_err(|_| wrong("its config is not an image config"))?;
    Ok(Runnable {
        platform: config.platform(),
        labels: config.labels(),
    })
}

fn parse(repository: &Repository, manifest: &Manifest) -> Result<ImageDocument, RegistryError> {
    ImageDocument::parse(manifest).map_err(|_| {
        broken(
            repository,
            manifest,
            "it is neither a manifest nor an index",
        )
    })
}

fn broken(repository: &Repository, manifest: &Manifest, why: &str) -> RegistryError {
    RegistryError {
        kind: RegistryErrorKind::BadAnswer,
        request: repository.digest(manifest.digest()),
        status: None,
        codes: Vec::new(),
        detail: Some(why.to_owned()),
    }
}
