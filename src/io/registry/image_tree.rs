//! Reads what is behind a digest on a registry: the tree of manifests, and the labels of the images in
//! it. It reads documents only, never layers.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use futures_util::{StreamExt, TryStreamExt};
use tokio::time::timeout;

pub use crate::io::registry::tree_reading::{ImageTree, TreeConfig};
use crate::{
    io::registry::{
        RegistryError, RegistryErrorKind, RepositoryApi,
        tree_reading::{CONCURRENT_REQUESTS, Lost, Sought, TreeReading, broken, first_to_have},
    },
    oci::{Descriptor, Digest, ImageConfig, Manifest, Runnable, TagOrDigest},
    text,
};

/// Largest config of an image that is read, in bytes.
const MAX_CONFIG: u64 = 8_000_000;
/// Most bytes of all configs of a tree.
const MAX_CONFIGS: u64 = 16_000_000;
/// How long reading a tree may take.
const MAX_TIME: Duration = Duration::from_secs(300);

/// Reads the tree below `top`, each document once; `None` where the registry does not have `top`.
///
/// # Errors
/// A request failed; a document is not a valid manifest, or a child is missing; the tree is larger
/// than any image, or takes longer than [`MAX_TIME`].
pub async fn tree(
    api: &dyn RepositoryApi,
    top: &TagOrDigest,
) -> Result<Option<ImageTree>, RegistryError> {
    let read = async {
        let Some(manifest) = api.manifest(top).await? else {
            return Ok(None);
        };
        match tree_below(&[api], manifest).await? {
            Ok(tree) => Ok(Some(tree)),
            Err(lost) => {
                let top = api.repository().digest(&lost.top);
                let why = format!("its child {} is missing", lost.digest);
                Err(broken(top, &why))
            }
        }
    };
    within(api, read).await
}

/// The same from several repositories, of which each can lack a document: it is taken from the first one that has
/// it. `Err`: none of them has this one.
///
/// # Errors
/// As [`tree`], but for a child that is missing. A repository that cannot be asked is an error where no other one
/// has the document.
pub async fn tree_among(
    apis: &[&dyn RepositoryApi],
    top: &Digest,
) -> Result<Result<ImageTree, Digest>, RegistryError> {
    let Some(first) = apis.first() else {
        return Ok(Err(top.clone()));
    };
    let read = async {
        let what = top.clone().into();
        match first_to_have(apis, Sought::Top(&what)).await? {
            None => Ok(Err(top.clone())),
            Some(manifest) => {
                let tree = tree_below(apis, manifest).await?;
                Ok(tree.map_err(|lost| lost.digest))
            }
        }
    };
    within(*first, read).await
}

async fn tree_below(
    apis: &[&dyn RepositoryApi],
    top: Manifest,
) -> Result<Result<ImageTree, Lost>, RegistryError> {
    let mut reading = TreeReading::new(apis, top);
    while let Some(level) = reading.descend()? {
        if let Some(digest) = reading.fetch(level).await? {
            let top = reading.top;
            return Ok(Err(Lost { top, digest }));
        }
    }
    Ok(Ok(reading.finish()))
}

/// `work`, if it is done in time.
async fn within<T>(
    api: &dyn RepositoryApi,
    work: impl Future<Output = Result<T, RegistryError>>,
) -> Result<T, RegistryError> {
    match timeout(MAX_TIME, work).await {
        Ok(done) => done,
        Err(_) => Err(RegistryError {
            kind: RegistryErrorKind::Lost,
            request: format!("reading an image of {}", api.repository()),
            status: None,
            codes: Vec::new(),
            detail: Some(format!("not at its end after {} s", MAX_TIME.as_secs())),
        }),
    }
}

/// Each image that can run.
///
/// # Errors
/// A request failed, or a config is not a valid image config.
pub async fn runnable(
    api: &dyn RepositoryApi,
    tree: &ImageTree,
) -> Result<Vec<Runnable>, RegistryError> {
    // Several manifests can share a config, which is read once.
    let mut configs: Vec<&Descriptor> = Vec::new();
    let mut named = HashSet::new();
    for config in tree.configs.iter().map(|config| &config.descriptor) {
        if named.insert(&config.digest) {
            configs.push(config);
        }
    }
    let bytes = configs.iter().map(|config| config.size);
    if bytes.fold(0, u64::saturating_add) > MAX_CONFIGS {
        let top = api.repository().digest(tree.manifest.digest());
        let most = text::bytes(MAX_CONFIGS);
        return Err(broken(top, &format!("its configs have more than {most}")));
    }
    let read = |config: &Descriptor| {
        let config = config.clone();
        async move {
            let found = read_config(api, &tree.manifest, &config).await?;
            Ok::<_, RegistryError>((config.digest, found))
        }
    };
    let read: Vec<_> = configs.into_iter().map(read).collect();
    let read = futures_util::stream::iter(read)
        .buffered(CONCURRENT_REQUESTS)
        .try_collect::<HashMap<Digest, Runnable>>();
    let found = within(api, read).await?;
    let of = |config: &TreeConfig| {
        let mut runnable = found.get(&config.descriptor.digest)?.clone();
        runnable.digest = Some(config.manifest.clone());
        runnable.listed.clone_from(&config.platform);
        runnable.statements.clone_from(&config.statements);
        Some(runnable)
    };
    Ok(tree.configs.iter().filter_map(of).collect())
}

async fn read_config(
    api: &dyn RepositoryApi,
    manifest: &Manifest,
    config: &Descriptor,
) -> Result<Runnable, RegistryError> {
    let wrong = |why: &str| broken(api.repository().digest(manifest.digest()), why);
    if config.size > MAX_CONFIG {
        return Err(wrong("its config is too large"));
    }
    let file = tempfile::NamedTempFile::new().map_err(|error| wrong(&error.to_string()))?;
    api.fetch_blob(config, file.path().to_owned()).await?;
    let bytes = std::fs::read(file.path()).map_err(|error| wrong(&error.to_string()))?;
    let config: ImageConfig =
        serde_json::from_slice(&bytes).map_err(|_| wrong("its config is not an image config"))?;
    Ok(Runnable {
        digest: None,
        statements: Vec::new(),
        listed: None,
        configured: config.platform(),
        labels: config.labels(),
    })
}
