//! How large the images of a release are, platform by platform, beside those of the release before
//! it. Only manifests are read, so this takes a few requests, whatever the images hold.

use std::{collections::BTreeMap, time::Duration};

use semver::Version;

use crate::{
    error::{Error, Result},
    oci::{Digest, ImageName, Platform, Repository},
    outcome::Outcome,
    plan::release::receipt::{self, Receipt},
    release::{
        errors,
        facade::Release,
        image_size::{PlatformSize, platform_sizes},
    },
};

/// How long the look may take: a report must not keep anybody waiting for a registry.
const MAX_TIME: Duration = Duration::from_secs(60);

/// An image of a release, as its registry has it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReleasedImage {
    /// Which image of the release it is.
    pub image: ImageName,
    /// The repository that was asked.
    pub repository: Repository,
    /// The manifest or index.
    pub digest: Digest,
    /// What it has for each platform.
    pub platforms: Vec<ReleasedPlatform>,
}

/// The image for one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReleasedPlatform {
    /// The platform; `None` where the image is for one alone and no index names it.
    pub platform: Option<Platform>,
    /// Bytes to pull: the compressed size of all layers, each once.
    pub size: u64,
    /// The number of its layers.
    pub layers: usize,
    /// Bytes to pull of the same in the release before, where there was one.
    pub before: Option<u64>,
}

impl Release {
    /// Reads the sizes of a release's images, each in the first repository that shows it, beside those of
    /// the release `before` it, which the receipt in its git tag names. Touches nothing.
    ///
    /// # Errors
    /// Failed (exit 6) where an image of the release cannot be read. That the one before cannot be read
    /// is no error.
    pub async fn released(
        &self,
        outcome: &Outcome,
        before: Option<&Version>,
    ) -> Result<Vec<ReleasedImage>> {
        let read = tokio::time::timeout(MAX_TIME, self.sizes(outcome, before));
        self.or_signal(async {
            read.await.unwrap_or_else(|_| {
                Err(Error::failed("cannot read the sizes of the images")
                    .cause("the registry takes too long"))
            })
        })
        .await
    }

    async fn sizes(
        &self,
        outcome: &Outcome,
        before: Option<&Version>,
    ) -> Result<Vec<ReleasedImage>> {
        let receipts = match before {
            Some(version) => {
                let name = self.policy().version.tag.name(version);
                let message = self.project().git().tag_message(&name)?;
                receipt::receipts(&message.unwrap_or_default())
            }
            None => Vec::new(),
        };
        // Every repository has the same bytes: the first one speaks for all.
        let mut firsts = BTreeMap::new();
        for report in &outcome.images {
            firsts
                .entry((&report.image, &report.digest))
                .or_insert(&report.repository);
        }
        let mut all = Vec::new();
        for ((image, digest), repository) in firsts {
            let is_same = |one: &&Receipt| one.image == *image && one.repository == *repository;
            let last = receipts.iter().find(is_same);
            let last = match last {
                // The same image again has nothing to be compared with.
                Some(receipt) if receipt.digest != *digest => {
                    let read = self.sizes_of(repository, &receipt.digest).await;
                    read.unwrap_or_default()
                }
                _ => Vec::new(),
            };
            let now = self.sizes_of(repository, digest).await?;
            all.push(ReleasedImage {
                image: image.clone(),
                repository: repository.clone(),
                digest: digest.clone(),
                platforms: beside(now, &last),
            });
        }
        Ok(all)
    }

    async fn sizes_of(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Vec<PlatformSize>> {
        let api = self.apis(std::slice::from_ref(repository))?.remove(0);
        let read = platform_sizes(api.as_ref(), &digest.clone().into()).await;
        read.map_err(|error| {
            errors::registry(
                &format!("cannot read {}", repository.digest(digest)),
                &error,
            )
        })
    }
}

/// Each platform beside the same one of the release before.
fn beside(now: Vec<PlatformSize>, last: &[PlatformSize]) -> Vec<ReleasedPlatform> {
    let is_one = now.len() == 1 && last.len() == 1;
    let before = |platform: Option<&Platform>| {
        let same = |one: &&PlatformSize| match (&one.platform, platform) {
            (Some(had), Some(has)) => had == has,
            // An image without an index names no platform.
            (None, _) | (_, None) => is_one,
        };
        last.iter().find(same).map(|one| one.size)
    };
    now.into_iter()
        .map(|one| ReleasedPlatform {
            before: before(one.platform.as_ref()),
            platform: one.platform,
            size: one.size,
            layers: one.layers,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(platform: Option<&str>, size: u64) -> PlatformSize {
        PlatformSize {
            platform: platform.map(|text| text.parse().expect("a platform")),
            size,
            layers: 1,
        }
    }

    #[test]
    fn a_platform_is_beside_the_same_one() {
        let (amd, arm) = (Some("linux/amd64"), Some("linux/arm64"));
        for (now, last, before) in [
            (vec![size(amd, 5)], vec![size(amd, 4)], vec![Some(4)]),
            (
                vec![size(amd, 5), size(arm, 6)],
                vec![size(arm, 3), size(amd, 4)],
                vec![Some(4), Some(3)],
            ),
            (
                vec![size(amd, 5), size(arm, 6)],
                vec![size(amd, 4)],
                vec![Some(4), None],
            ),
            // The first release with a second platform, and the last one without an index.
            (
                vec![size(amd, 5), size(arm, 6)],
                vec![size(None, 4)],
                vec![None, None],
            ),
            (vec![size(None, 5)], vec![size(None, 4)], vec![Some(4)]),
            (vec![size(amd, 5)], vec![size(arm, 4)], vec![None]),
            (vec![size(amd, 5)], vec![], vec![None]),
        ] {
            let beside = beside(now, &last).into_iter();
            assert_eq!(beside.map(|one| one.before).collect::<Vec<_>>(), before);
        }
    }
}
