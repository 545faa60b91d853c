//! What is about an image goes along when the image goes to a further repository.

use crate::{
    error::{Error, ErrorCode, Result},
    io::registry::{
        RepositoryApi,
        referrer_tree::{ReferrerTreeError, referrer_tree},
    },
    oci::{Digest, Image, Repository, Tag, referrer::referrers_tag},
    plan::{Plan, PlannedSource},
    publish::Referrer,
    release::{errors, facade::Release},
};

impl Release {
    /// What is about the images that were published already, from where each of them is taken. An image
    /// that goes nowhere else has it there.
    pub(super) async fn carried(&self, plan: &Plan, images: &[Image]) -> Result<Vec<Referrer>> {
        let mut all = Vec::new();
        for (index, (planned, image)) in plan.images.iter().zip(images).enumerate() {
            let PlannedSource::Adopt { from, .. } = &planned.source else {
                continue;
            };
            if plan
                .repositories_of(planned)
                .iter()
                .any(|repository| repository != from)
            {
                all.extend(self.referrers_from(from, index, image).await?);
            }
        }
        Ok(all)
    }

    async fn referrers_from(
        &self,
        from: &Repository,
        index: usize,
        image: &Image,
    ) -> Result<Vec<Referrer>> {
        let api = self.apis(std::slice::from_ref(from))?.remove(0);
        let documents = image.children.iter().chain([&image.manifest]);
        let subjects: Vec<Digest> = documents.map(|one| one.digest().clone()).collect();
        let what = || {
            format!(
                "cannot read what is about {}",
                from.digest(image.manifest.digest())
            )
        };
        let found = match referrer_tree(api.as_ref(), &subjects).await {
            Ok(found) => found,
            Err(ReferrerTreeError::Registry(error)) => {
                return Err(errors::registry(&what(), &error).state("no tag has moved"));
            }
            Err(error @ ReferrerTreeError::TooMuch(_)) => {
                return Err(Error::refused("what is about the image is too much to be copied")
                    .with_code(ErrorCode::TooManyReferrers)
                    .because(&error)
                    .state("no tag has moved")
                    .hint("delete what nobody needs, or copy the image with another program first"));
            }
        };
        self.tell_of_tags(api.as_ref(), &subjects).await;
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
            all.extend(Referrer::new(index, content, Some(from.clone())));
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
