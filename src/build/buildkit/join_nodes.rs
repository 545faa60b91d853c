//! From the images that the nodes of a builder have made to one image.

use std::{collections::BTreeMap, sync::Arc};

use tokio_util::sync::CancellationToken;

use crate::{
    build::{
        errors::task_result,
        join::{content, join},
    },
    error::Result,
    event::Events,
    io::layout::{PushedBlob, PushedImage, Store, WantedImage},
    oci::Image,
};

/// Joins `parts`, each with the name of its node.
///
/// # Errors
/// They do not fit together, the disk does not take the result, or `cancel`.
pub(super) async fn join_images(
    parts: Vec<(String, Image)>,
    (store, events): (&Store, &Events),
    wanted: &WantedImage,
    cancel: &CancellationToken,
) -> Result<Image> {
    let (store, events, cancel) = (store.clone(), events.clone(), cancel.clone());
    // The index keeps the bytes that the nodes wrote below it.
    let wanted = WantedImage {
        built_here: false,
        annotations: BTreeMap::new(),
        ..wanted.clone()
    };
    let joined =
        tokio::task::spawn_blocking(move || joined(parts, (&store, &events), &wanted, &cancel));
    task_result(joined.await)
}

fn joined(
    parts: Vec<(String, Image)>,
    (store, events): (&Store, &Events),
    wanted: &WantedImage,
    cancel: &CancellationToken,
) -> Result<Image> {
    let leg = |(node, image): &(String, Image)| content(image, &format!("the node {node}"));
    let legs = parts.iter().map(leg);
    let legs = legs.collect::<Result<Vec<_>>>()?;
    let joined = join(&legs, None)?;
    for left_out in &joined.left_out {
        events.warning(left_out);
    }
    let incoming = Arc::new(store.incoming(cancel)?);
    let mut blobs = BTreeMap::new();
    for (_, image) in &parts {
        for blob in &image.blobs {
            let path = image.blob_path(&blob.digest);
            let known = match path.is_file() {
                true => {
                    incoming.take_over(&path, &blob.digest)?;
                    PushedBlob::Here
                }
                false => PushedBlob::Everywhere(blob.size),
            };
            let before = blobs.entry(blob.digest.clone()).or_insert(known);
            if known == PushedBlob::Here {
                *before = known;
            }
        }
    }
    let manifests = joined.children.into_iter();
    let image = PushedImage {
        top: joined.manifest,
        manifests: manifests
            .map(|manifest| (manifest.digest().clone(), manifest))
            .collect(),
        blobs,
    };
    store.keep(incoming, &image, wanted, cancel)
}
