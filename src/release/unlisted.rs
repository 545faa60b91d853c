//! Which versions a repository has. A list of tags is not believed alone: it can lag, and it can hide tags. A
//! version whose git tag records an image there, and that the list lacks, is asked for by its own tag.

use semver::Version;

use crate::{
    error::Result,
    oci::{ImageName, Repository, Tag},
    plan::tags::{Listing, Published, TagRules, UnlistedVersion},
    release::{
        facade::Release,
        observe::{self, LookPurpose, RepositoryApis},
    },
};

/// Tags that are there and that no list names.
pub(super) type UnlistedTags = Vec<(Repository, Vec<Tag>)>;

impl Release {
    /// Every repository's list of tags, with the versions of `git` that it lacks and the repository has.
    pub(super) async fn listed(
        &self,
        apis: &RepositoryApis,
        git: &[Version],
    ) -> Result<Vec<Published>> {
        let mut published = observe::published(apis, LookPurpose::Read, |_| Vec::new()).await?;
        self.complete_lists(git, &mut published).await?;
        for seen in &published {
            self.tell_of_unlisted(seen);
        }
        Ok(published)
    }

    /// Adds to each list the tags of those versions of `git` that it lacks and the repository has.
    pub(super) async fn complete_lists(
        &self,
        git: &[Version],
        published: &mut [Published],
    ) -> Result<()> {
        let receipts = self.receipts_of(git);
        let origins = self.origins(git);
        for seen in published {
            let Listing::Known(tags) = &mut seen.tags else {
                continue;
            };
            let here = receipts
                .iter()
                .filter(|(_, receipt)| receipt.repository == seen.repository);
            let recorded: Vec<(Version, ImageName, _)> = here
                .map(|(version, receipt)| {
                    let (image, digest) = (receipt.image.clone(), receipt.digest.clone());
                    (version.clone(), image, digest)
                })
                .collect();
            let rules = TagRules::in_repository(self.policy(), &seen.repository);
            let origin = |version: &Version| origins.get(version).copied();
            let lacking = rules.unlisted(&recorded, origin, tags);
            if lacking.is_empty() {
                continue;
            }
            let found = self.found(&seen.repository, &lacking).await?;
            tags.extend(found.iter().cloned());
            seen.unlisted.extend(found);
        }
        Ok(())
    }

    async fn found(
        &self,
        repository: &Repository,
        lacking: &[UnlistedVersion],
    ) -> Result<Vec<Tag>> {
        let api = self.apis(std::slice::from_ref(repository))?.remove(0);
        let each_once = |names: &mut dyn Iterator<Item = &Tag>| {
            let mut names: Vec<Tag> = names.cloned().collect();
            names.sort();
            names.dedup();
            names
        };
        let exact = each_once(&mut lacking.iter().flat_map(UnlistedVersion::exact));
        let mut shows = observe::heads(api.as_ref(), &exact).await?;
        let hidden = lacking.iter().filter(|one| one.found(&shows).is_empty());
        let moving = each_once(&mut hidden.flat_map(UnlistedVersion::moving));
        shows.extend(observe::heads(api.as_ref(), &moving).await?);
        Ok(each_once(
            &mut lacking
                .iter()
                .flat_map(|one| one.found(&shows))
                .collect::<Vec<_>>()
                .iter(),
        ))
    }

    /// Names the tags that the repository has and does not list.
    fn tell_of_unlisted(&self, seen: &Published) {
        let Some(first) = seen.unlisted.first() else {
            return;
        };
        let more = match seen.unlisted.len() {
            1 => String::new(),
            all => format!(" and {} more", all - 1),
        };
        self.events.warning(format!(
            "the list of tags of `{}` lacks `{first}`{more}, and the registry shows the image: it counts as published",
            seen.repository
        ));
    }
}
