//! `inspect`: an image from a registry or from disk, laid open and compared with another.

use std::path::Path;

use semver::{Prerelease, Version};

use crate::{
    error::{Error, ErrorCode, Result},
    oci::{Contents, ImageName, Platform, Reference, Repository, Tag},
    plan::{
        inspect::{Before, Excess, PastSize, Report, budget::judge, inspect},
        tags::{ExactTag, ExactTags, TagRules},
    },
    policy::BudgetPolicy,
    release::{
        errors,
        facade::Release,
        image_contents::{Which, of_platform, on_disk, others, platforms},
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
    let compared = match &other {
        Some((other, all)) => {
            let found = comparable(&name(path), &contents[0], (other, all))?;
            Some((&**other, found))
        }
        None => None,
    };
    let mut report = inspect(&name(path), &contents[0], compared);
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
            Some(text) => self.meant_reference(text, &MAIN).await?,
            None => (self.last_release(&MAIN).await?, Some(ImageName::main())),
        };
        // What the policy does not know is judged as the main image.
        let judged = name.clone().unwrap_or_else(ImageName::main);
        let which = if look.budget {
            Which::All
        } else {
            Which::Shown
        };
        let looked = self.look_at(&image, which).await?;
        let contents = &looked.contents[0];
        let since = match &look.since {
            Some(since) => Some(self.meant_reference(since, &judged).await?.0),
            None if look.budget && Path::new(&image).exists() => self.any_release(&judged).await?,
            None => self.release_before(&image, &judged).await?,
        };
        let other = match since {
            Some(since) => {
                let which = match &contents.platform {
                    Some(platform) if !look.budget => Which::Platform(platform),
                    _ => which,
                };
                let other = self.look_at(&since, which).await?;
                Some((since, other.contents))
            }
            None => None,
        };
        let other = other.as_ref().map(|(name, other)| (&**name, &**other));
        let compared = match other {
            Some((other, all)) => match comparable(&image, contents, (other, all)) {
                Ok(found) => Some((other, found)),
                Err(error) if look.since.is_some() => return Err(error),
                Err(error) => {
                    self.events.warning(format!("nothing is compared: {error}"));
                    None
                }
            },
            None => None,
        };
        let budget = self.policy().image_policy(&judged).budget;
        let key = self.policy().budget_key(&judged);
        if look.budget && other.is_none() && budget.growth.is_some() {
            self.events.warning(format!(
                "`{key}.growth` was not judged: there is no release to compare it with; `--since` names one"
            ));
        }
        let mut report = inspect(&image, contents, compared);
        report.name = name.map(|name| name.to_string());
        report.referrers.clone_from(&looked.referrers);
        report.other_platforms.clone_from(&looked.others);
        if look.past > 0 {
            let place = (&*image, &judged);
            report.past = self
                .past(place, contents.platform.as_ref(), look.past)
                .await?;
        }
        if look.budget {
            report.over_budget = self.over_budget((&key, &budget), &image, &looked.contents, other);
            self.say_unjudged(look, &judged);
        }
        Ok(report)
    }

    /// The images of the policy that a judgement of one leaves out.
    fn say_unjudged(&self, look: &InspectOptions, judged: &ImageName) {
        let all = self.policy().all_images();
        let others: Vec<_> = all
            .filter(|one| one != judged && !self.policy().image_policy(one).budget.is_unset())
            .map(|one| format!("`hoist inspect {one} --budget`"))
            .collect();
        if look.image.is_none() && !others.is_empty() {
            self.events.warning(format!(
                "`{judged}` alone was judged; for the others: {}",
                others.join(", ")
            ));
        }
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
            let before =
                other.and_then(|(name, others)| Some(before(name, of_platform(others, platform)?)));
            let shown =
                platform.map_or_else(String::new, |platform| format!("{}: ", platform.in_full()));
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

    /// The sizes of the newest releases of an image below the version that was looked at, or of all, the oldest first.
    async fn past(
        &self,
        (image, name): (&str, &ImageName),
        platform: Option<&Platform>,
        count: usize,
    ) -> Result<Vec<PastSize>> {
        let on_disk = Path::new(image).exists();
        let reference = image.parse::<Reference>().ok().filter(|_| !on_disk);
        let repository = match &reference {
            Some(reference) => Some(reference.repository.clone()),
            None => self.policy().repositories_of(name).into_iter().next(),
        };
        let Some(repository) = repository else {
            return Ok(Vec::new());
        };
        let mut versions = self.standing(&repository, name).await?;
        let shown = reference.and_then(|reference| reference.tag);
        let now = shown.and_then(|tag| version_of(&versions, &tag));
        let own = self.policy().repositories().contains(&repository);
        let suffix = now.as_ref().and_then(|now| suffix(&versions, now));
        let suffix = suffix.filter(|_| !own).unwrap_or_default();
        versions.retain(|one| {
            one.version.pre == suffix && now.as_ref().is_none_or(|now| one.version < *now)
        });
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

    /// The last release, where there is one.
    async fn any_release(&self, image: &ImageName) -> Result<Option<String>> {
        match self.last_release(image).await {
            Ok(release) => Ok(Some(release)),
            Err(error) if error.code() == ErrorCode::NotReleased => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The highest version of an image that its first repository shows, of those that were not taken back.
    pub(super) async fn last_release(&self, image: &ImageName) -> Result<String> {
        let repositories = self.policy().repositories_of(image);
        let repository = repositories.into_iter().next();
        let repository = repository.ok_or_else(|| {
            Error::usage("no image is named, and there is no `image.repository`")
                .with_code(ErrorCode::NoRepository)
                .hint("hoist inspect docker.io/acme/api:1.2.3")
        })?;
        let versions = self.standing(&repository, image).await?;
        match versions
            .into_iter()
            .max_by(|a, b| order(&a.version).cmp(&order(&b.version)))
        {
            Some(last) => Ok(repository.tag(&last.tag)),
            None => Err(Error::refused(format!("{repository} has no release yet"))
                .with_code(ErrorCode::NotReleased)),
        }
    }

    /// The plain version of the same image below the one that a reference is tagged with, if it is one.
    async fn release_before(&self, text: &str, image: &ImageName) -> Result<Option<String>> {
        let Ok(reference) = text.parse::<Reference>() else {
            return Ok(None);
        };
        let Some(tag) = reference.tag.filter(|_| !Path::new(text).exists()) else {
            return Ok(None);
        };
        let versions = self.standing(&reference.repository, image).await?;
        let Some(now) = version_of(&versions, &tag) else {
            return Ok(None);
        };
        let own = self.policy().repositories().contains(&reference.repository);
        let suffix = suffix(&versions, &now).filter(|_| !own);
        let mut below = versions.into_iter().filter(|one| match &suffix {
            Some(suffix) => one.version.pre == *suffix && one.version < now,
            None => one.version.pre.is_empty() && one.version < now,
        });
        let before = below.next_back();
        Ok(before.map(|before| reference.repository.tag(&before.tag)))
    }

    /// The versions of an image that a repository shows, ascending, but those that were taken back.
    async fn standing(&self, repository: &Repository, image: &ImageName) -> Result<Vec<ExactTag>> {
        let withdrawn = match self.policy().repositories().contains(repository) {
            true => self.withdrawn_or_known().await,
            false => Vec::new(),
        };
        let withdrawn: Vec<Version> = withdrawn.into_iter().map(|one| one.version).collect();
        self.exact_tags(repository, image, &withdrawn).await
    }

    /// The versions of an image that a repository shows, ascending, but the `withdrawn` ones. Of a repository that the
    /// policy does not have, every tag that reads like a version.
    pub(super) async fn exact_tags(
        &self,
        repository: &Repository,
        image: &ImageName,
        withdrawn: &[Version],
    ) -> Result<Vec<ExactTag>> {
        let api = self.apis(std::slice::from_ref(repository))?.remove(0);
        let tags = api.tags().await;
        let tags = tags.map_err(|error| {
            errors::registry(&format!("cannot list the tags of {repository}"), &error)
        })?;
        let git = self.git_versions()?;
        let rules = TagRules::in_repository(self.policy(), repository);
        let reader = ExactTags::new(&rules, &git).passing_over(withdrawn);
        let is_own = self.policy().repositories().contains(repository);
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
}

/// The image of `all` that can be compared with `contents`: that of the same platform.
fn comparable<'c>(
    image: &str,
    contents: &Contents,
    (other, all): (&str, &'c [Contents]),
) -> Result<&'c Contents> {
    let platform = contents.platform.as_ref();
    of_platform(all, platform).ok_or_else(|| {
        let wanted = platform.map_or_else(String::new, |it| format!(" for {}", it.in_full()));
        let error = Error::refused(format!("`{other}` has no image{wanted}, as `{image}` has"));
        match platforms(all) {
            found if found.is_empty() => error,
            found => error.cause(format!("it has one for {found}")),
        }
    })
}

/// What stands behind the version in the tag of an image, where the tags of other versions have the same: `alpine` of
/// `3.12.1-alpine` beside `3.12.0-alpine` is not a pre-release.
fn suffix(versions: &[ExactTag], now: &Version) -> Option<Prerelease> {
    let same = |one: &ExactTag| one.version.pre == now.pre && one.version != *now;
    (!now.pre.is_empty() && versions.iter().any(same)).then(|| now.pre.clone())
}

/// The version that a tag names.
fn version_of(versions: &[ExactTag], tag: &Tag) -> Option<Version> {
    let known = versions.iter().find(|one| one.tag == *tag);
    known
        .map(|one| one.version.clone())
        .or_else(|| version(tag))
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
