//! Which versions a repository has. A list of tags is not believed alone: it can lag, and it can hide tags. A
//! version whose git tag records an image there, and that the list lacks, is asked for by its own tag.

use semver::Version;

use crate::{
    error::Result,
    oci::{Digest, ImageName, Repository, Tag},
    plan::{
        release::receipt::Receipt,
        tags::{Listing, Origins, Published, ReleaseOrigin, TagRules, UnlistedVersion},
    },
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
            let recorded = self.recorded_in(&seen.repository, &receipts);
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

    /// Looks for the other versions of the day of `version` where the list of tags is not to be believed: the tag
    /// of that day may be theirs.
    pub(super) async fn complete_days(
        &self,
        version: &Version,
        origins: &Origins,
        published: &mut [Published],
    ) -> Result<()> {
        let Some(own) = origins.get(version) else {
            return Ok(());
        };
        for seen in published {
            if seen.tags != Listing::Refused {
                continue;
            }
            let rules = TagRules::in_repository(self.policy(), &seen.repository);
            let days = |version: &Version, origin: &ReleaseOrigin| -> Vec<Tag> {
                let images = rules.images.iter();
                let names = images.flat_map(|image| rules.day_names(image, version, origin));
                names.collect()
            };
            let own = days(version, own);
            let of_the_day = |(other, origin): &(&Version, &ReleaseOrigin)| {
                *other != version && days(other, origin).iter().any(|day| own.contains(day))
            };
            let others = origins.iter().filter(of_the_day);
            let others: Vec<Version> = others.map(|(other, _)| other.clone()).collect();
            let recorded = self.recorded_in(&seen.repository, &self.receipts_of(&others));
            let lacking = rules.unlisted(&recorded, |one| origins.get(one).copied(), &[]);
            if !lacking.is_empty() {
                let found = self.found(&seen.repository, &lacking).await?;
                seen.unlisted.extend(found);
            }
        }
        Ok(())
    }

    /// Looks at `latest` where no version alone says where it belongs.
    pub(super) async fn look_at_latest(&self, published: &mut [Published]) -> Result<()> {
        for seen in published {
            let rules = TagRules::in_repository(self.policy(), &seen.repository);
            let latest = rules.open_latest().into_iter().map(|(_, tag)| tag);
            let latest = latest.filter(|tag| !seen.shows.contains_key(tag));
            let latest: Vec<Tag> = latest.collect();
            if !latest.is_empty() {
                let api = self.apis(std::slice::from_ref(&seen.repository))?.remove(0);
                let shown = observe::heads(api.as_ref(), &latest).await?;
                seen.shows.extend(shown);
            }
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

    /// The images that releases recorded in a repository, by the names that its image and the variants have today.
    fn recorded_in(
        &self,
        repository: &Repository,
        receipts: &[(Version, Receipt)],
    ) -> Vec<(Version, ImageName, Digest)> {
        let plain = self.policy().image_in(repository);
        let here = receipts.iter();
        let here = here.filter(|(_, receipt)| receipt.repository == *repository);
        here.map(|(version, receipt)| {
            let image = match receipt.image.variant() {
                Some(variant) => plain.with_variant(variant),
                None => plain.clone(),
            };
            (version.clone(), image, receipt.digest.clone())
        })
        .collect()
    }
}
