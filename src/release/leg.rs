//! The verb `build`: what a release would build, as a trial or as a leg that another machine joins.

use semver::Version;

use crate::{
    build::{self, LEG_FORMAT, Leg, LegPolicy},
    error::{Error, ErrorCode, ErrorKind, Result},
    io::layout::{self, LayoutEntry},
    oci::{Image, ImageName, Platform, Repository, annotation},
    plan::{Inputs, Plan, PlannedImage, PlannedSource, tags::Published, version::VersionRequest},
    publish,
    release::{
        build::{FirstOfName, to_build},
        built::{BuildOptions, BuildTarget, BuiltImage, BuiltImages},
        facade::Release,
        purpose::Purpose,
        request::ReleaseRequest,
    },
    text::shell_word,
};

impl Release {
    /// Builds what a release would, for some platforms: a trial, or a leg for a release that joins it
    /// with those of other machines. No tag is touched.
    ///
    /// # Errors
    /// Nothing to release (exit 3), for a leg; refused (exit 4) as for a release, and where the plan is
    /// another one's; failed (exit 6) where the build fails or content cannot be written or sent.
    pub async fn build(&self, request: &BuildOptions) -> Result<BuiltImages> {
        if request.target == BuildTarget::Staged {
            self.registries.publish();
        }
        let plan = self.or_signal(self.plan_of(request)).await?;
        let built = self.build_all(request, &plan).await;
        self.store().let_go();
        built
    }

    async fn plan_of(&self, request: &BuildOptions) -> Result<Plan> {
        let images = self.asked_images(request)?;
        let is_planned = |platform: &&Platform| images.iter().any(|it| self.is_for(it, platform));
        if let Some(platform) = request.platforms.iter().find(|it| !is_planned(it)) {
            return Err(self.strange_platform(&images, platform));
        }
        match (&request.target, &request.plan) {
            (BuildTarget::Trial, _) => self.trial_plan(&request.request).await,
            (_, Some(plan)) => self.shared_plan(plan, request).await,
            (_, None) => self.leg_plan(request).await,
        }
    }

    /// The plan of a leg, from the history alone: the registries decide nothing that is in an image.
    async fn leg_plan(&self, request: &BuildOptions) -> Result<Plan> {
        let mut ask = ReleaseRequest::new(request.request.clone());
        ask.allow_dirty = request.allow_dirty;
        for note in self.check_preconditions(&ask).await? {
            self.events.note(note);
        }
        let repositories = self.repositories()?;
        let remote = self.remote_tags(false).await?;
        let mut facts = self.project().facts_with(&ask.request, remote)?;
        let next = match self.project().decide(&facts, &ask.request) {
            Ok(next) => next,
            Err(error) => {
                return Err(match self.released_by_child(&facts) {
                    Some((version, _)) => nothing(&format!("HEAD is released as {version}")),
                    None => error,
                });
            }
        };
        let Some(version) = next.version.clone() else {
            return Err(nothing(&next.why));
        };
        let instant = self.instant_of(&version)?;
        let release_commit = self
            .on_release_commit(&mut facts, &next, &version, instant, None, Purpose::Try)
            .await?;
        let inputs = self.inputs(&facts, &next, &version, Some(instant))?;
        let asked = repositories.into_iter();
        let asked: Vec<_> = asked.map(Published::not_asked).collect();
        let inputs = Inputs {
            published: &asked,
            ..inputs
        };
        let mut plan = inputs.plan()?;
        plan.release_commit = release_commit;
        Ok(plan)
    }

    /// The plan that all jobs share, once it is clear that this clone is at its commit and its policy.
    async fn shared_plan(&self, plan: &Plan, request: &BuildOptions) -> Result<Plan> {
        let mut ask = VersionRequest {
            branch: plan.branch.clone(),
            version: Some(plan.version.to_string()),
            ..VersionRequest::default()
        };
        ask.branch = request.request.branch.clone().or(ask.branch);
        let mut ask = ReleaseRequest::new(ask);
        ask.allow_dirty = request.allow_dirty;
        for note in self.check_preconditions(&ask).await? {
            self.events.note(note);
        }
        let head = self.project().git().head()?;
        let made = plan.release_commit.as_ref();
        let planned = made.map_or(plan.commit, |made| made.parent);
        if head != planned && head != plan.commit {
            return Err(another("commit", &planned, &head).hint(format!(
                "`git checkout {planned}`, then the same command again"
            )));
        }
        let policy = self.project().policy_digest();
        if policy != plan.policy {
            let error = another("policy", &plan.policy, &policy);
            let error = match self.policy_of_legs() {
                Some(LegPolicy::Uncommitted { file, in_head }) if in_head => error.hint(format!(
                    "`git stash push -- {}` takes the policy of the commit",
                    shell_word(&file)
                )),
                Some(_) | None => error,
            };
            return Err(error.hint(
                "use the policy that the plan was made with, and the same version of hoist in every job",
            ));
        }
        self.remake_release_commit(plan)?;
        Ok(plan.clone())
    }

    async fn build_all(&self, request: &BuildOptions, plan: &Plan) -> Result<BuiltImages> {
        let is_leg = request.target != BuildTarget::Trial;
        let asked = self.asked_images(request)?;
        let of_platform = |image: &ImageName| {
            let mut platforms = request.platforms.iter();
            platforms.len() == 0 || platforms.any(|platform| self.is_for(image, platform))
        };
        let is_asked = |it: &&PlannedImage| asked.contains(&it.name) && of_platform(&it.name);
        if let Some(adopted) = plan
            .images
            .iter()
            .filter(is_asked)
            .find_map(adopted)
            .filter(|_| is_leg)
        {
            return Err(nothing(&adopted));
        }
        let has_changes = is_leg && request.allow_dirty && self.has_changes()?;
        let turn = self.turn(plan).await?;
        let mut images = Vec::new();
        let mut built = Vec::new();
        let mut of_name = FirstOfName::default();
        for planned in to_build(plan).map(|(_, it)| it).filter(is_asked) {
            let command = of_name.is_first(&planned.name);
            let (image, builder, is_of_dirty) =
                self.build_one(request, plan, planned, command).await?;
            if is_leg {
                self.check_statements(plan, planned, &image)?;
            }
            let (platforms, base) = build::described(&image)?;
            let leg = is_leg.then(|| {
                let mut leg = self.leg(plan, planned, &image, &platforms, base, builder);
                leg.dirty = is_of_dirty || has_changes && !self.builds_of_commit(&planned.name);
                leg
            });
            built.push(BuiltImage {
                name: planned.name.clone(),
                digest: image.manifest.digest().clone(),
                platforms,
                size: image.size(),
                loaded: None,
                leg,
            });
            images.push(image);
        }
        drop(turn);
        let (reports, over) = self
            .or_signal(self.reports(request, plan, &built, &images))
            .await?;
        let refused = match over.is_empty() || request.over_budget {
            true => None,
            false => Some(self.over_budget(&over, request)),
        };
        match &refused {
            None => {
                self.warned(&over, "over its budget, and handed over all the same");
                self.hand_over(request, plan, &images, &mut built).await?;
            }
            Some(_) => built.iter_mut().for_each(|built| built.leg = None),
        }
        for image in &images {
            let _ = self.store().remove(image.manifest.digest());
        }
        Ok(BuiltImages {
            version: plan.version.clone(),
            images: built,
            reports,
            refused,
            messages: plan.messages.clone(),
        })
    }

    /// One image, who has built it, and whether it says itself that no commit has its files.
    async fn build_one(
        &self,
        request: &BuildOptions,
        plan: &Plan,
        planned: &PlannedImage,
        command: bool,
    ) -> Result<(Image, String, bool)> {
        let mut asked = self.build_request(plan, planned, command);
        asked.policy.platforms = self.platforms_of(request, planned);
        match (&mut asked.expected, &request.target) {
            (expected, BuildTarget::Trial) => *expected = None,
            (Some(expected), _) => expected.platforms.clone_from(&asked.policy.platforms),
            (None, _) => {}
        }
        asked.accept_dirty(request.allow_dirty);
        if let [platform] = &*asked.policy.platforms {
            let name = "HOIST_PLATFORM".to_owned();
            asked.variables.push((name, platform.to_string()));
        }
        let source = build::choose(&asked, self.environment());
        let builder = self.or_signal(source.check()).await?.to_string();
        let image = self
            .built(planned, &plan.version, &asked, &*source, &[])
            .await?;
        let is_of_dirty = !source.uncommitted().is_empty();
        Ok((image, builder, is_of_dirty))
    }

    fn leg(
        &self,
        plan: &Plan,
        planned: &PlannedImage,
        image: &Image,
        platforms: &[Platform],
        base: Vec<build::LegBase>,
        builder: String,
    ) -> Leg {
        let tree = self.project().git().tree_of(plan.commit);
        let manifest = &image.manifest;
        Leg {
            v: LEG_FORMAT,
            kind: Leg::TYPE.to_owned(),
            image: planned.name.clone(),
            version: plan.version.clone(),
            commit: plan.commit,
            tree: tree.unwrap_or_else(|| plan.commit.into()),
            policy: plan.policy.clone(),
            instant: plan.instant,
            dirty: false,
            platforms: platforms.iter().map(ToString::to_string).collect(),
            digest: manifest.digest().clone(),
            media_type: manifest.media_type.clone(),
            size: manifest.bytes.len() as u64,
            base,
            builder,
            staged: Vec::new(),
        }
    }

    /// Writes, sends and loads what was built.
    async fn hand_over(
        &self,
        request: &BuildOptions,
        plan: &Plan,
        images: &[Image],
        built: &mut [BuiltImage],
    ) -> Result<()> {
        match &request.target {
            BuildTarget::Trial => {}
            BuildTarget::Layout(to) => {
                let entries = images
                    .iter()
                    .zip(&*built)
                    .map(|(image, built)| LayoutEntry {
                        image: image.clone(),
                        annotations: annotations(built, plan),
                    });
                layout::write(&entries.collect::<Vec<_>>(), to)?;
            }
            BuildTarget::Staged => {
                let world = self.world();
                for (image, built) in images.iter().zip(&mut *built) {
                    let repositories = self.policy().repositories_of(&built.name.plain());
                    let one = std::slice::from_ref(image);
                    publish::stage_images(&world, &repositories, one).await?;
                    if let Some(leg) = &mut built.leg {
                        leg.staged = repositories;
                    }
                }
            }
        }
        if request.load {
            for (image, built) in images.iter().zip(built) {
                let repositories = self.policy().repositories_of(&built.name.plain());
                let reference = trial_reference(&repositories, &plan.version, &built.name)?;
                build::load(self.environment(), image, &reference, &self.cancel).await?;
                built.loaded = Some(reference);
            }
        }
        Ok(())
    }
}

/// Why an image needs no leg.
fn adopted(planned: &PlannedImage) -> Option<String> {
    match &planned.source {
        PlannedSource::Build => None,
        PlannedSource::Adopt { digest, from, .. } => {
            Some(format!("{} is published already", from.digest(digest)))
        }
    }
}

/// What the list of a layout says about a leg.
fn annotations(built: &BuiltImage, plan: &Plan) -> std::collections::BTreeMap<String, String> {
    let leg = built.leg.as_ref();
    let leg = leg.map(|leg| serde_json::to_string(leg).expect("a leg is plain data"));
    let name = built.name.in_layout(&plan.version.to_string());
    leg.map(|leg| (annotation::LEG.to_owned(), leg))
        .into_iter()
        .chain([(annotation::REF_NAME.to_owned(), name)])
        .collect()
}

/// What the engine calls an image that was built to be tried: `REPOSITORY:NEXT-dev`.
fn trial_reference(
    repositories: &[Repository],
    version: &Version,
    image: &ImageName,
) -> Result<String> {
    let Some(repository) = repositories.first() else {
        return Err(
            Error::usage("`--load` needs a repository to name the image after")
                .with_code(ErrorCode::NoRepository)
                .state("nothing was loaded")
                .hint("set `image.repository`, or name it: `--image docker.io/acme/api`"),
        );
    };
    let version = version.to_string().replace('+', "-");
    let version = version.strip_suffix("-dev").unwrap_or(&version);
    let tag = image.suffixed_variant(&format!("{version}-dev"));
    Ok(format!("{repository}:{tag}"))
}

fn nothing(why: &str) -> Error {
    Error::new(ErrorKind::NothingToRelease, "nothing to build a leg of")
        .cause(why.to_owned())
        .state("nothing was built")
        .hint("without `--output` and `--stage` it is built as a trial, whatever the version")
}

/// The plan is of another `what` than this clone has.
fn another(what: &str, planned: &dyn ToString, here: &dyn ToString) -> Error {
    Error::refused(format!("the plan is of another {what}"))
        .with_code(ErrorCode::PlanOutOfDate)
        .cause(format!(
            "expected {}, and here it is {}",
            planned.to_string(),
            here.to_string()
        ))
        .state("nothing was built")
}
