//! Which images a build is asked for, for which platforms, and how large they have become.

use std::collections::BTreeSet;

use crate::{
    build,
    error::{Error, Result},
    oci::{Image, ImageName, Platform},
    plan::{Plan, PlannedImage, inspect::Report},
    release::{
        budget::{is_over, refusal},
        built::{BuildOptions, BuildTarget, BuiltImage},
        facade::Release,
        last_release::ReleaseLookup,
        legs,
        measure::{MeasurePurpose, Measured},
    },
};

impl Release {
    /// The images that are to be built.
    ///
    /// # Errors
    /// Usage (exit 2): the policy has no image of that name.
    pub(super) fn asked_images(&self, request: &BuildOptions) -> Result<Vec<ImageName>> {
        let all: Vec<ImageName> = self.policy().all_images().collect();
        let is = |image: &ImageName, name: &str| image.name() == name || image.to_string() == name;
        let named = request.images.iter();
        let unknown = named
            .clone()
            .find(|name| !all.iter().any(|it| is(it, name)));
        if let Some(unknown) = unknown {
            return Err(legs::unknown_image(unknown, &all).state("nothing was built"));
        }
        let asked = |image: &ImageName| {
            request.images.is_empty() || request.images.iter().any(|name| is(image, name))
        };
        Ok(all.into_iter().filter(asked).collect())
    }

    /// Whether the policy builds the image for the platform, or leaves platforms to the builder.
    pub(super) fn is_for(&self, image: &ImageName, platform: &Platform) -> bool {
        let wanted = self.policy().platforms(image);
        let fits = |wanted: &Platform| {
            platform.satisfies(wanted) || build::same_platform(platform, wanted)
        };
        wanted.is_empty() || wanted.iter().any(fits)
    }

    pub(super) fn strange_platform(&self, images: &[ImageName], platform: &Platform) -> Error {
        let mut names: Vec<String> = Vec::new();
        for wanted in images
            .iter()
            .flat_map(|image| self.policy().platforms(image))
        {
            let name = format!("`{wanted}`");
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Error::refused(format!("the policy does not build for `{platform}`"))
            .cause(format!(
                "`image.build.platforms` names {}",
                names.join(", ")
            ))
            .state("nothing was built")
            .hint("name one of these, or add the platform to `image.build.platforms`")
    }

    /// What to build an image for: what was asked for, else what the policy names. A trial is for this
    /// machine, where that is one of several.
    pub(super) fn platforms_of(
        &self,
        request: &BuildOptions,
        planned: &PlannedImage,
    ) -> Vec<Platform> {
        let all = self.policy().platforms(&planned.name);
        let native: Vec<Platform> = all.iter().filter(|it| it.is_native()).cloned().collect();
        if !request.platforms.is_empty() {
            let asked = request.platforms.iter();
            let own = asked.filter(|platform| self.is_for(&planned.name, platform));
            own.cloned().collect()
        } else if request.target == BuildTarget::Trial && !native.is_empty() {
            native
        } else {
            all.to_vec()
        }
    }

    /// What was measured, and what of it is over its budget.
    pub(super) async fn reports(
        &self,
        request: &BuildOptions,
        plan: &Plan,
        built: &[BuiltImage],
        images: &[Image],
    ) -> Result<(Vec<Report>, Vec<Measured>)> {
        let lookup = ReleaseLookup::lenient(self);
        let (mut reports, mut over) = (Vec::new(), Vec::new());
        for (image, built) in images.iter().zip(built) {
            let planned = plan
                .images
                .iter()
                .find(|planned| planned.name == built.name);
            let planned = planned.expect("what was built is one of the plan");
            let report = request.report;
            let purpose = MeasurePurpose::Build { report };
            let measured = self.measured(&lookup, plan, planned, image, purpose);
            for measured in measured.await? {
                if report || is_over(&measured) {
                    reports.push(measured.report.clone());
                }
                over.extend(Some(measured).filter(is_over));
            }
        }
        Ok((reports, over))
    }
}

impl Release {
    /// Why nothing is handed over.
    pub(super) fn over_budget(&self, over: &[Measured], request: &BuildOptions) -> Error {
        let state = match request.target {
            BuildTarget::Trial => "the image was built, and nothing was pushed",
            _ => "the image was built, and no leg was written or pushed",
        };
        let command = self.measuring(over, request);
        refusal(over)
            .state(state)
            .hint(format!(
                "`{command}` shows where the bytes are, and what would save some"
            ))
            .hint("`--over-budget` goes on all the same")
    }

    /// The command that measures what is over, and not the image of another platform.
    fn measuring(&self, over: &[Measured], request: &BuildOptions) -> String {
        let (mut images, mut platforms) = (Vec::new(), Vec::new());
        for one in over {
            let of_policy = self.policy().platforms(&one.image);
            let is_chosen = !of_policy.is_empty() || !request.platforms.is_empty();
            let platform = one.platform.as_ref().filter(|_| is_chosen);
            let platform = platform.filter(|platform| self.is_for(&one.image, platform));
            images.push(format!(" --image-name {}", one.image));
            platforms.extend(platform.map(|platform| format!(" --platform {platform}")));
        }
        if self.policy().all_images().nth(1).is_none() {
            images.clear();
        }
        let mut command = "hoist build --markdown FILE".to_owned();
        let mut seen = BTreeSet::new();
        for part in images.into_iter().chain(platforms) {
            if seen.insert(part.clone()) {
                command.push_str(&part);
            }
        }
        command
    }
}
