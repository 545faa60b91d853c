//! The images that a version's git tag records, where no version tag shows them.

use std::sync::Arc;

use crate::{
    error::Result,
    io::registry::RepositoryApi,
    oci::{Digest, Image},
    plan::{
        Plan, PlannedImage, PlannedSource,
        release::{
            gone::{GoneImage, GonePlace},
            ownership::PublishedTag,
            receipt::Receipt,
        },
        tags::TagSet,
    },
    release::{
        facade::Release,
        observe::{RepositoryApis, images_behind, is_refusal, unreadable},
        request::ImageOptions,
    },
};

/// What became of the images that a version's receipts name, as far as no version tag shows them: their tags had other
/// names then, or are gone.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// Those that a repository still has.
    pub(super) found: Vec<PublishedTag>,
    /// Those that none has.
    pub(super) gone: Vec<GoneImage>,
}

/// Asks the repositories of each image for what the `receipts` record, where the `claims` do not have the image:
/// first those that the receipts name.
pub(super) async fn recorded(
    apis: &RepositoryApis,
    set: &TagSet,
    receipts: &[Receipt],
    claims: &[PublishedTag],
) -> Result<Recorded> {
    let mut all = Recorded::default();
    for planned in set.tags().iter().filter(|tag| tag.is_version) {
        let image = &planned.image;
        let is_known = |one: &PublishedTag| one.image == *image;
        let own: Vec<&Receipt> = receipts.iter().filter(|one| one.image == *image).collect();
        if own.is_empty() || claims.iter().chain(&all.found).any(is_known) {
            continue;
        }
        let digests = digests(&own);
        let is_named = |api: &&_| is_in(&own, api);
        let ours = apis.iter().filter(|api| planned.is_for(api.repository()));
        let (named, others): (Vec<_>, Vec<_>) = ours.partition(is_named);
        let mut gone = GoneImage {
            image: image.clone(),
            digests: digests.clone(),
            places: Vec::new(),
        };
        let mut found = None;
        'asked: for api in named.into_iter().chain(others) {
            let mut place = GonePlace::Lacks;
            for digest in &digests {
                match api.head(&digest.clone().into()).await {
                    Ok(Some(_)) => {
                        found = Some((api, digest));
                        break 'asked;
                    }
                    Ok(None) => {}
                    Err(error) if is_refusal(&error) => place = GonePlace::Refuses,
                    Err(error) => return Err(unreadable(api.as_ref(), &error)),
                }
            }
            gone.places.push((api.repository().clone(), place));
        }
        let Some((api, digest)) = found else {
            all.gone.push(with_unasked(gone, &own));
            continue;
        };
        all.found.push(PublishedTag {
            repository: api.repository().clone(),
            tag: planned.tag.clone(),
            image: image.clone(),
            digest: digest.clone(),
            images: images_behind(api.as_ref(), digest).await?,
            earlier: false,
            recorded: true,
        });
    }
    Ok(all)
}

fn is_in(receipts: &[&Receipt], api: &Arc<dyn RepositoryApi>) -> bool {
    receipts
        .iter()
        .any(|one| one.repository == *api.repository())
}

/// Each digest once.
fn digests(receipts: &[&Receipt]) -> Vec<Digest> {
    let mut all: Vec<Digest> = receipts.iter().map(|one| one.digest.clone()).collect();
    all.sort();
    all.dedup();
    all
}

/// With the repositories that were not asked, because the policy does not name them for the image.
fn with_unasked(mut gone: GoneImage, receipts: &[&Receipt]) -> GoneImage {
    for receipt in receipts {
        let mut places = gone.places.iter();
        if !places.any(|(repository, _)| *repository == receipt.repository) {
            let place = (receipt.repository.clone(), GonePlace::NotInPolicy);
            gone.places.push(place);
        }
    }
    gone
}

impl Release {
    /// What a plan says of images that are `gone` and that can still lie in a layout or in legs.
    ///
    /// # Errors
    /// Refused (exit 4): one of them would be built anew, so that it would be another image.
    pub(super) fn notes_of_gone(
        &self,
        plan: &Plan,
        gone: &[GoneImage],
        has_legs: bool,
    ) -> Result<Vec<String>> {
        let mut notes = Vec::new();
        for one in gone {
            let mut images = plan.images.iter();
            if !images.any(|planned| planned.name == one.image) {
                continue;
            }
            let source = self.build_policy(&one.image).image_source;
            let lies_there = source.layout().is_some() && source.command().is_none();
            if !has_legs && !lies_there {
                return Err(one.refusal(&plan.version));
            }
            notes.push(one.note(&plan.version));
        }
        Ok(notes)
    }

    /// Refuses images that are not those which the version's git tag records: a version is never built twice.
    ///
    /// # Errors
    /// Refused (exit 4).
    pub(super) fn check_recorded(
        &self,
        plan: &Plan,
        images: &[Image],
        options: &ImageOptions,
    ) -> Result<()> {
        for (planned, image) in plan.images.iter().zip(images) {
            let legs: Vec<&str> = options.legs.iter().map(|leg| &*leg.name).collect();
            let source = self.build_policy(&planned.name).image_source;
            let layout = match &*legs.join("`, `") {
                "" => source.given_by().unwrap_or("the build").to_owned(),
                legs => legs.to_owned(),
            };
            self.check_recorded_digest(plan, planned, image.manifest.digest(), &layout)?;
        }
        Ok(())
    }

    /// The same of one image at `layout`.
    pub(super) fn check_recorded_digest(
        &self,
        plan: &Plan,
        planned: &PlannedImage,
        digest: &Digest,
        layout: &str,
    ) -> Result<()> {
        match self.gone(plan, planned) {
            Some(gone) if !gone.digests.contains(digest) => {
                Err(gone.other_image(&plan.version, layout, digest))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The image that the git tag of the plan's version records, where the plan does not have it from a repository.
    fn gone(&self, plan: &Plan, planned: &PlannedImage) -> Option<GoneImage> {
        let receipts = self.receipts_here(&plan.version);
        let own = receipts.iter().filter(|one| one.image == planned.name);
        let own: Vec<&Receipt> = own.collect();
        if planned.source != PlannedSource::Build || own.is_empty() {
            return None;
        }
        let places = plan.repositories_of(planned).iter();
        let gone = GoneImage {
            image: planned.name.clone(),
            digests: digests(&own),
            places: places.map(|one| (one.clone(), GonePlace::Lacks)).collect(),
        };
        Some(with_unasked(gone, &own))
    }
}
