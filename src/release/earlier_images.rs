//! What an earlier release has published: by its receipt, and as the registries show it.

use std::collections::BTreeSet;

use semver::Version;

use crate::{
    error::Result,
    oci::{Digest, Index, Observed, Repository, Tag},
    plan::{
        release::receipt,
        tags::{ExactTags, TagRules},
    },
    release::{facade::Release, observe},
};

impl Release {
    /// The images of a past release, each with a repository that shows it: by the receipt in its git tag, else as
    /// its version tags show them.
    pub(super) async fn published_images_of(
        &self,
        version: &Version,
        tag: &str,
    ) -> Result<Vec<(Repository, Digest)>> {
        let message = self.project().git().tag_message(tag)?;
        let receipts = message.map(|message: String| receipt::receipts(&message));
        let receipts = receipts.unwrap_or_default();
        if !receipts.is_empty() {
            let shown = receipts.into_iter();
            return Ok(shown.map(|one| (one.repository, one.digest)).collect());
        }
        // Where the list is refused, the version's own name is the likeliest.
        let likely: Vec<Tag> = version
            .to_string()
            .replace('+', "-")
            .parse()
            .into_iter()
            .collect();
        let mut images = Vec::new();
        for api in self.apis(&self.repositories()?)? {
            let rules = TagRules::in_repository(self.policy(), api.repository());
            let exact = ExactTags::new(&rules, [version]);
            let names = match observe::list(api.as_ref()).await? {
                None => likely.clone(),
                Some(listed) => {
                    let of_version = |name: &&Tag| {
                        let read = exact.read(name.as_str());
                        read.is_some_and(|(_, found)| found == *version)
                    };
                    listed.iter().filter(of_version).cloned().collect()
                }
            };
            let shows = observe::heads(api.as_ref(), &names).await?;
            let repository = api.repository();
            images.extend(shows.into_values().filter_map(|seen| match seen {
                Observed::At(digest) => Some((repository.clone(), digest)),
                Observed::Absent | Observed::Unknown => None,
            }));
        }
        Ok(images)
    }

    /// The images for one platform each that indexes of a past release list. What a registry does not have, or does
    /// not show, is named and passed over: the whole of it was compared.
    pub(super) async fn parts_of(
        &self,
        version: &Version,
        images: &[(Repository, Digest)],
    ) -> Result<Vec<Digest>> {
        let mut known = BTreeSet::new();
        let mut parts = Vec::new();
        for (repository, digest) in images {
            if !known.insert(digest) {
                continue;
            }
            for api in self.apis(std::slice::from_ref(repository))? {
                match api.manifest(&digest.clone().into()).await {
                    Ok(Some(found)) if found.media_type.is_index() => {
                        let index: Option<Index> = serde_json::from_slice(&found.bytes).ok();
                        let entries = index.into_iter().flat_map(|index| index.manifests);
                        let images = entries.filter(|entry| !entry.is_attestation());
                        parts.extend(images.map(|entry| entry.digest));
                    }
                    Ok(_) => {}
                    Err(error) => self.events.note(format!(
                        "the platforms of {version} in `{repository}` were not compared: {error}"
                    )),
                }
            }
        }
        Ok(parts)
    }
}
