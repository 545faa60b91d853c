//! The platforms that the images of a release are for, as the images themselves say.

use crate::{
    error::Result,
    io::{
        layout,
        registry::{RegistryError, RepositoryApi, image_tree},
    },
    oci::{Image, ImageDocument, Manifest, Platform},
    plan::Plan,
    release::facade::Release,
};

impl Release {
    /// What each image of `plan` is for. What cannot be read is told, and is not recorded.
    pub(super) async fn image_platforms(
        &self,
        plan: &Plan,
        images: &[Image],
    ) -> Result<Vec<Vec<Platform>>> {
        let mut all = Vec::new();
        for (planned, image) in plan.images.iter().zip(images) {
            let mut platforms = listed_platforms(&image.manifest);
            // A configuration that was made here lies on disk.
            if platforms.is_empty()
                && let Ok(outlines) = layout::outlines(image)
            {
                platforms = outlines
                    .into_iter()
                    .filter_map(|one| one.platform)
                    .collect();
            }
            if platforms.is_empty() {
                let mut failed = None;
                for api in self.apis(plan.repositories_of(planned))? {
                    match published(api.as_ref(), &image.manifest).await {
                        Ok(found) if found.is_empty() => {}
                        Ok(found) => {
                            platforms = found;
                            break;
                        }
                        Err(error) => failed = failed.or(Some(error)),
                    }
                }
                if let Some(error) = failed.filter(|_| platforms.is_empty()) {
                    self.events.warning(format!(
                        "the platform of {} is not recorded, because it cannot be read: {error}",
                        image.manifest.digest()
                    ));
                }
            }
            all.push(platforms);
        }
        Ok(all)
    }
}

/// The platforms that an index names; none of an image that is no index.
pub(super) fn listed_platforms(manifest: &Manifest) -> Vec<Platform> {
    let listed = match ImageDocument::parse(manifest) {
        Ok(ImageDocument::Index(index)) => index.manifests,
        Ok(ImageDocument::Manifest(_) | ImageDocument::NotAnImage) | Err(_) => Vec::new(),
    };
    let listed = listed.into_iter().filter_map(|entry| entry.platform);
    listed.filter(|platform| !platform.is_unknown()).collect()
}

/// The platform of an image that a repository has, by its configuration.
async fn published(
    api: &dyn RepositoryApi,
    manifest: &Manifest,
) -> Result<Vec<Platform>, RegistryError> {
    let digest = manifest.digest().clone().into();
    let Some(tree) = image_tree::tree(api, &digest).await? else {
        return Ok(Vec::new());
    };
    let all = image_tree::runnable(api, &tree).await?;
    let platforms = all.iter().filter_map(|one| one.platform().cloned());
    Ok(platforms.collect())
}
