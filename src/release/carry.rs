//! What is about an image goes along when the image goes to a further repository.

use std::collections::BTreeSet;

use crate::{
    error::{Error, ErrorCode, Result},
    io::registry::{
        RegistryError, RegistryErrorKind, RepositoryApi,
        referrer_tree::{ReferrerTreeError, referrer_tree},
    },
    oci::{Digest, Image, Repository, Tag, referrer::referrers_tag},
    plan::{Plan, PlannedSource},
    publish::Referrer,
    release::{errors, facade::Release},
};

impl Release {
    /// What is about the images that were published already, from where each of them is taken, and from each other
    /// of its repositories: one that was published before can have lost something that another still has. An image
    /// that goes nowhere else has it there.
    pub(super) async fn carried(&self, plan: &Plan, images: &[Image]) -> Result<Vec<Referrer>> {
        let mut all = Vec::new();
        for (index, (planned, image)) in plan.images.iter().zip(images).enumerate() {
            let PlannedSource::Adopt { from, .. } = &planned.source else {
                continue;
            };
            let places = plan.repositories_of(planned);
            let others = places.iter().filter(|place| *place != from);
            let others: Vec<&Repository> = others.collect();
            if others.is_empty() {
                continue;
            }
            let mut known = BTreeSet::new();
            for place in [from].into_iter().chain(others) {
                let found = self.referrers_from(place, from, index, image).await?;
                let new = found
                    .into_iter()
                    .filter(|one| known.insert(one.entry.digest.clone()));
                all.extend(new);
            }
        }
        Ok(all)
    }

    /// What `place` has of an image that is taken from `origin`. A further repository may not have the image, and may
    /// not be there.
    async fn referrers_from(
        &self,
        place: &Repository,
        origin: &Repository,
        index: usize,
        image: &Image,
    ) -> Result<Vec<Referrer>> {
        let api = self.apis(std::slice::from_ref(place))?.remove(0);
        let documents = image.children.iter().chain([&image.manifest]);
        let subjects: Vec<Digest> = documents.map(|one| one.digest().clone()).collect();
        let name = place.digest(image.manifest.digest());
        let unread = |error: &RegistryError| {
            errors::registry(&format!("cannot read what is about {name}"), error)
                .state("no tag has moved")
        };
        if place != origin {
            let digest = image.manifest.digest().clone();
            match api.head(&digest.into()).await {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(Vec::new()),
                // The push right is proven, so this is a repository that the push makes.
                Err(error) if is_not_there(&error.kind) => return Ok(Vec::new()),
                Err(error) => return Err(unread(&error)),
            }
        }
        let found = match referrer_tree(api.as_ref(), &subjects).await {
            Ok(found) => found,
            Err(ReferrerTreeError::Registry(error)) => return Err(unread(&error)),
            Err(error @ ReferrerTreeError::TooMuch(_)) => {
                return Err(Error::refused("what is about the image is too much to be copied")
                    .with_code(ErrorCode::TooManyReferrers)
                    .because(&error)
                    .state("no tag has moved")
                    .hint("delete what nobody needs, or copy the image with another program first"));
            }
        };
        if place == origin {
            self.tell_of_tags(api.as_ref(), &subjects).await;
        }
        let mut all = Vec::new();
        for tree in found {
            self.store().hold(tree.manifest.digest())?;
            let content = Image {
                dir: self.store().image_dir(tree.manifest.digest()),
                manifest: tree.manifest,
                children: tree.children,
                blobs: tree.blobs,
                listed: std::collections::BTreeMap::new(),
                of_layout: std::collections::BTreeMap::new(),
            };
            all.extend(Referrer::new(index, content, Some(place.clone())));
        }
        Ok(all)
    }

    /// What cosign 2 keeps under tags is no referrer. It stays where it is, and is named.
    async fn tell_of_tags(&self, api: &dyn RepositoryApi, subjects: &[Digest]) {
        // Where no list can be had, there is nothing to tell, and nothing is lost.
        let Ok(tags) = api.tags().await else { return };
        let is_about = |tag: &&Tag| {
            let mut lists = subjects.iter().map(referrers_tag);
            lists.any(|list| {
                let ending = tag.as_str().strip_prefix(list.as_str());
                ending.is_some_and(|ending| ending.starts_with('.'))
            })
        };
        for tag in tags.iter().filter(is_about) {
            self.events.warning(format!(
                "{} is not copied: it is a tag of cosign 2, and no referrer",
                api.repository().tag(tag)
            ));
        }
    }
}

/// Whether an error says that a repository cannot be read before something is pushed to it.
fn is_not_there(kind: &RegistryErrorKind) -> bool {
    matches!(
        kind,
        RegistryErrorKind::NameUnknown
            | RegistryErrorKind::Unauthorized
            | RegistryErrorKind::NoCredentials(_)
            | RegistryErrorKind::Denied
    )
}
