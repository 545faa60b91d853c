//! The releases of an image, as git tags record them and repositories show them: which one comes before another
//! image, and where it is. `inspect`, `build` and `release` ask here, so that they compare with the same one.

use std::collections::BTreeMap;

use semver::{Prerelease, Version};
use tokio::sync::{Mutex, OnceCell};

use crate::{
    error::{Error, ErrorCode, Result},
    oci::{ImageName, Repository, Tag, TagOrDigest},
    plan::{
        inspect::last_release::{Reach, releases_before},
        release::receipt,
        tags::{ExactTag, ExactTags, TagRules},
    },
    release::{errors, facade::Release, observe, published_versions::passed_over},
};

/// Asks for each list of tags, and for the withdrawn versions, at most once.
pub(super) struct ReleaseLookup<'r> {
    release: &'r Release,
    /// Whether a registry that refuses its list is taken for one that shows nothing.
    is_lenient: bool,
    withdrawn: OnceCell<Vec<Version>>,
    lists: Mutex<BTreeMap<Repository, Vec<Tag>>>,
}

/// A release of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FoundRelease {
    pub(super) version: Version,
    /// Where it is: by the digest that its git tag records, else by its own tag.
    pub(super) places: Vec<(Repository, TagOrDigest)>,
}

impl<'r> ReleaseLookup<'r> {
    /// For a verb that only looks.
    pub(super) fn new(release: &'r Release) -> Self {
        Self {
            release,
            is_lenient: false,
            withdrawn: OnceCell::new(),
            lists: Mutex::default(),
        }
    }

    /// For a budget: where a registry refuses its list, what git records is enough.
    pub(super) fn lenient(release: &'r Release) -> Self {
        Self {
            is_lenient: true,
            ..Self::new(release)
        }
    }

    /// The last release of an image that comes before another one, of those that were not taken back.
    ///
    /// # Errors
    /// A list of tags or the git tags of this clone cannot be read.
    pub(super) async fn last(
        &self,
        image: &ImageName,
        repositories: &[Repository],
        reach: &Reach,
    ) -> Result<Option<FoundRelease>> {
        let withdrawn = self.withdrawn().await;
        let mut known = self.git_tags()?;
        // What git records of a repository that the policy does not have goes by another policy.
        let is_own = repositories.iter().all(|one| self.is_own(one));
        known.retain(|(version, _)| is_own && !withdrawn.contains(version));
        let mut known = releases_before(known, |(version, _)| version, reach);
        let newest = known.last().map(|(version, _)| version.clone());
        let mut all = Vec::new();
        while let Some((version, tag)) = known.pop() {
            let places = self.recorded(&tag, image, repositories)?;
            if !places.is_empty() {
                all.extend(places.into_iter().map(|place| (version.clone(), place)));
                break;
            }
        }
        // No list has more where git tells which release it is.
        let is_known = matches!(reach, Reach::UpTo(_));
        if !is_known || all.first().map(|(version, _)| version) != newest.as_ref() {
            for repository in repositories {
                let shown = self.standing(repository, image, reach).await?;
                let place = |one: ExactTag| (one.version, (repository.clone(), one.tag.into()));
                all.extend(shown.into_iter().map(place));
            }
        }
        let before = releases_before(&all, |(version, _)| version, reach);
        let Some((version, _)) = before.last() else {
            return Ok(None);
        };
        let places = all.iter().filter(|(one, _)| one == version);
        Ok(Some(FoundRelease {
            version: version.clone(),
            places: places.map(|(_, place)| place.clone()).collect(),
        }))
    }

    /// Where the version of an image is, whether it was taken back or not.
    pub(super) async fn version(
        &self,
        image: &ImageName,
        repositories: &[Repository],
        version: &Version,
    ) -> Result<Option<FoundRelease>> {
        let found = |place| {
            let places = vec![place];
            let version = version.clone();
            Some(FoundRelease { version, places })
        };
        for repository in repositories {
            let shown = self.shown(repository, image, &[]).await?;
            if let Some(one) = shown.into_iter().find(|one| one.version == *version) {
                return Ok(found((repository.clone(), one.tag.into())));
            }
        }
        let mut tags = self.git_tags()?.into_iter();
        let Some((_, tag)) = tags.find(|(one, _)| one == version) else {
            return Ok(None);
        };
        let places = self.recorded(&tag, image, repositories)?;
        Ok(places.into_iter().next().and_then(found))
    }

    /// The versions of an image that a repository shows and `reach` has, ascending, but those that were taken
    /// back. Of a repository that the policy does not have, those with the suffix of the version that they
    /// are before: `3.12.0-alpine` before `3.12.1-alpine`.
    pub(super) async fn standing(
        &self,
        repository: &Repository,
        image: &ImageName,
        reach: &Reach,
    ) -> Result<Vec<ExactTag>> {
        let is_own = self.is_own(repository);
        let withdrawn = match is_own {
            true => self.withdrawn().await,
            false => &[],
        };
        let mut versions = self.shown(repository, image, withdrawn).await?;
        if let (false, Reach::Below(now)) = (is_own, reach) {
            let same = |one: &ExactTag| one.version.pre == now.pre && one.version != *now;
            if !now.pre.is_empty() && versions.iter().any(same) {
                versions.retain(same);
            }
        }
        Ok(releases_before(versions, |one| &one.version, reach))
    }

    /// The version of an image that a tag of its repository names.
    pub(super) async fn version_of(
        &self,
        repository: &Repository,
        image: &ImageName,
        tag: &Tag,
    ) -> Result<Option<Version>> {
        let shown = self.shown(repository, image, &[]).await?;
        let known = shown.into_iter().find(|one| one.tag == *tag);
        Ok(known.map_or_else(|| version(tag), |one| Some(one.version)))
    }

    /// How a person names a release: by its own tag, where the repository shows that.
    pub(super) async fn named(&self, image: &ImageName, found: &FoundRelease) -> Result<String> {
        for (repository, _) in &found.places {
            let shown = self.shown(repository, image, &[]).await?;
            if let Some(one) = shown.iter().find(|one| one.version == found.version) {
                return Ok(repository.tag(&one.tag));
            }
        }
        let (repository, name) = &found.places[0];
        if let (TagOrDigest::Digest(_), Some(_)) = (name, image.variant()) {
            let events = &self.release.events;
            events.warning(format!(
                "`{image}` of {} is read by the digest that its git tag records: no tag with the suffix of today names it",
                found.version
            ));
        }
        Ok(match name {
            TagOrDigest::Tag(tag) => repository.tag(tag),
            TagOrDigest::Digest(digest) => repository.digest(digest),
        })
    }

    /// No release of an image was found; names what may be one.
    pub(super) async fn not_found(
        &self,
        image: &ImageName,
        repository: &Repository,
    ) -> Result<Error> {
        let what = match image.in_words() {
            None => format!("{repository} has no release yet"),
            Some(words) => format!("{repository} has no release of {words} yet"),
        };
        let error = Error::refused(what).with_code(ErrorCode::NotReleased);
        let told = self.unknown_suffixes(repository, &Reach::Any).await?;
        Ok(match told {
            None => error,
            Some(told) => error.cause(told),
        })
    }

    /// What is told of tags that name a version which `reach` has, with a suffix that no image of the policy has.
    pub(super) async fn unknown_suffixes(
        &self,
        repository: &Repository,
        reach: &Reach,
    ) -> Result<Option<String>> {
        if !self.is_own(repository) {
            return Ok(None);
        }
        let (tags, git) = (self.tags(repository).await?, self.release.git_versions()?);
        let rules = TagRules::in_repository(self.release.policy(), repository);
        let reader = ExactTags::new(&rules, &git);
        let mut strange = reader.with_unknown_suffix(&tags);
        strange.retain(|tag| {
            let version = version(tag).map(|version| Version {
                pre: Prerelease::EMPTY,
                ..version
            });
            version.is_none_or(|version| reach.has(&version))
        });
        Ok(passed_over(repository, &strange))
    }

    /// The versions of an image that a repository shows, ascending, but the `withdrawn` ones. Of a repository that the
    /// policy does not have, every tag that reads like a version.
    async fn shown(
        &self,
        repository: &Repository,
        image: &ImageName,
        withdrawn: &[Version],
    ) -> Result<Vec<ExactTag>> {
        let tags = self.tags(repository).await?;
        let git = self.release.git_versions()?;
        let rules = TagRules::in_repository(self.release.policy(), repository);
        let reader = ExactTags::new(&rules, &git).passing_over(withdrawn);
        let is_own = self.is_own(repository);
        let mut versions = match is_own {
            true => reader.all(&tags).remove(image).unwrap_or_default(),
            false => Vec::new(),
        };
        // Tags from before the policy, or from before its templates.
        let others = tags
            .into_iter()
            .filter(|tag| !is_own || reader.read(tag.as_str()).is_none());
        let others = others.filter_map(|tag| {
            let version = version(&tag)?;
            Some(ExactTag { version, tag })
        });
        let others = others.filter(|one| {
            !is_own
                || (image.variant().is_none()
                    && one.version.pre.is_empty()
                    && !withdrawn.contains(&one.version))
        });
        versions.extend(others);
        versions.sort_by(|a, b| a.version.cmp(&b.version));
        versions.dedup_by(|b, a| a.version == b.version);
        Ok(versions)
    }

    /// All tags of a repository.
    pub(super) async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>> {
        let mut lists = self.lists.lock().await;
        if let Some(tags) = lists.get(repository) {
            return Ok(tags.clone());
        }
        let api = self
            .release
            .apis(std::slice::from_ref(repository))?
            .remove(0);
        let tags = match api.tags().await {
            Ok(tags) => tags,
            Err(error) if self.is_lenient && observe::is_refusal(&error) => Vec::new(),
            Err(error) => {
                let what = format!("cannot list the tags of {repository}");
                return Err(errors::registry(&what, &error));
            }
        };
        lists.insert(repository.clone(), tags.clone());
        Ok(tags)
    }

    /// The versions that were taken back, as the git remote has them.
    pub(super) async fn withdrawn(&self) -> &[Version] {
        let ask = || async {
            let withdrawn = self.release.withdrawn_or_known().await;
            withdrawn.into_iter().map(|one| one.version).collect()
        };
        self.withdrawn.get_or_init(ask).await
    }

    /// The git tags of versions in this clone.
    fn git_tags(&self) -> Result<Vec<(Version, String)>> {
        let template = &self.release.policy().version.tag;
        let names = self.release.project().git().tag_ids()?.into_keys();
        let version = |name: String| Some((template.version(&name)?, name));
        Ok(names.filter_map(version).collect())
    }

    /// Where an image is by the receipt in a git tag, whatever its tags were called.
    fn recorded(
        &self,
        tag: &str,
        image: &ImageName,
        repositories: &[Repository],
    ) -> Result<Vec<(Repository, TagOrDigest)>> {
        let message = self.release.project().git().tag_message(tag)?;
        let receipts = receipt::receipts(&message.unwrap_or_default()).into_iter();
        let ours =
            receipts.filter(|one| one.image == *image && repositories.contains(&one.repository));
        Ok(ours
            .map(|one| (one.repository, one.digest.into()))
            .collect())
    }

    fn is_own(&self, repository: &Repository) -> bool {
        let policy = self.release.policy();
        policy.repositories().contains(repository)
    }
}

fn version(tag: &Tag) -> Option<Version> {
    let text = tag.as_str();
    Version::parse(text.strip_prefix('v').unwrap_or(text)).ok()
}
