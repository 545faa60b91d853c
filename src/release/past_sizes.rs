//! What the releases before an image had to pull.

use crate::{
    error::Result,
    oci::Platform,
    plan::{
        inspect::{PastSize, last_release::Reach},
        tags::ExactTag,
    },
    release::{
        errors, facade::Release, image_size::published_layers, inspected::AskedImage,
        last_release::ReleaseLookup,
    },
};

impl Release {
    /// The sizes of the newest releases of an image below the version that was looked at, or of all, the oldest first.
    pub(super) async fn past(
        &self,
        lookup: &ReleaseLookup<'_>,
        asked: &AskedImage,
        platform: Option<&Platform>,
        count: usize,
    ) -> Result<Vec<PastSize>> {
        let image = asked.judged();
        let (repository, reach) = match asked.published() {
            Some(reference) => {
                let now = self.version_of(lookup, asked, &reference).await?;
                (Some(reference.repository), now.map(Reach::Below))
            }
            None => (
                self.policy().repositories_of(&image).into_iter().next(),
                None,
            ),
        };
        let Some(repository) = repository else {
            return Ok(Vec::new());
        };
        let reach = reach.unwrap_or(Reach::Any);
        let mut versions = lookup.standing(&repository, &image, &reach).await?;
        let newest = versions.len().saturating_sub(count);
        let api = self.apis(std::slice::from_ref(&repository))?.remove(0);
        let mut all = Vec::new();
        for ExactTag { version, tag } in versions.split_off(newest) {
            let found = published_layers(api.as_ref(), &tag.clone().into(), platform).await;
            let failed = || format!("cannot read {}", repository.tag(&tag));
            let found = found.map_err(|error| errors::registry(&failed(), &error))?;
            all.extend(found.map(|found| PastSize {
                name: version.to_string(),
                size: found.size,
            }));
        }
        Ok(all)
    }
}
