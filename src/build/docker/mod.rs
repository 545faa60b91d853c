//! The Docker Engine, and Podman through the same API: builds the image and hands it over.

mod capabilities;
mod client;
mod connect;
mod credentials;
mod error;
mod explain;
mod export;
mod filesync;
mod handover;
mod host;
mod leftovers;
mod load;
mod packets;
mod progress;
mod sender;
mod session;
mod stream;
mod watchdog;

pub(crate) use load::load;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::{
    build::{
        context::{BuildContext, ContextFiles, ContextRequest},
        docker::{
            client::Engine,
            explain::explain,
            filesync::SyncedContext,
            handover::Handover,
            leftovers::{Leftovers, sweep},
            progress::Progress,
            session::BuildkitSession,
            stream::{BuildCall, build, build_from_archive},
            watchdog::{Activity, watch},
        },
        dockerfile::check_target,
        errors::{interrupted, task_result},
        failed_step,
        request::BuildRequest,
        secrets::BuildSecrets,
        source::{Description, ImageSource},
    },
    error::{Error, ErrorCode, Result},
    event::Events,
    io::{
        environment::Environment,
        layout::{Store, WantedImage},
    },
    oci::Image,
    policy::{Builder, SourceFiles},
};

/// The classic builder leaves images without a name behind, and a build finds its own by comparing
/// with the images that were there before. Two builds of this process at once would each remove
/// what the other one needs, so they take turns.
static CLASSIC_TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// The engine that the environment names.
pub(crate) struct DockerEngine<'a> {
    pub(crate) request: &'a BuildRequest,
    pub(crate) environment: &'a Environment,
    pub(crate) wanted: WantedImage,
}

/// A build that has passed every check and can begin.
struct ReadyBuild {
    engine: Engine,
    builder: Builder,
    secrets: BuildSecrets,
    context: BuildContext,
}

#[async_trait]
impl ImageSource for DockerEngine<'_> {
    async fn check(&self) -> Result<Description> {
        let ready = self.get_ready(None, &Events::none()).await?;
        Ok(Description::new(format!(
            "{} at {}, {}",
            ready.engine.name,
            ready.engine.address,
            match ready.builder {
                Builder::Buildkit => "BuildKit",
                Builder::Classic => "classic builder",
            }
        )))
    }

    async fn produce(
        &self,
        store: &Store,
        events: &Events,
        cancel: &CancellationToken,
    ) -> Result<Image> {
        let ready = self.get_ready(Some(store), events).await?;
        let (engine, builder) = (ready.engine.clone(), ready.builder);
        events.note(format!(
            "{} builds {} files{}",
            engine.name,
            ready.context.entries().len(),
            match builder {
                Builder::Classic => " with the classic builder",
                Builder::Buildkit => "",
            }
        ));
        sweep(&engine).await;

        let _turn = match builder {
            Builder::Classic => Some(tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(interrupted()),
                turn = CLASSIC_TURN.lock() => turn,
            }),
            Builder::Buildkit => None,
        };
        let mut leftovers = Leftovers::new(&engine, builder).await?;
        let secrets = ready.secrets.values.values().map(Vec::as_slice);
        let mut progress = Progress::new(events.clone(), secrets);
        let activity = Activity::default();
        let built = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(interrupted()),
            error = watch(&engine, &activity) => Err(error),
            built = self.build(ready, &leftovers.tag, &mut progress, &activity) => built,
        };
        let exported = match built {
            Ok(()) => {
                let handover = Handover {
                    engine: &engine,
                    store,
                    wanted: &self.wanted,
                    targets: &self.request.targets,
                    events,
                    cancel,
                };
                match handover.take(&mut leftovers).await {
                    Ok(Some(image)) => Ok(image),
                    Ok(None) => {
                        let wanted = self.wanted.clone();
                        export::export(&engine, &leftovers.tag, store, wanted, events, cancel).await
                    }
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        };
        leftovers.remove(progress.made()).await;
        exported
    }
}

impl DockerEngine<'_> {
    /// Does everything that can fail before the build begins.
    async fn get_ready(&self, store: Option<&Store>, events: &Events) -> Result<ReadyBuild> {
        let engine = Engine::connect(self.environment).await?;
        let policy = &self.request.policy;
        let builder = capabilities::builder(policy, &engine.name, engine.buildkit)?;
        let context = open_context(self.request, store, events).await?;
        check_target(
            &context.dockerfile(),
            policy.dockerfile.as_str(),
            policy.target.as_deref(),
        )?;
        Ok(ReadyBuild {
            builder,
            secrets: BuildSecrets::find(self.request, self.environment)?,
            context,
            engine,
        })
    }

    /// Builds the image under `tag`.
    async fn build(
        &self,
        ready: ReadyBuild,
        tag: &str,
        progress: &mut Progress,
        activity: &Activity,
    ) -> Result<()> {
        let mut args = self.request.args.clone();
        // Reproducible builds depend on this argument; the policy's own value has precedence.
        args.entry("SOURCE_DATE_EPOCH".to_owned())
            .or_insert_with(|| self.request.time.to_string());
        let call = BuildCall {
            policy: &self.request.policy,
            builder: ready.builder,
            args: &args,
            dockerfile: "",
            labels: &self.request.labels,
            tag,
            session: None,
            registry_config: None,
        };
        let dockerfile = ready.context.dockerfile();
        let built = match ready.builder {
            Builder::Buildkit => build_with_buildkit(ready, call, progress, activity).await,
            Builder::Classic => build_with_archive(ready, call, progress, activity).await,
        };
        built.map_err(|error| {
            let error = match progress.failed_step() {
                Some(step) if error.code() == ErrorCode::BuildFailed => {
                    let path = self.request.policy.dockerfile.as_str();
                    failed_step::show(error, step, path, &dockerfile)
                }
                Some(_) | None => error,
            };
            explain(error, self.request)
        })
    }
}

async fn build_with_buildkit(
    ready: ReadyBuild,
    call: BuildCall<'_>,
    progress: &mut Progress,
    activity: &Activity,
) -> Result<()> {
    let id = call
        .tag
        .rsplit_once('-')
        .map_or(call.tag, |(_, random)| random);
    let name = ready.context.dockerfile_name().to_owned();
    let context = SyncedContext::new(ready.context, activity);
    let session = BuildkitSession::open(
        &ready.engine,
        format!("hoist{id}"),
        ready.secrets,
        context.clone(),
    )
    .await?;
    let call = BuildCall {
        dockerfile: &name,
        session: Some(&session.id),
        ..call
    };
    let built = build(&ready.engine, &call, progress, activity).await;
    built.map_err(|error| match context.failure() {
        // The engine got no context because a file could not be read: that is the cause to show.
        Some(cause) => cause,
        None => name_in_the_way(error, &context),
    })
}

async fn build_with_archive(
    ready: ReadyBuild,
    call: BuildCall<'_>,
    progress: &mut Progress,
    activity: &Activity,
) -> Result<()> {
    let environment = &ready.secrets.environment;
    let logins = credentials::registry_config(environment, &ready.context.dockerfile()).await;
    let logins = logins
        .map_err(|error| Error::failed("cannot read the logins for base images").because(&error))?;
    let files = ready.context.classic()?;
    let name = files.dockerfile.clone();
    let call = BuildCall {
        dockerfile: &name,
        registry_config: logins,
        ..call
    };
    let context = (ready.context, files);
    build_from_archive(&ready.engine, &call, context, progress, activity).await
}

/// Engines whose messages hold UTF-8 alone cannot take every name that a commit can have.
fn name_in_the_way(error: Error, context: &SyncedContext) -> Error {
    if !error.causes().iter().any(|cause| cause.contains("UTF-8")) {
        return error;
    }
    match context.odd_name() {
        Some(name) => error.cause(format!("the name of `{name}` is not UTF-8")).hint(
            "rename the file or name it in `.dockerignore`; or set `image.build.builder = \"classic\"`",
        ),
        None => error,
    }
}

async fn open_context(
    request: &BuildRequest,
    store: Option<&Store>,
    events: &Events,
) -> Result<BuildContext> {
    let wanted = ContextRequest {
        repository: request.repository.clone(),
        files: match request.policy.files {
            SourceFiles::Commit => ContextFiles::Commit {
                id: request.commit,
                submodules: request.policy.submodules,
            },
            SourceFiles::Worktree => ContextFiles::Worktree,
        },
        context: request.policy.context.to_string(),
        dockerfile: request.policy.dockerfile.to_string(),
        time: request.time,
        leave_out: store.map(|store| store.root().to_owned()),
    };
    let events = events.clone();
    task_result(tokio::task::spawn_blocking(move || BuildContext::open(&wanted, &events)).await)
}
