//! The Docker Engine, and Podman through the same API: builds the image and hands it over.

mod capabilities;
mod client;
mod export;
mod handover;
mod leftovers;
mod load;
mod message;
mod stream;

pub(crate) use load::load;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::{
    build::{
        buildkit::{BuildkitSession, SessionOffer, SolvedImage, SyncedContext},
        docker::{
            capabilities::EngineBuilder,
            client::Engine,
            handover::{Handover, shares_loopback},
            leftovers::{Leftovers, sweep},
            stream::{BuildCall, build, build_from_archive},
        },
        engine::{
            credentials,
            explain::told,
            inputs::BuildInputs,
            progress::Progress,
            watchdog::{Activity, watch},
        },
        errors::interrupted,
        request::BuildRequest,
        source::{Description, ImageSource},
    },
    error::{Error, ErrorKind, Result},
    event::Events,
    io::{
        environment::Environment,
        layout::{Store, WantedImage},
    },
    oci::Image,
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
    builder: EngineBuilder,
    inputs: BuildInputs,
}

#[async_trait]
impl ImageSource for DockerEngine<'_> {
    async fn check(&self) -> Result<Description> {
        let ready = self.get_ready(None, &Events::none()).await?;
        let builder = match ready.builder {
            EngineBuilder::Solve => "BuildKit with the containerd image store",
            EngineBuilder::Buildkit => "BuildKit",
            EngineBuilder::Classic => "classic builder",
        };
        let cannot = ready.engine.traits.cannot(ready.builder);
        let cannot = match cannot.is_empty() {
            true => String::new(),
            false => format!("; it cannot do {}", cannot.join(", ")),
        };
        Ok(Description::new(format!(
            "{} at {}, {builder}{cannot}",
            ready.engine.traits.name, ready.engine.address,
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
            engine.traits.name,
            ready.inputs.context.entries().len(),
            match builder {
                EngineBuilder::Classic => " with the classic builder",
                EngineBuilder::Solve | EngineBuilder::Buildkit => "",
            }
        ));
        sweep(&engine).await;
        if builder == EngineBuilder::Solve {
            let control = engine.buildkit().await?;
            let image = SolvedImage {
                control: &control,
                request: self.request,
                wanted: &self.wanted,
                shares_loopback: shares_loopback(&engine),
                store,
                events,
                cancel,
            };
            return image.make(ready.inputs).await;
        }

        let _turn = match builder {
            EngineBuilder::Classic => Some(tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(interrupted()),
                turn = CLASSIC_TURN.lock() => turn,
            }),
            EngineBuilder::Solve | EngineBuilder::Buildkit => None,
        };
        let mut leftovers = Leftovers::new(&engine, builder).await?;
        let secrets = ready.inputs.secrets.values.values().map(Vec::as_slice);
        let mut progress = Progress::new(events.clone(), secrets);
        let activity = Activity::default();
        let built = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(interrupted()),
            error = watch(&engine, &activity) => Err(error),
            built = self.build(ready, &leftovers.tag, &mut progress, &activity) => built,
        };
        let is_built = built.is_ok();
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
        let step_goes_on = engine.traits.podman
            && !is_built
            && matches!(&exported, Err(error) if error.kind() == ErrorKind::Interrupted);
        leftovers.remove(progress.made(), step_goes_on).await;
        exported.map_err(|error| match error.kind() {
            ErrorKind::Interrupted if step_goes_on => error.state(
                "nothing was published; Podman brings the step that was running to its end by itself, and keeps an image without a name that this step needs",
            ),
            _ if error.state_now().is_none() => error.state("nothing was published"),
            _ => error,
        })
    }
}

impl DockerEngine<'_> {
    /// Does everything that can fail before the build begins.
    async fn get_ready(&self, store: Option<&Store>, events: &Events) -> Result<ReadyBuild> {
        let engine = Engine::connect(self.environment).await?;
        let builder = engine.traits.builder(&self.request.policy)?;
        let inputs = BuildInputs::find(self.request, self.environment, store, events).await?;
        Ok(ReadyBuild {
            engine,
            builder,
            inputs,
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
        let args = self.request.all_args();
        let call = BuildCall {
            policy: &self.request.policy,
            builder: ready.builder,
            podman: ready.engine.traits.podman,
            args: &args,
            dockerfile: "",
            labels: &self.request.labels,
            tag,
            session: None,
            registry_config: None,
        };
        let dockerfile = ready.inputs.context.dockerfile();
        let built = match ready.builder {
            EngineBuilder::Classic => build_with_archive(ready, call, progress, activity).await,
            EngineBuilder::Solve | EngineBuilder::Buildkit => {
                build_with_buildkit(ready, call, progress, activity).await
            }
        };
        built.map_err(|error| told(error, progress, &dockerfile, self.request))
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
    let BuildInputs {
        context,
        named,
        secrets,
        ..
    } = ready.inputs;
    let name = context.dockerfile_name().to_owned();
    let context = SyncedContext::new(context, named, activity);
    let engine = &ready.engine;
    let offer = SessionOffer {
        secrets,
        context: context.clone(),
        archive: None,
    };
    let at = (&engine.dialer, &engine.address, &*engine.prefix);
    let session = BuildkitSession::open(at, format!("hoist{id}"), offer).await?;
    let call = BuildCall {
        dockerfile: &name,
        session: Some(&session.id),
        ..call
    };
    let built = build(engine, &call, progress, activity).await;
    built.map_err(|error| context.explain(error))
}

async fn build_with_archive(
    ready: ReadyBuild,
    call: BuildCall<'_>,
    progress: &mut Progress,
    activity: &Activity,
) -> Result<()> {
    let BuildInputs {
        context, secrets, ..
    } = ready.inputs;
    let logins = credentials::registry_config(&secrets.environment, &context.dockerfile()).await;
    let logins = logins
        .map_err(|error| Error::failed("cannot read the logins for base images").because(&error))?;
    let files = context.classic()?;
    let name = files.dockerfile.clone();
    let call = BuildCall {
        dockerfile: &name,
        registry_config: logins,
        ..call
    };
    build_from_archive(&ready.engine, &call, (context, files), progress, activity).await
}
