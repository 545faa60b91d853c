//! The images of a plan: built once, taken from a layout, or adopted from a registry.

use std::{collections::BTreeSet, path::Path, time::Duration};

use semver::Version;
use tokio::time::sleep;

use crate::{
    build::{self, BuildRequest, ImageSource, LegInput, TargetRepositories},
    error::{Error, ErrorCode, ErrorKind, Result},
    event::{Awaited, Finished, Started},
    io::{build_log::BuildLog, file_lock::FileLock, registry::image_tree, wait_report::WaitReport},
    oci::{Digest, Image, ImageName, Platform, Repository},
    plan::{Plan, PlannedImage, PlannedSource},
    policy::{BuildPolicy, SourceFiles},
    release::{errors, facade::Release, request::ImageOptions},
};

/// The images of a release, in the plan's order.
pub(super) struct Made {
    pub(super) images: Vec<Image>,
    /// What they are for, in the same order.
    pub(super) platforms: Vec<Vec<Platform>>,
    /// What is over the budget and is released all the same, a line each.
    pub(super) over_budget: Vec<String>,
    /// What no commit holds and is released all the same, a line each.
    pub(super) uncommitted: Vec<String>,
}

/// A turn in the work tree; over when it is dropped.
pub(super) type Turn = (Box<dyn Send + Sync>, FileLock);

/// How often it is looked whether another process of this clone still has its turn.
const TURN_LOOK: Duration = Duration::from_millis(100);

/// When it is said for the first time that another process has its turn.
const TURN_WORD: Duration = Duration::from_secs(5);

impl Release {
    /// Everything that could stop the builds of `plan`, without one.
    pub(super) async fn check_builds(&self, plan: &Plan, options: &ImageOptions) -> Result<()> {
        self.refuse_shared_layouts(plan, options)?;
        for (_, planned) in to_build(plan) {
            // What the program of an image makes for its variants is not there yet.
            let mut request = self.build_request(plan, planned, true);
            request.accept_dirty(options.allow_dirty);
            self.source(&request, options)?.check().await?;
        }
        Ok(())
    }

    /// What makes the image: the legs that are at hand, else what the policy names.
    pub(super) fn source<'a>(
        &'a self,
        request: &'a BuildRequest,
        options: &ImageOptions,
    ) -> Result<Box<dyn ImageSource + 'a>> {
        match options.legs.is_empty() {
            true => Ok(build::choose(request, self.environment())),
            false => self.legs_source(request, options),
        }
    }

    /// The images of the plan. A program of the policy that makes one is watched.
    pub(super) async fn built_images(&self, plan: &Plan, options: &ImageOptions) -> Result<Made> {
        let mut builds = to_build(plan).map(|(_, planned)| self.build_policy(&planned.name));
        let runs_program = builds.any(|build| build.image_source.command().is_some());
        let made = self.images(plan, options);
        match runs_program && options.legs.is_empty() {
            true => {
                self.watched(plan, "`image.build.command`", None, made)
                    .await
            }
            false => made.await,
        }
    }

    pub(super) async fn images(&self, plan: &Plan, options: &ImageOptions) -> Result<Made> {
        let _turn = match options.legs.is_empty() {
            true => self.turn(plan).await?,
            false => None,
        };
        self.refuse_shared_layouts(plan, options)?;
        let (mut images, mut uncommitted) = (Vec::new(), BTreeSet::new());
        let mut of_name = FirstOfName::default();
        for planned in &plan.images {
            images.push(match &planned.source {
                PlannedSource::Adopt { digest, from, .. } => {
                    self.or_signal(self.adopted(&planned.name, digest, from))
                        .await?
                }
                PlannedSource::Build => {
                    let is_first = of_name.is_first(&planned.name);
                    let mut request = self.build_request(plan, planned, is_first);
                    request.accept_dirty(options.allow_dirty);
                    let repositories = plan.repositories_of(planned);
                    request.targets = TargetRepositories::new(self.apis(repositories)?);
                    let source = self.source(&request, options)?;
                    let legs = &options.legs;
                    let version = &plan.version;
                    let made = self
                        .built(planned, version, &request, &*source, legs)
                        .await?;
                    uncommitted.extend(source.uncommitted());
                    made
                }
            });
        }
        Self::refuse_same_pick(plan, &options.legs, &images)?;
        Ok(Made {
            images,
            platforms: Vec::new(),
            over_budget: Vec::new(),
            uncommitted: uncommitted.into_iter().collect(),
        })
    }

    async fn adopted(
        &self,
        image: &ImageName,
        digest: &Digest,
        from: &Repository,
    ) -> Result<Image> {
        let made = self.published_image(digest, from).await?;
        self.events.finished(Finished::Build {
            image: image.clone(),
            digest: digest.clone(),
            adopted: Some(from.clone()),
            layout: None,
        });
        Ok(made)
    }

    /// Waits until no other release of this work tree is in the way, of this process or another one: a
    /// command runs alone, since it may write where others read or write. What the engine builds from a
    /// commit needs no turn.
    pub(super) async fn turn(&self, plan: &Plan) -> Result<Option<Turn>> {
        // Linked working trees share git's directory, and not their files.
        let top = Digest::of(self.top().to_string_lossy().as_bytes());
        let name = format!("work-tree-{}.lock", top.short());
        let path = self.state_directory().join(name);
        let builds = to_build(plan).map(|(_, planned)| self.build_policy(&planned.name));
        let builds: Vec<BuildPolicy> = builds.collect();
        let any = |test: fn(&BuildPolicy) -> bool| builds.iter().any(test);
        let has_command = any(|build| build.image_source.command().is_some());
        let reads_files =
            any(|build| build.files == SourceFiles::Worktree || !build.image_source.is_engine());
        let wait = async {
            if has_command {
                let turn = Box::new(self.work_tree.clone().write_owned().await);
                let lock = self.turn_among_processes(&path, FileLock::exclusive);
                Ok(Some((turn as _, lock.await?)))
            } else if reads_files {
                let turn = Box::new(self.work_tree.clone().read_owned().await);
                let lock = self.turn_among_processes(&path, FileLock::shared);
                Ok(Some((turn as _, lock.await?)))
            } else {
                Ok(None)
            }
        };
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Error::new(
                ErrorKind::Interrupted,
                "interrupted before the build",
            ).state("nothing was built or moved")),
            turn = wait => turn,
        }
    }

    async fn turn_among_processes(
        &self,
        path: &Path,
        take: fn(&Path) -> std::io::Result<Option<FileLock>>,
    ) -> Result<FileLock> {
        let mut report = WaitReport::new(&self.events, Awaited::Build).silent_for(TURN_WORD);
        loop {
            let taken = take(path).map_err(|error| {
                Error::failed(format!("cannot lock `{}`", path.display()))
                    .because(&error)
                    .state("nothing was built or moved")
                    .hint("make git's directory writable, with room on its disk")
            })?;
            if let Some(lock) = taken {
                return Ok(lock);
            }
            report.during(sleep(TURN_LOOK)).await;
        }
    }

    /// What is published already: its documents; its blobs stay where they are.
    pub(super) async fn published_image(
        &self,
        digest: &Digest,
        from: &Repository,
    ) -> Result<Image> {
        let api = self.apis(std::slice::from_ref(from))?.remove(0);
        let what = || format!("cannot read {}", from.digest(digest));
        let tree = image_tree::tree(api.as_ref(), &digest.clone().into())
            .await
            .map_err(|error| errors::registry(&what(), &error))?
            .ok_or_else(|| {
                Error::failed(what())
                    .cause("it is gone")
                    .state("nothing was moved")
            })?;
        Ok(Image {
            dir: self.store().image_dir(digest),
            manifest: tree.manifest,
            children: tree.children,
            blobs: tree.blobs,
            listed: std::collections::BTreeMap::new(),
            of_layout: std::collections::BTreeMap::new(),
        })
    }

    /// Makes one image, of `legs` where there are some. What a builder prints is kept.
    pub(super) async fn built(
        &self,
        planned: &PlannedImage,
        version: &Version,
        request: &BuildRequest,
        source: &dyn ImageSource,
        legs: &[LegInput],
    ) -> Result<Image> {
        let from = &request.policy.image_source;
        let layout = match (names_of_legs(legs, &planned.name), from.command()) {
            (Some(legs), _) => Some(legs),
            (None, None) => from.layout().map(str::to_owned),
            (None, Some(_)) => None,
        };
        let step = self.events.start(Started::Build {
            image: planned.name.clone(),
            layout: layout.clone(),
        });
        let log = match legs.is_empty() {
            true => self.build_log(request, version, &planned.name),
            false => None,
        };
        let events = match &log {
            Some(log) => log.listen(&self.events),
            None => self.events.clone(),
        };
        let made = source.produce(self.store(), &events, &self.cancel).await;
        let path = log.and_then(|log| log.finish().ok());
        let image = made.map_err(|error| match path {
            Some(path) if error.code() == ErrorCode::BuildFailed => error.hint(format!(
                "the whole output of the build is in `{}`",
                path.display()
            )),
            Some(_) | None => error,
        })?;
        step.finish(Finished::Build {
            image: planned.name.clone(),
            digest: image.manifest.digest().clone(),
            adopted: None,
            layout,
        });
        Ok(image)
    }

    /// The log of one image's build. A layout has none, and a disk that takes no log does not stop a release.
    fn build_log(
        &self,
        request: &BuildRequest,
        version: &Version,
        image: &ImageName,
    ) -> Option<BuildLog> {
        let source = &request.policy.image_source;
        if source.layout().is_some() && source.command().is_none() {
            return None;
        }
        let name = image.suffixed(&format!("build-{version}"));
        let made = BuildLog::begin(&self.state_directory().join("logs"), &name);
        if let Err(error) = &made {
            self.events
                .note(format!("the output of the build is not kept: {error}"));
        }
        made.ok()
    }

    /// What makes an image, its own keys and its variant's in their places.
    pub(super) fn build_policy(&self, image: &ImageName) -> BuildPolicy {
        self.policy().image_policy(image).build
    }
}

/// How a message calls the legs of an image; `None`: it is made of none.
fn names_of_legs(legs: &[LegInput], image: &ImageName) -> Option<String> {
    let is_of = |leg: &&LegInput| leg.image.as_ref().is_none_or(|of| of == image);
    let names: Vec<&str> = legs.iter().filter(is_of).map(|leg| &*leg.name).collect();
    (!legs.is_empty()).then(|| names.join(", "))
}

/// The images that are built, each with whether it is the first of its name.
pub(super) fn to_build(plan: &Plan) -> impl Iterator<Item = (bool, &PlannedImage)> {
    let mut of_name = FirstOfName::default();
    plan.images
        .iter()
        .filter(|image| image.source == PlannedSource::Build)
        .map(move |image| (of_name.is_first(&image.name), image))
}

/// Tells the first image of each name from its variants.
#[derive(Default)]
pub(super) struct FirstOfName(BTreeSet<ImageName>);

impl FirstOfName {
    pub(super) fn is_first(&mut self, image: &ImageName) -> bool {
        self.0.insert(image.plain())
    }
}
