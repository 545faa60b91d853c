//! What a release knows about images that others made, before it publishes one.

use semver::Version;

use crate::{
    error::Result,
    io::layout::{self, ImageAtHand},
    oci::{Digest, Image, Runnable, annotation},
    plan::{
        Plan, PlannedImage, PlannedSource,
        release::{
            oddities::oddities,
            origin::{EarlierRelease, GivenImage, ImageOrigin},
            receipt,
        },
    },
    policy::SameImage,
    release::{build::to_build, facade::Release, request::ImageOptions},
};

impl Release {
    /// Refuses an image of a layout that is not of the plan's commit; see [`ImageOrigin`].
    pub(super) async fn check_origin(
        &self,
        plan: &Plan,
        images: &[Image],
        options: &ImageOptions,
    ) -> Result<()> {
        let mut origin: Option<ImageOrigin> = None;
        for (planned, image) in plan.images.iter().zip(images) {
            let build = self.build_policy(&planned.name);
            let source = build.image_source;
            let legs = options.legs.iter().map(|leg| &*leg.name);
            let legs = legs.collect::<Vec<_>>().join("`, `");
            let layout = match &*legs {
                "" => source.given_by(),
                legs => Some(legs),
            };
            let Some(layout) = layout else {
                continue;
            };
            if planned.source != PlannedSource::Build {
                continue;
            }
            if origin.is_none() {
                let made = plan.images.iter().zip(images);
                let made = made.filter(|(planned, _)| planned.source == PlannedSource::Build);
                let mut all = Vec::new();
                for (planned, image) in made {
                    if self.allows_same(planned, options) {
                        all.push((image.manifest.digest().clone(), Vec::new()));
                        continue;
                    }
                    all.push((image.manifest.digest().clone(), layout::runnable(image)?));
                }
                origin = Some(self.origin(plan, &all).await?);
            }
            if let Some(origin) = &mut origin {
                origin.same_image = options.same_image(build.same_image);
            }
            let runnable = layout::runnable(image)?;
            let suffix = self.policy().suffix_of(&planned.name);
            let given = GivenImage {
                suffix: &suffix,
                digest: image.manifest.digest(),
                runnable: &runnable,
                layout,
                made: options.legs.is_empty() && source.command().is_some(),
            };
            let index = image.manifest.media_type.is_index();
            let index = index.then(|| serde_json::from_slice(&image.manifest.bytes).ok());
            for odd in oddities(index.flatten().as_ref(), &runnable) {
                self.events
                    .warning(format!("the image at `{layout}`: {odd}"));
            }
            let checked = origin.as_ref().map(|origin| origin.check(&given));
            if let Some(note) = checked.transpose()?.flatten() {
                self.events.note(note);
            }
        }
        Ok(())
    }

    /// Refuses an image of a layout that names another commit or version than the plan's, which no release would join.
    pub(super) fn check_statements(
        &self,
        plan: &Plan,
        planned: &PlannedImage,
        image: &Image,
    ) -> Result<()> {
        let source = self.build_policy(&planned.name).image_source;
        let Some(layout) = source.given_by() else {
            return Ok(());
        };
        let given = GivenImage {
            digest: image.manifest.digest(),
            suffix: &self.policy().suffix_of(&planned.name),
            runnable: &layout::runnable(image)?,
            layout,
            made: source.command().is_some(),
        };
        self.origin_without_past(plan).check(&given).map(drop)
    }

    /// Refuses an image that lies there already and is not of the plan's commit, as the release would.
    /// Where a program is run first, it may make the image anew, and nothing is known.
    pub(super) async fn check_at_hand(&self, plan: &Plan, options: &ImageOptions) -> Result<()> {
        if !options.legs.is_empty() || !self.policy().hooks.before_build.is_empty() {
            return Ok(());
        }
        for (_, planned) in to_build(plan) {
            let mut request = self.build_request(plan, planned, true);
            request.accept_dirty(options.allow_dirty);
            let at_hand = self.source(&request, options)?.at_hand().await?;
            if let (Some(image), Some(layout)) = (at_hand, request.policy.image_source.layout()) {
                let all = [(image.digest.clone(), image.runnable.clone())];
                let mut origin = self.origin(plan, &all).await?;
                origin.same_image = options.same_image(request.policy.same_image);
                let suffix = self.policy().suffix_of(&planned.name);
                check_layout(&origin, &image, layout, &suffix)?;
                self.check_recorded_digest(plan, planned, &image.digest, layout)?;
            }
        }
        Ok(())
    }

    fn allows_same(&self, planned: &PlannedImage, options: &ImageOptions) -> bool {
        let policy = self.build_policy(&planned.name).same_image;
        options.same_image(policy) == SameImage::Allow
    }

    /// As far as it matters to `images`: each with what can run of it, where that may not be old.
    async fn origin(&self, plan: &Plan, images: &[(Digest, Vec<Runnable>)]) -> Result<ImageOrigin> {
        let template = &self.policy().version.tag;
        let named = |version: &Version| (version.clone(), template.name(version));
        let last = plan.current.as_ref().map(|version| {
            let tag = plan.current_tag.clone();
            (
                version.clone(),
                tag.unwrap_or_else(|| template.name(version)),
            )
        });
        let mut past: Vec<(Version, String)> = last
            .into_iter()
            .chain(plan.range_from.as_ref().map(named))
            .filter(|(version, _)| *version != plan.version)
            .collect();
        past.dedup_by(|a, b| a.0 == b.0);
        let mut before = Vec::new();
        for (version, tag) in past {
            let commit = self.project().git().tag_commit(&tag);
            let shown = self.published_images_of(&version, &tag).await?;
            let parts = match images.iter().any(needs_parts) {
                true => self.parts_of(&version, &shown).await?,
                false => Vec::new(),
            };
            before.push(EarlierRelease {
                version,
                commit,
                digests: shown.into_iter().map(|(_, digest)| digest).collect(),
                parts,
            });
        }
        let parts = images.iter().flat_map(|(_, runnable)| runnable);
        let parts = parts.filter_map(|one| one.digest.as_ref());
        let digests: Vec<&Digest> = images.iter().map(|(top, _)| top).chain(parts).collect();
        before.extend(self.recorded_releases(&plan.version, &before, &digests)?);
        Ok(ImageOrigin {
            before,
            ..self.origin_without_past(plan)
        })
    }

    /// The releases with one of these images that git tags of this clone record, but that of `version` and those that
    /// are known: the newest first. No registry is asked.
    fn recorded_releases(
        &self,
        version: &Version,
        known: &[EarlierRelease],
        digests: &[&Digest],
    ) -> Result<Vec<EarlierRelease>> {
        let template = &self.policy().version.tag;
        let git = self.project().git();
        let is_other =
            |one: &Version| one != version && known.iter().all(|past| past.version != *one);
        let is_wanted = |name: &str| template.version(name).is_some_and(|one| is_other(&one));
        let words: Vec<String> = digests.iter().map(ToString::to_string).collect();
        let mut recorded = Vec::new();
        for (tag, message) in git.tags_that_say(&words, is_wanted)? {
            let receipts = receipt::receipts(&message);
            let Some(version) = template.version(&tag).filter(|_| !receipts.is_empty()) else {
                continue;
            };
            recorded.push(EarlierRelease {
                version,
                commit: git.tag_commit(&tag),
                digests: receipts.into_iter().map(|one| one.digest).collect(),
                parts: Vec::new(),
            });
        }
        recorded.sort_by(|a, b| b.version.cmp(&a.version));
        Ok(recorded)
    }

    fn origin_without_past(&self, plan: &Plan) -> ImageOrigin {
        ImageOrigin {
            version: plan.version.clone(),
            commit: plan.commit,
            parent: self.parent_of_release(
                plan.release_commit.as_ref(),
                plan.commit,
                &plan.version,
            ),
            before: Vec::new(),
            same_image: SameImage::Refuse,
        }
    }
}

/// Whether an index lists an image of which no label tells whether it is old: then the registry tells it.
fn needs_parts((top, runnable): &(Digest, Vec<Runnable>)) -> bool {
    let mut below = runnable
        .iter()
        .filter(|one| one.digest.as_ref() != Some(top));
    below.any(|one| !one.labels.contains_key(annotation::REVISION))
}

/// Refuses a layout that was looked at in its place, and is not of the plan's commit.
fn check_layout(
    origin: &ImageOrigin,
    image: &ImageAtHand,
    layout: &str,
    suffix: &str,
) -> Result<()> {
    let given = GivenImage {
        digest: &image.digest,
        suffix,
        runnable: &image.runnable,
        layout,
        made: false,
    };
    origin.check(&given).map(drop)
}
