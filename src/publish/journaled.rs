//! What this clone's journals tell of a version: its images, and what its tags showed before.

use crate::{
    git::CommitId,
    oci::{Digest, ImageName, Repository, Tag},
    publish::{
        protocol::{
            journal::{Prepared, decode},
            replay,
            state::TagClass,
        },
        world::World,
    },
};

/// The images that this clone's journals name for `version` of `commit`, and which of the release's images
/// each is, where the journal tells: they are this release's, whatever their labels say. A journal that cannot be read names none here; a new release finds
/// it all the same.
#[must_use]
pub fn journaled_images(
    world: &World,
    version: &semver::Version,
    commit: CommitId,
) -> Vec<(Option<ImageName>, Digest)> {
    let names = world.journals.list().unwrap_or_default();
    let journals = names.iter().filter_map(|name| {
        let text = world.journals.read(name).ok()?;
        replay::replay(decode(&text).ok()?)
    });
    journals
        .map(|replayed| replayed.prepared)
        .filter(|prepared| prepared.version == *version && prepared.commit == commit)
        .flat_map(|prepared| prepared.images)
        .map(|image| (image.image_name(), image.manifest))
        .collect()
}

/// What the tags of `repository` showed before `version` was released, as far as a journal of this clone tells.
#[must_use]
pub fn journaled_before(
    world: &World,
    version: &semver::Version,
    repository: &Repository,
) -> Vec<(Tag, Digest)> {
    let names = world.journals.list().unwrap_or_default();
    let journals = names.iter().rev().filter_map(|name| {
        let text = world.journals.read(name).ok()?;
        let prepared = replay::replay(decode(&text).ok()?)?.prepared;
        let is_release = prepared
            .tags
            .iter()
            .any(|tag| tag.kind == TagClass::Version);
        (prepared.version == *version && is_release).then_some(prepared)
    });
    let before = |prepared: Prepared| {
        let tags = prepared.tags.iter();
        let own = tags.filter(|tag| prepared.repository(tag) == repository);
        // One that showed the release already tells nothing of what was before.
        let other = own.filter(|tag| tag.before.as_ref() != Some(prepared.wanted(tag)));
        let named = other.filter_map(|tag| Some((tag.tag.clone(), tag.before.clone()?)));
        named.collect::<Vec<_>>()
    };
    journals
        .map(before)
        .find(|found| !found.is_empty())
        .unwrap_or_default()
}
