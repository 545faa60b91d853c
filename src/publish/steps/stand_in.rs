//! The manifest that takes a new tag away on a registry that deletes by digest only.

use crate::{
    oci::{Digest, ImageDocument, Manifest},
    publish::protocol::journal::{Prepared, TagRecord},
};

/// A manifest that is put under a new tag so that the tag goes when it is deleted, for registries
/// that delete by digest only. Made from the release's own, so its blobs are there; different for
/// every tag, so that nothing else goes with it; the same each time, so that a later run knows it.
pub(in crate::publish) fn stand_in_manifest(
    prepared: &Prepared,
    tag: &TagRecord,
) -> Option<Manifest> {
    let image = &prepared.images[tag.image];
    let model = image
        .children
        .iter()
        .chain([&image.manifest])
        .filter_map(|digest| prepared.document(digest))
        .find(|manifest| !manifest.media_type.is_index())?;
    let ImageDocument::Manifest(mut document) = ImageDocument::parse(model).ok()? else {
        return None;
    };
    let name = format!("{} {}", prepared.owner.nonce, tag.tag);
    document.annotations.insert("hoist.stand-in".into(), name);
    Some(Manifest::write(model.media_type.clone(), &document))
}

/// The digest of a tag's stand-in. Only a tag that was absent before ever gets one.
pub(in crate::publish) fn stand_in(prepared: &Prepared, tag: &TagRecord) -> Option<Digest> {
    if tag.before.is_some() {
        return None;
    }
    stand_in_manifest(prepared, tag).map(|manifest| manifest.digest().clone())
}
