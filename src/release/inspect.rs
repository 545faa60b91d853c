//! `inspect`: an image from a registry or from disk, laid open and compared with another.

use std::path::Path;

use semver::Version;

use crate::{
    error::{Error, ErrorCode, Result},
    oci::{Contents, ImageName, Platform, Reference, Repository, Tag},
    plan::{
        inspect::{Before, Excess, PastSize, Report, budget::judge, inspect},
        tags::{ExactTags, TagRules},
    },
    policy::BudgetPolicy,
    release::{
        errors,
        facade::Release,
        image_contents::{on_disk, others},
        image_size::published_layers,
        inspected::meant,
    },
};

/// What is looked at where nothing is named.
static MAIN: ImageName = ImageName::main();

/// What to look at.
#[derive(Debug, Clone, Default)]
pub struct InspectOptions {
    /// A version, a reference, an OCI layout or archive on disk, or the name of an image of the policy; unset:
    /// the last release of the main image.
    pub image: Option<String>,
    /// What to compare it with, the same; unset: of a version, the release before it.
    pub since: Option<String>,
    /// Judge the image by `[image.budget]`; an image on disk is then compared with the last release.
    pub budget: bool,
    /// Read the sizes of so many past releases.
    pub past: usize,
}

/// Looks at images on disk alone; needs no repository.
///
/// # Errors
/// Usage or failed: a path is not an image that can be read.
pub fn inspect_path(path: &Path, since: Option<&Path>) -> Result<Report> {
    let name = |path: &Path| path.display().to_string();
    let contents = on_disk(path)?;
    let other = since.map(|path| Ok::<_, Error>((name(path), on_disk(path)?)));
    let other = other.transpose()?;
    let other = other.as_ref().map(|(name, other)| (&**name, &other[0]));
    let mut report = inspect(&name(path), &contents[0], other);
    report.other_platforms = others(&contents);
    Ok(report)
}

impl Release {
    /// Looks at an image and compares it with another.
    ///
    /// # Errors
    /// An image cannot be read, or nothing was released yet.
    pub async fn inspect(&self, look: &InspectOptions) -> Result<Report> {
        self.or_signal(self.report(look)).await
    }

    async fn report(&self, look: &InspectOptions) -> Result<Report> {
        if let Some(since) = &look.since {
            meant(self.policy(), since)?;
        }
        let (image, name) = match &look.image {
            Some(text) => self.meant_reference(text).await?,
            None => (self.last_release(&MAIN).await?, ImageName::main()),
        };
        let looked = self.look_at(&image, look.budget).await?;
        let contents = &looked.contents[0];
        let since = match &look.since {
            Some(since) => Some(self.meant_reference(since).await?.0),
            None if look.budget && Path::new(&image).exists() => self.any_release(&name).await?,
            None => self.release_before(&image).await?,
        };
        let other = match since {
            Some(since) => {
                let other = self.look_at(&since, look.budget).await?.contents;
                Some((since, other))
            }
            None => None,
        };
        let other = other.as_ref().map(|(name, other)| (&**name, &**other));
        let compared = other.and_then(|(name, all)| {
            let of_platform = all.iter().find(|one| one.platform == contents.platform);
            Some((name, of_platform.or_else(|| all.first())?))
        });
        let mut report = inspect(&image, contents, compared);
        report.referrers.clone_from(&looked.referrers);
        report.other_platforms.clone_from(&looked.others);
        if look.past > 0 {
            report.past = self
                .past(&image, contents.platform.as_ref(), look.past)
                .await?;
        }
        if look.budget {
            let budget = self.policy().image_policy(&name).budget;
            let key = self.policy().budget_key(&name);
            report.over_budget = self.over_budget((&key, &budget), &image, &looked.contents, other);
        }
        Ok(report)
    }

    /// Where the images of all platforms are over the budget. Each is compared with the `other` image's of its
    /// platform.
    fn over_budget(
        &self,
        (key, budget): (&str, &BudgetPolicy),
        image: &str,
        all: &[Contents],
        other: Option<(&str, &[Contents])>,
    ) -> Vec<Excess> {
        let mut over = Vec::new();
        for contents in all {
            let platform = contents.platform.as_ref();
            let before = other.and_then(|(name, others)| {
                let of_platform = |other: &&Contents| match (&other.platform, platform) {
                    (Some(has), Some(wanted)) => has.satisfies(wanted),
                    _ => true,
                };
                Some(before(name, others.iter().find(of_platform)?))
            });
            let shown = platform.map_or_else(String::new, |platform| format!("{platform}: "));
            if let (None, Some((name, _)), true) = (&before, other, budget.growth.is_some()) {
                self.events.warning(format!(
                    "{shown}`{key}.growth` was not judged: {name} has no image for that platform"
                ));
            }
            let report = inspect(image, contents, None);
            over.extend(
                judge((key, budget), &report, before.as_ref(), None)
                    .into_iter()
                    .map(|mut excess| {
                        if all.len() > 1 {
                            excess.text = format!("{shown}{}", excess.text);
                        }
                        excess
                    }),
            );
        }
        over
    }

    /// The sizes of the newest releases below the image's version, or of all, the oldest first.
    async fn past(
        &self,
        image: &str,
        platform: Option<&Platform>,
        count: usize,
    ) -> Result<Vec<PastSize>> {
        let on_disk = Path::new(image).exists();
        let reference = image.parse::<Reference>().ok().filter(|_| !on_disk);
        let repository = match &reference {
            Some(reference) => Some(reference.repository.clone()),
            None => self.policy().repositories().into_iter().next(),
        };
        let Some(repository) = repository else {
            return Ok(Vec::new());
        };
        let now = reference.and_then(|reference| version(reference.tag.as_ref()?));
        let mut versions = self.versions(&repository).await?;
        versions.retain(|(one, _)| one.pre.is_empty() && now.as_ref().is_none_or(|now| one < now));
        versions.sort_by(|a, b| b.0.cmp(&a.0));
        versions.dedup_by(|a, b| a.0 == b.0);
        versions.truncate(count);
        let api = self.apis(std::slice::from_ref(&repository))?.remove(0);
        let mut all = Vec::new();
        for (version, tag) in versions.into_iter().rev() {
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

    /// The last release, where there is one.
    async fn any_release(&self, image: &ImageName) -> Result<Option<String>> {
        match self.last_release(image).await {
            Ok(release) => Ok(Some(release)),
            Err(error) if error.code() == ErrorCode::NotReleased => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The highest version of an image that its first repository shows.
    pub(super) async fn last_release(&self, image: &ImageName) -> Result<String> {
        let repositories = self.policy().repositories_of(&image.plain());
        let repository = repositories.into_iter().next();
        let repository = repository.ok_or_else(|| {
            Error::usage("no image is named, and there is no `image.repository`")
                .with_code(ErrorCode::NoRepository)
                .hint("hoist inspect docker.io/acme/api:1.2.3")
        })?;
        let mut versions = self.versions(&repository).await?;
        if image.variant().is_some() {
            let rules = TagRules::in_repository(self.policy(), &repository);
            let reader = ExactTags::new(&rules, []);
            let own = |tag: &Tag| {
                reader
                    .read(tag.as_str())
                    .is_some_and(|(read, _)| read == image)
            };
            versions.retain(|(_, tag)| own(tag));
        }
        match versions
            .into_iter()
            .max_by(|a, b| order(&a.0).cmp(&order(&b.0)))
        {
            Some((_, tag)) => Ok(repository.tag(&tag)),
            None => Err(Error::refused(format!("{repository} has no release yet"))
                .with_code(ErrorCode::NotReleased)),
        }
    }

    /// The plain version below the one that `image` is tagged with, if it is one.
    async fn release_before(&self, image: &str) -> Result<Option<String>> {
        let Ok(reference) = image.parse::<Reference>() else {
            return Ok(None);
        };
        let version = reference.tag.as_ref().and_then(version);
        let Some(version) = version.filter(|_| !Path::new(image).exists()) else {
            return Ok(None);
        };
        let versions = self.versions(&reference.repository).await?;
        let before = versions
            .into_iter()
            .filter(|(other, _)| other.pre.is_empty() && *other < version)
            .max_by(|a, b| a.0.cmp(&b.0));
        Ok(before.map(|(_, tag)| reference.repository.tag(&tag)))
    }

    pub(super) async fn versions(&self, repository: &Repository) -> Result<Vec<(Version, Tag)>> {
        let api = self.apis(std::slice::from_ref(repository))?.remove(0);
        let tags = api.tags().await;
        let tags = tags.map_err(|error| {
            errors::registry(&format!("cannot list the tags of {repository}"), &error)
        })?;
        Ok(tags
            .into_iter()
            .filter_map(|tag| Some((version(&tag)?, tag)))
            .collect())
    }
}

/// Plain versions before pre-releases.
fn order(version: &Version) -> (bool, &Version) {
    (version.pre.is_empty(), version)
}

fn version(tag: &Tag) -> Option<Version> {
    let text = tag.as_str();
    Version::parse(text.strip_prefix('v').unwrap_or(text)).ok()
}

fn before(name: &str, other: &Contents) -> Before {
    let report = inspect(name, other, None);
    Before {
        name: name.to_owned(),
        size: report.size,
        layers: report
            .layers
            .into_iter()
            .map(|layer| layer.digest)
            .collect(),
    }
}
