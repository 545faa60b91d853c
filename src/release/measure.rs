//! How large the images are that were made, and where they are over their budget.

use std::path::PathBuf;

use futures_util::{StreamExt, TryStreamExt};
use semver::Version;

use crate::{
    build::base_image,
    error::{Error, Result},
    io::{layout, registry::RegistryError},
    oci::{Contents, Descriptor, Image, ImageName, Platform, Repository},
    plan::{
        Plan, PlannedImage,
        inspect::{
            BaseReport, Before, Report,
            budget::{judge, needs_files},
            inspect,
            last_release::Reach,
            since,
        },
    },
    policy::{BudgetPolicy, Denied, SourceFiles},
    regular_file,
    release::{
        errors,
        facade::Release,
        image_size::{PublishedLayers, image_name, published_layers},
        last_release::{FoundRelease, ReleaseLookup},
    },
    text::bytes,
};

/// Blobs on their way at once.
const AT_ONCE: usize = 4;

/// An image of one platform, measured.
pub(super) struct Measured {
    /// `1.3.0-alpine (linux/amd64)`
    pub(super) name: String,
    pub(super) image: ImageName,
    pub(super) platform: Option<Platform>,
    /// The table of the policy with its budget.
    pub(super) key: String,
    /// What was found, with where it is over its budget.
    pub(super) report: Report,
    pub(super) dir: PathBuf,
}

/// What images are measured for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MeasurePurpose {
    /// To be released: what cannot be judged stops the release.
    Release,
    /// To be looked at: what cannot be judged is told. Without a report nothing is read that the budget does
    /// not need.
    Build {
        /// Whether whole reports are wanted, of images within their budget as well.
        report: bool,
    },
}

impl MeasurePurpose {
    fn wants_report(self) -> bool {
        self == Self::Build { report: true }
    }
}

impl Release {
    /// Measures one image: a result for each platform. Empty where nothing asks for it.
    pub(super) async fn measured(
        &self,
        lookup: &ReleaseLookup<'_>,
        plan: &Plan,
        planned: &PlannedImage,
        image: &Image,
        purpose: MeasurePurpose,
    ) -> Result<Vec<Measured>> {
        let budget = &self.policy().image_policy(&planned.name).budget;
        let key = self.policy().budget_key(&planned.name);
        if budget.is_unset() && !purpose.wants_report() {
            return Ok(Vec::new());
        }
        let base = self.dockerfile_base(plan, planned)?;
        let published = match budget.growth.is_some() || purpose.wants_report() {
            // Kept off the stack: a release is deep already.
            true => Box::pin(self.last_published(lookup, plan, planned)).await,
            false => Ok(None),
        };
        let published = self.or_note(published, purpose)?.flatten();
        let repositories = plan.repositories_of(planned);
        let mut all = Vec::new();
        let mut whole: Option<Option<Vec<Contents>>> = None;
        self.fetch(repositories, image, |blob| {
            blob.media_type.is_image_config()
        })
        .await?;
        for (index, outline) in layout::outlines(image)?.iter().enumerate() {
            let platform = outline.platform.as_ref();
            // A report says its image and platform by itself.
            let title = plan.version.to_string();
            let name = image_name(plan, &planned.name, platform);
            if base.is_none() && outline.base.is_none() {
                self.say_unknown_base((&key, budget), planned, &name);
            }
            let before = match &published {
                Some(published) => self.before(published, platform).await,
                None => Ok(None),
            };
            let before = self.or_note(before, purpose)?.flatten();
            if before.is_none() && budget.growth.is_some() {
                let version = published.as_ref().map(|published| &published.version);
                self.say_unknown_growth(version, (&key, &name), platform);
            }
            let sizes = inspect(&title, outline, None);
            let judged =
                |report: &Report| judge((&key, budget), report, before.as_ref(), base.as_ref());
            // The layers are read only where that can change the answer, or explain it.
            if judged(&sizes).is_empty() && !needs_files(budget) && !purpose.wants_report() {
                continue;
            }
            let contents = match &whole {
                Some(all) => all,
                None => {
                    let found = self.files_of(repositories, image).await;
                    &*whole.insert(self.or_sizes_alone(found, budget, purpose)?)
                }
            };
            // Without the files of the layers the sizes are told.
            let mut report = match contents {
                None => sizes,
                Some(all) => match all.get(index) {
                    Some(contents) => inspect(&title, contents, None),
                    None => continue,
                },
            };
            report.name = Some(planned.name.to_string());
            report.over_budget = judged(&report);
            if let Some(before) = &before {
                since(&mut report, before);
            }
            let dir = image.dir.clone();
            all.push(Measured {
                image: planned.name.clone(),
                platform: outline.platform.clone(),
                key: key.clone(),
                name,
                report,
                dir,
            });
        }
        Ok(all)
    }

    /// What is in the layers of each platform's image.
    async fn files_of(&self, repositories: &[Repository], image: &Image) -> Result<Vec<Contents>> {
        self.fetch(repositories, image, |blob| !blob.media_type.is_foreign())
            .await?;
        read(image).await
    }

    /// What is in the layers; where the budget does not need that and they are no archives of files, `None` and a note.
    fn or_sizes_alone(
        &self,
        found: Result<Vec<Contents>>,
        budget: &BudgetPolicy,
        purpose: MeasurePurpose,
    ) -> Result<Option<Vec<Contents>>> {
        match found {
            Ok(found) => Ok(Some(found)),
            Err(error) if purpose.wants_report() && !needs_files(budget) => {
                self.events.note(format!(
                    "what is in the layers was not looked at, their sizes alone: {error:#}"
                ));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// What was found; where it could not be, a note, if that is enough.
    fn or_note<T>(&self, found: Result<T>, purpose: MeasurePurpose) -> Result<Option<T>> {
        match (found, purpose) {
            (Ok(found), _) => Ok(Some(found)),
            (Err(error), MeasurePurpose::Release) => Err(error),
            (Err(error), MeasurePurpose::Build { .. }) => {
                self.events
                    .note(format!("growth was not judged: {error:#}"));
                Ok(None)
            }
        }
    }

    /// Fetches what is not on this machine: an engine keeps the layers that all registries have already, and a
    /// staged leg has its layers there.
    async fn fetch(
        &self,
        repositories: &[Repository],
        image: &Image,
        wanted: impl Fn(&Descriptor) -> bool,
    ) -> Result<()> {
        let mut failed = None;
        for repository in repositories {
            let is_missing =
                |blob: &&Descriptor| wanted(blob) && !image.blob_path(&blob.digest).is_file();
            let missing: Vec<_> = image.blobs.iter().filter(is_missing).collect();
            if missing.is_empty() {
                return Ok(());
            }
            let size: u64 = missing.iter().map(|blob| blob.size).sum();
            self.events.detail(format!(
                "reading {} that `{repository}` has already, for `image.budget`",
                bytes(size)
            ));
            let api = self.apis(std::slice::from_ref(repository))?.remove(0);
            let fetch = |blob| api.fetch_blob(blob, image.blob_path(&blob.digest));
            let fetched: Vec<_> = missing.into_iter().map(fetch).collect();
            let fetched = futures_util::stream::iter(fetched).buffer_unordered(AT_ONCE);
            match fetched.try_collect::<()>().await {
                Ok(()) => return Ok(()),
                // Another repository may have what this one lacks.
                Err(error) => failed = Some((repository, error)),
            }
        }
        let Some((repository, error)) = failed else {
            return Ok(());
        };
        let what =
            format!("cannot read the image's layers in `{repository}`, which `image.budget` needs");
        Err(errors::registry(&what, &error))
    }

    /// An image without a base is fine; one of which nobody can say whether it has one is let through with a word.
    fn say_unknown_base(
        &self,
        (key, budget): (&str, &BudgetPolicy),
        planned: &PlannedImage,
        name: &str,
    ) {
        let is_given = !self.build_policy(&planned.name).image_source.is_engine();
        if is_given && budget.deny.contains(&Denied::UnpinnedBase) {
            self.events.note(format!(
                "{name}: nothing says which base image it has, so `unpinned-base` of `{key}.deny` was not judged; the label or annotation `org.opencontainers.image.base.name` says it"
            ));
        }
    }

    /// The base image by the Dockerfile that was built.
    fn dockerfile_base(&self, plan: &Plan, planned: &PlannedImage) -> Result<Option<BaseReport>> {
        let build = self.build_policy(&planned.name);
        if !build.image_source.is_engine() {
            return Ok(None);
        }
        let path = joined(build.context.as_str(), build.dockerfile.as_str());
        let text = match build.files {
            SourceFiles::Commit => self.project().git().file_at(plan.commit, &path)?,
            SourceFiles::Worktree => regular_file::read_text(&self.top().join(&path)).ok(),
        };
        let target = build.target.as_deref();
        let name = text.and_then(|text| base_image(&text, target, &planned.args, &build.contexts));
        Ok(name.map(|name| BaseReport {
            pinned: Some(name.contains('@')),
            digest: name
                .split_once('@')
                .and_then(|(_, digest)| digest.parse().ok()),
            name: Some(name),
            distribution: None,
            created: None,
        }))
    }

    /// The last release of an image that comes before the planned one; `None`: nothing was released before.
    async fn last_published(
        &self,
        lookup: &ReleaseLookup<'_>,
        plan: &Plan,
        planned: &PlannedImage,
    ) -> Result<Option<FoundRelease>> {
        let Some(follows) = plan.range_from.as_ref().or(plan.current.as_ref()) else {
            return Ok(None);
        };
        let reach = Reach::before(&plan.version, follows);
        let repositories = plan.repositories_of(planned);
        let found = lookup.last(&planned.name, repositories, &reach).await?;
        let is_withdrawn = found.is_none() && lookup.withdrawn().await.contains(follows);
        let nowhere = (!is_withdrawn).then(|| FoundRelease {
            version: follows.clone(),
            places: Vec::new(),
        });
        Ok(found.or(nowhere))
    }

    /// The last release's image for this platform.
    async fn before(
        &self,
        published: &FoundRelease,
        platform: Option<&Platform>,
    ) -> Result<Option<Before>> {
        for (repository, name) in &published.places {
            let api = self.apis(std::slice::from_ref(repository))?.remove(0);
            let found = published_layers(api.as_ref(), name, platform).await;
            let found = found.map_err(|error| unreadable(repository, &error))?;
            if let Some(PublishedLayers { size, layers }) = found {
                let name = published.version.to_string();
                return Ok(Some(Before { name, size, layers }));
            }
        }
        Ok(None)
    }

    /// Where nothing was released before, growth is not judged, and that is said.
    fn say_unknown_growth(
        &self,
        version: Option<&Version>,
        (key, name): (&str, &str),
        platform: Option<&Platform>,
    ) {
        let platform = platform.map_or_else(String::new, |platform| {
            format!(" for {}", platform.in_full())
        });
        let what = format!("{name}: `{key}.growth` was not judged");
        match version {
            Some(version) => {
                let lacks = format!("no repository has its image of {version}{platform}");
                self.events.note(format!("{what}: {lacks}"));
            }
            None if self.project().git().is_shallow() => self.events.warning(format!(
                "{what}: this clone is shallow, and the git tag of the last release is not in it; `git fetch --unshallow --tags` fetches it, in GitHub Actions `fetch-depth: 0` for `actions/checkout`"
            )),
            None => self.events.note(format!("{what}: nothing was released before")),
        }
    }
}

async fn read(image: &Image) -> Result<Vec<Contents>> {
    let image = image.clone();
    let read = tokio::task::spawn_blocking(move || layout::contents(&image)).await;
    read.unwrap_or_else(|_| Err(Error::bug("reading the image panicked")))
}

fn unreadable(repository: &Repository, error: &RegistryError) -> Error {
    let what = format!(
        "cannot read the last release of `{repository}`, which `image.budget.growth` is measured by"
    );
    errors::registry(&what, error)
}

/// `docker/../Dockerfile` as the repository has it.
fn joined(context: &str, dockerfile: &str) -> String {
    let mut parts = Vec::new();
    for part in context.split('/').chain(dockerfile.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
