//! Images that lie there already, tried before a release just as the release takes them: read and joined, judged,
//! and let go again.

use crate::{
    error::Result,
    plan::{Plan, PlannedImage, PlannedSource},
    policy::BuildSource,
    release::{
        facade::Release,
        publication::{alike, still_fits},
        request::{ImageOptions, ReleaseRequest},
    },
};

impl Release {
    /// Proves that the release would take the images of `plan` that lie there already. Those that are yet to be
    /// built are passed over, and all of them where a program runs before the build, which may make them anew.
    ///
    /// # Errors
    /// Refused (exit 4) for an image that is not the release's, that is not whole, that lacks a platform, or
    /// that is over its budget; failed (exit 6) where a staged leg cannot be read.
    pub(super) async fn try_images_at_hand(
        &self,
        plan: &Plan,
        request: &ReleaseRequest,
    ) -> Result<()> {
        if !self.policy().hooks.before_build.is_empty() {
            return Ok(());
        }
        let options = self.image_options(request)?;
        let mut plan = plan.clone();
        plan.images.retain(|image| self.is_at_hand(image, &options));
        if plan.images.is_empty() {
            return Ok(());
        }
        let tried = self.taken(&plan, &options).await;
        self.store().let_go();
        tried
    }

    async fn taken(&self, plan: &Plan, options: &ImageOptions) -> Result<()> {
        let made = self.images(plan, options).await?.images;
        self.check_origin(plan, &made, options).await?;
        self.check_recorded(plan, &made, options)?;
        still_fits(plan, &made)?;
        for same in alike(plan, &made) {
            self.events.warning(same);
        }
        self.check_budget(plan, &made, options.over_budget).await?;
        for image in &made {
            // What stays costs room and nothing else.
            let _ = self.store().remove(image.manifest.digest());
        }
        Ok(())
    }

    fn is_at_hand(&self, image: &PlannedImage, options: &ImageOptions) -> bool {
        if image.source != PlannedSource::Build {
            return false;
        }
        let source = self.build_policy(&image.name).image_source;
        let is_layout = matches!(&source, BuildSource::Layout { command: None, .. });
        !options.legs.is_empty() || is_layout
    }
}
