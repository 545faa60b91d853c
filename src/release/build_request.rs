//! What is asked of the builder of one image of a plan.

use crate::{
    build::{BuildRequest, Expected, TargetRepositories},
    oci::{ImageName, annotation},
    plan::{Plan, PlannedImage},
    policy::BuildSource,
    release::{facade::Release, request::created},
};

impl Release {
    /// `command` runs once for each image of the policy, before the first of its variants.
    pub(super) fn build_request(
        &self,
        plan: &Plan,
        planned: &PlannedImage,
        command: bool,
    ) -> BuildRequest {
        let mut policy = self.build_policy(&planned.name);
        if let BuildSource::Layout { command: set, .. } = &mut policy.image_source
            && !command
        {
            *set = None;
        }
        let version = plan.version.to_string();
        let plain = (!self.shares_layout(&planned.name)).then(|| version.clone());
        let names = std::iter::once(planned.name.in_layout(&version)).chain(plain);
        let tags = plan
            .tags
            .iter()
            .filter(|tag| tag.is_version && tag.image == planned.name);
        let references = tags
            .map(|tag| tag.repository.tag(&tag.tag))
            .chain(names)
            .collect();
        let tree = self.project().git().tree_of(plan.commit);
        let expected = Expected {
            image: planned.name.clone(),
            is_one_of_several: plan.images.len() > 1,
            suffix: self.policy().suffix_of(&planned.name),
            version: plan.version.clone(),
            branch: plan.branch.clone(),
            commit: plan.commit,
            parent: self.parent_of_release(
                plan.release_commit.as_ref(),
                plan.commit,
                &plan.version,
            ),
            tree,
            policy: plan.policy.clone(),
            policy_file: self.policy_of_legs(),
            accepts_dirty: false,
            platforms: policy.platforms.clone(),
            layouts: None,
            repositories: plan.repositories_of(planned).to_vec(),
        };
        BuildRequest {
            policy,
            args: planned.args.clone(),
            repository: self.top().to_owned(),
            commit: plan.commit,
            time: self.source_time(plan, planned),
            labels: planned.labels.clone(),
            annotations: planned.annotations.clone(),
            references,
            variables: variables(plan, &planned.name),
            targets: TargetRepositories::default(),
            expected: Some(expected),
        }
    }

    /// Whether another image comes from the same layout: then the plain version is not the name of this one.
    fn shares_layout(&self, image: &ImageName) -> bool {
        let layout_of = |image: &ImageName| {
            let source = self.build_policy(image).image_source;
            source.layout().map(str::to_owned)
        };
        let own = layout_of(image);
        let mut others = self.policy().all_images().filter(|other| other != image);
        own.is_some() && others.any(|other| layout_of(&other) == own)
    }

    /// What a reproducible build counts from: as the plan's labels say, so that all who build by one plan
    /// agree; else `SOURCE_DATE_EPOCH`, or the commit's time.
    fn source_time(&self, plan: &Plan, planned: &PlannedImage) -> i64 {
        let labels = self.policy().image_policy(&planned.name).labels;
        let own = labels.contains_key(annotation::CREATED);
        if let Some(created) = created(plan).filter(|_| !own) {
            return created.timestamp();
        }
        let set = self
            .environment()
            .get("SOURCE_DATE_EPOCH")
            .and_then(|text| text.parse().ok());
        set.unwrap_or_else(|| plan.commit_time.timestamp())
    }
}

/// What `image.build.command` is told.
fn variables(plan: &Plan, image: &ImageName) -> Vec<(String, String)> {
    [
        ("HOIST_IMAGE_NAME", image.name().to_owned()),
        ("HOIST_VERSION", plan.version.to_string()),
        ("HOIST_COMMIT", plan.commit.to_string()),
        ("HOIST_TAG", plan.git_tag.name.short().to_owned()),
        (
            "HOIST_VARIANT",
            image.variant().unwrap_or_default().to_owned(),
        ),
        (
            "HOIST_CREATED",
            plan.instant
                .to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
