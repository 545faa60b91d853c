//! Legs whose content lies in registries by digest: documents are fetched and hashed, blobs are asked
//! for. Whatever lacks a blob gets it when the image is staged, from a repository that has it.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    build::join::{
        content::LegContent,
        gone::{swept, unreadable},
        leg::Leg,
        refusal::within,
    },
    error::Result,
    io::{
        layout::Collection,
        registry::{
            RegistryErrorKind, RepositoryApi,
            image_tree::{self, ImageTree},
        },
    },
    oci::{Descriptor, Digest, Repository},
};

/// Requests under way at once.
const AT_ONCE: usize = 8;
/// Largest configuration that is read, in bytes.
const MAX_CONFIG: u64 = 8_000_000;

/// Fetches the documents of a staged leg into `collection`, and makes sure that each blob is there.
///
/// # Errors
/// Failed (exit 6): it is nowhere, or no registry can be read.
pub(super) async fn fetch(
    leg: Leg,
    file: &str,
    repositories: &[Arc<dyn RepositoryApi>],
    collection: &Collection,
) -> Result<LegContent> {
    let tree = find(&leg, file, repositories).await?;
    let mut configs = BTreeMap::new();
    for manifest in tree.children.iter().chain([&tree.manifest]) {
        collection.put(&manifest.bytes)?;
        let document: Option<crate::oci::ManifestDocument> =
            serde_json::from_slice(&manifest.bytes).ok();
        let config = document.map(|document| document.config);
        let Some(config) = config.filter(|config| config.media_type.is_image_config()) else {
            continue;
        };
        if config.size > MAX_CONFIG || configs.contains_key(&config.digest) {
            continue;
        }
        if let Some(bytes) = document_bytes(&config, file, repositories, collection).await? {
            configs.insert(config.digest.clone(), bytes);
        }
    }
    ask_for_blobs(&tree.blobs, file, repositories).await?;
    Ok(LegContent {
        file: file.to_owned(),
        claims: Some(leg),
        listed: BTreeMap::new(),
        of_layout: BTreeMap::new(),
        manifest: tree.manifest,
        children: tree.children,
        configs,
    })
}

/// The leg's documents, each from the first repository that has it.
async fn find(leg: &Leg, file: &str, repositories: &[Arc<dyn RepositoryApi>]) -> Result<ImageTree> {
    let apis: Vec<&dyn RepositoryApi> = repositories.iter().map(AsRef::as_ref).collect();
    let found = image_tree::tree_among(&apis, &leg.digest).await;
    found
        .map_err(|error| unreadable(file, &error))?
        .map_err(|lost| swept(file, &lost, &names(repositories)))
}

/// A configuration from the first repository that has it.
async fn document_bytes(
    config: &Descriptor,
    file: &str,
    repositories: &[Arc<dyn RepositoryApi>],
    collection: &Collection,
) -> Result<Option<Vec<u8>>> {
    for api in repositories {
        if !has(api.as_ref(), &config.digest, file).await? {
            continue;
        }
        let to = collection.room_for(&config.digest);
        api.fetch_blob(config, to)
            .await
            .map_err(|error| unreadable(file, &error))?;
        let bytes = collection.document(&config.digest);
        return bytes.map(Some).map_err(|error| within(file, error));
    }
    Err(swept(file, &config.digest, &names(repositories)))
}

async fn ask_for_blobs(
    blobs: &[Descriptor],
    file: &str,
    repositories: &[Arc<dyn RepositoryApi>],
) -> Result<()> {
    let asked: Vec<_> = blobs
        .iter()
        .map(|blob| Box::pin(is_somewhere(&blob.digest, file, repositories)))
        .collect();
    stream::iter(asked)
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<()>>()
        .await
        .map(drop)
}

async fn is_somewhere(
    digest: &Digest,
    file: &str,
    repositories: &[Arc<dyn RepositoryApi>],
) -> Result<()> {
    for api in repositories {
        if has(api.as_ref(), digest, file).await? {
            return Ok(());
        }
    }
    Err(swept(file, digest, &names(repositories)))
}

async fn has(api: &dyn RepositoryApi, digest: &Digest, file: &str) -> Result<bool> {
    match api.has_blob(digest).await {
        Ok(has) => Ok(has),
        Err(error) if error.kind == RegistryErrorKind::NameUnknown => Ok(false),
        Err(error) => Err(unreadable(file, &error)),
    }
}

fn names(repositories: &[Arc<dyn RepositoryApi>]) -> Vec<Repository> {
    let names = repositories.iter().map(|api| api.repository().clone());
    names.collect()
}
