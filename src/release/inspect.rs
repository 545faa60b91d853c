//! `inspect`: an image from a registry or from disk, laid open and compared with another.

use std::path::Path;

use semver::Version;

use crate::{
    error::{Error, ErrorCode, ErrorKind, Result},
    oci::{Contents, ImageName, Platform, Reference, Repository},
    plan::inspect::{Before, Excess, Report, budget::judge, inspect, last_release::Reach},
    policy::BudgetPolicy,
    release::{
        facade::Release,
        image_contents::{
            ShownImage, Which, compared_on_disk, of_platform, on_disk, others_of, platforms,
        },
        inspected::{AskedImage, meant},
        last_release::ReleaseLookup,
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
    /// Which image is shown where there are several.
    pub shown: ShownImage,
    /// Judge the image by `[image.budget]`; an image on disk is then compared with the last release.
    pub budget: bool,
    /// Read the sizes of so many past releases.
    pub past: usize,
    /// Every image of the policy in place of one, each with its variants; for [`ReleaseSet::inspect`](crate::ReleaseSet::inspect).
    pub every_image: bool,
}

/// Looks at images on disk alone, of several at that which is `shown`; needs no repository.
///
/// # Errors
/// Usage or failed: a path is not an image that can be read.
pub fn inspect_path(path: &Path, since: Option<&Path>, shown: &ShownImage) -> Result<Report> {
    let name = |path: &Path| path.display().to_string();
    let contents = on_disk(path, shown)?;
    let other = since.map(|path| Ok::<_, Error>((name(path), compared_on_disk(path, shown)?)));
    let other = other.transpose()?;
    let compared = match &other {
        Some((other, all)) => {
            let found = comparable(&name(path), &contents[0], (other, all))?;
            Some((&**other, found))
        }
        None => None,
    };
    let mut report = inspect(&name(path), &contents[0], compared);
    report.other_platforms = others_of(&contents);
    Ok(report)
}

impl Release {
    /// Looks at an image and compares it with another.
    ///
    /// # Errors
    /// An image cannot be read, or nothing was released yet.
    pub async fn inspect(&self, look: &InspectOptions) -> Result<Report> {
        self.or_signal(Box::pin(self.report(look, &MAIN))).await
    }

    /// The same, or with [`InspectOptions::every_image`] every image of the policy that is released: the main one, the
    /// others by name, each followed by its variants. One result each.
    pub(super) async fn inspect_each(&self, look: &InspectOptions) -> Vec<Result<Report>> {
        if !look.every_image {
            return vec![self.inspect(look).await];
        }
        let mut all: Vec<Result<Report>> = Vec::new();
        for image in self.policy().all_images() {
            match self.or_signal(Box::pin(self.report(look, &image))).await {
                // An image that came into the policy after the last release.
                Err(error)
                    if error.code() == ErrorCode::NotReleased && all.iter().any(Result::is_ok) =>
                {
                    self.events
                        .warning(format!("`{image}` is not shown: {error:#}"));
                }
                found => all.push(found),
            }
        }
        all
    }

    /// Without a name what is looked at is the last release of the image `of`.
    async fn report(&self, look: &InspectOptions, of: &ImageName) -> Result<Report> {
        if let Some(since) = &look.since {
            meant(self.policy(), since)?;
        }
        let lookup = ReleaseLookup::new(self);
        let asked = match &look.image {
            Some(text) => self.meant_reference(&lookup, text, of).await?,
            None => self.last_release(&lookup, of).await?,
        };
        let (image, judged) = (&*asked.reference, asked.judged());
        let which = Which {
            shown: &look.shown,
            all: look.budget,
            compared: false,
        };
        let looked = self.look_at(image, which).await?;
        let contents = &looked.contents[0];
        let other = self.compared_with(look, &lookup, &asked, contents.platform.as_ref());
        let other = match other.await {
            // What lies on disk is judged by the other rules.
            Err(error)
                if look.since.is_none()
                    && asked.published().is_none()
                    && error.kind() == ErrorKind::Failed =>
            {
                self.events
                    .warning(format!("nothing is compared: {error:#}"));
                None
            }
            other => other?,
        };
        let other = other.as_ref().map(|(name, other)| (&**name, &**other));
        let compared = match other {
            Some((other, all)) => match comparable(image, contents, (other, all)) {
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
        let mut report = inspect(image, contents, compared);
        report.name = asked.image.as_ref().map(ToString::to_string);
        report.referrers.clone_from(&looked.referrers);
        report.other_platforms.clone_from(&looked.others);
        if look.past > 0 {
            let platform = contents.platform.as_ref();
            report.past = self.past(&lookup, &asked, platform, look.past).await?;
        }
        if look.budget {
            report.over_budget = self.excess_of((&key, &budget), image, &looked.contents, other);
            self.say_unjudged(look, &judged);
        }
        Ok(report)
    }

    /// The image that another one is compared with, of its platform `shown`, or for a budget of all.
    async fn compared_with(
        &self,
        look: &InspectOptions,
        lookup: &ReleaseLookup<'_>,
        asked: &AskedImage,
        shown: Option<&Platform>,
    ) -> Result<Option<(String, Vec<Contents>)>> {
        let since = match &look.since {
            Some(since) => {
                let since = self.meant_reference(lookup, since, &asked.judged()).await?;
                Some(since.reference)
            }
            None => self.release_before(lookup, asked, look.budget).await?,
        };
        let Some(since) = since else {
            return Ok(None);
        };
        let shown = ShownImage {
            platform: shown.cloned(),
            name: look.shown.name.clone(),
        };
        let which = Which {
            shown: &shown,
            all: look.budget,
            compared: true,
        };
        let other = self.look_at(&since, which).await?;
        Ok(Some((since, other.contents)))
    }

    /// The images of the policy that a judgement of one leaves out.
    fn say_unjudged(&self, look: &InspectOptions, judged: &ImageName) {
        let all = self.policy().all_images();
        let others: Vec<_> = all
            .filter(|one| one != judged && !self.policy().image_policy(one).budget.is_unset())
            .map(|one| format!("`hoist inspect {one} --budget`"))
            .collect();
        if look.image.is_none() && !look.every_image && !others.is_empty() {
            self.events.warning(format!(
                "`{judged}` alone was judged; for the others: {}",
                others.join(", ")
            ));
        }
    }

    /// Where the images of all platforms are over the budget. Each is compared with the `other` image's of its
    /// platform.
    fn excess_of(
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

    /// The last release of an image in its first repository.
    pub(super) async fn last_release(
        &self,
        lookup: &ReleaseLookup<'_>,
        image: &ImageName,
    ) -> Result<AskedImage> {
        let repositories = self.policy().repositories_of(image);
        let first = repositories.get(..1).unwrap_or_default();
        let [repository] = first else {
            return Err(
                Error::usage("no image is named, and there is no `image.repository`")
                    .with_code(ErrorCode::NoRepository)
                    .hint("hoist inspect docker.io/acme/api:1.2.3"),
            );
        };
        match lookup.last(image, first, &Reach::Any).await? {
            Some(found) => Ok(AskedImage {
                reference: lookup.named(image, &found).await?,
                image: Some(image.clone()),
                version: Some(found.version),
            }),
            None => Err(lookup.not_found(image, repository).await?),
        }
    }

    /// The release that comes before an image: before the version that its tag names, and where it lies on disk and
    /// is judged by its `budget`, the one that this clone's HEAD follows.
    async fn release_before(
        &self,
        lookup: &ReleaseLookup<'_>,
        asked: &AskedImage,
        budget: bool,
    ) -> Result<Option<String>> {
        let image = asked.judged();
        let (repositories, reach) = match asked.published() {
            Some(reference) => {
                let Some(now) = self.version_of(lookup, asked, &reference).await? else {
                    return Ok(None);
                };
                let is_own = self.policy().repositories().contains(&reference.repository);
                if is_own && asked.image.is_none() {
                    self.events.warning(format!(
                        "nothing is compared: no image of the policy has the tags of {reference}; `--since` names what to compare it with"
                    ));
                    return Ok(None);
                }
                let follows = match is_own {
                    true => self.project().followed(Some(&now)),
                    false => None,
                };
                let reach = match follows {
                    Some(follows) => Reach::before(&now, &follows),
                    None => Reach::Below(now),
                };
                (vec![reference.repository], reach)
            }
            None if !budget => return Ok(None),
            None => {
                let reach = self.project().followed(None).map(Reach::UpTo);
                let repositories = self.policy().repositories_of(&image);
                (repositories, reach.unwrap_or(Reach::Any))
            }
        };
        let Some(found) = lookup.last(&image, &repositories, &reach).await? else {
            return self
                .say_not_compared(lookup, &image, &repositories, &reach)
                .await;
        };
        if reach == Reach::Any {
            self.events.warning(format!(
                "this clone does not tell which release the image follows: it is compared with {}, the highest",
                found.version
            ));
        }
        lookup.named(&image, &found).await.map(Some)
    }

    /// Where no release before an image is found, names the tags that may be one.
    async fn say_not_compared(
        &self,
        lookup: &ReleaseLookup<'_>,
        image: &ImageName,
        repositories: &[Repository],
        reach: &Reach,
    ) -> Result<Option<String>> {
        for repository in repositories {
            if let Some(told) = lookup.unknown_suffixes(repository, reach).await? {
                self.events.warning(format!(
                    "`{image}` is not compared, since no release of it was found: {told}; `--since` names what to compare it with"
                ));
            }
        }
        Ok(None)
    }

    /// The version that was asked for, or that the tag of a reference names.
    pub(super) async fn version_of(
        &self,
        lookup: &ReleaseLookup<'_>,
        asked: &AskedImage,
        reference: &Reference,
    ) -> Result<Option<Version>> {
        match (&asked.version, &reference.tag) {
            (Some(version), _) => Ok(Some(version.clone())),
            (None, Some(tag)) => {
                let repository = &reference.repository;
                lookup.version_of(repository, &asked.judged(), tag).await
            }
            (None, None) => Ok(None),
        }
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
